package submission

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// gate lets in as many connections as there is room for.
type gate struct {
	net.Listener
	s *Server
}

func (g gate) Accept() (net.Conn, error) {
	for {
		raw, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := g.s.admit(raw); c != nil {
			return c, nil
		}
		if !g.s.ImplicitTLS {
			_ = raw.SetWriteDeadline(g.s.wall().Add(time.Second))
			_, _ = io.WriteString(raw, "421 4.3.2 too_many_connections\r\n")
		}
		_ = raw.Close()
	}
}

// admit returns nil when there is no room.
func (s *Server) admit(raw net.Conn) *conn {
	ip, _, err := net.SplitHostPort(raw.RemoteAddr().String())
	if err != nil {
		ip = raw.RemoteAddr().String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.open) >= s.MaxConnections || s.from[ip] >= max(s.MaxConnections/4, 4) {
		return nil
	}
	c := &conn{Conn: raw, s: s, ip: ip, until: s.wall().Add(signInTime)}
	s.open[c] = struct{}{}
	s.from[ip]++
	return c
}

func (s *Server) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.from[c.ip]--; s.from[c.ip] <= 0 {
		delete(s.from, c.ip)
	}
}

// conn keeps the deadlines of a connection by itself, because the library's are
// absolute and would cut a slow but honest upload off: every octet in time
// earns more time, up to a bound on what is going on.
type conn struct {
	net.Conn
	s      *Server
	ip     string
	wrong  atomic.Int32 // keys
	eof    atomic.Bool  // the other side is gone
	closed sync.Once

	mu    sync.Mutex
	until time.Time // zero: no bound but the idle time
	busy  bool      // a message is under way
	over  bool      // nothing more is read
	foul  bool      // what follows cannot be told from a mail
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	deadline := c.s.wall().Add(c.s.IdleTimeout)
	if !c.until.IsZero() && c.until.Before(deadline) {
		deadline = c.until
	}
	err := c.Conn.SetReadDeadline(deadline)
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if err != nil {
		c.eof.Store(true)
	}
	return n, err
}

func (c *conn) Close() error {
	c.closed.Do(func() { c.s.release(c) })
	return c.Conn.Close()
}

// SetReadDeadline does nothing: Read sets its own.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetDeadline is for writing only: Read sets its own.
func (c *conn) SetDeadline(t time.Time) error { return c.SetWriteDeadline(t) }

// begin bounds the time of a message and end lifts the bound.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy, c.until = true, c.s.wall().Add(transactionTime)
}

func (c *conn) end(closing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy, c.until = false, time.Time{}
	c.over = c.over || c.foul || closing
}

// hurry bounds the time for what is still to be read of a refused mail.
func (c *conn) hurry(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.s.wall().Add(d); c.until.IsZero() || t.Before(c.until) {
		c.until = t
	}
}

// spoil ends the connection after the answer that is being made: where the mail
// ends is no longer certain, so nothing after it is taken for a command.
func (c *conn) spoil() {
	c.mu.Lock()
	c.foul = true
	c.mu.Unlock()
	c.hurry(drainTime)
}

// hangUp makes the next Read the last.
func (c *conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// spent reports that no more commands are taken, not even those read already.
func (c *conn) spent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over || c.foul
}

// wake ends the wait for a command; a message under way is left alone.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy {
		c.over = true
		_ = c.Conn.SetReadDeadline(c.s.wall().Add(-time.Hour))
	}
}

// baseOf finds the conn under what the library holds.
func baseOf(outer net.Conn) *conn {
	if t, ok := outer.(*tls.Conn); ok {
		outer = t.NetConn()
	}
	c, _ := outer.(*conn)
	return c
}

// cut reports that the stream ended although outer looks fine: the library
// takes the end of a connection inside a BDAT chunk for the end of the chunk.
// Under TLS only reading shows it. An octet read here belongs to a next command
// and is lost, so the connection then ends after the answer; that the octet is
// there shows that the chunk was whole.
func cut(outer net.Conn) bool {
	base := baseOf(outer)
	if base.eof.Load() {
		return true
	}
	t, ok := outer.(*tls.Conn)
	if !ok {
		return false
	}
	base.mu.Lock()
	until := base.until
	base.until = base.s.wall().Add(-time.Hour)
	base.mu.Unlock()
	n, err := t.Read(make([]byte, 1))
	base.mu.Lock()
	base.until = until
	base.mu.Unlock()
	if n > 0 {
		base.hangUp()
		return false
	}
	timeout, ok := err.(net.Error)
	if ok && timeout.Timeout() {
		base.eof.Store(false)
		return false
	}
	return true
}
