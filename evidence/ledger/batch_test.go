package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ledger"
)

// signed is a history of n events, all of them signed.
func (r *rig) signed(n int) []evidence.Event {
	r.t.Helper()
	list := r.recorded(n)
	for _, e := range list {
		r.must(r.sign(e))
	}
	return list
}

// TestBatchLogs holds what the log has against the evidence, over more than one
// tile.
func TestBatchLogs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.signed(300)
	if n, err := r.Batch(t.Context()); n != 300 || err != nil {
		t.Fatalf("batch of %d, %v", n, err)
	}
	if n, err := r.Batch(t.Context()); n != 0 || err != nil {
		t.Fatalf("nothing waits: batch of %d, %v", n, err)
	}
	if r.sealer.stamps.Load() != 2 { // of the first event, and of the batch
		t.Errorf("%d time-stamps", r.sealer.stamps.Load())
	}
	size, faults, err := r.CheckLog(t.Context(), func(id, what string) { t.Error(id, what) })
	if size != 300 || faults != 0 || err != nil {
		t.Errorf("log of %d, %d faults, %v", size, faults, err)
	}
	if n := r.count(`SELECT octet_length(leaves) / 32 FROM evidence_batch`); n != 301 {
		t.Errorf("%d leaves, want 300 and the checkpoint", n)
	}
	if n := r.count(`SELECT count(DISTINCT of) FROM river_job, jsonb_array_elements(args -> 'others') AS of WHERE kind = 'evidence_finish'`); n != 300 {
		t.Errorf("jobs to finish %d pieces", n)
	}
	if n := r.count(`SELECT count(*) FROM river_job WHERE kind = 'evidence_finish'`); n != 19 {
		t.Errorf("%d jobs to finish, want 19 of at most 16", n)
	}
	if n := r.count(`SELECT count(*) FROM evidence e JOIN evidence_batch b ON b.id = e.batch_id
		WHERE substring(b.leaves FROM e.batch_pos * 32 + 1 FOR 32) = e.xml_sha256`); n != 300 {
		t.Errorf("%d pieces stand where they should", n)
	}
	// A log that was changed behind our back is found.
	r.exec(`ALTER TABLE log_tile DISABLE TRIGGER USER`)
	r.exec(`UPDATE log_tile SET hashes = overlay(hashes PLACING sha256('x') FROM 33 FOR 32) WHERE idx = 1`)
	var found []string
	if _, faults, err := r.CheckLog(t.Context(), func(id, _ string) { found = append(found, id) }); faults != 1 || len(found) != 1 || err != nil {
		t.Errorf("%d faults, %v, %v", faults, found, err)
	}
}

func TestBatchOneAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.signed(3)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := r.ledger(r.Pool, func(c *ledger.Config) { c.Stamper = waiting{asked, answer} })
	done := make(chan int)
	go func() {
		n, err := slow.Batch(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- n
	}()
	<-asked
	if n, err := r.Batch(t.Context()); n != 0 || err != nil {
		t.Errorf("a second process made a batch of %d, %v", n, err)
	}
	close(answer)
	if n := <-done; n != len(list) {
		t.Errorf("batch of %d", n)
	}
}

// waiting is an authority that takes its time.
type waiting struct{ asked, answer chan struct{} }

func (w waiting) Stamp(context.Context, []byte) ([]byte, error) {
	close(w.asked)
	<-w.answer
	return []byte("token"), nil
}

// TestBatchWhilePurged removes a piece while its batch is being stamped: nothing
// of the batch is stored, and the next one does without it.
func TestBatchWhilePurged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.signed(2)
	l := r.ledger(r.Pool, func(c *ledger.Config) {
		c.Stamper = stamperFunc(func() ([]byte, error) { r.purge(list[0]); return []byte("token"), nil })
	})
	if n, err := l.Batch(t.Context()); n != 0 || err == nil {
		t.Fatalf("batch of %d, %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM evidence_batch`) + r.count(`SELECT count(*) FROM log_tile`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n, err := r.Batch(t.Context()); n != 0 || err != nil {
		t.Errorf("batch of %d, %v", n, err)
	}
}

type stamperFunc func() ([]byte, error)

