package delivery_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// outsideWorld is a transport that must not be reached.
type outsideWorld struct{ t *testing.T }

func (o outsideWorld) Deliver(_ context.Context, m notify.Message) (notify.Result, string) {
	o.t.Errorf("%s to %s left", m.Notice.Kind, m.Notice.To)
	return notify.Result{Outcome: notify.Sent}, ""
}

// staged is a rig whose test messages stay.
type staged struct {
	*rig
	s       *delivery.Service
	printer *partner
}

func newStaged(t *testing.T, all bool) *staged {
	r := newRig(t)
	g := &staged{r, nil, &partner{}}
	g.s = r.service(func(c *delivery.Config) { c.Sandbox = &delivery.Sandbox{Post: g.printer, All: all} })
	return g
}

// send submits a test message to an address, and tells its recipient.
func (g *staged) send(t *testing.T, to string) delivery.Delivery {
	by := g.sender(g.account)
	by.Test = true
	m, _, err := g.s.Submit(g.ctx(), by, submission(1, func(s *delivery.Submission) {
		s.Recipients[0].Email = to
		s.Policy.Methods = []string{"itsme"}
		s.Documents = []string{g.upload("%PDF-1.7 " + to)}
	}), delivery.Once{})
	g.must(err)
	d := g.deliveries(m)[0]
	for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
		for number := 1; number < 4; number++ {
			n := notify.Notice{ID: evidence.NewID(), Account: g.account, Delivery: string(d.ID), Kind: notify.Announcement, Channel: ch, To: d.Recipient.Email}
			if ch == notify.SMS {
				n.To = d.Recipient.Mobile
			}
			a := notify.Attempt{Number: number, StartedAt: g.clock.now(), EndedAt: g.clock.now()}
			a.Result, a.Digest = g.s.Rehearse(ch, outsideWorld{t}).Deliver(g.ctx(), notify.Message{Notice: n, Attempt: number, Test: true, Text: "x"})
			if a.Result.Outcome == notify.Temporary {
				a.RetryAt = g.clock.now().Add(time.Minute)
			}
			g.tell(n, a)
			if a.RetryAt.IsZero() {
				break
			}
		}
	}
	return g.again(d)
}

func (g *staged) advance(by time.Duration) {
	g.t.Helper()
	_, _, err := g.s.Advance(g.ctx(), g.account, by, delivery.Once{})
	g.must(err)
}

// TestSandbox: every magic recipient comes to the end that its name says, by real
// events, and nothing leaves.
func TestSandbox(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for to, want := range map[string]struct {
		soon, end delivery.State // after two hours, and after 60 days
	}{
		"collect@sim.test":       {delivery.HandedOver, delivery.HandedOver},
		"Collect+7@SIM.test":     {delivery.HandedOver, delivery.HandedOver},
		"accept@sim.test":        {delivery.Consigned, delivery.Consigned},
		"refuse@sim.test":        {delivery.Rejected, delivery.Rejected},
		"visit@sim.test":         {delivery.Notified, delivery.DeliveredByPost},
		"mismatch@sim.test":      {delivery.Notified, delivery.DeliveredByPost},
		"expire@sim.test":        {delivery.Notified, delivery.DeliveredByPost},
		"unheard-of@sim.test":    {delivery.Notified, delivery.DeliveredByPost},
		"collect-late@sim.test":  {delivery.Notified, delivery.HandedOver},
		"bounce-hard@sim.test":   {delivery.Notified, delivery.DeliveredByPost},
		"bounce-soft@sim.test":   {delivery.Notified, delivery.DeliveredByPost},
		"no-sms@sim.test":        {delivery.Notified, delivery.DeliveredByPost},
		"unreachable@sim.test":   {delivery.Submitted, delivery.DeliveredByPost},
		"posted@sim.test":        {delivery.Notified, delivery.Posted},
		"post-returned@sim.test": {delivery.Notified, delivery.Returned},
		"post-refused@sim.test":  {delivery.Notified, delivery.Returned},
		"post-lost@sim.test":     {delivery.Notified, delivery.Returned},
		"an@example.be":          {delivery.Notified, delivery.Posting}, // nobody simulates her, and still nothing leaves
	} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			g := newStaged(t, true)
			d := g.send(t, to)
			g.advance(2 * time.Hour)
			if d = g.again(d); d.State != want.soon {
				t.Errorf("soon %s, want %s", d.State, want.soon)
			}
			if want.soon == delivery.Submitted { // its letter has a job of its own
				g.must(g.s.PostNow(g.ctx(), d.ID))
			}
			g.advance(60 * day)
			if d = g.again(d); d.State != want.end {
				t.Errorf("in the end %s, want %s", d.State, want.end)
			}
			if len(g.partner.letters) != 0 {
				t.Error("a letter left")
			}
			if d.State == delivery.HandedOver && (d.Identified == nil || d.Identified.Method != delivery.MethodSimulated) {
				t.Errorf("identified %+v", d.Identified)
			}
			g.clean()
		})
	}
}

