package delivery_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// consigned is a message with a document that its recipient may read.
func (r *rig) consigned(change ...func(*delivery.Submission)) (delivery.Delivery, delivery.Collecting) {
	r.t.Helper()
	doc := r.upload("%PDF-1.7 content")
	d := r.notified(append(change, func(s *delivery.Submission) { s.Documents = []string{doc} })...)
	c := r.identified(d)
	d, err := r.Accept(r.ctx(), c)
	r.must(err)
	return d, c
}

// TestRetainInTime removes nothing a moment early, and counts from the last move.
func TestRetainInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1))[0]
	r.clock.pass(100 * time.Hour)
	d = r.attempt(d, "email", "sent")
	r.clock.set(d.RespondBy)
	_, err := r.Sweep(r.ctx(), 10)
	r.must(err)
	until := d.RespondBy.AddDate(0, delivery.DefaultRetention, 0)
	r.clock.set(until.Add(-time.Microsecond))
	if n, err := r.Retain(r.ctx(), 10); n != 0 || err != nil {
		t.Errorf("a microsecond early: %d, %v", n, err)
	}
	if m, err := r.Message(r.ctx(), r.account, d.Message.ID); err != nil || !m.RetainUntil.Equal(until) {
		t.Errorf("kept until %s, want %s (%v)", m.RetainUntil, until, err)
	}
	r.clock.set(until)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("in time: %d, %v", n, err)
	}
}

// TestRetainWaitsForTheWindow keeps what somebody may still take.
func TestRetainWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(func(s *delivery.Submission) { s.Policy.CollectDays, s.Policy.RetentionMonths = 60, 1 })
	r.clock.set(d.RespondBy.Add(-time.Hour))
	if n, err := r.Retain(r.ctx(), 10); n != 0 || err != nil {
		t.Fatalf("removed %d while the window ran, %v", n, err)
	}
	if _, err := r.Accept(r.ctx(), r.identified(d)); err != nil {
		t.Error(err)
	}
}

// TestRetainPutOffAndOverSooner: a retention that was put off for a window ends when
// what came of it says, not when the window would have.
func TestRetainPutOffAndOverSooner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(func(s *delivery.Submission) { s.Policy.CollectDays, s.Policy.RetentionMonths = 60, 1 })
	r.clock.pass(40 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 0 || err != nil {
		t.Fatalf("removed %d while the window ran, %v", n, err)
	}
	if got, want := r.again(d).Message.RetainUntil, d.RespondBy.AddDate(0, 1, 0); !got.Equal(want) {
		t.Fatalf("put off to %s, want %s", got, want)
	}
	if _, err := r.Reject(r.ctx(), r.identified(d)); err != nil {
		t.Fatal(err)
	}
	d = r.again(d)
	until := d.MovedAt.AddDate(0, 1, 0)
	if !d.Message.RetainUntil.Equal(until) {
		t.Errorf("kept until %s after the refusal, want %s", d.Message.RetainUntil, until)
	}
	r.clock.set(until)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("in time: %d, %v", n, err)
	}
}

// TestRetainAfterCrash dies after every step and goes on.
func TestRetainAfterCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, c := r.consigned()
	at := r.clock.now().AddDate(0, delivery.DefaultRetention, 0)
	r.clock.set(at)
	if r.stored() != 1 {
		t.Fatalf("%d objects", r.stored())
	}
	objects, due, err := r.Shred(r.ctx(), d.Message.ID, at)
	if err != nil || !due || len(objects) != 2 {
		t.Fatalf("shred: %v, %t, %v", objects, due, err)
	}
	// The keys are gone first: the content is there and nobody can read it.
	if n := r.count(`SELECT count(*) FROM document WHERE wrapped_key IS NOT NULL OR inline IS NOT NULL`); n != 0 || r.stored() != 1 {
		t.Errorf("%d keys are left, %d objects", n, r.stored())
	}
	for part := range 2 {
		if _, _, err := r.OpenPart(r.ctx(), c, part); !errors.Is(err, delivery.ErrPurged) {
			t.Errorf("part %d: %v, want ErrPurged", part, err)
		}
	}
	if err := r.Hold(r.ctx(), d.Message.ID, identity.System, "too late"); !errors.Is(err, delivery.ErrPurged) {
		t.Errorf("hold: %v, want ErrPurged", err)
	}
	r.clean()
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("going on: %d, %v", n, err)
	}
	if n := r.count(`SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM document)`); n != 0 || r.stored() != 0 {
		t.Errorf("%d rows and %d objects are left", n, r.stored())
	}
	var heads []byte
	var erased time.Time
	r.must(r.pool.QueryRow(r.ctx(), `SELECT heads, erased_at FROM erasure WHERE message_id = $1 AND deliveries = 1`, d.Message.ID).Scan(&heads, &erased))
	if len(heads) != 32 || !erased.Equal(at) {
		t.Errorf("erasure: %x at %s", heads, erased)
	}
	if n, err := r.Retain(r.ctx(), 10); n != 0 || err != nil {
		t.Errorf("nothing is left: %d, %v", n, err)
	}
}

