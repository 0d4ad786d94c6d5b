package smtp

import (
	"context"
	"net"
	"time"
)

// guarded is a connection that cannot hang: it closes when its context ends, and
// when one write takes too long. The SMTP client sets deadlines around commands,
// but none around the body.
type guarded struct {
	net.Conn
	patience time.Duration
	release  func() bool
}

func guard(ctx context.Context, c net.Conn, patience time.Duration) *guarded {
	return &guarded{Conn: c, patience: patience, release: context.AfterFunc(ctx, func() { c.Close() })}
}

func (g *guarded) Write(b []byte) (int, error) {
	overdue := time.AfterFunc(g.patience, func() { g.Conn.Close() })
	defer overdue.Stop()
	return g.Conn.Write(b)
}

func (g *guarded) Close() error {
	g.release()
	return g.Conn.Close()
}
