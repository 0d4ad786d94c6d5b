package smtp

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"
)

// guarded is a connection that cannot hang: it closes when the context of its
// user ends, and when one write takes too long. The SMTP client sets deadlines
// around commands, but none around the body.
type guarded struct {
	net.Conn
	patience time.Duration
}

// during closes the connection when ctx ends before the returned function is
// called. One user at a time.
func (g *guarded) during(ctx context.Context) (done func() bool) {
	return context.AfterFunc(ctx, func() { g.Conn.Close() })
}

func (g *guarded) Write(b []byte) (int, error) {
	overdue := time.AfterFunc(g.patience, func() { g.Conn.Close() })
	defer overdue.Stop()
	return g.Conn.Write(b)
}

// maxHeard bounds what is kept of one reply.
const maxHeard = 4096

// listener keeps the reply that is being read, and nothing of what is written. It
// stands above TLS. What it is given first is read before what arrives: a greeting
// that came before STARTTLS, for the client that is put on top afterwards.
type listener struct {
	net.Conn
	mu    sync.Mutex
	first string
	heard []byte
}

func (l *listener) Read(b []byte) (int, error) {
	l.mu.Lock()
	if l.first != "" {
		n := copy(b, l.first)
		l.first = l.first[n:]
		l.mu.Unlock()
		return n, nil
	}
	l.mu.Unlock()
	n, err := l.Conn.Read(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, b[:min(n, maxHeard-len(l.heard))]...)
	return n, err
}

// reply returns what was heard since it was last asked.
func (l *listener) reply() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.TrimRight(strings.ReplaceAll(string(l.heard), "\r\n", "\n"), "\n")
	l.heard = l.heard[:0]
	return s
}
