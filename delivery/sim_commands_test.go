package delivery_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Commands of people: senders and recipients. A command is made of numbers, so
// that a list of them can be shortened; what they stand for is found when it runs.

// pick is one of a list, by a number; nil for an empty one.
func pick[T any](list []*T, n uint32) *T {
	if len(list) == 0 {
		return nil
	}
	return list[int(n)%len(list)]
}

func (w *world) living() (list []*simDelivery) {
	for _, m := range w.messages {
		if !m.gone && !m.purged {
			list = append(list, m.deliveries...)
		}
	}
	return list
}

func (w *world) kept() (list []*simMessage) {
	for _, m := range w.messages {
		if !m.gone && !m.purged {
			list = append(list, m)
		}
	}
	return list
}

// behind says that the clock is too far behind a delivery to move it.
func (w *world) behind(d *simDelivery) bool { return d.at.Sub(w.clock.now()) > skew }

// submission is what a sender sends; numbers choose.
func (w *world) submission(c command) (*simMessage, delivery.Submission) {
	m := &simMessage{key: fmt.Sprintf("key %d", c.a), post: c.b%3 != 0, atOnce: c.b%4 < 2, days: 2 + int(c.b/7%9), months: 1 + int(c.b/64%3), parts: 1}
	s := submission(1+int(c.b/256%2), func(s *delivery.Submission) {
		s.Subject = "Bericht " + m.key
		s.Policy.Fallback, s.Policy.PostAtOnce = delivery.FallbackNone, m.atOnce
		if m.post {
			s.Policy.Fallback = delivery.FallbackPost
		}
		s.Policy.CollectDays, s.Policy.RetentionMonths = m.days, m.months
	})
	return m, s
}

// submit sends a message under a key, twice, until it is answered.
func (w *world) submit(c command) action {
	m, s := w.submission(c)
	o := delivery.Once{Key: m.key}
	sum := sha256.Sum256(fmt.Append(nil, c.a, c.b))
	o.Digest = sum[:]
	var acked delivery.Message
	send := func(ctx context.Context, p *process) error {
		if c.b%5 == 0 && s.Documents == nil {
			d, _, err := p.Upload(ctx, w.account, delivery.NewDocument{Filename: "opzegging.pdf", MediaType: "application/pdf"},
				strings.NewReader("%PDF-1.7 "+m.key), delivery.Once{})
			if err != nil {
				return err
			}
			s.Documents = []string{string(d.ID)}
		}
		got, _, err := p.Submit(ctx, w.sender(w.account), s, o)
		if err == nil {
			acked = got
		}
		return err
	}
	return action{
		name: "submit", causes: []cause{{verb: "submit"}},
		do: func(ctx context.Context, p *process) error {
			first := send(ctx, p)
			was := acked.ID
			again := send(ctx, p)
			if first == nil && again == nil && was != acked.ID {
				return fmt.Errorf("%w: key %q gave messages %s and %s", errFault, m.key, was, acked.ID)
			}
			if first == nil || again == nil {
				w.acknowledge(m, acked)
			}
			return errors.Join(first, again)
		},
		must: noError,
	}
}

// acknowledge remembers what a sender was told is safe.
func (w *world) acknowledge(m *simMessage, got delivery.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.messages {
		if x.key == m.key {
			if x.id != string(got.ID) {
				w.t.Errorf("key %q was answered with %s and with %s", m.key, x.id, got.ID)
			}
			return
		}
	}
	m.id, m.parts = string(got.ID), len(got.Parts)
	w.messages = append(w.messages, m)
}

func noError(err error) error { return err }

// refusedWith demands one of the errors.
func refusedWith(some ...error) func(error) error {
	return func(err error) error {
		for _, e := range some {
			if errors.Is(err, e) {
				return nil
			}
		}
		return fmt.Errorf("%w: got %v", errFault, err)
	}
}

