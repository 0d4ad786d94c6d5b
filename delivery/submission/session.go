package submission

import (
	"errors"
	"io"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/delivery"
)

// session is one connection between two greetings. The library may call Reset
// and Logout while Data runs (BDAT), so Data works on a copy.
type session struct {
	s     *Server
	outer func() net.Conn // the connection as it is now: STARTTLS replaces it
	base  *conn

	mu     sync.Mutex
	secret string // of the key, once it was shown
	agent  string // what the client calls itself
	to     []string
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	base := baseOf(c.Conn())
	if base == nil {
		return nil, errors.New("submission: connection did not come through Serve")
	}
	return &session{s: s, outer: c.Conn, base: base, agent: "SMTP " + c.Hostname()}, nil
}

// Mail begins a message. The reverse path is not looked at: reports go to the
// account.
func (x *session) Mail(string, *smtp.MailOptions) error {
	if x.base.spent() {
		return errClosing
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.secret == "" {
		return errNoKey
	}
	x.to = nil
	x.base.begin()
	return nil
}

// Rcpt adds a recipient; the same one twice is one, with the suffix or without.
func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if x.base.spent() {
		return errClosing
	}
	to, ours := x.s.suffix.strip(to)
	if ours {
		return errNobody
	}
	_, domain, ok := strings.Cut(to, "@")
	if !ok || !strings.Contains(domain, ".") || len(to) > delivery.MaxEmail {
		return errAddress
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.ContainsFunc(x.to, func(s string) bool { return x.s.suffix.same(s) == x.s.suffix.same(to) }) {
		x.to = append(x.to, to)
	}
	return nil
}

// Data submits the message that r holds. Its 250 is given after the commit: if
// the connection breaks before that, nothing was submitted or the same mail
// sent again gets the same number.
//
// EN 319 522-1 §6.2.1 A.1
func (x *session) Data(r io.Reader) (answer error) {
	x.mu.Lock()
	m := &mail{s: x.s, base: x.base, to: slices.Clone(x.to), secret: x.secret, agent: x.agent}
	x.mu.Unlock()
	began := x.s.wall()
	defer func() {
		if p := recover(); p != nil {
			x.s.Log.ErrorContext(x.s.ctx, "smtp panic", "stack", string(debug.Stack()))
			answer = errInternal
		}
		word := "registered"
		if e, ok := errors.AsType[*smtp.SMTPError](answer); ok && e.Code != 250 {
			word, _, _ = strings.Cut(e.Message, " ")
		}
		x.s.Log.InfoContext(x.s.ctx, "smtp", "answer", word, "account", m.key.Account, "key", m.key.ID, "number", m.number,
			"recipients", len(m.to), "documents", len(m.documents), "ip", x.base.ip, "ms", x.s.wall().Sub(began).Milliseconds())
	}()
	if x.base.spent() || len(m.to) == 0 {
		return errClosing
	}
	_, chunked := r.(*io.PipeReader)
	m.whole = func() bool { return !chunked || !cut(x.outer()) }
	done, err := m.submit(x.s.ctx, r)
	if err != nil {
		return x.refuse(m, err)
	}
	if m.dry {
		return errChecked
	}
	return registered(done, m.digest)
}

// refuse is the answer to a mail that was not submitted, and readies the
// connection for what may still come of that mail.
func (x *session) refuse(m *mail, err error) error {
	var bad *framingError
	if errors.As(m.fault(err), &bad) {
		x.base.spoil()
	} else {
		x.base.hurry(discardTime)
	}
	return x.s.answer(x.s.ctx, m.fault(err))
}

// Reset forgets the message.
func (x *session) Reset() {
	x.mu.Lock()
	x.to = nil
	signedIn := x.secret != ""
	x.mu.Unlock()
	if signedIn {
		x.s.mu.Lock()
		closing := x.s.closing
		x.s.mu.Unlock()
		x.base.end(closing)
	}
}

// Logout forgets the key.
func (x *session) Logout() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.secret, x.to = "", nil
	return nil
}
