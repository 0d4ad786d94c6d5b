package submission

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"github.com/emersion/go-message/charset"
	"github.com/emersion/go-message/textproto"

	"github.com/bode-erds/bode/delivery"
)

// parts walks through the MIME structure of a mail as it comes in. Documents
// are uploaded octet by octet as the sender encoded them; only the text of the
// message is kept in memory and converted to UTF-8.
type parts struct {
	in     *framing
	upload func(delivery.NewDocument, io.Reader) error
	text   strings.Builder
	count  int
	nth    int // documents
	html   bool
}

// message reads the whole structure. A mail with nothing but HTML is refused:
// what the recipient would read of it is not certain.
func (p *parts) message(h textproto.Header, body io.Reader) error {
	if err := p.entity(h, body, false, 0); err != nil {
		return err
	}
	if p.html && strings.TrimSpace(p.text.String()) == "" {
		return refusal("html_only")
	}
	return nil
}

func (p *parts) body() string { return strings.TrimSpace(p.text.String()) }

// entity reads a part. choice says that it is one of several versions.
func (p *parts) entity(h textproto.Header, body io.Reader, choice bool, depth int) error {
	if p.count++; p.count > maxParts || depth > maxDepth {
		return refusal("too_many_parts")
	}
	part, err := describe(h)
	if err != nil {
		return err
	}
	if strings.HasPrefix(part.media, "multipart/") {
		return p.multipart(part, body, choice || part.media == "multipart/alternative", depth)
	}
	decoded, err := decode(part.encoding, body)
	if err != nil {
		return err
	}
	switch {
	case part.plain():
		err = p.read(part, decoded)
	case part.page():
		p.html = true
		if !choice {
			return refusal("html_only")
		}
		_, err = io.Copy(io.Discard, decoded)
	case choice && part.inline && strings.HasPrefix(part.media, "image/"): // of the HTML version
		_, err = io.Copy(io.Discard, decoded)
	default:
		p.nth++
		if part.name == "" {
			part.name = fmt.Sprintf("document-%d%s", p.nth, part.extension())
		}
		err = p.upload(delivery.NewDocument{Filename: part.name, MediaType: part.declared()}, decoded)
	}
	if err != nil {
		return malformed(err)
	}
	return leftOver(body, part.encoding)
}

func (p *parts) multipart(part part, body io.Reader, choice bool, depth int) error {
	boundary := part.params["boundary"]
	if n := len(boundary); n == 0 || n > 70 || identityEncoding(part.encoding) != nil {
		return refusal("malformed_mime")
	}
	r := textproto.NewMultipartReader(body, boundary)
	for {
		p.in.allowance = maxPartHeader
		next, err := r.NextPart()
		p.in.allowance = -1
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return malformed(err)
		}
		if err := p.entity(next.Header, next, choice, depth+1); err != nil {
			return err
		}
		// Read to its end, so that no header is bounded by a body.
		if _, err := io.Copy(io.Discard, next); err != nil {
			return malformed(err)
		}
	}
}

// read adds to the text of the message.
func (p *parts) read(part part, r io.Reader) error {
	if set := part.params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		converted, err := charset.Reader(set, r)
		if err != nil {
			return refusal("unknown_charset")
		}
		r = converted
	}
	const most = 4 * delivery.MaxBody
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return err
	}
	if len(text) > most {
		return delivery.FieldErrors{{Pointer: "/body", Code: "length"}}
	}
	if p.text.Len() > 0 {
		p.text.WriteString("\n\n")
	}
	p.text.Write(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	if p.text.Len() > most {
		return delivery.FieldErrors{{Pointer: "/body", Code: "length"}}
	}
	return nil
}

// decode undoes the transfer encoding (RFC 2045 §6).
func decode(encoding string, body io.Reader) (io.Reader, error) {
	switch encoding {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body), nil
	case "quoted-printable":
		return quotedprintable.NewReader(body), nil
	}
	return body, identityEncoding(encoding)
}

func identityEncoding(encoding string) error {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return nil
	}
	return refusal("unknown_encoding")
}

// leftOver refuses octets behind the end of what was decoded: nobody would see
// them.
func leftOver(body io.Reader, encoding string) error {
	rest := make([]byte, 1<<10)
	for {
		n, err := body.Read(rest)
		if len(bytes.TrimSpace(rest[:n])) > 0 {
			return refusal("malformed_mime", encoding)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return malformed(err)
		}
	}
}

// malformed makes errors of the decoders refusals; those of the stream itself
// take precedence later.
func malformed(err error) error {
	var corrupt base64.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &corrupt),
		strings.Contains(err.Error(), "multipart: "), strings.Contains(err.Error(), "quotedprintable: "),
		strings.Contains(err.Error(), "malformed MIME"):
		return refusal("malformed_mime")
	}
	return err
}

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
