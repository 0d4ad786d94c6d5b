package delivery_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/delivery"
)

func (r *rig) look(working bool) {
	r.t.Helper()
	r.must(r.Watched(r.ctx(), delivery.Look{Part: "pages", Working: working, Took: 12 * time.Millisecond}))
}

func (r *rig) outages() []delivery.Outage {
	r.t.Helper()
	list, err := r.Outages(r.ctx(), "", 50)
	r.must(err)
	return list
}

// An outage is from the first look that fails to the first that succeeds, however
// many fail in between and whoever looks.
func TestOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.look(true)
	r.clock.pass(time.Minute)
	began := r.clock.now()
	for range 3 {
		r.look(false)
		r.must(r.service(nil).Watched(t.Context(), delivery.Look{Part: "pages"}))
		r.clock.pass(time.Minute)
	}
	r.look(true)
	r.look(true)
	list := r.outages()
	if len(list) != 1 || !list[0].Began.Equal(began) || !list[0].Ended.Equal(began.Add(3*time.Minute)) || list[0].Unwatched {
		t.Fatalf("%+v", list)
	}
	levels, err := r.Levels(t.Context())
	r.must(err)
	if l := levels[0]; len(levels) != 1 || l.Part != "pages" || !l.Working || l.Stale || l.Down != 3*time.Minute || l.Share != 0.25 || len(l.Days) != 90 {
		t.Errorf("%+v", levels)
	}
	if d := levels[0].Days; d[89].Down != 3*time.Minute || !d[89].Watched || d[88].Watched {
		t.Errorf("days: %+v", d[88:])
	}
}

// What nobody saw is not claimed: a gap is an outage, also while it lasts and
// nobody has written it down.
func TestNobodyLooked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.look(true)
	from := r.clock.now()
	r.clock.pass(delivery.Gap)
	r.look(true)
	if list := r.outages(); len(list) != 0 {
		t.Fatalf("a gap of exactly %s: %+v", delivery.Gap, list)
	}
	last := r.clock.now()
	r.clock.pass(time.Hour)
	levels, err := r.Levels(t.Context())
	r.must(err)
	if l := levels[0]; !l.Stale || l.Down != time.Hour || !l.Since.Equal(from) {
		t.Errorf("while nobody looks: %+v", l)
	}
	r.look(true)
	list := r.outages()
	if len(list) != 1 || !list[0].Unwatched || !list[0].Began.Equal(last) || list[0].Ended.Sub(last) != time.Hour {
		t.Errorf("%+v", list)
	}
	// One that fails after a gap has not worked since the gap began.
	last = r.clock.now()
	r.clock.pass(time.Hour)
	r.look(false)
	if o := r.outages()[0]; !o.Began.Equal(last) || !o.Ended.IsZero() {
		t.Errorf("%+v", o)
	}
}

