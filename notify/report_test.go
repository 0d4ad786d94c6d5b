package notify_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
)

// listener keeps what it is told, and can fail.
type listener struct {
	failures atomic.Int32
	mu       sync.Mutex
	heard    []notify.Report
}

func (l *listener) NoticeReported(_ context.Context, _ pgx.Tx, _ notify.Notice, r notify.Report) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures.Add(-1) >= 0 {
		return errSink
	}
	l.heard = append(l.heard, r)
	return nil
}

func (l *listener) reports() []notify.Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]notify.Report(nil), l.heard...)
}

// mark seals by turning every octet, so that a test sees whether it was used.
type mark struct{}

func (mark) Seal(plain, ad []byte) ([]byte, error) {
	if len(ad) == 0 {
		return nil, errors.New("sealed for nothing in particular")
	}
	out := make([]byte, len(plain))
	for i, c := range plain {
		out[i] = ^c
	}
	return out, nil
}

// desk takes reports about the notices of a rig.
type desk struct {
	*rig
	*listener
	service      *notify.Service
	suppressions *notify.Suppressions
}

func newDesk(t *testing.T, r *rig) *desk {
	t.Helper()
	d := &desk{rig: r, listener: &listener{}}
	var err error
	d.suppressions, err = notify.NewSuppressions(notify.SuppressionsConfig{Pool: r.pool, Key: bytes.Repeat([]byte{7}, 32),
		Now: func() time.Time { return r.clock.now("") }})
	if err != nil {
		t.Fatal(err)
	}
	d.service, err = notify.New(notify.Config{Now: r.clock.now, Pool: r.pool, Sealer: mark{}, Suppressions: d.suppressions})
	if err != nil {
		t.Fatal(err)
	}
	d.service.UseListener(d.listener)
	return d
}

// report is a mailbox delivery of the first attempt unless changed.
func report(n notify.Notice, change ...func(*notify.Report)) notify.Report {
	r := notify.Report{Source: "dsn", ID: uuid.NewString(), Notice: n.ID, Attempt: 1, Fact: notify.Delivered, Rung: notify.RungMailbox,
		Status: "2.0.0", Reply: "smtp; 250 ok", Remote: "mx.example", Digest: strings.Repeat("d", 64), Raw: []byte("the report")}
	for _, c := range change {
		c(&r)
	}
	return r
}

func failed(c notify.Cause) func(*notify.Report) {
	return func(r *notify.Report) {
		r.Fact, r.Rung, r.Cause, r.Status = notify.Failed, notify.RungAccepted, c, "5.1.1"
	}
}

func relayed(r *notify.Report) { r.Fact, r.Rung = notify.Relayed, notify.RungFarSide }

func (d *desk) report(want error, r notify.Report) {
	d.t.Helper()
	if err := d.service.Report(context.Background(), r); !errors.Is(err, want) {
		d.t.Errorf("%s: %v, want %v", r.Fact, err, want)
	}
}

func (d *desk) stored(n notify.Notice) (count int) {
	d.t.Helper()
	if err := d.pool.QueryRow(context.Background(), `SELECT count(*) FROM notify_report WHERE notice_id = $1`, n.ID).Scan(&count); err != nil {
		d.t.Fatal(err)
	}
	return count
}

// sentOnce is a desk and a notice that was sent.
func sentOnce(t *testing.T, change ...func(*notify.Notice)) (*desk, notify.Notice) {
	t.Helper()
	r := newRig(t, byMail(&scripted{results: []notify.Result{{Outcome: notify.Sent, Reply: "250 ok"}}}))
	n := r.notice("an@example.be", change...)
	r.enqueue(n)
	r.closed(n.ID)
	return newDesk(t, r), n
}

