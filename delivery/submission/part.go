package submission

import (
	"mime"
	"strings"

	"github.com/emersion/go-message/textproto"
)

// part is what the header of a part says.
type part struct {
	media      string
	params     map[string]string
	encoding   string
	name       string
	attachment bool
	inline     bool // has an id or says so
}

func describe(h textproto.Header) (p part, err error) {
	for _, name := range []string{"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"} {
		if len(h.Values(name)) > 1 {
			return p, refusal("duplicate_header", name)
		}
	}
	p.media, p.params = "text/plain", map[string]string{}
	if v := unfold(h.Get("Content-Type")); v != "" {
		if p.media, p.params, err = mime.ParseMediaType(v); err != nil || !strings.Contains(p.media, "/") {
			return p, refusal("malformed_header", "Content-Type")
		}
	}
	switch p.media {
	case "message/partial", "message/external-body":
		return p, refusal("unsupported_type")
	}
	p.encoding = strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding")))
	name := p.params["name"]
	p.inline = h.Has("Content-Id")
	if v := unfold(h.Get("Content-Disposition")); v != "" {
		how, params, err := mime.ParseMediaType(v)
		if err != nil {
			return p, refusal("malformed_header", "Content-Disposition")
		}
		p.attachment = how != "inline"
		p.inline = !p.attachment
		if params["filename"] != "" {
			name = params["filename"]
		}
	}
	if name, err = words().DecodeHeader(name); err != nil {
		return p, refusal("malformed_header", "Content-Disposition")
	}
	p.name = strings.TrimSpace(name[strings.LastIndexAny(name, `/\`)+1:])
	return p, nil
}

// plain reports text that belongs to the message itself.
func (p part) plain() bool { return p.media == "text/plain" && !p.attachment && p.name == "" }

// page reports HTML that belongs to the message itself.
func (p part) page() bool { return p.media == "text/html" && !p.attachment && p.name == "" }

// declared is the media type without what only mail needs.
func (p part) declared() string {
	params := map[string]string{}
	if set := p.params["charset"]; set != "" {
		params["charset"] = set
	}
	return mime.FormatMediaType(p.media, params)
}

func (p part) extension() string {
	switch p.media {
	case "application/pdf":
		return ".pdf"
	case "message/rfc822":
		return ".eml"
	case "text/plain":
		return ".txt"
	}
	return ""
}
