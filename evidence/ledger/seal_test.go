package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
)

var errDown = errors.New("time-stamp authority is down")

func TestSeal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(2)
	e := list[1]
	if _, _, err := r.Get(t.Context(), account, "", e.ID, evidence.XML); !errors.Is(err, evidence.ErrPending) {
		t.Errorf("before: got %v, want ErrPending", err)
	}
	if err := r.Each(t.Context(), e.Delivery, func(ledger.Document) error { return nil }); !errors.Is(err, evidence.ErrPending) {
		t.Errorf("each before: got %v, want ErrPending", err)
	}
	r.must(r.Seal(t.Context(), one(e.Delivery, 1)))
	r.must(r.Seal(t.Context(), one(e.Delivery, 2)))
	if n, err := r.Batch(t.Context()); n != 2 || err != nil {
		t.Fatalf("batch of %d, %v", n, err)
	}
	if _, _, err := r.Get(t.Context(), account, "", e.ID, evidence.XML); !errors.Is(err, evidence.ErrPending) {
		t.Errorf("without a PDF: got %v, want ErrPending", err)
	}
	r.must(r.Finish(t.Context(), one(e.Delivery, 1)))
	r.must(r.Finish(t.Context(), one(e.Delivery, 2)))
	xml, p, err := r.Get(t.Context(), account, "", e.ID, evidence.XML)
	if err != nil || !bytes.Equal(xml, r.sealer.seen[1]) || p.Seq != 2 || p.Event != e.Name || !p.At.Equal(e.At) {
		t.Errorf("got %d octets of XML, %+v, %v", len(xml), p, err)
	}
	pdf, _, err := r.Get(t.Context(), "", e.Delivery, e.ID, evidence.PDF)
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF ")) {
		t.Errorf("PDF for the recipient: %d octets, %v", len(pdf), err)
	}
	pieces, err := r.List(t.Context(), account, e.Delivery)
	if err != nil || len(pieces) != 2 || pieces[1].XMLSHA256 != evidence.HashHex(xml) || pieces[1].PDFSHA256 != evidence.HashHex(pdf) ||
		!pieces[0].StampedAt.Equal(evidencetest.At().Add(time.Second)) || !pieces[1].StampedAt.Equal(evidencetest.At().Add(2*time.Second)) ||
		!pieces[1].SealedAt.Equal(r.now) || !pieces[0].OwnStamp || pieces[1].OwnStamp || !pieces[1].Logged || pieces[1].LogIndex != 1 {
		t.Errorf("list: %+v, %v", pieces, err)
	}
	for _, c := range []struct {
		id   string
		f    evidence.Format
		want string
	}{{e.ID, evidence.ERS, "record 1 token2"}, {e.ID, evidence.TLogProof, "1 in size 2\n"}, {list[0].ID, evidence.TLogProof, "0 in size 2\n"}} {
		if doc, _, err := r.Get(t.Context(), account, "", c.id, c.f); string(doc) != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.f, doc, err, c.want)
		}
	}
	if _, _, err := r.Get(t.Context(), account, "", list[0].ID, evidence.ERS); !errors.Is(err, evidence.ErrNoEvidence) {
		t.Errorf("record of evidence with its own time-stamp: %v", err)
	}
	if a := r.sealer.made; a.Own || string(a.Record) != "record 1 token2" || string(a.Proof) != "1 in size 2\n" || !bytes.Equal(a.XML, xml) {
		t.Errorf("the PDF was made of %+v", a)
	}
	var seqs []int
	r.must(r.Each(t.Context(), e.Delivery, func(d ledger.Document) error { seqs = append(seqs, d.Seq); return nil }))
	if len(seqs) != 2 || seqs[0] != 1 || seqs[1] != 2 {
		t.Errorf("each gave %v", seqs)
	}
	r.must(r.seal(e))
	if len(r.sealer.seen) != 2 {
		t.Error("what was sealed was sealed again")
	}
}

func TestGetRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	e := r.recorded(1)[0]
	r.must(r.seal(e))
	for _, c := range []struct{ account, delivery, id string }{
		{other, "", e.ID}, {"", "", e.ID}, {"", evidence.NewID(), e.ID}, {other, evidence.NewID(), e.ID}, {account, e.Delivery, evidence.NewID()},
	} {
		if doc, _, err := r.Get(t.Context(), c.account, c.delivery, c.id, evidence.XML); !errors.Is(err, evidence.ErrNoEvidence) || doc != nil {
			t.Errorf("%+v: got %d octets, %v", c, len(doc), err)
		}
	}
	if _, err := r.List(t.Context(), other, e.Delivery); !errors.Is(err, evidence.ErrNoEvidence) {
		t.Errorf("list for another account: %v", err)
	}
	if err := r.Each(t.Context(), evidence.NewID(), func(ledger.Document) error { return nil }); !errors.Is(err, evidence.ErrNoEvidence) {
		t.Errorf("each of nothing: %v", err)
	}
	if err := r.Each(t.Context(), e.Delivery, func(ledger.Document) error { return errDown }); !errors.Is(err, errDown) {
		t.Errorf("each passes on %v", err)
	}
}