func TestReport(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	first := report(n, func(r *notify.Report) { r.Reply = "250 \x00\x1b[31mok\u202e" + strings.Repeat("x", 600) })
	d.report(nil, first)
	d.report(nil, first)                     // once more
	d.report(nil, report(n))                 // says the same
	d.report(nil, report(n, relayed))        // less, but another rung
	d.report(nil, report(n, failed("full"))) // and the contrary
	heard := d.reports()
	if len(heard) != 4 || d.stored(n) != 4 {
		t.Fatalf("heard %d, stored %d", len(heard), d.stored(n))
	}
	for i, want := range []bool{true, false, true, true} {
		if heard[i].First != want || !heard[i].Final || heard[i].OccurredAt.IsZero() {
			t.Errorf("report %d: %+v", i, heard[i])
		}
	}
	if r := heard[0].Reply; len(r) > 500 || strings.ContainsAny(r, "\x00\x1b") || strings.Contains(r, "\u202e") {
		t.Errorf("reply %q", r)
	}
	var raw []byte
	if err := d.pool.QueryRow(context.Background(), `SELECT raw FROM notify_report WHERE id = $1`, first.ID).Scan(&raw); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("report")) || len(raw) != len("the report") {
		t.Errorf("kept as %q", raw)
	}
	told, err := d.service.History(context.Background(), d.pool, n.Delivery)
	if err != nil || len(told) != 1 || len(told[0].Reports) != 4 || told[0].Reports[0].Fact != notify.Delivered {
		t.Errorf("history %+v (%v)", told, err)
	}
}

func TestReportRefused(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	d.report(nil, report(n, func(r *notify.Report) { r.ID = "taken" }))
	cases := map[string]struct {
		want   error
		change func(*notify.Report)
	}{
		"of nobody":               {notify.ErrInvalid, func(r *notify.Report) { r.Source = "" }},
		"of a strange name":       {notify.ErrInvalid, func(r *notify.Report) { r.Source = "DSN'" }},
		"without id":              {notify.ErrInvalid, func(r *notify.Report) { r.ID = "" }},
		"with a long id":          {notify.ErrInvalid, func(r *notify.Report) { r.ID = strings.Repeat("i", 201) }},
		"with control characters": {notify.ErrInvalid, func(r *notify.Report) { r.ID = "a\nb" }},
		"without fact":            {notify.ErrInvalid, func(r *notify.Report) { r.Fact = "" }},
		"of an unknown fact":      {notify.ErrInvalid, func(r *notify.Report) { r.Fact = "read" }},
		"of awareness":            {notify.ErrInvalid, func(r *notify.Report) { r.Rung = notify.RungRecipient }},
		"of relay on no rung":     {notify.ErrInvalid, func(r *notify.Report) { r.Fact, r.Rung = notify.Relayed, notify.RungAccepted }},
		"of failure for nothing":  {notify.ErrInvalid, failed("")},
		"of success for a cause":  {notify.ErrInvalid, func(r *notify.Report) { r.Cause = notify.CauseFull }},
		"for a strange cause":     {notify.ErrInvalid, failed("because")},
		"of a negative attempt":   {notify.ErrInvalid, func(r *notify.Report) { r.Attempt = -1 }},
		"with half a digest":      {notify.ErrInvalid, func(r *notify.Report) { r.Digest = "ab" }},
		"about no notice":         {notify.ErrInvalid, func(r *notify.Report) { r.Notice = "1" }},
		"about another notice":    {notify.ErrUnknownNotice, func(r *notify.Report) { r.Notice = uuid.NewString() }},
		"about a later attempt":   {notify.ErrUnknownNotice, func(r *notify.Report) { r.Attempt = 2 }},
		"about somebody else":     {notify.ErrOtherRecipient, func(r *notify.Report) { r.Recipients = []string{"eve@example.be"} }},
		"under another's id":      {notify.ErrInvalid, func(r *notify.Report) { r.ID, r.Digest = "taken", strings.Repeat("e", 64) }},
		"of the contrary, same id": {notify.ErrInvalid, func(r *notify.Report) {
			failed("address")(r)
			r.ID = "taken"
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d.report(c.want, report(n, c.change))
		})
	}
	if d.stored(n) != 1 || len(d.reports()) != 1 {
		t.Errorf("stored %d, heard %d", d.stored(n), len(d.reports()))
	}
	for _, to := range []string{"an@example.be", " AN@EXAMPLE.be"} {
		d.report(nil, report(n, func(r *notify.Report) { r.Recipients = []string{"forward@elsewhere.example", to} }))
	}
	for i := d.stored(n); i < 100; i++ {
		d.report(nil, report(n, func(r *notify.Report) { r.ID = strconv.Itoa(i) }))
	}
	d.report(notify.ErrInvalid, report(n)) // somebody fills the table
}

