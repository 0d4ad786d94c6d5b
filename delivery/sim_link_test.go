package delivery_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// faultKind is what happens to the link between a service and its database.
type faultKind string

const (
	faultCut  faultKind = "cut before"      // the server never hears it
	faultLost faultKind = "cut after"       // the server did it, its answer is lost
	faultEnd  faultKind = "sessions ended"  // the server ends every session, as when it restarts
	faultDead faultKind = "killed"          // the process dies: nothing more goes out
	faultLast faultKind = "killed after it" // the process dies while the server does it
)

var faultKinds = []faultKind{faultCut, faultLost, faultEnd, faultDead, faultLast}

// fault hits the at-th thing that a command says to the database, from 1. The
// zero fault hits nothing.
type fault struct {
	kind faultKind
	at   int
}

var errLink = errors.New("the link is cut")

// link is the way to the database of all services of a world. Safe for
// concurrent use.
type link struct {
	end func() // ends every session at the server

	mu    sync.Mutex
	plan  fault // guarded by mu, as what follows
	said  int
	fired bool
	dead  bool
}

// arm plans a fault for the next command.
func (l *link) arm(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan, l.said, l.fired, l.dead = f, 0, false, false
}

// hit says whether the planned fault came, and lets everything through again.
func (l *link) hit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan, l.dead = fault{}, false
	return l.fired
}

// next is what happens to what is said now.
func (l *link) next() faultKind {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return faultDead
	}
	if l.plan.at == 0 {
		return ""
	}
	if l.said++; l.said != l.plan.at {
		return ""
	}
	l.fired, l.dead = true, l.plan.kind == faultDead || l.plan.kind == faultLast
	return l.plan.kind
}

// kill is the death of the process from outside of the database.
func (l *link) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fired, l.dead = true, true
}

// pool leads to the database of like through l.
func (l *link) pool(like *pgxpool.Pool) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(like.Config().ConnString())
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 6
	cfg.ConnConfig.RuntimeParams["application_name"] = simName
	var d net.Dialer
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &linkConn{Conn: c, link: l}, nil
	}
	return pgxpool.NewWithConfig(context.Background(), cfg)
}

// simName is how the services of a world call themselves to the server.
const simName = "bode sim"

type linkConn struct {
	net.Conn
	link *link
}

func (c *linkConn) Write(b []byte) (int, error) {
	switch c.link.next() {
	case faultCut, faultDead:
		c.Conn.Close()
		return 0, errLink
	case faultLost, faultLast:
		n, err := c.Conn.Write(b)
		// Its first octet comes when everything up to here is done.
		_ = c.Conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, _ = c.Conn.Read(make([]byte, 1))
		c.Conn.Close()
		return n, err
	case faultEnd:
		c.link.end()
	}
	return c.Conn.Write(b)
}