// TestRetainAfterCrashOfATest: the removal of a test message began by its account's
// clock, far ahead, and is ended by ours. One that cannot be removed keeps no other.
func TestRetainAfterCrashOfATest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.sender(r.account)
	by.Test = true
	trial, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{})
	r.must(err)
	ahead := trial.RetainUntil.AddDate(0, 1, 0)
	if _, due, err := r.Shred(r.ctx(), trial.ID, ahead); err != nil || !due {
		t.Fatalf("shred: %t, %v", due, err)
	}
	other := r.submit(1)
	broken := r.service(func(c *delivery.Config) { c.Notices = crashNotices{c.Notices} })
	r.clock.set(other.RetainUntil)
	if n, err := broken.Retain(r.ctx(), 10); n != 0 || !errors.Is(err, errCrash) || strings.Count(err.Error(), "purge message") != 2 {
		t.Fatalf("%d, %v: want a word of both", n, err)
	}
	r.clock.set(trial.SubmittedAt.AddDate(0, 0, 1))
	if n, err := r.Retain(r.ctx(), 10); n != 2 || err != nil {
		t.Errorf("going on: %d, %v", n, err)
	}
	var erased time.Time
	r.must(r.pool.QueryRow(r.ctx(), `SELECT erased_at FROM erasure WHERE message_id = $1`, trial.ID).Scan(&erased))
	if !erased.Equal(ahead) {
		t.Errorf("erased at %s, want %s", erased, ahead)
	}
}

// TestRetainTogether lets two processes remove the same messages.
func TestRetainTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 5 {
		r.submit(2)
	}
	r.clock.pass(800 * 24 * time.Hour)
	second := r.service(nil)
	total := make(chan int, 4)
	retain := func(s *delivery.Service) func() error {
		return func() error { n, err := s.Retain(r.ctx(), 100); total <- n; return err }
	}
	won(t, race(retain(r.Service), retain(second), retain(r.Service), retain(second)))
	close(total)
	sum := 0
	for n := range total {
		sum += n
	}
	if n := r.count(`SELECT count(*) FROM erasure`); n != 5 || sum != 5 {
		t.Errorf("%d erasures of 5 messages, %d counted", n, sum)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, c := r.consigned()
	other := r.submit(1)
	by := identity.Actor{Kind: identity.ActorPerson, Subject: "counsel"}
	r.must(r.Hold(r.ctx(), d.Message.ID, by, "proceedings"))
	if err := r.Hold(r.ctx(), d.Message.ID, by, "again"); !errors.Is(err, delivery.ErrHeld) {
		t.Errorf("twice: %v, want ErrHeld", err)
	}
	for _, id := range []delivery.ID{delivery.ID("0193aa00-0000-7000-8000-000000000000")} {
		if err := r.Hold(r.ctx(), id, by, "x"); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("of nothing: %v", err)
		}
		if err := r.Lift(r.ctx(), id, by); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("lifting nothing: %v", err)
		}
	}
	r.clock.pass(900 * 24 * time.Hour)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("%d went, %v, want the other one", n, err)
	}
	if _, err := r.Message(r.ctx(), r.account, other.ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("the other one: %v", err)
	}
	if _, due, err := r.Shred(r.ctx(), d.Message.ID, r.clock.now()); due || err != nil {
		t.Errorf("shredded under hold: %t, %v", due, err)
	}
	_, body, err := r.OpenPart(r.ctx(), c, 1)
	r.must(err)
	_, err = io.Copy(io.Discard, body)
	r.must(errors.Join(err, body.Close()))
	r.must(r.Lift(r.ctx(), d.Message.ID, by))
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Errorf("after lifting: %d, %v", n, err)
	}
	r.clean()
}

// TestHoldAgainstRetain places holds while removal runs: each message is either
// held and whole, or gone.
func TestHoldAgainstRetain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var ids []delivery.ID
	for range 8 {
		ids = append(ids, r.submit(1).ID)
	}
	r.clock.pass(800 * 24 * time.Hour)
	fs := []func() error{func() error { _, err := r.Retain(r.ctx(), 100); return err }}
	for _, id := range ids {
		fs = append(fs, func() error { return r.Hold(r.ctx(), id, identity.System, "x") })
	}
	won(t, race(fs...), delivery.ErrPurged, delivery.ErrNotFound)
	held := r.count(`SELECT count(*) FROM message WHERE held AND purged_at IS NULL`)
	if gone := r.count(`SELECT count(*) FROM erasure`); held+gone != 8 || r.count(`SELECT count(*) FROM message`) != held {
		t.Errorf("%d held, %d gone of 8", held, gone)
	}
	r.clean()
}