func (f stamperFunc) Stamp(context.Context, []byte) ([]byte, error) { return f() }

// observer is a witness.
type observer struct {
	name string
	err  error
	mu   sync.Mutex
	saw  []string
}

func (o *observer) Name() string { return o.name }

func (o *observer) Cosign(ctx context.Context, checkpoint []byte, size int64, prove func(context.Context, int64) ([]ledger.Hash, error)) (string, error) {
	proof, err := prove(ctx, 0)
	if err := errors.Join(err, o.err); err != nil {
		return "", err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.saw = append(o.saw, fmt.Sprintf("%s%d %d", checkpoint, size, len(proof)))
	return "— " + o.name + "\n", nil
}

func TestWitnesses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b, c := &observer{name: "a"}, &observer{name: "b", err: errDown}, &observer{name: "c"}
	l := r.ledger(r.Pool, func(cfg *ledger.Config) { cfg.Witnesses = []ledger.Witness{a, b, c} })
	e := r.signed(1)[0]
	if n, err := l.Batch(t.Context()); n != 1 || err != nil {
		t.Fatalf("batch of %d, %v", n, err)
	}
	note, err := l.Checkpoint(t.Context())
	if err != nil || string(note) != "size 1\n— a\n— c\n" {
		t.Errorf("checkpoint %q, %v", note, err)
	}
	if len(a.saw) != 1 || a.saw[0] != "size 1\n1 0" {
		t.Errorf("the witness saw %q", a.saw)
	}
	r.must(l.Finish(t.Context(), one(e.Delivery, 1)))
	if !strings.HasSuffix(string(r.sealer.made.Proof), "— c\n") {
		t.Errorf("proof %q", r.sealer.made.Proof)
	}
	// Whoever died between the batch and its witnesses left it to the next round.
	r.exec(`ALTER TABLE evidence_batch DISABLE TRIGGER USER`)
	r.exec(`UPDATE evidence_batch SET cosigned_at = NULL, cosignatures = ''`)
	if n, err := l.Batch(t.Context()); n != 0 || err != nil {
		t.Fatalf("batch of %d, %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM evidence_batch WHERE cosigned_at IS NULL OR cosignatures = ''`); n != 0 {
		t.Error("the witnesses were not asked again")
	}
}

func TestRenew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.signed(2)
	for i := range 2 { // two batches
		if i == 1 {
			late := r.recordedAfter(list[1])
			r.must(r.sign(late))
		}
		if _, err := r.Batch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := r.Renew(t.Context()); n != 0 || err != nil {
		t.Fatalf("renewed %d, %v: nothing ages", n, err)
	}
	r.now = r.now.AddDate(5, 0, 0)
	if n, err := r.Renew(t.Context()); n != 0 || err == nil {
		t.Errorf("renewed %d with a certificate that ends too soon", n)
	}
	r.records.lasts = 10 * 365 * 24 * time.Hour
	stamps := r.sealer.stamps.Load()
	if n, err := r.Renew(t.Context()); n != 2 || err != nil || r.sealer.stamps.Load() != stamps+1 {
		t.Fatalf("renewed %d with %d time-stamps, %v", n, r.sealer.stamps.Load()-stamps, err)
	}
	if n, err := r.Renew(t.Context()); n != 0 || err != nil {
		t.Errorf("renewed %d again, %v", n, err)
	}
	r.must(r.Finish(t.Context(), one(list[1].Delivery, 2)))
	doc, _, err := r.Get(t.Context(), account, "", list[1].ID, evidence.ERS)
	if want := fmt.Sprintf("record 1 token2 renewed 0 token%d", stamps+1); string(doc) != want || err != nil {
		t.Errorf("got %q, %v, want %q", doc, err, want)
	}
}

// recordedAfter is one more event of the delivery.
func (r *rig) recordedAfter(e evidence.Event) evidence.Event {
	r.t.Helper()
	body, err := e.Encode()
	r.must(err)
	late := chain(e.Seq + 1)[e.Seq]
	late.Prev = evidence.HashHex(body)
	r.must(r.record(late))
	return late
}

// completer is a validator that writes down what it got.
type completer struct {
	err   error
	asked int
	seen  []string
}

func (c *completer) Collect(_ context.Context, _ time.Time, docs iter.Seq2[evidence.Format, []byte]) ([]byte, error) {
	c.asked++
	for f, doc := range docs {
		c.seen = append(c.seen, fmt.Sprintf("%s %.6s", f, doc))
	}
	return []byte("validation"), c.err
}

func (c *completer) Extend(f evidence.Format, doc, body []byte) ([]byte, error) {
	return fmt.Appendf(bytes.Clone(doc), "<%s %s>", f, body), nil
}

func TestComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := &completer{}
	l := r.ledger(r.Pool, func(c *ledger.Config) { c.Validator = v })
	list := r.recorded(3)
	for _, e := range list {
		r.must(r.sign(e))
	}
	_, err := r.Batch(t.Context())
	r.must(err)
	for _, e := range list {
		if n, err := l.Complete(t.Context(), r.now); n != 0 || err != nil {
			t.Errorf("completed %d, %v: not all of it is sealed", n, err)
		}
		r.must(r.Finish(t.Context(), one(e.Delivery, e.Seq)))
	}
	if n, err := l.Complete(t.Context(), r.now.Add(-time.Second)); n != 0 || err != nil {
		t.Errorf("completed %d, %v: too early", n, err)
	}
	v.err = errDown
	if n, err := l.Complete(t.Context(), r.now); n != 0 || !errors.Is(err, errDown) {
		t.Errorf("completed %d, %v", n, err)
	}
	v.err = nil
	if n, err := l.Complete(t.Context(), r.now); n != 1 || err != nil {
		t.Errorf("completed %d, %v", n, err)
	}
	if n, err := l.Complete(t.Context(), r.now); n != 0 || err != nil || v.asked != 2 {
		t.Errorf("completed %d again, %v, asked %d times", n, err, v.asked)
	}
	if want := "xml <e:Evi,pdf %PDF <,xml <e:Evi,pdf %PDF <,ers record"; !strings.HasPrefix(strings.Join(v.seen, ","), want) {
		t.Errorf("asked about %q", v.seen)
	}
	issued, _, err := r.Get(t.Context(), account, "", list[0].ID, evidence.XML) // this one has no validator
	r.must(err)
	for _, c := range []struct {
		of   int
		f    evidence.Format
		want string
	}{{0, evidence.XML, "<xml validation>"}, {0, evidence.PDF, "<pdf validation>"}, {1, evidence.XML, "</e:Evidence>"},
		{1, evidence.PDF, "<pdf validation>"}, {1, evidence.ERS, "<ers validation>"}} {
		doc, _, err := l.Get(t.Context(), account, "", list[c.of].ID, c.f)
		if err != nil || !bytes.HasSuffix(doc, []byte(c.want)) {
			t.Errorf("%s of %d: %v, ends in %q", c.f, c.of, err, doc[max(0, len(doc)-20):])
		}
	}
	// A renewal is over the record with its validation data.
	r.now, r.records.lasts = r.now.AddDate(5, 0, 0), 10*365*24*time.Hour
	if n, err := l.Renew(t.Context()); n != 1 || err != nil {
		t.Fatalf("renewed %d, %v", n, err)
	}
	if doc, _, err := l.Get(t.Context(), account, "", list[1].ID, evidence.ERS); !strings.Contains(string(doc), "<ers validation> renewed") || err != nil {
		t.Errorf("got %q, %v", doc, err)
	}
	pieces, err := l.List(t.Context(), account, list[0].Delivery)
	if err != nil || !pieces[0].Complete || !pieces[1].Complete || pieces[0].XMLSHA256 != evidence.HashHex(issued) {
		t.Errorf("%+v, %v", pieces, err)
	}
}

