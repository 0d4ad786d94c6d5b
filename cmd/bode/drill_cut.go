package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
)

// cutter passes connections on until it is told to cut them. Safe for concurrent use.
type cutter struct {
	listener net.Listener

	mu    sync.Mutex
	kind  string            // guarded by mu
	to    []string          // guarded by mu; in turn
	next  int               // guarded by mu
	lose  float64           // share of the answers that are lost; guarded by mu
	lost  int               // answers that were lost; guarded by mu
	conns map[net.Conn]bool // guarded by mu
}

// listenCutter starts a cutter that leads nowhere.
func listenCutter(kind, addr string) (*cutter, error) {
	l, err := net.Listen(kind, addr)
	if err != nil {
		return nil, err
	}
	c := &cutter{listener: l, conns: map[net.Conn]bool{}}
	go c.accept()
	return c, nil
}

func (c *cutter) addr() string { return c.listener.Addr().String() }

// lead says where new connections go.
func (c *cutter) lead(kind string, to ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kind, c.to = kind, to
}

// cut ends every connection at once, in the middle of whatever is on its way.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}

func (c *cutter) close() error {
	err := c.listener.Close()
	c.cut()
	return err
}

func (c *cutter) accept() {
	for {
		in, err := c.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go c.pass(in)
		}
	}
}

// pass copies both ways until either end is gone.
func (c *cutter) pass(in net.Conn) {
	defer in.Close()
	kind, to := c.target()
	if to == "" {
		return
	}
	out, err := net.Dial(kind, to)
	if err != nil {
		return
	}
	defer out.Close()
	defer c.keep(in, out)()
	both := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(out, in); both <- struct{}{} }()
	go func() { _, _ = io.Copy(answers{in, c}, out); both <- struct{}{} }()
	<-both // one way ended: closing ends the other
}

// losing says which share of the answers is lost: the connection ends when such
// an answer comes, so that what was asked for was done and nobody was told.
func (c *cutter) losing(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose = share
}

// losses is how many answers were lost so far.
func (c *cutter) losses() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// answers is the way back to a client.
type answers struct {
	net.Conn
	c *cutter
}

var errAnswerLost = errors.New("answer lost")

func (a answers) Write(p []byte) (int, error) {
	a.c.mu.Lock()
	lost := a.c.lose > 0 && rand.Float64() < a.c.lose
	if lost {
		a.c.lost++
	}
	a.c.mu.Unlock()
	if lost {
		return 0, errAnswerLost
	}
	return a.Conn.Write(p)
}

func (c *cutter) target() (kind, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.to) == 0 {
		return "", ""
	}
	c.next++
	return c.kind, c.to[c.next%len(c.to)]
}

// keep remembers connections so that they can be cut, until forget.
func (c *cutter) keep(conns ...net.Conn) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		c.conns[conn] = true
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, conn := range conns {
			delete(c.conns, conn)
		}
	}
}
