package bounce

import (
	"io"
	"net"
	"sync"
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
		_ = raw.SetWriteDeadline(g.s.Now().Add(closingTime))
		_, _ = io.WriteString(raw, "421 4.3.2 too many connections\r\n")
		_ = raw.Close()
	}
}

// admit returns nil when there is no room.
func (s *Server) admit(raw net.Conn) *conn {
	from := peerOf(raw.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.open) >= s.MaxConnections || s.from[from] >= max(s.MaxConnections/4, 4) {
		return nil
	}
	c := &conn{Conn: raw, s: s, peer: from}
	s.open[c] = struct{}{}
	s.from[from]++
	return c
}

func (s *Server) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.from[c.peer]--; s.from[c.peer] <= 0 {
		delete(s.from, c.peer)
	}
}

// conn keeps its own deadlines: the library's are absolute. Every octet in time
// earns more time, up to a bound on one mail.
type conn struct {
	net.Conn
	s      *Server
	peer   string
	closed sync.Once

	mu    sync.Mutex
	until time.Time // zero: no bound but the idle time
	wrong int       // recipients that do not exist
	over  bool      // nothing more is read
	eof   bool      // the peer is gone
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return 0, net.ErrClosed
	}
	deadline := c.s.Now().Add(c.s.IdleTimeout)
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
		c.mu.Lock()
		c.eof = true
		c.mu.Unlock()
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

// begin bounds the time of a mail and end lifts the bound.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = c.s.Now().Add(mailTime)
}

func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Time{}
}

// miss counts a recipient that does not exist, and reports that there were too
// many: nothing more is read then.
func (c *conn) miss() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong++
	c.over = c.over || c.wrong >= maxWrong
	return c.over
}

// gone reports that the peer ended the connection, perhaps in the middle of a
// chunk, which the library takes for its end.
func (c *conn) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.eof
}

// wake ends the wait for a command; a mail under way is left alone.
func (c *conn) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until.IsZero() {
		c.over = true
		_ = c.Conn.SetReadDeadline(c.s.Now().Add(-time.Hour))
	}
}
