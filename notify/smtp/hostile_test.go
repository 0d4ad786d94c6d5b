package smtp_test

import (
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/smtp"
)

// Whatever stands in what we are told to say, a mail has the fields that we gave
// it, one recipient, and ends where it ends.
func TestHostileContent(t *testing.T) {
	t.Parallel()
	fields := []string{"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To",
		"X-Auto-Response-Suppress", "X-Bode-Kind", "X-Bode-Notice"}
	for name, change := range map[string]func(*notify.Message){
		"a field in the subject":       func(m *notify.Message) { m.Subject = "x\r\nBcc: evil@evil.example\r\n" },
		"a field after a bare LF":      func(m *notify.Message) { m.Subject = "x\nBcc: evil@evil.example" },
		"a field after a bare CR":      func(m *notify.Message) { m.Subject = "x\rBcc: evil@evil.example" },
		"a field after NEL and LS":     func(m *notify.Message) { m.Subject = "x\u0085Bcc: a@b.example\u2028Bcc: a@b.example" },
		"control characters":           func(m *notify.Message) { m.Subject = "x\x00\x07\x1b[2J\x7f" },
		"an encoded word":              func(m *notify.Message) { m.Subject = "=?utf-8?q?x=0D=0ABcc:_evil@evil.example?=" },
		"an empty line in the subject": func(m *notify.Message) { m.Subject = "x\r\n\r\n<html>" },
		"the end of the mail":          func(m *notify.Message) { m.Text = "x\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n" },
		"bare ends of the mail":        func(m *notify.Message) { m.Text = "x\n.\nMAIL\r.\rRCPT\n.\r\nx\r\n.\nDATA" },
		"a boundary of ours":           func(m *notify.Message) { m.Text = "--\r\nContent-Type: text/html\r\n\r\n<b>x" },
		"a long line":                  func(m *notify.Message) { m.Text = strings.Repeat("x", 100_000) },
		"a long subject":               func(m *notify.Message) { m.Subject = strings.Repeat("é", 5_000) },
		"a field in the language":      func(m *notify.Message) { m.Notice.Language = "nl\r\nBcc: evil@evil.example" },
		"a field in the kind":          func(m *notify.Message) { m.Notice.Kind = "x\r\nBcc: evil@evil.example" },
		"a field in the id":            func(m *notify.Message) { m.Notice.ID = "x\r\nBcc: evil@evil.example" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := catcher(t, notifytest.Config{})
			m := message("an@example.be")
			change(&m)
			r, _ := transport(t, box.SMTPAddr()).Deliver(within(t, time.Minute), m)
			got := box.Messages()
			if r.Outcome != notify.Sent {
				if r.Outcome == notify.Technical && !r.InDoubt && len(got) == 0 {
					return // refused by ourselves
				}
				t.Fatalf("%+v, %d mails", r, len(got))
			}
			if len(got) != 1 || got[0].To != "an@example.be" {
				t.Fatalf("%d mails, %+v", len(got), got)
			}
			parsed, err := mail.ReadMessage(strings.NewReader(string(got[0].Raw)))
			if err != nil || len(parsed.Header) != len(fields) {
				t.Errorf("%v: %v", err, parsed.Header)
			}
			for _, f := range fields {
				if v := parsed.Header[f]; len(v) != 1 || strings.ContainsAny(v[0], "\r\n\x00\x1b") {
					t.Errorf("%s: %q", f, v)
				}
			}
			for _, line := range strings.Split(string(got[0].Raw), "\r\n") {
				if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
					t.Errorf("a line of %d octets, or one with a bare end", len(line))
				}
			}
		})
	}
}

// Addresses that could be read in two ways are refused; a domain that only looks
// like another one is written in the letters that tell.
func TestHostileAddresses(t *testing.T) {
	t.Parallel()
	box := catcher(t, notifytest.Config{})
	tr := transport(t, box.SMTPAddr(), func(c *smtp.Config) { c.BounceDomain, c.BounceKey = "bounce.bode.example", make([]byte, 32) })
	for _, to := range []string{"a@b.example\r\nBcc: c@d.example", "a@b.example\nc", "a@b.example>", "<a@b.example", "a b@c.example", "a\x00b@c.example", "a\u2028@c\u2028.example",
		"a@[127.0.0.1]", "a@b..example", "a@-b.example", "a@b_c.example", "a@" + strings.Repeat("x", 64) + ".example", "a@xn--zzzzzzzz-.example", "a@b.example\x7f", "a@",
		"a@\u202eelpmaxe.b", "a@b\u00ad\u200b.example\u200d"} {
		r, _ := tr.Deliver(within(t, time.Minute), message(to))
		if r.Outcome == notify.Sent {
			got := box.Messages()
			if last := got[len(got)-1]; strings.ContainsFunc(last.To, func(c rune) bool { return c > 0x7e || c <= ' ' }) {
				t.Errorf("%q was sent to %q", to, last.To)
			}
			continue
		}
		if r.Outcome != notify.Permanent || r.InDoubt {
			t.Errorf("%q: %+v", to, r)
		}
	}
	const lookalike = "jo@p\u0430ypal.example" // a Cyrillic letter
	before := len(box.Messages())
	if r, _ := tr.Deliver(within(t, time.Minute), message(lookalike)); r.Outcome != notify.Sent {
		t.Fatalf("%+v", r)
	}
	got := box.Messages()[before]
	if got.To != "jo@xn--pypal-4ve.example" || got.Headers["To"] != "<jo@xn--pypal-4ve.example>" || strings.Contains(string(got.Raw), "\u0430") {
		t.Errorf("to %q, header %q", got.To, got.Headers["To"])
	}
	if !strings.HasPrefix(got.Envelope["return_path"], "b+") || !strings.HasSuffix(got.Envelope["return_path"], "@bounce.bode.example") {
		t.Errorf("return path %q", got.Envelope["return_path"])
	}
}
