package ledger_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ledger"
)

// readLog proves an entry by what its tile holds, and counts who asks.
type readLog struct {
	plainLog
	asked func()
}

func (l readLog) Prove(ctx context.Context, t ledger.Tiles, _, index int64, _ []byte) ([]byte, error) {
	l.asked()
	hashes, err := t.Tile(ctx, -1, index/256)
	if at := int(index % 256 * 32); err == nil && len(hashes) >= at+32 {
		return hashes[at : at+32], nil
	}
	return nil, errors.Join(err, fmt.Errorf("entry %d is not in its tile of %d octets", index, len(hashes)))
}

// TestBesideOfManyBatches holds that what is remembered of a batch serves that
// batch only: each makes the last tile longer, and there are more of them than
// are remembered.
func TestBesideOfManyBatches(t *testing.T) {
	t.Parallel()
	asked := 0
	r := newRig(t, func(c *ledger.Config) { c.Log = readLog{asked: func() { asked++ }} })
	list := r.recorded(12)
	for _, e := range list {
		r.must(r.seal(e))
	}
	for range 2 {
		for _, e := range list {
			proof, _, err := r.Get(t.Context(), account, "", e.ID, evidence.TLogProof)
			r.must(err)
			var prepared []byte
			r.must(r.Pool.QueryRow(t.Context(), `SELECT prepared_xml FROM evidence WHERE id = $1`, e.ID).Scan(&prepared))
			if want := sha256.Sum256(prepared); string(proof) != string(want[:]) {
				t.Errorf("event %d: the proof is of another entry", e.Seq)
			}
		}
	}
	if asked != 36 {
		t.Errorf("%d proofs, want 36", asked)
	}
}

// TestBesideOfNothing holds that a batch that is not there is not remembered.
func TestBesideOfNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *ledger.Config) {
		c.Log = readLog{asked: func() {}}
	})
	e := r.recorded(1)[0]
	r.must(r.sign(e))
	if _, _, err := r.Get(t.Context(), account, "", e.ID, evidence.TLogProof); !errors.Is(err, evidence.ErrPending) {
		t.Errorf("before its batch: %v", err)
	}
	_, err := r.Batch(t.Context())
	r.must(err)
	r.must(r.Finish(t.Context(), one(e.Delivery, e.Seq)))
	if _, _, err := r.Get(t.Context(), account, "", e.ID, evidence.TLogProof); err != nil {
		t.Error(err)
	}
}

// TestBrokenHistory changes what happened behind the back of the ledger: neither
// the next event is signed nor its PDF made.
func TestBrokenHistory(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"other text":     `UPDATE erds_event SET body = replace(body, 'huurovereenkomst', 'arbeidsovereenkomst') WHERE seq = 2`,
		"spaced":         `UPDATE erds_event SET body = replace(body, '"seq":', '"seq": ') WHERE seq = 2`,
		"other place":    `UPDATE erds_event SET body = replace(body, '"seq":2', '"seq":7') WHERE seq = 2`,
		"other delivery": `UPDATE erds_event SET body = replace(body, '00000000000d', '00000000000e') WHERE seq = 2`,
		"no JSON":        `UPDATE erds_event SET body = '[' WHERE seq = 2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			list := r.recorded(4)
			r.must(r.sign(list[3]))
			_, err := r.Batch(t.Context())
			r.must(err)
			r.exec(`ALTER TABLE erds_event DISABLE TRIGGER USER`)
			r.exec(`ALTER TABLE erds_event DROP CONSTRAINT erds_event_hash_is_of_body`)
			r.exec(sql)
			if err := r.sign(list[2]); err == nil {
				t.Error("signed the event after it")
			}
			if err := r.sign(list[1]); err == nil && name != "other text" { // that is an event like any other
				t.Error("signed it")
			}
			if err := r.Finish(t.Context(), one(list[3].Delivery, 4)); err == nil {
				t.Error("made a PDF that shows it")
			}
			if n := r.sealer.pdfs.Load(); n != 0 {
				t.Errorf("%d PDFs", n)
			}
		})
	}
}

// TestSealOfNothing asks for an event that did not happen.
func TestSealOfNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(2)
	for _, seq := range []int{-1, 0, 3, 4, 99} {
		r.must(r.Seal(t.Context(), one(list[0].Delivery, seq)))
		r.must(r.Finish(t.Context(), one(list[0].Delivery, seq)))
	}
	if n := r.count(`SELECT count(*) FROM evidence`); n != 0 || len(r.sealer.seen) != 0 {
		t.Errorf("%d pieces, %d signed", n, len(r.sealer.seen))
	}
}

// TestPace holds that processes do not add to the number of tokens: who comes too
// early waits, unless a batch is full.
func TestPace(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *ledger.Config) { c.Pace = 10 * time.Second })
	second := r.ledger(r.Pool, func(c *ledger.Config) { c.Pace = 10 * time.Second })
	list := r.recorded(4)
	start := r.now
	for i, step := range []struct {
		by    *ledger.Ledger
		after time.Duration
		want  int
	}{
		{r.Ledger, 0, 1}, {second, 0, 0}, {second, time.Second, 0}, {r.Ledger, 8999 * time.Millisecond, 0},
		{second, 9 * time.Second, 4 - 1}, {r.Ledger, 10 * time.Second, 0}, {r.Ledger, 18 * time.Second, 0},
	} {
		if i == 0 {
			r.must(r.sign(list[0]))
		} else {
			for _, e := range list[1:] {
				r.must(r.sign(e))
			}
		}
		r.now = start.Add(step.after)
		if n, err := step.by.Batch(t.Context()); n != step.want || err != nil {
			t.Errorf("step %d: batch of %d, %v, want %d", i, n, err, step.want)
		}
	}
}