// session of a delivery that still runs.
func (w *world) sessionOf(d *simDelivery, n uint32) *simSession {
	var list []*simSession
	for _, s := range w.sessions {
		if s.of == d && w.clock.now().Before(s.until) {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1-int(n)%min(2, len(list))]
}

// inFront is the delivery that a command is about: mostly one that somebody is
// busy with already, or that can be collected, and now and then any.
func (w *world) inFront(c command) *simDelivery {
	all := w.living()
	busy := slices.DeleteFunc(slices.Clone(all), func(d *simDelivery) bool { return w.sessionOf(d, 0) == nil || d.state == "handed_over" })
	open := slices.DeleteFunc(slices.Clone(all), func(d *simDelivery) bool { return d.state != "notified" && !d.late() })
	switch n := c.b / 1024 % 10; {
	case n < 6 && len(busy) > 0:
		return pick(busy, c.a)
	case n < 9 && len(open) > 0:
		return pick(open, c.a)
	}
	return pick(all, c.a)
}

// approach is the next thing that somebody in front of a delivery does.
func (w *world) approach(c command) action {
	d := w.inFront(c)
	if d == nil {
		return w.pass(c)
	}
	s := w.sessionOf(d, c.b)
	switch {
	case s == nil || c.b%40 == 39:
		return w.visit(d)
	case s.codes.Load() != 1 && c.b%8 != 0:
		return w.enterCodes(s, c.b%5 == 4)
	case !s.identified && c.b%8 != 1 && !(s.stranger && c.b%2 == 1): // who was refused goes on as if not
		return w.identify(s, c.b%5 == 4)
	case c.b%6 == 5:
		return w.decide(s, "reject")
	case d.passed && c.b%6 != 4:
		return w.takeAll(s)
	}
	return w.decide(s, "accept")
}

// visit follows the link and asks for codes.
func (w *world) visit(d *simDelivery) action {
	s := &simSession{of: d, until: w.clock.now().Add(time.Hour)}
	return action{
		name: "visit", causes: []cause{{verb: "visit", delivery: d}},
		do: func(ctx context.Context, p *process) error {
			f, err := p.NoticeFacts(ctx, notify.Notice{Delivery: d.id, Kind: notify.Accepted, Account: w.account})
			if err != nil {
				return err
			}
			_, token, _ := strings.Cut(f.Link, "/c/")
			found, err := p.ByLink(ctx, token)
			if err != nil {
				return err
			}
			s.token, err = p.SendCodes(ctx, found, "", identity.Actor{IP: "192.0.2.9", UserAgent: "browser"})
			if err == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.sessions = append(w.sessions, s)
			}
			return err
		},
		must: func(err error) error {
			open := d.state == "notified" && w.clock.now().Before(d.window) || d.late() || d.passed
			if errors.Is(err, delivery.ErrTooManyCodes) || w.behind(d) || open == (err == nil) {
				return nil
			}
			return fmt.Errorf("%w: open %t, got %v", errFault, open, err)
		},
	}
}

// collecting loads what the browser of a session has proven.
func (w *world) browser(ctx context.Context, p *process, s *simSession) (delivery.Collecting, error) {
	return p.Session(ctx, delivery.Delivery{ID: delivery.ID(s.of.id)}, s.token)
}

// enterCodes types what came by e-mail and SMS, or guesses.
func (w *world) enterCodes(s *simSession, guess bool) action {
	return action{
		name: "codes",
		do: func(ctx context.Context, p *process) error {
			c, err := w.browser(ctx, p, s)
			if err != nil {
				return err
			}
			typed := map[notify.Channel]string{notify.Email: "x", notify.SMS: "x"}
			for ch := range typed {
				if guess && ch == notify.SMS {
					continue
				}
				var ref string
				if err := w.rig.pool.QueryRow(ctx, `SELECT ref FROM notice WHERE delivery_id = $1 AND kind = 'code' AND channel = $2 ORDER BY id DESC LIMIT 1`, s.of.id, ch).Scan(&ref); err != nil {
					return err
				}
				if code, _, err := w.codes.Code(ctx, ref); err == nil {
					typed[ch] = code
				}
			}
			if !guess && s.codes.Load() == 0 {
				s.codes.Store(-1)
			}
			if err := p.EnterCodes(ctx, c, typed[notify.Email], typed[notify.SMS]); err != nil {
				return err
			}
			if guess && s.codes.Load() == 0 {
				return fmt.Errorf("%w: a guess was taken", errFault)
			}
			s.codes.Store(1)
			return nil
		},
		must: func(err error) error {
			if errors.Is(err, errFault) {
				return err
			}
			return nil
		},
	}
}

