package notifytest

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

const largestMail = 32 << 20 // octets

func (c *Catcher) mailServer() *gosmtp.Server {
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(conn *gosmtp.Conn) (gosmtp.Session, error) {
		return &session{c: c, conn: conn}, nil
	}))
	s.Domain = "catcher.test"
	s.MaxMessageBytes, s.MaxRecipients = largestMail, 100
	s.ReadTimeout, s.WriteTimeout = time.Minute, time.Minute
	s.EnableDSN, s.EnableSMTPUTF8 = true, true
	s.ErrorLog = log.New(io.Discard, "", 0)
	s.AllowInsecureAuth = c.cfg.TLS == nil
	if !c.cfg.ImplicitTLS {
		s.TLSConfig = c.cfg.TLS
	}
	return s
}

// session is one client's dialogue.
type session struct {
	c        *Catcher
	conn     *gosmtp.Conn
	signedIn bool
	from     string
	envid    string
	to       []recipient
}

type recipient struct {
	address string
	rule    rule
	options gosmtp.RcptOptions
}

// rule is what an address makes the catcher do.
type rule struct {
	refusal *gosmtp.SMTPError
	lose    bool // say yes and forget
	mute    bool // keep and say nothing
}

func refusal(code int, enhanced gosmtp.EnhancedCode, text string) rule {
	return rule{refusal: &gosmtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}}
}

func (c *Catcher) mailRule(address string) rule {
	local := strings.ToLower(address)
	switch {
	case strings.HasPrefix(local, "bounce"):
		return refusal(550, gosmtp.EnhancedCode{5, 1, 1}, "No such user here")
	case strings.HasPrefix(local, "policy"):
		return refusal(550, gosmtp.EnhancedCode{5, 7, 1}, "Refused by policy")
	case strings.HasPrefix(local, "full"):
		return refusal(552, gosmtp.EnhancedCode{5, 2, 2}, "Mailbox full")
	case strings.HasPrefix(local, "later"):
		times := 1
		if len(local) > 5 && local[5] >= '1' && local[5] <= '9' {
			times = int(local[5] - '0')
		}
		if c.try(local) < times {
			return refusal(451, gosmtp.EnhancedCode{4, 7, 1}, "Please try again later")
		}
	case strings.HasPrefix(local, "lost"):
		return rule{lose: true}
	case strings.HasPrefix(local, "mute"):
		return rule{mute: c.try(local) == 0}
	}
	return rule{}
}

func (s *session) AuthMechanisms() []string {
	if s.c.cfg.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		same := subtle.ConstantTimeCompare([]byte(username+"\x00"+password), []byte(s.c.cfg.Username+"\x00"+s.c.cfg.Password))
		if s.signedIn = same == 1; !s.signedIn {
			return gosmtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *session) Mail(from string, o *gosmtp.MailOptions) error {
	if s.c.cfg.Username != "" && !s.signedIn {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from = from
	if o != nil {
		s.envid = o.EnvelopeID
	}
	return nil
}

func (s *session) Rcpt(to string, o *gosmtp.RcptOptions) error {
	r := recipient{address: to, rule: s.c.mailRule(to)}
	if r.rule.refusal != nil {
		return r.rule.refusal
	}
	if o != nil {
		r.options = *o
	}
	s.to = append(s.to, r)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	id, mute := "lost", false
	for _, to := range s.to {
		if !to.rule.lose {
			id = s.c.store(s.message(to, raw))
		}
		mute = mute || to.rule.mute
	}
	if mute {
		s.conn.Conn().Close()
		return errors.New("notifytest: says nothing")
	}
	return &gosmtp.SMTPError{Code: 250, EnhancedCode: gosmtp.EnhancedCode{2, 0, 0}, Message: "Ok: queued as " + id}
}

func (s *session) Reset() { s.from, s.envid, s.to = "", "", nil }

func (s *session) Logout() error { return nil }

// message reads the mail as a mail program would. One that cannot be read is
// kept too, as text.
func (s *session) message(to recipient, raw []byte) Message {
	m := Message{Channel: "email", To: to.address, From: s.from, Raw: raw, Headers: map[string]string{}, Envelope: map[string]string{
		"return_path": s.from, "envid": s.envid, "orcpt": to.options.OriginalRecipient, "notify": "", "tls": "",
	}}
	var notify []string
	for _, n := range to.options.Notify {
		notify = append(notify, string(n))
	}
	m.Envelope["notify"] = strings.Join(notify, ",")
	if state, ok := s.conn.TLSConnectionState(); ok {
		m.Envelope["tls"] = tls.VersionName(state.Version)
	}
	if err := m.parse(raw); err != nil {
		m.Text = string(raw)
	}
	return m
}

func (m *Message) parse(raw []byte) error {
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	defer r.Close()
	for fields := r.Header.Fields(); fields.Next(); {
		if value, err := fields.Text(); err == nil {
			m.Headers[fields.Key()] = value
		}
	}
	m.Subject, _ = r.Header.Subject()
	m.Kind = r.Header.Get("X-Bode-Kind")
	if from := m.Headers["From"]; from != "" {
		m.From = from
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		inline, ok := part.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		switch mediaType, _, _ := inline.ContentType(); mediaType {
		case "text/plain":
			m.Text = strings.ReplaceAll(string(body), "\r\n", "\n")
		case "text/html":
			m.HTML = string(body)
		}
	}
}