// TestLogSchemaRefuses tries what the code never does, as the owner of the tables.
func TestLogSchemaRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(2)
	for _, e := range list {
		r.must(r.seal(e))
	}
	sum := sha256.Sum256([]byte("validation"))
	r.exec(`INSERT INTO evidence_validation VALUES ($1, now(), 'validation')`, sum[:])
	r.exec(`INSERT INTO evidence_renewal (made_at, leaves, token, renew_before) VALUES (now(), sha256('x'), 't', now())`)
	r.exec(`INSERT INTO evidence_batch_renewal SELECT 1, id, 0 FROM evidence_renewal`)
	const more = `INSERT INTO evidence_batch SELECT %s, closed_at, leaves, token, stamped_at, renew_before, %s, checkpoint FROM evidence_batch WHERE id = 1`
	for _, c := range []struct{ sql, want string }{
		{`UPDATE log_tile SET hashes = sha256('x')`, "log_tile_only_grows"},
		{`UPDATE log_tile SET idx = idx + 1`, "log_tile_only_grows"},
		{`DELETE FROM log_tile`, "log_tile_only_grows"},
		{`TRUNCATE log_tile`, "log_tile_only_grows"},
		{`INSERT INTO log_tile VALUES (0, 9, 'x')`, "log_tile_size"},
		{`INSERT INTO log_tile VALUES (8, 0, sha256('x'))`, "log_tile_place"},
		{fmt.Sprintf(more, "9", "99"), "evidence_batch_follows"},
		{fmt.Sprintf(more, "3", "4"), "evidence_batch_follows"},
		{`UPDATE evidence_batch SET token = 'x'`, "evidence_batch_follows"},
		{`UPDATE evidence_batch SET cosignatures = 'x'`, "evidence_batch_follows"},
		{`DELETE FROM evidence_batch`, "evidence_batch_follows"},
		{`UPDATE evidence_renewal SET token = 'x'`, "written_once"},
		{`DELETE FROM evidence_batch_renewal`, "written_once"},
		{`UPDATE evidence_validation SET body = 'x'`, "written_once"},
		{`INSERT INTO evidence_validation VALUES (sha256('y'), now(), 'z')`, "evidence_validation_id_is_of_body"},
		{`UPDATE evidence SET xml = 'x', xml_sha256 = sha256('x')`, "evidence_written_once"},
		{`UPDATE evidence SET pdf = 'x', pdf_sha256 = sha256('x')`, "evidence_written_once"},
		{`UPDATE evidence SET batch_pos = 7`, "evidence_written_once"},
		{`UPDATE evidence SET log_index = 7`, "evidence_written_once"},
		{`UPDATE evidence SET own_stamp = NOT own_stamp`, "evidence_written_once"},
		{`UPDATE evidence SET stamped_at = now()`, "evidence_written_once"},
		{`UPDATE evidence SET sealed_at = now()`, "evidence_written_once"},
		{`UPDATE evidence SET signed_xml = 'x'`, "evidence_written_once"},
	} {
		_, err := r.Pool.Exec(t.Context(), c.sql)
		if constraint(t, err, c.want); t.Failed() {
			t.Fatal(c.sql)
		}
	}
	// A new piece cannot skip a step.
	r.recordedAfter(list[1])
	r.exec(`INSERT INTO evidence (id, delivery_id, seq, account_id, nonce, prepared_xml, prepared_at)
		SELECT id, delivery_id, seq, account_id, sha256('n'), 'p', now() FROM erds_event WHERE seq = 3`)
	for _, c := range []struct{ sql, want string }{
		{`UPDATE evidence SET signed_xml = 'x' WHERE seq = 3`, ""},
		{`UPDATE evidence SET batch_id = 1, batch_pos = 0, log_index = 0 WHERE seq = 3`, "evidence_in_order"},
		{`UPDATE evidence SET signed_xml = NULL WHERE seq = 3`, "evidence_written_once"},
		{`UPDATE evidence SET xml = 'x', xml_sha256 = sha256('x') WHERE seq = 3`, "evidence_in_order"},
		{`UPDATE evidence SET xml = 'x', xml_sha256 = sha256('x'), stamped_at = now(), signed_xml = NULL WHERE seq = 3`, ""},
		{`UPDATE evidence SET pdf = 'p', pdf_sha256 = sha256('p'), sealed_at = now() WHERE seq = 3`, "evidence_sealed_is_logged"},
	} {
		_, err := r.Pool.Exec(t.Context(), c.sql)
		if c.want == "" {
			r.must(err)
			continue
		}
		if constraint(t, err, c.want); t.Failed() {
			t.Fatal(c.sql)
		}
	}
}