// Nothing is told of a report that could not be stored, and nothing stored of one
// that could not be told.
func TestReportAllOrNothing(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	d.failures.Store(1)
	r := report(n, failed(notify.CauseAddress))
	d.report(errSink, r)
	if found, err := d.suppressions.List(context.Background(), 10); d.stored(n) != 0 || len(found) != 0 || err != nil {
		t.Errorf("left: %d reports, %v (%v)", d.stored(n), found, err)
	}
	d.report(nil, r)
	if d.stored(n) != 1 || len(d.reports()) != 1 {
		t.Errorf("stored %d, heard %d", d.stored(n), len(d.reports()))
	}
}

// Many copies of a report at once count once.
func TestReportRace(t *testing.T) {
	t.Parallel()
	d, n := sentOnce(t)
	r := report(n)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { d.report(nil, r) })
	}
	all.Wait()
	if d.stored(n) != 1 || len(d.reports()) != 1 {
		t.Errorf("stored %d, heard %d", d.stored(n), len(d.reports()))
	}
}

func TestReportOfAttempts(t *testing.T) {
	t.Parallel()
	tries := &scripted{results: []notify.Result{{Outcome: notify.Temporary, Reply: "451 later"},
		{Outcome: notify.Technical, InDoubt: true}, {Outcome: notify.Sent, Reply: "250 ok"}}}
	r := newRig(t, byMail(tries))
	d, n := newDesk(t, r), r.notice("an@example.be")
	d.report(notify.ErrUnknownNotice, report(n)) // a return path made for what was never sent
	r.enqueue(n)
	for i := range 3 {
		r.told(n.ID, i+1)
		r.idle()
		d.report(notify.ErrUnknownNotice, report(n, failed(notify.CauseOther))) // attempt 1 was refused: nothing of it can come back
		if i == 1 {
			d.report(nil, report(n, failed(notify.CauseOther), func(r *notify.Report) { r.Attempt = 2 }))
		}
		r.pass(24 * time.Hour)
	}
	d.report(nil, report(n, failed(notify.CauseOther), func(r *notify.Report) { r.Attempt = 0 }))
	heard := d.reports()
	if len(heard) != 2 || heard[0].Final || heard[0].Attempt != 2 || !heard[1].Final || heard[1].Attempt != 3 || !heard[1].First {
		t.Errorf("%+v", heard)
	}
}

// A report of the far side ends the doubt about an attempt: the notice is not
// sent once more. A failure does not.
func TestReportEndsDoubt(t *testing.T) {
	t.Parallel()
	tries := &scripted{results: []notify.Result{{Outcome: notify.Technical, InDoubt: true}}}
	r := newRig(t, byMail(tries))
	d, n := newDesk(t, r), r.notice("an@example.be")
	r.enqueue(n)
	r.told(n.ID, 1)
	r.idle()
	d.report(nil, report(n, failed(notify.CauseOther)))
	d.report(nil, report(n, func(r *notify.Report) { r.Fact, r.Rung = notify.Delayed, notify.RungAccepted }))
	if heard := d.reports(); heard[0].Ended || heard[1].Ended || heard[0].Final {
		t.Errorf("%+v", heard)
	}
	d.report(nil, report(n, relayed))
	d.report(nil, report(n))
	if heard := d.reports(); !heard[2].Ended || !heard[2].Final || heard[3].Ended || !heard[3].Final {
		t.Errorf("%+v", heard)
	}
	if outcome := r.closed(n.ID); outcome != string(notify.Sent) {
		t.Errorf("closed as %s", outcome)
	}
	r.pass(24 * time.Hour)
	r.idle()
	if sent := len(tries.messages()); sent != 1 {
		t.Errorf("sent %d times", sent)
	}
}

// overtaken lets a report come before the reply to its attempt.
type overtaken struct{ report func(notify.Notice) }

func (o *overtaken) Deliver(_ context.Context, m notify.Message) (notify.Result, string) {
	o.report(m.Notice)
	return notify.Result{Outcome: notify.Sent, Reply: "250 ok"}, ""
}

// A report that overtakes the reply to its attempt waits: a channel that failed
// must not become one that was sent.
func TestReportEarly(t *testing.T) {
	t.Parallel()
	early := &overtaken{}
	r := newRig(t, byMail(early))
	d, n := newDesk(t, r), r.notice("an@example.be")
	early.report = func(n notify.Notice) { d.report(notify.ErrEarly, report(n, failed(notify.CauseAddress))) }
	r.enqueue(n)
	r.closed(n.ID)
	if d.stored(n) != 0 || len(d.reports()) != 0 {
		t.Error("stored")
	}
	d.report(nil, report(n, failed(notify.CauseAddress)))
}
