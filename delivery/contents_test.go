package delivery_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// contentsKept says how long contents are kept, as an operator does.
func (r *rig) contentsKept(months int) {
	r.t.Helper()
	r.exec(`INSERT INTO retention_rule (class, months, set_by, set_at) VALUES ('contents', $1, 'operator', $2)`, months, r.clock.now())
}

// contentsGone reports whether the contents of a message went.
func (r *rig) contentsGone(id delivery.ID) bool {
	r.t.Helper()
	r.must(errorOf(r.Retain(r.ctx(), 10)))
	return r.count(`SELECT count(*) FROM message WHERE contents_gone_at IS NOT NULL AND id = $1`, string(id)) == 1
}

func errorOf[T any](_ T, err error) error { return err }

// TestContentsInTime (R29): contents go on their day and no sooner, by the rule that
// an operator set; what proves the message stays until the message goes.
func TestContentsInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, c := r.consigned()
	last := d.DecidedAt
	r.must(r.pool.QueryRow(r.ctx(), `SELECT moved_at FROM delivery WHERE id = $1`, string(d.ID)).Scan(&last))
	day := time.Date(last.Year(), last.Month()+3, last.Day(), last.Hour(), last.Minute(), last.Second(), last.Nanosecond(), time.UTC)
	r.clock.set(day)
	if r.contentsGone(d.Message.ID) {
		t.Fatal("gone though nobody said so: the default is as long as the message")
	}
	r.contentsKept(3)
	r.clock.set(day.Add(-time.Microsecond))
	if r.contentsGone(d.Message.ID) {
		t.Error("gone a microsecond early")
	}
	_, body, err := r.OpenPart(r.ctx(), c, 1)
	r.must(err)
	r.must(errors.Join(errorOf(io.Copy(io.Discard, body)), body.Close()))
	events := r.count(`SELECT count(*) FROM erds_event`)
	r.clock.set(day)
	if !r.contentsGone(d.Message.ID) {
		t.Fatal("still there on its day")
	}
	if n := r.count(`SELECT count(*) FROM document WHERE wrapped_key IS NOT NULL OR inline IS NOT NULL`); n != 0 || r.stored() != 0 {
		t.Errorf("%d keys, %d objects are left", n, r.stored())
	}
	for part := range 2 {
		if _, _, err := r.OpenPart(r.ctx(), c, part); !errors.Is(err, delivery.ErrPurged) {
			t.Errorf("part %d: %v, want ErrPurged", part, err)
		}
	}
	if n := r.count(`SELECT count(*) FROM erds_event`); n != events {
		t.Errorf("%d events, were %d", n, events)
	}
	r.clean()
	m, err := r.Message(r.ctx(), r.account, d.Message.ID)
	if err != nil || !m.ContentsGoneAt.Equal(day) || !m.PurgedAt.IsZero() {
		t.Fatalf("the message says that its contents went at %s: %v", m.ContentsGoneAt, err)
	}
	if d = r.again(d); !d.Message.ContentsGoneAt.Equal(day) {
		t.Errorf("the delivery says that its contents went at %s", d.Message.ContentsGoneAt)
	}
	r.clock.set(m.RetainUntil)
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Fatalf("the message: %d, %v", n, err)
	}
	list, err := r.Removals(r.ctx(), r.account, false, delivery.Removal{}, 10)
	if err != nil || len(list) != 1 || !list[0].ContentsAt.Equal(day) || !list[0].ErasedAt.Equal(m.RetainUntil) {
		t.Errorf("%+v %v", list, err)
	}
}

// TestContentsStay: never under a hold, never while somebody may take them or has to
// print them, and never of tests by our clock.
func TestContentsStay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.contentsKept(1)
	held, _ := r.consigned()
	by := identity.Actor{Kind: identity.ActorPerson, Subject: "counsel"}
	r.must(r.Hold(r.ctx(), held.Message.ID, by, "proceedings"))
	waits := r.notified(func(s *delivery.Submission) { s.Policy.CollectDays = 60 })
	letter := r.submit(1)
	r.exec(`ALTER TABLE delivery DISABLE TRIGGER delivery_moves_with_event`)
	r.exec(`UPDATE delivery SET state = 'expired' WHERE message_id = $1`, string(letter.ID))
	r.exec(`ALTER TABLE delivery ENABLE TRIGGER delivery_moves_with_event`)
	tests := r.sender(r.account)
	tests.Test = true
	trial, _, err := r.Submit(r.ctx(), tests, submission(1), delivery.Once{})
	r.must(err)
	r.clock.pass(50 * 24 * time.Hour)
	for name, id := range map[string]delivery.ID{"held": held.Message.ID, "may be taken": waits.Message.ID, "has to be printed": letter.ID, "a test": trial.ID} {
		if r.contentsGone(id) {
			t.Errorf("%s: gone", name)
		}
	}
	_, err = r.pool.Exec(r.ctx(), `UPDATE message SET contents_gone_at = $2 WHERE id = $1`, string(held.Message.ID), r.clock.now())
	if err == nil || !strings.Contains(err.Error(), "contents under a hold") {
		t.Errorf("the schema lets contents go under a hold: %v", err)
	}
	r.must(r.Lift(r.ctx(), held.Message.ID, by))
	if !r.contentsGone(held.Message.ID) {
		t.Error("lifted, and still there")
	}
	_, err = r.pool.Exec(r.ctx(), `UPDATE message SET contents_gone_at = NULL WHERE id = $1`, string(held.Message.ID))
	if err == nil || !strings.Contains(err.Error(), "written once") {
		t.Errorf("what went is there again: %v", err)
	}
}