// identify shows who somebody is: the addressee, or a stranger.
func (w *world) identify(s *simSession, stranger bool) action {
	return action{
		name: "identify", causes: []cause{{verb: "identify", delivery: s.of, session: s, stranger: stranger}},
		do: func(ctx context.Context, p *process) error {
			c, err := w.browser(ctx, p, s)
			if err != nil {
				return err
			}
			proof := identity.Proof{Method: "itsme", Provider: "https://idp.example", Subject: "s-1", Given: "An", Family: "Janssens",
				Level: identity.LevelHigh, At: w.clock.now(), Token: []byte("token")}
			if stranger {
				proof.Given, proof.Family = "Bart", "Wouters"
				s.stranger = true
			}
			id, secret, err := w.people.OpenLogin(ctx, identity.NewLogin{Errand: "collect", Session: "s", Language: "nl", Back: "/c/x"})
			if err != nil {
				return err
			}
			l, err := w.people.Login(ctx, id, secret)
			if err != nil {
				return err
			}
			return p.Identify(ctx, c, l, proof, "192.0.2.9", "browser")
		},
		must: func(err error) error {
			d := s.of
			open := d.state == "notified" && w.clock.now().Before(d.window) || d.late() || d.passed
			switch {
			case s.codes.Load() == 0:
				return refusedWith(delivery.ErrUnidentified, delivery.ErrNotFound)(err)
			case stranger && err == nil:
				return fmt.Errorf("%w: a stranger was taken for the addressee", errFault)
			case open && s.codes.Load() == 1 && !stranger && !w.behind(d):
				return err
			}
			return nil
		},
	}
}

// decide accepts or refuses.
func (w *world) decide(s *simSession, verb string) action {
	d := s.of
	return action{
		name: verb, causes: []cause{{verb: verb, delivery: d, session: s}},
		do: func(ctx context.Context, p *process) error {
			c, err := w.browser(ctx, p, s)
			if err != nil {
				return err
			}
			if verb == "reject" {
				_, err = p.Reject(ctx, c)
			} else {
				_, err = p.Accept(ctx, c)
			}
			return err
		},
		must: w.mayDecide(s, verb),
	}
}

// mayDecide foresees, before the command runs, whether it must succeed.
func (w *world) mayDecide(s *simSession, verb string) func(error) error {
	d := s.of
	open := d.state == "notified" && w.clock.now().Before(d.window)
	late := verb == "accept" && d.message.post && !d.opened.IsZero() && slices.Contains([]string{"notified", "expired", "posting", "posted"}, d.state)
	switch {
	case !s.identified:
		return func(err error) error {
			if err == nil {
				return fmt.Errorf("%w: decided by nobody who identified", errFault)
			}
			return nil
		}
	case !w.behind(d) && (open || late):
		return noError
	}
	return func(err error) error {
		if err == nil {
			return fmt.Errorf("%w: decided although it is not open", errFault)
		}
		return nil
	}
}

// takeAll transfers every part, twice when it is done.
func (w *world) takeAll(s *simSession) action {
	d := s.of
	ready := s.identified && (d.state == "consigned" || d.state == "handed_over") && !w.behind(d)
	return action{
		name: "read", causes: []cause{{verb: "read", delivery: d, session: s}},
		do: func(ctx context.Context, p *process) error {
			c, err := w.browser(ctx, p, s)
			if err != nil {
				return err
			}
			var parts []int
			for i := range d.message.parts {
				_, body, err := p.OpenPart(ctx, c, i)
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, body)
				if err := errors.Join(err, body.Close()); err != nil {
					return err
				}
				if !s.identified {
					return fmt.Errorf("%w: content went to nobody who identified", errFault)
				}
				parts = append(parts, i)
			}
			_, err = p.Transferred(ctx, c, parts...)
			return err
		},
		must: func(err error) error {
			switch {
			case errors.Is(err, errFault):
				return err
			case ready && err != nil:
				return fmt.Errorf("%w: cannot be read: %w", errFault, err)
			case ready && d.state != "handed_over":
				return fmt.Errorf("%w: read whole, and %s", errFault, d.state)
			}
			return nil
		},
	}
}

// withdraw takes a message back, under a key.
func (w *world) withdraw(c command) action {
	m := pick(w.kept(), c.a)
	if m == nil {
		return w.pass(c)
	}
	open, behind := false, false
	for _, d := range m.deliveries {
		open = open || d.state == "submitted" || d.state == "notified"
		behind = behind || w.behind(d)
	}
	return action{
		name: "cancel", causes: []cause{{verb: "cancel", message: m}},
		do: func(ctx context.Context, p *process) error {
			_, err := p.Cancel(ctx, w.sender(w.account).By, delivery.ID(m.id), delivery.Once{})
			return err
		},
		must: func(err error) error {
			if open && err != nil && !behind {
				return fmt.Errorf("%w: cannot be withdrawn: %w", errFault, err)
			}
			return nil
		},
	}
}