// TestSealRetrySignsTheSame dies between preparing and storing, at every point.
func TestSealRetrySignsTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	e := r.recorded(1)[0]
	r.sealer.before = func(n int) error {
		if n == 1 {
			return errDown
		}
		return nil
	}
	if err := r.seal(e); !errors.Is(err, errDown) {
		t.Fatalf("got %v", err)
	}
	if n := r.count(`SELECT count(*) FROM evidence WHERE sealed_at IS NULL`); n != 1 {
		t.Fatalf("%d prepared documents are stored", n)
	}
	// The authority is down: the signature is kept, and none is made again.
	r.sealer.down.Store(true)
	for range 3 {
		if err := r.sign(e); !errors.Is(err, errDown) {
			t.Fatalf("got %v", err)
		}
	}
	list, err := r.List(t.Context(), account, e.Delivery)
	if err != nil || list[0].State != evidence.PendingStamp || len(r.sealer.seen) != 2 {
		t.Fatalf("%+v, %v, signed %d times", list, err, len(r.sealer.seen))
	}
	if n, since, err := r.Waiting(t.Context()); n != 1 || !since.Equal(r.now) || err != nil {
		t.Errorf("%d wait since %s, %v", n, since, err)
	}
	if n, err := r.Batch(t.Context()); n != 0 || err != nil {
		t.Errorf("a batch of %d, %v: it has no time-stamp yet", n, err)
	}
	r.sealer.down.Store(false)
	// Stamped, and the process dies before the transaction commits.
	r.noCommit(true)
	if err := r.sign(e); err == nil {
		t.Fatal("stored although nothing can be")
	}
	r.noCommit(false)
	if n := r.count(`SELECT count(*) FROM evidence WHERE xml IS NOT NULL`); n != 0 {
		t.Fatal("stored although the transaction failed")
	}
	r.must(r.sign(e))
	// No batch without a time-stamp either; and the PDF is made again.
	r.sealer.down.Store(true)
	if n, err := r.Batch(t.Context()); n != 0 || !errors.Is(err, errDown) {
		t.Fatalf("batch of %d, %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM log_tile`); n != 0 {
		t.Fatal("the log grew without a time-stamp")
	}
	r.sealer.down.Store(false)
	if _, err := r.Batch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.noCommit(true)
	if err := r.Finish(t.Context(), one(e.Delivery, 1)); err == nil {
		t.Fatal("stored although nothing can be")
	}
	r.noCommit(false)
	r.must(r.Finish(t.Context(), one(e.Delivery, 1)))
	r.must(r.Finish(t.Context(), one(e.Delivery, 1)))
	if !bytes.Equal(r.sealer.seen[1], r.sealer.seen[0]) || len(r.sealer.seen) != 2 || r.sealer.pdfs.Load() != 2 {
		t.Errorf("signed %d times, %d PDFs", len(r.sealer.seen), r.sealer.pdfs.Load())
	}
}

func TestSealTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	e := r.recorded(1)[0]
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if err := r.seal(e); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	r.must(r.seal(e)) // another one's batch may have been open
	if n := r.count(`SELECT count(*) FROM evidence_batch`); n != 1 {
		t.Errorf("%d batches", n)
	}
	for _, xml := range r.sealer.seen {
		if !bytes.Equal(xml, r.sealer.seen[0]) {
			t.Error("two workers signed different bytes")
		}
	}
	if n := r.count(`SELECT count(*) FROM evidence WHERE sealed_at IS NOT NULL`); n != 1 {
		t.Errorf("%d sealed documents", n)
	}
}

func TestSealStoresNothingDoubtful(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	e := r.recorded(1)[0]
	r.sealer.change = func(b []byte) []byte { return bytes.Replace(b, []byte("Peeters"), []byte("Pieters"), 1) }
	if err := r.seal(e); !errors.Is(err, evidence.ErrSelfCheck) {
		t.Errorf("other XML: got %v, want ErrSelfCheck", err)
	}
	r.sealer.change = nil
	// The bytes were prepared for another issuer: they are not signed any more.
	moved := r.ledger(r.Pool, func(c *ledger.Config) { c.Issuer.Name = "Another NV" })
	if err := moved.Seal(t.Context(), one(e.Delivery, 1)); !errors.Is(err, evidence.ErrPrepared) {
		t.Errorf("other issuer: got %v, want ErrPrepared", err)
	}
	if n := r.count(`SELECT count(*) FROM evidence WHERE signed_xml IS NOT NULL OR xml IS NOT NULL`); n != 0 {
		t.Error("stored")
	}
}

