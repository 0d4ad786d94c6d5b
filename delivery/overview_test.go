package delivery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// What an overview counts is what the lists behind it hold.
func TestOverview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.notified()
	}
	refused := r.notified()
	r.put(refused, `state = 'rejected'`)
	failed := r.deliveries(r.submit(1))[0]
	r.attempt(r.attempt(failed, notify.Email, notify.Permanent), notify.SMS, notify.Permanent)
	soon := r.notified()
	r.put(soon, `respond_by = '`+r.clock.now().Add(48*time.Hour-time.Minute).Format(time.RFC3339)+`'`)
	o, err := r.Overview(t.Context(), r.account, false)
	r.must(err)
	for status, want := range map[delivery.Status]int{delivery.StatusWaiting: 5, delivery.StatusSoon: 1, delivery.StatusRefused: 1, delivery.StatusUnreached: 1,
		delivery.StatusOnPaper: 0, delivery.StatusReturned: 0} {
		list, err := r.FindDeliveries(t.Context(), r.account, delivery.Find{Status: status}, delivery.Place{}, 100)
		r.must(err)
		if got := o.Counts[status]; got != (delivery.Count{N: want}) || len(list.List) != want {
			t.Errorf("%s: %+v in the overview, %d in the list, want %d", status, got, len(list.List), want)
		}
	}
	if o.Collected != 0 || o.Median != 0 || len(o.Days) != delivery.OverviewDays || o.Days[29].Day != delivery.DateOf(r.clock.now(), r.Zone) {
		t.Errorf("nobody collected, and the overview says %+v", o)
	}
	for _, other := range []struct {
		account string
		test    bool
	}{{r.newAccount(), false}, {r.account, true}} {
		if o, err := r.Overview(t.Context(), other.account, other.test); err != nil || fmt.Sprint(o.Counts) != fmt.Sprint(zeros()) {
			t.Errorf("%+v: %+v, %v", other, o.Counts, err)
		}
	}
}

func zeros() map[delivery.Status]delivery.Count {
	m := map[delivery.Status]delivery.Count{}
	for _, s := range delivery.Looked {
		m[s] = delivery.Count{}
	}
	return m
}

// Every acceptance is counted once, on its day, with about the time that it took.
func TestOverviewOfCollecting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	today := delivery.DateOf(r.clock.now().Add(48*time.Hour), r.Zone)
	for i, wait := range []time.Duration{time.Hour, 3 * time.Hour, 20 * time.Hour, 48 * time.Hour} {
		d := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = fmt.Sprintf("w%d@x.example", i) })
		r.put(d, `notified_at = '`+r.clock.now().Add(48*time.Hour-wait).Format(time.RFC3339)+`'`)
	}
	r.clock.pass(48 * time.Hour)
	list, err := r.FindDeliveries(t.Context(), r.account, delivery.Find{}, delivery.Place{}, 100)
	r.must(err)
	for _, d := range list.List[:3] { // the one of an hour is still waiting
		c := r.identified(d)
		_, err := r.Accept(t.Context(), c)
		r.must(err)
		if _, err := r.Accept(t.Context(), c); err == nil {
			t.Error("accepted twice")
		}
	}
	o, err := r.Overview(t.Context(), r.account, false)
	r.must(err)
	if o.Collected != 3 || o.Days[29] != (delivery.DayCollected{Day: today, N: 3}) || o.Median < 18*time.Hour || o.Median > 22*time.Hour {
		t.Errorf("collected %d, today %+v, median %s", o.Collected, o.Days[29], o.Median)
	}
	r.clock.pass(29 * 24 * time.Hour)
	if o, err = r.Overview(t.Context(), r.account, false); err != nil || o.Days[0].N != 3 {
		t.Errorf("29 days later: %+v, %v", o.Days[0], err)
	}
	r.clock.pass(24 * time.Hour)
	if o, err = r.Overview(t.Context(), r.account, false); err != nil || o.Collected != 0 || o.Median != 0 {
		t.Errorf("30 days later: %+v, %v", o, err)
	}
}

// A large account is counted no further than what is said.
func TestOverviewTouchesLittle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.notified()
	r.many(30_000)
	o, err := r.Overview(t.Context(), r.account, false)
	r.must(err)
	if c := o.Counts[delivery.StatusWaiting]; c != (delivery.Count{N: delivery.MaxCount, More: true}) {
		t.Errorf("6 000 wait, and the overview says %+v", c)
	}
	for sql, args := range delivery.OverviewStatements(r.account, r.clock.now()) {
		if plan := r.explain(sql, args...); strings.Contains(plan, "Seq Scan on delivery") || strings.Contains(plan, "Seq Scan on message") || r.rows(plan) > 20*delivery.MaxCount {
			t.Errorf("%s\n%s", sql, plan)
		}
	}
}
