package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ledger"
)

// TestRequeueTogether: what was lost with a job of many comes back, also together.
func TestRequeueTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(40)
	again := func(want, jobs int) {
		t.Helper()
		n, err := r.Requeue(t.Context())
		if got := r.count(`SELECT count(*) FROM river_job WHERE finalized_at IS NULL`); n != want || got != jobs || err != nil {
			t.Errorf("requeued %d (%v), want %d; %d jobs, want %d", n, err, want, got, jobs)
		}
	}
	again(0, 2)
	r.must(r.seal(list[0]))
	r.exec(`DELETE FROM river_job WHERE kind = 'evidence_finish' OR jsonb_array_length(args -> 'others') = 32`)
	again(31, 2)
	again(0, 2)
	r.must(r.Seal(t.Context(), refsOf(list)...))
	_, err := r.Batch(t.Context())
	r.must(err)
	r.exec(`DELETE FROM river_job`)
	again(39, 3)
	again(0, 3)
	r.must(r.Finish(t.Context(), refsOf(list)...))
	r.exec(`DELETE FROM river_job`)
	again(0, 0)
}

// TestSealManyDespiteOne: what cannot be signed or finished fails its job, and
// everything else in it is made; the next run does nothing twice.
func TestSealManyDespiteOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(5)
	bad := list[2].ID
	r.sealer.change = func(b []byte) []byte {
		if bytes.Contains(b, []byte(bad)) {
			return append(bytes.Clone(b), ' ')
		}
		return b
	}
	again := slices.Concat(refsOf(list), refsOf(list)[:2]) // and in no order
	slices.Reverse(again)
	if err := r.Seal(t.Context(), again...); !errors.Is(err, evidence.ErrSelfCheck) {
		t.Errorf("got %v, want ErrSelfCheck", err)
	}
	ready := func() int { return r.count(`SELECT count(*) FROM evidence WHERE xml IS NOT NULL`) }
	if n := ready(); n != 4 {
		t.Errorf("%d of the 4 others are signed", n)
	}
	r.sealer.change = nil
	r.must(r.Seal(t.Context(), refsOf(list)...))
	if n := ready(); n != 5 || len(r.sealer.seen) != 6 {
		t.Errorf("%d are signed, %d signatures", n, len(r.sealer.seen))
	}
	_, err := r.Batch(t.Context())
	r.must(err)
	r.sealer.unfit = bad
	if err := r.Finish(t.Context(), refsOf(list)...); !errors.Is(err, evidence.ErrSelfCheck) {
		t.Errorf("got %v, want ErrSelfCheck", err)
	}
	sealed := func() int { return r.count(`SELECT count(*) FROM evidence WHERE sealed_at IS NOT NULL`) }
	if n := sealed(); n != 4 {
		t.Errorf("%d of the 4 others are sealed", n)
	}
	r.sealer.unfit = ""
	r.must(r.Finish(t.Context(), refsOf(list)...))
	if n := sealed(); n != 5 || r.sealer.pdfs.Load() != 6 {
		t.Errorf("%d are sealed, %d PDFs", n, r.sealer.pdfs.Load())
	}
}

// TestSealManyDespiteRefused: what the database refuses, or nobody can ask it for,
// fails alone.
func TestSealManyDespiteRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		finish     bool
		when, made string
	}{
		"prepare": {false, `INSERT ON evidence FOR EACH ROW WHEN (NEW.seq = 3)`, `xml IS NOT NULL`},
		"sign":    {false, `UPDATE ON evidence FOR EACH ROW WHEN (NEW.seq = 3)`, `xml IS NOT NULL`},
		"finish":  {true, `UPDATE ON evidence FOR EACH ROW WHEN (NEW.seq = 3)`, `sealed_at IS NOT NULL`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			list := r.recorded(4)
			do := r.Seal
			if c.finish {
				r.must(r.Seal(t.Context(), refsOf(list)...))
				_, err := r.Batch(t.Context())
				r.must(err)
				do = r.Finish
			}
			r.exec(`CREATE FUNCTION no_third() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this' USING ERRCODE = 'check_violation'; END $$`)
			r.exec(`CREATE TRIGGER no_third BEFORE ` + c.when + ` EXECUTE FUNCTION no_third()`)
			refs := append(refsOf(list), one("no delivery", 1))
			if err := do(t.Context(), refs...); err == nil || !strings.Contains(err.Error(), "2 of 5 pieces failed") {
				t.Errorf("got %v", err)
			}
			if n := r.count(`SELECT count(*) FROM evidence WHERE ` + c.made); n != 3 {
				t.Errorf("%d of the 3 others are made", n)
			}
			r.exec(`DROP TRIGGER no_third ON evidence`)
			r.must(do(t.Context(), refs[:4]...))
			if n := r.count(`SELECT count(*) FROM evidence WHERE ` + c.made); n != 4 {
				t.Errorf("%d are made", n)
			}
		})
	}
}

// TestSealPanics: what panics over one piece is an error of that piece.
func TestSealPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.recorded(3)
	r.sealer.before = func(n int) error {
		if n == 2 {
			panic("no ink")
		}
		return nil
	}
	if err := r.Seal(t.Context(), refsOf(list)...); err == nil || !strings.Contains(err.Error(), "no ink") {
		t.Errorf("got %v", err)
	}
	r.must(r.Seal(t.Context(), refsOf(list)...))
	if n := r.count(`SELECT count(*) FROM evidence WHERE xml IS NOT NULL`); n != 3 || len(r.sealer.seen) != 4 {
		t.Errorf("%d signed, %d signatures", n, len(r.sealer.seen))
	}
}

// TestJobsOfAnotherRelease: a job for one event is written as every job once was,
// and one for several is not one that an older process could forget a part of.
func TestJobsOfAnotherRelease(t *testing.T) {
	t.Parallel()
	one, others := ledger.Ref{Delivery: "d", Seq: 3}, []ledger.Ref{{Delivery: "d", Seq: 1}, {Delivery: "e", Seq: 2}}
	for _, c := range []struct {
		args ledger.SealArgs
		want string
		refs []ledger.Ref
	}{
		{ledger.SealArgs{Ref: one}, `{"delivery":"d","seq":3}`, []ledger.Ref{one}},
		{ledger.SealArgs{Others: others}, `{"others":[{"delivery":"d","seq":1},{"delivery":"e","seq":2}]}`, others},
	} {
		text, err := json.Marshal(c.args)
		var back ledger.FinishArgs // of the same form
		if err := errors.Join(err, json.Unmarshal([]byte(c.want), &back)); err != nil || string(text) != c.want || !slices.Equal(back.Refs(), c.refs) || !slices.Equal(c.args.Refs(), c.refs) {
			t.Errorf("%+v is written %s and read %v, %v", c.args, text, back.Refs(), err)
		}
	}
}

// refsOf names events.
func refsOf(list []evidence.Event) (refs []ledger.Ref) {
	for _, e := range list {
		refs = append(refs, ledger.Ref{Delivery: e.Delivery, Seq: e.Seq})
	}
	return refs
}
