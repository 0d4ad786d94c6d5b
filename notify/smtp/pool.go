package smtp

import (
	"context"
	"sync"
	"time"
)

// pool keeps connections to the relay that are signed in and between two mails.
// Safe for concurrent use.
type pool struct {
	room gate // for mails that hold a connection, or open one

	mu     sync.Mutex
	idle   []*session // the one used last is at the end
	closed bool
}

// take returns a kept connection, or nil.
func (p *pool) take() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := len(p.idle) - 1
		s := p.idle[last]
		p.idle = p.idle[:last]
		if s.rest.Stop() { // else its time was just over
			return s
		}
	}
	return nil
}

// keep takes a connection back for the next mail, at most for rest.
func (p *pool) keep(s *session, rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		go s.quit()
		return
	}
	s.rest = time.AfterFunc(rest, func() {
		p.drop(s)
		s.quit()
	})
	p.idle = append(p.idle, s)
}

func (p *pool) drop(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.idle {
		if other == s {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return
		}
	}
}

// close ends the kept connections; those in use end after their mail.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range idle {
		if s.rest.Stop() {
			all.Go(s.quit)
		}
	}
	all.Wait()
}

// Close says good-bye on connections that are kept. The Transport can still be
// used afterwards, and keeps none.
func (t *Transport) Close() error {
	t.pool.close()
	return nil
}

// enter waits until a mail to domain may have a connection: at most so many to
// one domain, so that one slow destination does not hold all of them.
func (t *Transport) enter(ctx context.Context, domain string, urgent bool) (leave func(), err error) {
	leaveDomain, err := t.domains.enter(ctx, domain, urgent)
	if err != nil {
		return nil, err
	}
	if err := t.pool.room.enter(ctx, urgent); err != nil {
		leaveDomain()
		return nil, err
	}
	return func() { t.pool.room.leave(); leaveDomain() }, nil
}
