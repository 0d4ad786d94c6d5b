package smtp

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-message/mail"

	"github.com/bode-erds/bode/notify"
)

// build writes the mail: multipart/alternative, text first, everything
// quoted-printable, so that any relay carries it unchanged. to is the address with
// its domain in ASCII: what only looks like another one is seen.
func (t *Transport) build(m notify.Message, to string) ([]byte, error) {
	var h mail.Header
	h.SetDate(t.cfg.Now())
	h.SetAddressList("From", []*mail.Address{{Name: t.cfg.From.Name, Address: t.cfg.From.Address}})
	h.SetAddressList("To", []*mail.Address{{Address: to}})
	h.SetSubject(oneLine(m.Subject))
	h.SetMessageID(t.messageID(m.Notice))
	h.Set("Auto-Submitted", "auto-generated")               // RFC 3834 §5
	h.Set("X-Auto-Response-Suppress", "OOF, AutoReply, DR") // the same to Exchange
	h.Set("Content-Language", m.Notice.Language)            // RFC 3282
	h.Set("X-Bode-Kind", string(m.Notice.Kind))             // for filters and operators
	h.Set("X-Bode-Notice", m.Notice.ID)

	var b bytes.Buffer
	w, err := mail.CreateInlineWriter(&b, h)
	if err != nil {
		return nil, fmt.Errorf("smtp: write header: %w", err)
	}
	for _, part := range []struct{ mediaType, body string }{{"text/plain", m.Text}, {"text/html", m.HTML}} {
		if part.body == "" {
			continue
		}
		if err := writePart(w, part.mediaType, part.body); err != nil {
			return nil, fmt.Errorf("smtp: write %s: %w", part.mediaType, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("smtp: write mail: %w", err)
	}
	return t.sign(b.Bytes())
}

func writePart(w *mail.InlineWriter, mediaType, body string) error {
	var h mail.InlineHeader
	h.SetContentType(mediaType, map[string]string{"charset": "utf-8"})
	part, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(part, body); err != nil {
		return err
	}
	return part.Close()
}

// messageID is the same for every attempt of a notice.
func (t *Transport) messageID(n notify.Notice) string { return n.ID + "@" + t.domain }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
