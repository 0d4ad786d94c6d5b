package delivery_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// held lets the first transaction wait before its jobs, and so everybody who
// comes after it.
type held struct {
	delivery.Outbox
	n    atomic.Int32
	hold chan struct{}
}

func (h *held) InsertManyTx(ctx context.Context, tx pgx.Tx, p []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	if h.n.Add(1) == 1 {
		<-h.hold
	}
	return h.Outbox.InsertManyTx(ctx, tx, p)
}

// panicky panics at a subject.
type panicky struct{ delivery.Journal }

func (p panicky) Queue(ctx context.Context, b *pgx.Batch, list ...evidence.Event) ([][32]byte, []river.InsertManyParams, error) {
	for _, e := range list {
		if e.Subject == "panic" {
			panic("content")
		}
	}
	return p.Journal.Queue(ctx, b, list...)
}

// gathering is a service of which all writers are held.
type gathering struct {
	*rig
	*delivery.Service
	outbox *held
	all    []*attempt
}

// attempt is one submission under way.
type attempt struct {
	m        delivery.Message
	list     []delivery.Delivery
	replayed bool
	err      error
	panicked any
	done     chan struct{}
}

func (r *rig) gathering(change ...func(*delivery.Config)) *gathering {
	r.t.Helper()
	g := &gathering{rig: r}
	g.Service = r.service(func(c *delivery.Config) {
		g.outbox = &held{Outbox: c.Outbox, hold: make(chan struct{})}
		c.Outbox = g.outbox
		c.Journal = panicky{c.Journal}
		for _, f := range change {
			f(c)
		}
	})
	return g
}

func (g *gathering) start(ctx context.Context, by delivery.Submitter, s delivery.Submission, o delivery.Once) *attempt {
	a := &attempt{done: make(chan struct{})}
	g.all = append(g.all, a)
	go func() {
		defer close(a.done)
		defer func() { a.panicked = recover() }()
		a.m, a.list, a.replayed, a.err = g.SubmitAll(ctx, by, s, o)
	}()
	return a
}

// block keeps the writer busy: what is added then waits for them.
func (g *gathering) block() {
	g.t.Helper()
	g.start(g.ctx(), g.sender(g.account), submission(1), delivery.Once{})
	g.until(func() bool { return g.outbox.n.Load() == 1 })
}

func (g *gathering) add(s delivery.Submission, o delivery.Once) *attempt {
	g.t.Helper()
	return g.addBy(g.sender(g.account), s, o)
}

func (g *gathering) addBy(by delivery.Submitter, s delivery.Submission, o delivery.Once) *attempt {
	g.t.Helper()
	before := g.Waiting()
	a := g.start(g.ctx(), by, s, o)
	g.until(func() bool { return g.Waiting() > before })
	return a
}

func (g *gathering) until(ok func() bool) {
	g.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			close(g.outbox.hold)
			g.t.Fatal("it does not come to that")
		}
	}
}

// release lets the writer end, and waits for all that were written after it.
func (g *gathering) release() {
	g.t.Helper()
	close(g.outbox.hold)
	for _, a := range g.all {
		<-a.done
	}
}

func named(subject string) func(*delivery.Submission) {
	return func(s *delivery.Submission) { s.Subject = subject }
}

func withDocuments(ids ...string) func(*delivery.Submission) {
	return func(s *delivery.Submission) { s.Documents = ids }
}

// transactions is how many transactions wrote the messages of whom.
func (g *gathering) transactions(list ...*attempt) int {
	g.t.Helper()
	var ids []string
	for _, a := range list {
		ids = append(ids, string(a.m.ID))
	}
	return g.count(`SELECT count(DISTINCT xmin::text) FROM message WHERE id = ANY ($1::uuid[])`, ids)
}