func TestSealWhilePurged(t *testing.T) {
	t.Parallel()
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		e := r.recorded(1)[0]
		r.purge(e)
		r.must(r.seal(e))
	})
	t.Run("between preparing and storing", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		e := r.recorded(1)[0]
		r.sealer.before = func(int) error { r.purge(e); return nil }
		r.must(r.seal(e))
		if n := r.count(`SELECT count(*) FROM evidence`); n != 0 {
			t.Errorf("%d documents came back", n)
		}
	})
	t.Run("between reading and preparing", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		e := r.recorded(1)[0]
		l := r.ledger(r.Pool, func(c *ledger.Config) { c.Now = sync.OnceValue(func() time.Time { r.purge(e); return r.now }) })
		r.must(l.Seal(t.Context(), one(e.Delivery, 1)))
		if n := r.count(`SELECT count(*) FROM evidence`); n != 0 || len(r.sealer.seen) != 0 {
			t.Errorf("%d documents, sealed %d times", n, len(r.sealer.seen))
		}
	})
}

// TestRetry holds that a job outlasts an outage of two weeks.
func TestRetry(t *testing.T) {
	t.Parallel()
	begin := evidencetest.At()
	at, last := begin, time.Duration(0)
	for n := 1; n < (ledger.SealArgs{}).InsertOpts().MaxAttempts; n++ {
		next := ledger.SealWorker{}.NextRetry(&river.Job[ledger.SealArgs]{JobRow: &rivertype.JobRow{Attempt: n, AttemptedAt: &at}})
		if wait := next.Sub(at); wait < last || wait > 30*time.Minute {
			t.Fatalf("try %d after %s, the one before after %s", n+1, wait, last)
		} else {
			last, at = wait, next
		}
	}
	if d := at.Sub(begin); d < 14*24*time.Hour {
		t.Errorf("a job gives up after %s", d)
	}
}

func TestRequeue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := chain(4)
	for _, e := range list { // each with a job of its own
		r.must(r.record(e))
	}
	jobs := func() int {
		return r.count(`SELECT count(*) FROM river_job WHERE kind = 'evidence_seal' AND state = 'available'`)
	}
	again := func(l *ledger.Ledger, want int) {
		t.Helper()
		if n, err := l.Requeue(t.Context()); n != want || err != nil {
			t.Errorf("requeued %d (%v), want %d", n, err, want)
		}
	}
	again(r.Ledger, 0) // every event has its job
	r.must(r.seal(list[0]))
	r.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE args ->> 'seq' IN ('1', '2')`)
	r.exec(`UPDATE river_job SET state = 'retryable' WHERE args ->> 'seq' = '3'`)
	r.exec(`DELETE FROM river_job WHERE args ->> 'seq' = '4'`)
	again(r.Ledger, 2) // 2 gave up, 4 is lost
	if n := jobs(); n != 1 {
		t.Errorf("%d jobs are there, want 1 for both", n)
	}
	again(r.Ledger, 0)
	for _, e := range list {
		r.must(r.seal(e))
	}
	r.exec(`DELETE FROM river_job`)
	again(r.Ledger, 0)
	// A process that has seen everything sealed still finds what comes later.
	r.now = time.Now().Add(2 * time.Hour)
	again(r.Ledger, 0)
	late := chain(5)[4]
	body, err := list[3].Encode()
	r.must(err)
	late.Prev = evidence.HashHex(body)
	r.must(r.record(late))
	r.exec(`DELETE FROM river_job`)
	again(r.Ledger, 1)
	again(r.ledger(r.Pool), 0)
}

// TestRequeueSeesOneMoment: what is sealed while Requeue looks is not lost.
func TestRequeueSeesOneMoment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := chain(2)
	for _, e := range list {
		r.must(r.record(e))
	}
	cfg := r.Pool.Config()
	meanwhile := &beforeJobs{do: func() {
		r.must(r.seal(list[0]))
		r.exec(`UPDATE river_job SET state = 'completed', finalized_at = now() WHERE args ->> 'seq' = '1'`)
	}}
	cfg.ConnConfig.Tracer = meanwhile
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	r.must(err)
	defer pool.Close()
	if n, err := r.ledger(pool).Requeue(t.Context()); n != 0 || err != nil || !meanwhile.done {
		t.Errorf("requeued %d (%v), want 0; sealed meanwhile: %t", n, err, meanwhile.done)
	}
}

// beforeJobs does something once, just before jobs are read.
type beforeJobs struct {
	do   func()
	done bool
}

// TraceQueryStart implements pgx.QueryTracer.
func (b *beforeJobs) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	if !b.done && strings.Contains(d.SQL, "FROM river_job") {
		b.done = true
		b.do()
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*beforeJobs) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestFsck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(3)
	r.must(r.seal(list[0]))
	r.must(r.seal(list[1]))
	bad := ""
	check := func(d ledger.Document) error {
		if d.ID == bad {
			return errDown
		}
		return nil
	}
	var told []string
	for _, want := range []struct {
		bad    string
		faults int
	}{{"", 0}, {list[1].ID, 1}} {
		bad, told = want.bad, nil
		sealed, pending, faults, err := r.Fsck(t.Context(), check, func(id, _ string) { told = append(told, id) })
		if err != nil || sealed != 2 || pending != 1 || faults != want.faults || len(told) != want.faults {
			t.Errorf("bad %q: %d sealed, %d pending, %d faults, %v", bad, sealed, pending, faults, err)
		}
	}
}