// A certificate is made once an outage is over, once, and never changes.
func TestCertify(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.look(false)
	made := 0
	certify := func(context.Context, delivery.Outage) ([]byte, error) { made++; return []byte("%PDF"), nil }
	r.must(r.Certify(t.Context(), 10, certify))
	r.clock.pass(time.Minute)
	if made != 0 {
		t.Fatal("certified while it lasts")
	}
	r.look(true)
	o := r.outages()[0]
	if _, err := r.OutageCertificate(t.Context(), o.ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("before it is made: %v", err)
	}
	broken := errors.New("no time-stamp")
	if err := r.Certify(t.Context(), 10, func(context.Context, delivery.Outage) ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	r.must(r.Certify(t.Context(), 10, certify))
	r.must(r.Certify(t.Context(), 10, certify))
	if pdf, err := r.OutageCertificate(t.Context(), o.ID); made != 1 || string(pdf) != "%PDF" || err != nil || r.outages()[0].CertifiedAt.IsZero() {
		t.Errorf("%d, %q, %v", made, pdf, err)
	}
	for _, id := range []delivery.ID{"", "x", "00000000-0000-0000-0000-000000000000"} {
		if _, err := r.OutageCertificate(t.Context(), id); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := r.Outages(t.Context(), "x", 10); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("cursor: %v", err)
	}
	for _, sql := range []string{`DELETE FROM outage`, `UPDATE outage SET ended_at = ended_at + interval '1 second'`, `UPDATE outage SET began_at = began_at - interval '1 second'`,
		`UPDATE outage SET certificate = 'other'`, `UPDATE outage SET unwatched = true`} {
		_, err := r.pool.Exec(t.Context(), sql)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.ConstraintName != "outage_only_ends" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// Bad rows are impossible.
func TestWatchingConstraints(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.look(false)
	for sql, want := range map[string]string{
		`UPDATE watched_part SET part = 'A part'`:                                            "watched_part_plain",
		`UPDATE watched_part SET looked_at = since - interval '1 s'`:                         "watched_part_in_order",
		`UPDATE watched_look SET took_ms = -1`:                                               "watched_look_took",
		`UPDATE outage SET ended_at = began_at`:                                              "outage_in_order",
		`UPDATE outage SET certificate = 'x', certified_at = began_at`:                       "outage_certificate_of_ended",
		`UPDATE outage SET certified_at = began_at`:                                          "outage_certificate_dated",
		`INSERT INTO outage SELECT gen_random_uuid(), part, unwatched, began_at FROM outage`: "outage_one_open",
		`INSERT INTO public_figure VALUES ('2026-11-20', 1, 2, 3, '2026-11-20')`:             "public_figure_counts",
		`INSERT INTO public_figure VALUES ('2026-11-20', 1, 1, NULL, '2026-11-20')`:          "public_figure_median",
	} {
		_, err := r.pool.Exec(t.Context(), sql)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.ConstraintName != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
}

// Old looks go; what they found stays.
func TestForgetLooks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.look(false)
	r.clock.pass(time.Minute)
	r.look(true)
	r.clock.pass(91 * 24 * time.Hour)
	r.must(r.ForgetLooks(t.Context()))
	if n := r.count(`SELECT count(*) FROM watched_look`); n != 0 || len(r.outages()) != 1 {
		t.Errorf("%d looks, %d outages", n, len(r.outages()))
	}
}

// Figures are of many or of nobody, of live deliveries, and once a day.
func TestFigures(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if f, err := r.Figures(t.Context()); err != nil || f != (delivery.Figures{}) {
		t.Errorf("before any: %+v, %v", f, err)
	}
	m := r.submit(delivery.Enough + 10)
	settle := func(n int, state string) {
		r.exec(`UPDATE delivery SET state = $3, last_seq = last_seq + 0, handed_over_at = $2::timestamptz + interval '2 hours',
			identified = '{}', received_by = NULL, notified_at = $2, respond_by = $2 WHERE position <= $1`, n, m.SubmittedAt, state)
	}
	r.exec(`ALTER TABLE delivery DISABLE TRIGGER delivery_moves_with_event`)
	settle(delivery.Enough-1, "handed_over")
	r.clock.set(time.Now().UTC().AddDate(0, 0, 1)) // ids are of the true time
	r.must(r.Reckon(t.Context()))
	if f, err := r.Figures(t.Context()); err != nil || f.Ended != 0 || f.Share != 0 || f.Median != 0 || f.Day.IsZero() {
		t.Errorf("one too few: %+v, %v", f, err)
	}
	settle(delivery.Enough+10, "rejected")
	settle(delivery.Enough-1, "handed_over")
	r.must(r.Reckon(t.Context())) // of today, once
	if f, err := r.Figures(t.Context()); err != nil || f.Ended != 0 {
		t.Errorf("reckoned twice a day: %+v, %v", f, err)
	}
	r.clock.pass(24 * time.Hour)
	r.must(r.Reckon(t.Context()))
	if f, err := r.Figures(t.Context()); err != nil || f.Ended != delivery.Enough+10 || f.Share != 49.0/60 || f.Median != 0 {
		t.Errorf("a median of too few: %+v, %v", f, err)
	}
	settle(delivery.Enough, "handed_over")
	r.clock.pass(24 * time.Hour)
	r.must(r.Reckon(t.Context()))
	if f, err := r.Figures(t.Context()); err != nil || f.Share != 50.0/60 || f.Median != 2*time.Hour {
		t.Errorf("%+v, %v", f, err)
	}
	r.exec(`UPDATE delivery SET test = true`)
	r.clock.pass(24 * time.Hour)
	r.must(r.Reckon(t.Context()))
	if f, err := r.Figures(t.Context()); err != nil || f.Ended != 0 {
		t.Errorf("of tests: %+v, %v", f, err)
	}
}
