package submission

import (
	"bytes"
	"fmt"
	"io"
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
	bad    error // what was wrong with the encoding of a part
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
	decoded = checked{decoded, &p.bad}
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
	if p.bad != nil {
		return p.bad
	}
	if err != nil {
		return err
	}
	return leftOver(body)
}

func (p *parts) multipart(part part, body io.Reader, choice bool, depth int) error {
	boundary := part.params["boundary"]
	if n := len(boundary); n == 0 || n > 70 || identityEncoding(part.encoding) != nil {
		return errMIME
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
			return errMIME
		}
		if err := p.entity(next.Header, next, choice, depth+1); err != nil {
			return err
		}
		// Read to its end, so that no header is bounded by a body.
		if _, err := io.Copy(io.Discard, next); err != nil {
			return errMIME
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
