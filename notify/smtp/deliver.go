package smtp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"golang.org/x/net/idna"

	"github.com/bode-erds/bode/notify"
)

var (
	errUnoffered = errors.New("smtp: the relay does not offer what is needed")
	errAddress   = errors.New("smtp: an address that cannot be written to")
)

// quitPatience bounds the good-bye: the mail is already out of our hands.
const quitPatience = 2 * time.Second

// Deliver sends m to its one recipient. The digest is of the octets between DATA
// and the final dot. When the connection breaks after that dot, before the
// reply, the result is Technical and InDoubt.
func (t *Transport) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	body, err := t.build(m)
	if err != nil {
		return notify.Result{Outcome: notify.Technical, Reply: unsaid(err.Error())}, ""
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	to, utf8, err := envelopeAddress(m.Notice.To)
	if err != nil {
		return notify.Result{Outcome: notify.Permanent, Reply: unsaid(err.Error())}, digest
	}
	s := session{t: t, remote: t.cfg.Addr}
	reply, err := s.run(ctx, m, to, utf8, body)
	r := notify.Result{Outcome: notify.Sent, Reply: reply, ID: queueID(reply)}
	if err != nil {
		if r = classify(s.stage, err); r.Reply == "" {
			r.Reply = because(ctx, err)
		}
	}
	r.Remote, r.TLS, r.DSN = s.remote, s.tls, s.dsn
	return r, digest
}

// session is one dialogue; its fields are what there is to tell afterwards.
type session struct {
	t      *Transport
	stage  stage
	remote string
	tls    string
	dsn    bool
}

// run goes through the dialogue and returns the final reply.
func (s *session) run(ctx context.Context, m notify.Message, to string, utf8 bool, body []byte) (string, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := s.signIn(c); err != nil {
		return "", err
	}
	s.dsn, _ = c.Extension("DSN")
	if utf8 {
		if ok, _ := c.Extension("SMTPUTF8"); !ok {
			return "", errAddress
		}
	}
	mail := &gosmtp.MailOptions{UTF8: utf8, Return: gosmtp.DSNReturnHeaders, EnvelopeID: m.Notice.ID + "-" + strconv.Itoa(m.Attempt), Size: int64(len(body))}
	if err := c.Mail(s.t.cfg.ReturnPath, mail); err != nil {
		return "", err
	}
	s.stage = stageRecipient
	if err := c.Rcpt(to, s.t.rcptOptions(to, utf8)); err != nil {
		return "", err
	}
	s.stage = stageContent
	data, err := c.Data()
	if err != nil {
		return "", err
	}
	if _, err := data.Write(body); err != nil {
		return "", err
	}
	s.stage = stageFinal
	final, err := data.CloseWithResponse()
	if err != nil {
		return "", err
	}
	c.CommandTimeout = quitPatience
	_ = c.Quit() // the mail was taken, whatever comes of this
	return "250 " + final.StatusText, nil
}

// connect dials, protects the connection and says EHLO.
func (s *session) connect(ctx context.Context) (*gosmtp.Client, error) {
	dialer := net.Dialer{Timeout: s.t.cfg.CommandTimeout}
	raw, err := dialer.DialContext(ctx, "tcp", s.t.cfg.Addr)
	if err != nil {
		return nil, err
	}
	if peer := raw.RemoteAddr().String(); peer != s.t.cfg.Addr {
		s.remote = s.t.cfg.Addr + " (" + peer + ")"
	}
	conn := guard(ctx, raw, s.t.cfg.CommandTimeout)
	c, err := s.protect(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.CommandTimeout, c.SubmissionTimeout = s.t.cfg.CommandTimeout, s.t.submissionTimeout(ctx)
	if err := c.Hello(s.t.cfg.Hostname); err != nil {
		c.Close()
		return nil, err
	}
	if state, ok := c.TLSConnectionState(); ok {
		s.tls = tls.VersionName(state.Version)
	} else if s.t.tls != nil {
		c.Close()
		return nil, fmt.Errorf("%w: TLS", errUnoffered)
	}
	return c, nil
}

func (s *session) protect(ctx context.Context, conn net.Conn) (*gosmtp.Client, error) {
	switch s.t.cfg.Security {
	case ImplicitTLS:
		protected := tls.Client(conn, s.t.tls)
		hello, cancel := context.WithTimeout(ctx, s.t.cfg.CommandTimeout)
		defer cancel()
		if err := protected.HandshakeContext(hello); err != nil {
			return nil, err
		}
		return gosmtp.NewClient(protected), nil
	case StartTLS:
		c, err := gosmtp.NewClientStartTLS(conn, s.t.tls)
		if err != nil && strings.Contains(err.Error(), "doesn't support STARTTLS") {
			return nil, fmt.Errorf("%w: STARTTLS", errUnoffered)
		}
		return c, err
	}
	return gosmtp.NewClient(conn), nil
}

func (s *session) signIn(c *gosmtp.Client) error {
	if s.t.cfg.Username == "" {
		return nil
	}
	if !c.SupportsAuth(sasl.Plain) {
		return fmt.Errorf("%w: AUTH PLAIN", errUnoffered)
	}
	return c.Auth(sasl.NewPlainClient("", s.t.cfg.Username, s.t.cfg.Password))
}

// submissionTimeout leaves the wait for the final reply to the context; a peer
// may be passing the mail on meanwhile (RFC 5321 §4.5.3.2.6).
func (t *Transport) submissionTimeout(ctx context.Context) time.Duration {
	if _, bounded := ctx.Deadline(); bounded {
		return 12 * time.Minute
	}
	return t.cfg.CommandTimeout
}

func (t *Transport) rcptOptions(to string, utf8 bool) *gosmtp.RcptOptions {
	o := &gosmtp.RcptOptions{
		Notify:                []gosmtp.DSNNotify{gosmtp.DSNNotifyFailure, gosmtp.DSNNotifyDelayed},
		OriginalRecipientType: gosmtp.DSNAddressTypeRFC822,
		OriginalRecipient:     to,
	}
	if utf8 {
		o.OriginalRecipientType = gosmtp.DSNAddressTypeUTF8
	}
	if t.cfg.SuccessReports {
		o.Notify = append(o.Notify, gosmtp.DSNNotifySuccess)
	}
	return o
}

// envelopeAddress writes the domain in ASCII (RFC 5891) and says whether the
// local part still needs SMTPUTF8 (RFC 6531).
func envelopeAddress(addr string) (ascii string, utf8 bool, err error) {
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || strings.ContainsFunc(addr, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == 0xFFFD }) {
		return "", false, errAddress
	}
	local, domain := addr[:at], addr[at+1:]
	if domain, err = idna.Lookup.ToASCII(domain); err != nil || domain == "" {
		return "", false, errAddress
	}
	return local + "@" + domain, strings.ContainsFunc(local, func(r rune) bool { return r > 0x7e }), nil
}

// queueID finds the relay's own id in its final reply, which has no fixed form:
// what follows "queued as" or "id=". Empty when there is none.
func queueID(reply string) string {
	for _, mark := range []string{"queued as ", "id="} {
		if _, after, ok := strings.Cut(reply, mark); ok {
			if fields := strings.Fields(after); len(fields) > 0 {
				return strings.Trim(fields[0], "<>[](),;.")
			}
		}
	}
	return ""
}