// TestFsck tampers as somebody could who owns the database, one thing at a time.
func TestFsck(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]struct {
		sql  []string
		want string
	}{
		"state": {[]string{`UPDATE delivery SET state = 'notified' WHERE id = $1`}, "state is notified, its events say consigned"},
		"event body": {[]string{`UPDATE erds_event SET body = replace(body, 'Opzegging', 'Ophogging') WHERE delivery_id = $1 AND seq = 2`},
			"event 2 does not have its hash"},
		"event body and hash": {[]string{`UPDATE erds_event SET body = replace(body, 'Opzegging', 'Ophogging') WHERE delivery_id = $1 AND seq = 2`,
			`UPDATE erds_event SET hash = sha256(convert_to(body, 'UTF8')) WHERE delivery_id = $1 AND seq = 2`}, "event 3 does not hang on the one before it"},
		"unreadable body": {[]string{`UPDATE erds_event SET body = body || ' ' WHERE delivery_id = $1 AND seq = 2`}, "event 2 cannot be read"},
		"last body and hash": {[]string{`UPDATE erds_event SET body = replace(body, 'Opzegging', 'Ophogging') WHERE delivery_id = $1 AND seq = 7`,
			`UPDATE erds_event SET hash = sha256(convert_to(body, 'UTF8')) WHERE delivery_id = $1 AND seq = 7`}, "stands on event 7, 7 are recorded"},
		"event missing":      {[]string{`DELETE FROM erds_event WHERE delivery_id = $1 AND seq = 3`}, "event 4 where 3 was expected"},
		"last event missing": {[]string{`DELETE FROM erds_event WHERE delivery_id = $1 AND seq = 7`}, "stands on event 7, 6 are recorded"},
		"all events missing": {[]string{`DELETE FROM erds_event WHERE delivery_id = $1`}, "stands on event 7, 0 are recorded"},
		"events exchanged": {[]string{`UPDATE erds_event SET seq = CASE seq WHEN 2 THEN 102 ELSE 103 END WHERE delivery_id = $1 AND seq IN (2, 3)`,
			`UPDATE erds_event SET seq = CASE seq WHEN 102 THEN 3 ELSE 2 END WHERE delivery_id = $1 AND seq > 100`}, "event 3 where 2 was expected"},
		"event filed wrongly": {[]string{`UPDATE erds_event SET name = 'ContentHandover' WHERE delivery_id = $1 AND seq = 6`}, "event 6 is filed as something else than it says"},
		"event dated back":    {[]string{`UPDATE erds_event SET at = at - interval '1 day' WHERE delivery_id = $1 AND seq = 6`}, "event 6 is filed as something else than it says"},
		"subject":             {[]string{`UPDATE message SET subject = 'x' WHERE id = (SELECT message_id FROM delivery WHERE id = $1)`}, "the message is not the one that was submitted"},
		"digest": {[]string{`UPDATE message SET parts = jsonb_set(parts, '{1,sha256}', to_jsonb(repeat('0', 64))) WHERE id = (SELECT message_id FROM delivery WHERE id = $1)`},
			"the message is not the one that was submitted"},
		"content key": {[]string{`UPDATE document SET wrapped_key = overlay(wrapped_key placing '\x00' from 20) WHERE filename = 'opzegging.pdf' AND $1::uuid IS NOT NULL`}, "part 1: vault: content was altered"},
		"text":        {[]string{`UPDATE document SET inline = overlay(inline placing '\x00' from 20) WHERE filename = 'message.txt' AND $1::uuid IS NOT NULL`}, "part 0: delivery: content no longer has its digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d, _ := r.consigned()
			r.clean()
			for _, table := range []string{"delivery", "erds_event", "message", "evidence"} {
				r.exec(`ALTER TABLE ` + table + ` DISABLE TRIGGER USER`)
			}
			r.exec(`ALTER TABLE delivery DROP CONSTRAINT delivery_last_event`)
			r.exec(`ALTER TABLE erds_event DROP CONSTRAINT erds_event_hash_is_of_body`)
			for _, sql := range tamper.sql {
				r.exec(sql, d.ID)
			}
			found := r.faults()
			if !slices.ContainsFunc(found, func(s string) bool { return len(s) >= len(tamper.want) && s[:len(tamper.want)] == tamper.want }) {
				t.Errorf("found %q, want %q", found, tamper.want)
			}
		})
	}
}

// TestForgetsAllThereIs: more than one statement may remove is gone after one call, or
// more would come in between two than goes.
func TestForgetsAllThereIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const many = 20_001
	old, young := r.clock.now().AddDate(0, 0, -31), r.clock.now()
	for at, n := range map[time.Time]int{old: many, young: 1} {
		r.exec(`INSERT INTO idempotency (account_id, key, kind, digest, ref, created_at)
			SELECT $1, gen_random_uuid()::text, 'document', sha256('x'), gen_random_uuid(), $3 FROM generate_series(1, $2)`, r.account, n, at)
		r.exec(`INSERT INTO sender_event (id, account_id, event, at) SELECT gen_random_uuid(), $1, 'collected', $3 FROM generate_series(1, $2)`, r.account, n, at)
	}
	_, err := r.Retain(r.ctx(), 10)
	r.must(err)
	_, err = r.TellDaily(r.ctx(), 10)
	r.must(err)
	for _, table := range []string{"idempotency", "sender_event"} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != 1 {
			t.Errorf("%s: %d left, want 1", table, n)
		}
	}
}
