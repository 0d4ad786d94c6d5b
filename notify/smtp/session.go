package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

var (
	errUnoffered = errors.New("smtp: the relay does not offer what is needed")
	errAddress   = errors.New("smtp: an address that cannot be written to")
)

// quitPatience bounds the good-bye: the mails are out of our hands.
const quitPatience = 2 * time.Second

// session is one connection to the relay, signed in. It carries one mail at a
// time, and after a mail the next.
type session struct {
	t      *Transport
	wire   *guarded
	ears   *listener
	client *gosmtp.Client
	about  connection
	tls    string
	mails  int         // begun on it
	rest   *time.Timer // while it is kept
}

// open dials, protects the connection, says EHLO and signs in. What was seen is
// in the returned session even when it failed; it is then closed.
func (t *Transport) open(ctx context.Context) (*session, error) {
	s := &session{t: t, about: connection{Relay: t.cfg.Addr, Hello: t.cfg.Hostname, OpenedAt: t.cfg.Now().UTC()}}
	dialer := net.Dialer{Timeout: t.cfg.CommandTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", t.cfg.Addr)
	if err != nil {
		return s, err
	}
	s.about.Peer = raw.RemoteAddr().String()
	s.wire = &guarded{Conn: raw, patience: t.cfg.CommandTimeout}
	defer s.wire.during(ctx)()
	if err := s.prepare(ctx); err != nil {
		s.wire.Conn.Close()
		return s, err
	}
	return s, nil
}

func (s *session) prepare(ctx context.Context) error {
	if err := s.protect(ctx); err != nil {
		return err
	}
	c := gosmtp.NewClient(s.ears)
	c.CommandTimeout = s.t.cfg.CommandTimeout
	s.client = c
	err := c.Hello(s.t.cfg.Hostname)
	// The client reads greeting and EHLO in one go; under STARTTLS the first of
	// them was noted already.
	s.hello(s.ears.reply())
	if err != nil {
		return err
	}
	if s.t.cfg.Username == "" {
		return nil
	}
	if !c.SupportsAuth(sasl.Plain) {
		return fmt.Errorf("%w: AUTH PLAIN", errUnoffered)
	}
	err = c.Auth(sasl.NewPlainClient("", s.t.cfg.Username, s.t.cfg.Password))
	// A relay may repeat what it was told: only its code is kept.
	s.note("AUTH", codeOnly(s.ears.reply()))
	return muted(err)
}

// protect puts TLS over the connection as configured, and ears over that.
func (s *session) protect(ctx context.Context) error {
	note := func(stage, reply string) { s.note(stage, reply) }
	switch s.t.cfg.Security {
	case ImplicitTLS:
		secure := tls.Client(s.wire, s.t.tls)
		if err := s.t.shake(ctx, secure); err != nil {
			return err
		}
		s.ears = &listener{Conn: secure}
		s.secured(secure.ConnectionState())
	case StartTLS:
		secure, greeting, err := s.t.startTLS(ctx, s.wire, note)
		if err != nil {
			return err
		}
		s.ears = &listener{Conn: secure, first: "220 " + greeting + "\r\n"}
		s.secured(secure.ConnectionState())
	default:
		s.ears = &listener{Conn: s.wire}
	}
	return nil
}

// hello notes what the relay said before signing in.
func (s *session) hello(heard string) {
	lines := strings.Split(heard, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "220 ") && s.t.cfg.Security != StartTLS {
			s.note("greeting", strings.Join(lines[:i+1], "\n"))
			lines = lines[i+1:]
			break
		}
	}
	if len(lines) == 0 || lines[0] == "" {
		return
	}
	s.note("EHLO", lines[0])
	for _, line := range lines[1:] {
		if len(line) > 4 && len(s.about.Capabilities) < maxCapabilities {
			s.about.Capabilities = append(s.about.Capabilities, brief(line[4:], maxCapability))
		}
	}
}

// quit ends the connection politely, without waiting long.
func (s *session) quit() {
	s.client.CommandTimeout = quitPatience
	_ = s.client.Quit() // what was sent is with the relay, whatever comes of this
	s.wire.Conn.Close()
}

// free makes the session ready for another mail, and reports false when it is
// not good for one.
func (s *session) free(err error, begun bool) bool {
	if s.mails >= s.t.cfg.MailsPerConnection {
		return false
	}
	if err == nil {
		return true
	}
	var reply *gosmtp.SMTPError
	if !errors.As(err, &reply) || reply.Code == 421 || reply.Code/100 != 4 && reply.Code/100 != 5 {
		return false // it said nothing, good-bye, or nonsense
	}
	if begun {
		if s.client.Reset() != nil || s.client.Hello(s.t.cfg.Hostname) != nil { // the client wants EHLO after RSET
			return false
		}
		s.ears.reply()
	}
	return true
}

// codeOnly keeps the codes of a reply and drops its words.
func codeOnly(reply string) string {
	last := reply[strings.LastIndexByte(reply, '\n')+1:]
	if len(last) < 3 {
		return ""
	}
	return last[:3]
}

// muted drops the words of a refused sign-in: some relays repeat the name or the
// password in them.
func muted(err error) error {
	var reply *gosmtp.SMTPError
	if errors.As(err, &reply) {
		return &gosmtp.SMTPError{Code: reply.Code, EnhancedCode: reply.EnhancedCode, Message: "(words left out)"}
	}
	return err
}
