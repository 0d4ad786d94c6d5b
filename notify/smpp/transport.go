package smpp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/bode-erds/bode/notify"
)

// Transport submits text messages to one message centre. Safe for concurrent use.
type Transport struct {
	cfg       Config
	from      address
	pace      *rate.Limiter
	reference atomic.Uint32 // of concatenated texts

	mu      sync.Mutex
	session *session
	reason  error         // why there is none
	down    bool          // the last attempt to bind failed: waiting is in vain
	changed chan struct{} // closed and replaced when session changes
	hold    time.Time     // until then the message centre wants no more
	holds   int           // how often in a row it said so
}

var _ notify.Transport = (*Transport)(nil)

// New makes a Transport. It does not dial: [Transport.Run] does. Errors:
// ErrConfig.
func New(cfg Config) (*Transport, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	from, err := source(cfg.From)
	if err != nil {
		return nil, err
	}
	return &Transport{cfg: cfg, from: from, pace: cfg.limit(), reason: ErrNotBound, changed: make(chan struct{})}, nil
}

// set changes the session, and tells who waits for one.
func (t *Transport) set(s *session, reason error, down bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.session, t.reason, t.down = s, reason, down
	close(t.changed)
	t.changed = make(chan struct{})
}

// bound waits for a session, for at most BindTimeout, and not at all when the
// message centre cannot be bound to. Errors: ErrNotBound with the reason.
func (t *Transport) bound(ctx context.Context) (*session, error) {
	late := time.NewTimer(t.cfg.BindTimeout)
	defer late.Stop()
	for {
		t.mu.Lock()
		s, reason, down, changed := t.session, t.reason, t.down, t.changed
		t.mu.Unlock()
		if down {
			return nil, fmt.Errorf("%w: %w", ErrNotBound, reason)
		}
		if s != nil && s.why() == nil {
			return s, nil
		}
		select {
		case <-changed:
			continue
		case <-late.C:
		case <-ctx.Done():
		}
		if s != nil {
			reason = s.why()
		}
		return nil, fmt.Errorf("%w: %w", ErrNotBound, reason)
	}
}

// bodies are the submit_sm bodies of a message. Only the last part asks for a
// receipt: it is the last to arrive. SMPP 3.4 §4.4.1
func (t *Transport) bodies(m notify.Message) ([][]byte, error) {
	parts, coding, marked, err := compose(m.Text, byte(t.reference.Add(1)))
	if err != nil {
		return nil, err
	}
	life := t.cfg.Life
	if k := m.Notice.Kind; k == notify.Code || k == notify.ContactCode {
		life = t.cfg.CodeLife
	}
	var bodies [][]byte
	for i, text := range parts {
		sm := shortMessage{from: t.from, to: address{tonInternational, npiISDN, m.Notice.To[min(1, len(m.Notice.To)):]},
			validity: relative(life), coding: coding, text: text}
		if marked {
			sm.class = classUDH
		}
		if i == len(parts)-1 {
			sm.registered = receiptsAtTheEnd
		}
		bodies = append(bodies, sm.octets())
	}
	return bodies, nil
}

// Deliver submits the message. The digest is of the bodies of its submit_sm, one
// after another; the id is Name, a slash, and the message centre's id.
func (t *Transport) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	bodies, err := t.bodies(m)
	if err != nil {
		return notify.Result{Outcome: notify.Technical, Reply: unsaid(err)}, ""
	}
	sum := sha256.New()
	for _, b := range bodies {
		sum.Write(b)
	}
	digest := hex.EncodeToString(sum.Sum(nil))
	var r notify.Result
	for i, b := range bodies {
		if r = t.submit(ctx, b); r.Outcome == notify.Sent {
			continue
		}
		if i > 0 { // some of it went out
			r.Outcome, r.InDoubt, r.Unreached = notify.Technical, true, false
		}
		break
	}
	return r, digest
}

// submit sends one submit_sm and classifies its answer.
func (t *Transport) submit(ctx context.Context, body []byte) notify.Result {
	r := notify.Result{Outcome: notify.Temporary, Remote: t.cfg.Addr}
	s, err := t.ready(ctx)
	if err != nil {
		r.Reply, r.Unreached = unsaid(err), true
		return r
	}
	defer func() { <-s.window }()
	r.TLS = s.tls
	answer, sent, err := s.request(ctx, submitSM, body)
	if err != nil {
		r.Reply, r.Unreached = unsaid(err), !sent
		if sent {
			r.Outcome, r.InDoubt = notify.Technical, true
		}
		return r
	}
	t.throttle(answer.status)
	r.Outcome, r.Reply = answer.status.outcome(), answer.status.String()
	if r.Outcome != notify.Sent {
		return r
	}
	id, err := readMessageID(answer.body)
	if err != nil || answer.command != submitSM|response {
		r.Outcome, r.InDoubt, r.Reply = notify.Technical, true, unsaid(fmt.Errorf("%w: answer", ErrMalformed))
		return r
	}
	base, _ := t.cfg.Numbering.bases()
	r.ID, r.Reply = t.cfg.Name+"/"+numbered(id, base), r.Reply+" "+id
	return r
}

// ready waits until one more message may be submitted, and takes its place in the
// window; the caller gives it back.
func (t *Transport) ready(ctx context.Context) (*session, error) {
	if err := t.pace.Wait(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	hold := t.hold.Sub(t.cfg.Now())
	t.mu.Unlock()
	if hold > 0 {
		wait := time.NewTimer(hold)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	for {
		s, err := t.bound(ctx)
		if err != nil {
			return nil, err
		}
		select {
		case s.window <- struct{}{}:
			if s.why() == nil {
				return s, nil
			}
			<-s.window // it ended while we waited: on to the next one
		case <-s.closed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// throttle lets messages wait after the message centre asked for fewer: a second,
// doubling to eight.
func (t *Transport) throttle(code status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Now()
	switch {
	case !code.crowded():
		t.holds = 0
	case now.After(t.hold): // and not for each message of the same window
		t.hold = now.Add(time.Second << min(t.holds, 3))
		t.holds++
	}
}

// unsaid marks words that are ours: a Reply is otherwise the peer's.
func unsaid(err error) string { return "(no reply) " + err.Error() }
