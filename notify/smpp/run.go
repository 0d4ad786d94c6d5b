package smpp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bode-erds/bode/notify"
)

// Receiver takes in receipts. peer is the id that an attempt with this transport
// has as its Result's ID; the report names no notice yet. When it returns nil the
// receipt is durable. notify.Receipts does it.
type Receiver interface {
	Receive(ctx context.Context, peer string, r notify.Report) error
}

const (
	// firstPause and longestPause are between attempts to bind.
	firstPause, longestPause = time.Second, time.Minute
	// settled is how long a connection has lasted when the next pause is short again.
	settled = time.Minute
	// leaveTimeout bounds unbinding.
	leaveTimeout = 5 * time.Second
)

// Run keeps the connection until ctx ends, then unbinds; receipts go to r. It
// returns nil. Without it every message is put off. Call it once.
func (t *Transport) Run(ctx context.Context, r Receiver) error {
	pause := firstPause
	for ctx.Err() == nil {
		s, err := bind(ctx, &t.cfg)
		if err != nil {
			t.set(nil, err, true)
			t.cfg.Logger.WarnContext(ctx, "message centre does not let us in", "provider", t.cfg.Name, "err", err)
		} else {
			t.cfg.Logger.InfoContext(ctx, "bound to message centre", "provider", t.cfg.Name, "tls", s.tls)
			began := t.cfg.Now()
			t.set(s, nil, false)
			err = t.serve(ctx, s, r)
			t.set(nil, err, false)
			if t.cfg.Now().Sub(began) >= settled {
				pause = firstPause
			}
			if ctx.Err() == nil {
				t.cfg.Logger.WarnContext(ctx, "message centre lost", "provider", t.cfg.Name, "err", err)
			}
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
			pause = min(2*pause, longestPause)
		}
	}
	t.set(nil, ErrNotBound, true)
	return nil
}

// Check says whether the message centre lets us in: it binds and unbinds.
func (t *Transport) Check(ctx context.Context) error {
	s, err := bind(ctx, &t.cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	s.leave(ctx)
	return nil
}

// serve works one session until it or ctx ends, and says why.
func (t *Transport) serve(ctx context.Context, s *session, r Receiver) error {
	stored := make(chan struct{})
	go s.keepAlive()
	go func() {
		defer close(stored)
		for {
			select {
			case <-s.closed:
				return
			case p := <-s.inbox:
				t.receive(ctx, s, p, r)
			}
		}
	}()
	select {
	case <-s.closed:
	case <-ctx.Done():
		t.set(nil, ErrNotBound, true)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		s.leave(bounded)
		<-s.closed
	}
	<-stored
	return s.why()
}

// receive stores a receipt and then acknowledges it: one that could not be stored
// is refused for now, and the message centre says it again. SMPP 3.4 §4.6.2
func (t *Transport) receive(ctx context.Context, s *session, p pdu, r Receiver) {
	answer := statusOK
	if err := t.report(context.WithoutCancel(ctx), p, r); err != nil {
		if !errors.Is(err, ErrMalformed) { // which no repetition mends
			answer = statusLater
		}
		t.cfg.Logger.WarnContext(ctx, "receipt not taken", "provider", t.cfg.Name, "err", err)
	}
	if err := s.acknowledge(p, answer); err != nil {
		t.cfg.Logger.WarnContext(ctx, "receipt not acknowledged", "provider", t.cfg.Name, "err", err)
	}
}

func (t *Transport) report(ctx context.Context, p pdu, r Receiver) error {
	m, err := readShortMessage(p.body)
	if err != nil {
		return err
	}
	if !m.isReceipt { // somebody answered, and nobody here reads it
		return nil
	}
	said, err := readReceipt(m)
	if err != nil {
		return err
	}
	_, base := t.cfg.Numbering.bases()
	peer := t.cfg.Name + "/" + numbered(said.id, base)
	rep, final := said.report(t.cfg.Name, t.cfg.Addr)
	if !final {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.AnswerTimeout)
	defer cancel()
	if err := r.Receive(ctx, peer, rep); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
