package bounce

import (
	"crypto/tls"
	"errors"
	"io"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/notify"
)

// Replies (RFC 5321 §4.2, RFC 3463).
var (
	errNobody   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such address"}
	errTooFast  = &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too many mails, come back later"}
	errClosing  = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "closing"}
	errNotNow   = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "cannot be stored now"}
	errInternal = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "internal fault"}
)

// target is the attempt that a mail is about; the zero value is that of the
// address for complaints.
type target struct {
	notice  string
	attempt int
}

// session is one connection between two greetings.
type session struct {
	s    *Server
	base *conn

	mu sync.Mutex
	to *target
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	outer := c.Conn()
	if t, ok := outer.(*tls.Conn); ok {
		outer = t.NetConn()
	}
	base, ok := outer.(*conn)
	if !ok {
		return nil, errors.New("bounce: connection did not come through Serve")
	}
	return &session{s: s, base: base}, nil
}

// Mail begins a mail. Reports have no sender and automatic answers have one; it
// proves nothing in either case.
func (x *session) Mail(string, *smtp.MailOptions) error {
	if !x.s.allow(x.base.peer) {
		return errTooFast
	}
	x.base.begin()
	return nil
}

// Rcpt takes return paths that we made, and the address for complaints.
func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	t, ok := x.s.target(to)
	if !ok {
		if x.base.miss() {
			return errClosing
		}
		return errNobody
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.to = &t
	return nil
}

func (s *Server) target(to string) (target, bool) {
	notice, attempt, err := notify.ParseReturnPath(s.Domain, s.Key, to)
	if err == nil {
		return target{notice, attempt}, true
	}
	return target{}, s.Complaints != "" && strings.EqualFold(to, s.Complaints+"@"+s.Domain)
}

// Data reads a mail and reports what it says. Its 250 is given when that is
// stored: if the connection breaks before, the peer brings it again.
func (x *session) Data(r io.Reader) (answer error) {
	defer func() {
		if p := recover(); p != nil {
			x.s.Logger.ErrorContext(x.s.ctx, "bounce: panic", "what", p, "stack", string(debug.Stack()))
			answer = errInternal
		}
	}()
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	x.mu.Lock()
	to := x.to
	x.mu.Unlock()
	_, chunked := r.(*io.PipeReader)
	if to == nil || chunked && x.base.gone() {
		return errClosing
	}
	return x.s.take(x.s.ctx, *to, raw)
}

// Reset forgets the mail.
func (x *session) Reset() {
	x.mu.Lock()
	x.to = nil
	x.mu.Unlock()
	x.base.end()
}

// Logout ends the session.
func (x *session) Logout() error {
	x.Reset()
	return nil
}