func TestSandboxEvents(t *testing.T) {
	t.Parallel()
	g := newStaged(t, false)
	d := g.send(t, "collect@sim.test")
	g.advance(2 * time.Hour)
	want := []evidence.Name{evidence.SubmissionAcceptance, evidence.NotificationForAcceptance, evidence.NotificationForAcceptance,
		evidence.NotificationAccessTracking, evidence.RecipientIdentification, evidence.ConsignmentAcceptance, evidence.ContentConsignment,
		evidence.ContentAccessTracking, evidence.ContentAccessTracking, evidence.ContentHandover}
	if got := g.names(d); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	d = g.send(t, "mismatch@sim.test")
	g.advance(2 * time.Hour)
	list, err := g.Events(g.ctx(), g.account, d.ID)
	g.must(err)
	last := list[len(list)-1]
	if last.Name != evidence.RecipientIdentification || len(last.Reasons) != 1 || last.Reasons[0].Code != "identity_mismatch" || !last.Test {
		t.Errorf("%+v", last.Event)
	}
	d = g.send(t, "bounce-soft@sim.test")
	if names := g.names(d); names[1] != evidence.NotificationForAcceptanceFailure || names[2] != evidence.NotificationForAcceptance || d.Email != delivery.ReachSent {
		t.Errorf("a soft bounce: %v, %s", names, d.Email)
	}
}

// TestSandboxLive: a live message to a magic address is like any other, and so is
// a test message to a real one where not all of them stay.
func TestSandboxLive(t *testing.T) {
	t.Parallel()
	g := newStaged(t, false)
	m, _, err := g.s.Submit(g.ctx(), g.sender(g.account), submission(1, func(s *delivery.Submission) { s.Recipients[0].Email = "collect@sim.test" }), delivery.Once{})
	g.must(err)
	d := g.deliveries(m)[0]
	reached := 0
	out := reaches(func() { reached++ })
	n := notify.Notice{Delivery: string(d.ID), Kind: notify.Announcement, Channel: notify.Email, To: d.Recipient.Email}
	g.s.Rehearse(notify.Email, out).Deliver(g.ctx(), notify.Message{Notice: n, Test: false})
	d = g.attempt(d, notify.Email, notify.Sent)
	if k := g.count(`SELECT count(*) FROM deadline WHERE kind = 'rehearse'`); k != 0 || d.State != delivery.Notified {
		t.Errorf("%d rehearsals of a live message, %s", k, d.State)
	}
	by := g.sender(g.account)
	by.Test = true
	m, _, err = g.s.Submit(g.ctx(), by, submission(1), delivery.Once{})
	g.must(err)
	n.Delivery = string(g.deliveries(m)[0].ID)
	g.s.Rehearse(notify.Email, out).Deliver(g.ctx(), notify.Message{Notice: n, Test: true})
	if reached != 2 {
		t.Errorf("%d of 2 left", reached)
	}
	if r, _ := g.s.Rehearse(notify.Email, out).Deliver(g.ctx(), notify.Message{Notice: notify.Notice{Delivery: evidence.NewID()}, Test: true}); reached != 2 || r.Outcome != notify.Technical {
		t.Error("a test notice of which nothing is known left")
	}
}

type reaches func()

func (f reaches) Deliver(context.Context, notify.Message) (notify.Result, string) {
	f()
	return notify.Result{Outcome: notify.Sent}, ""
}

// TestSeed: with a seed a test message has the same identifiers every time, and
// without one, or live, never.
func TestSeed(t *testing.T) {
	t.Parallel()
	ids := func(g *staged, test bool, once delivery.Once) (ids []string) {
		by := g.sender(g.account)
		by.Test = test
		m, _, err := g.s.Submit(g.ctx(), by, submission(2), once)
		g.must(err)
		ids = []string{string(m.ID), m.Number}
		for _, d := range g.deliveries(m) {
			ids = append(ids, string(d.ID), d.NoticeCode)
		}
		return ids
	}
	once := func(key, seed string) delivery.Once {
		return delivery.Once{Key: key, Seed: seed, Digest: make([]byte, 32)}
	}
	a, b := newStaged(t, true), newStaged(t, true)
	first := ids(a, true, once("k", "s"))
	if again := ids(a, true, once("k", "s")); !slices.Equal(first, again) || a.count(`SELECT count(*) FROM message`) != 1 {
		t.Errorf("again %v, first %v", again, first)
	}
	for name, other := range map[string][]string{
		"another key": ids(a, true, once("k2", "s")), "another seed": ids(a, true, once("k3", "s2")), "no seed": ids(a, true, once("k4", "")),
		"no key": ids(a, true, once("", "s")), "live": ids(a, false, once("k5", "s")), "another account": ids(b, true, once("k", "s")),
	} {
		for _, x := range other {
			if slices.Contains(first, x) {
				t.Errorf("%s: %s again", name, x)
			}
		}
	}
	by := a.sender(a.account)
	by.Test = true
	var together sync.WaitGroup
	for range 6 {
		together.Go(func() {
			if _, _, err := a.s.Submit(a.ctx(), by, submission(1), once("race", "s")); err != nil {
				t.Error(err)
			}
		})
	}
	together.Wait()
	a.clean()
}
