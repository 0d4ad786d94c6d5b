package delivery_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// finished is an attempt of an announcement, or of another kind, that ended so.
func (r *rig) finished(d delivery.Delivery, kind notify.Kind, ch notify.Channel, o notify.Outcome) notify.Finished {
	to := d.Recipient.Email
	if ch == notify.SMS {
		to = d.Recipient.Mobile
	}
	return notify.Finished{
		Notice: notify.Notice{ID: evidence.NewID(), Account: d.Message.Account, Delivery: string(d.ID), Kind: kind, Channel: ch, To: to, Language: "nl"},
		Attempt: notify.Attempt{Number: 1, StartedAt: r.clock.now(), EndedAt: r.clock.now(),
			Result: notify.Result{Outcome: o, Reply: "250 2.0.0 Ok", Trace: []byte(`{"b":1,"a":2}`)}},
	}
}

func (r *rig) tellAll(all ...notify.Finished) error {
	return pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error { return r.NoticesAttempted(r.ctx(), tx, all) })
}

// Many attempts told at once leave exactly what they leave one by one: of two
// messages, on both channels of a delivery, sent and failed, and of kinds without
// an event.
func TestManyAttempts(t *testing.T) {
	t.Parallel()
	outcomes := []notify.Outcome{notify.Sent, notify.Permanent, notify.Technical}
	const asked = `SELECT count(*) FROM river_job, jsonb_array_elements(coalesce(args -> 'others', jsonb_build_array(args)))` // of jobs, one for each event
	var ends [2][]string
	for way := range ends {
		r := newRig(t)
		list := slices.Concat(r.deliveries(r.submit(3)), r.deliveries(r.submit(3, func(s *delivery.Submission) { s.Policy.PostAtOnce = true })))
		var all []notify.Finished
		for i, d := range list {
			all = append(all, r.finished(d, notify.Announcement, notify.Email, outcomes[i%3]), r.finished(d, notify.Announcement, notify.SMS, outcomes[(i+1)%3]))
		}
		all = append(all, r.finished(list[0], notify.Receipt, notify.Email, notify.Sent))
		if way == 0 {
			r.must(r.tellAll(all...))
		} else {
			for _, f := range all {
				r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error { return r.NoticeAttempted(r.ctx(), tx, f.Notice, f.Attempt) }))
			}
		}
		for _, d := range r.deliveries(list[0].Message) {
			ends[way] = append(ends[way], fmt.Sprint(d.State, d.Email, d.SMS, d.Seq, d.NotifiedAt, d.RespondBy, d.DecidedAt, r.names(d)))
		}
		for _, d := range r.deliveries(list[3].Message) {
			ends[way] = append(ends[way], fmt.Sprint(d.State, d.Email, d.SMS, d.Seq, d.NotifiedAt, d.RespondBy, d.DecidedAt, r.names(d)))
		}
		ends[way] = append(ends[way], fmt.Sprint(r.count(asked), r.count(`SELECT count(*) FROM deadline`), r.count(`SELECT count(*) FROM erds_event`)))
		r.clean()
	}
	// How events share seal jobs, their order in one delivery, and ids are all that may differ.
	if d := cmp.Diff(ends[1], ends[0]); d != "" {
		t.Errorf("told at once, instead of one by one:\n%s", d)
	}
}

// One that cannot be told takes the others with it: nothing of them is stored.
func TestManyAttemptsAllOrNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.deliveries(r.submit(3))
	before := r.count(`SELECT count(*) FROM erds_event`)
	err := r.tellAll(r.finished(list[0], notify.Announcement, notify.Email, notify.Sent),
		r.finished(list[1], notify.Reminder, notify.Email, notify.Sent), // was never announced
		r.finished(list[2], notify.Announcement, notify.Email, notify.Sent))
	if !errors.Is(err, delivery.ErrNotOpen) {
		t.Errorf("%v, want ErrNotOpen", err)
	}
	if n := r.count(`SELECT count(*) FROM erds_event`); n != before || r.again(list[0]).State != delivery.Submitted {
		t.Errorf("%d events more", n-before)
	}
	gone := list[0]
	gone.ID = delivery.ID(evidence.NewID())
	r.must(r.tellAll(r.finished(gone, notify.Announcement, notify.Email, notify.Sent), r.finished(list[0], notify.Announcement, notify.Email, notify.Sent)))
	if r.again(list[0]).State != delivery.Notified {
		t.Error("a removed delivery held up another")
	}
	r.must(r.tellAll())
	r.clean()
}

// The facts of many are those of each.
func TestManyFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := r.deliveries(r.submit(3))
	list[1] = r.attempt(list[1], notify.Email, notify.Sent)
	r.clock.pass(time.Hour)
	var all []notify.Notice
	for _, d := range list {
		all = append(all, r.finished(d, notify.Announcement, notify.Email, notify.Sent).Notice, r.finished(d, notify.Reminder, notify.Email, notify.Sent).Notice)
	}
	gone := all[0]
	gone.Delivery = evidence.NewID()
	facts, errs := r.NoticesFacts(r.ctx(), append(all, gone))
	stale := 0
	for i, n := range append(all, gone) {
		want, err := r.NoticeFacts(r.ctx(), n)
		if !errors.Is(errs[i], err) || cmp.Diff(want, facts[i]) != "" {
			t.Errorf("%s of %s: %v, want %v\n%s", n.Kind, n.Delivery, errs[i], err, cmp.Diff(want, facts[i]))
		}
		if errors.Is(err, notify.ErrStale) {
			stale++
		}
	}
	if stale != 3 {
		t.Errorf("%d are stale", stale)
	}
}

// The event holds the digest of the trace in one form, whatever the order of its
// names.
func TestTraceDigestIsInTheEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1))[0]
	f := r.finished(d, notify.Announcement, notify.Email, notify.Sent)
	r.must(r.tellAll(f))
	other := notify.Result{Trace: []byte("{ \"a\": 2,\n\"b\": 1 }")}
	want := evidence.Detail{Key: "trace", Value: other.TraceDigest()}
	if e := r.newest(d); want.Value == "" || !slices.Contains(e.Details, want) {
		t.Errorf("%+v lacks %+v", e.Details, want)
	}
}
