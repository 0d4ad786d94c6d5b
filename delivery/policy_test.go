package delivery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	for _, c := range []struct {
		notified string // Brussels
		days     int
		end      string // UTC
	}{
		{"2026-11-20T10:00:00", 15, "2026-12-05T23:00:00Z"},
		{"2026-11-20T00:00:00", 1, "2026-11-21T23:00:00Z"},
		{"2026-11-20T23:59:59", 1, "2026-11-21T23:00:00Z"},
		{"2027-03-27T10:00:00", 1, "2027-03-28T22:00:00Z"},  // the last day has 23 hours
		{"2027-03-26T10:00:00", 1, "2027-03-27T23:00:00Z"},  // ends before the change
		{"2027-03-28T01:30:00", 15, "2027-04-12T22:00:00Z"}, // begins on the day of the change
		{"2026-10-24T10:00:00", 1, "2026-10-25T23:00:00Z"},  // the last day has 25 hours
		{"2026-10-23T10:00:00", 1, "2026-10-24T22:00:00Z"},
		{"2026-12-20T10:00:00", 15, "2027-01-04T23:00:00Z"}, // over the year
		{"2026-12-31T23:59:59", 1, "2027-01-01T23:00:00Z"},
		{"2028-02-27T10:00:00", 2, "2028-02-29T23:00:00Z"}, // a leap day counts
		{"2028-02-28T10:00:00", 1, "2028-02-29T23:00:00Z"},
		{"2027-02-27T10:00:00", 2, "2027-03-01T23:00:00Z"},
		{"2026-11-20T10:00:00", 60, "2027-01-19T23:00:00Z"},
	} {
		at, err := time.ParseInLocation("2006-01-02T15:04:05", c.notified, zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := delivery.Window(at.UTC(), c.days, zone).Format(time.RFC3339); got != c.end {
			t.Errorf("notified %s, %d days: ends %s, want %s", c.notified, c.days, got, c.end)
		}
	}
	// A day of Brussels that is another day in UTC.
	late := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)
	if got := delivery.Window(late, 1, zone); !got.Equal(time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("notified half past midnight: ends %s", got)
	}
}

// TestWindowIsWholeDays holds for every hour of two years and every number of
// days that the window ends at midnight, that many days after the next one.
func TestWindowIsWholeDays(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	for at := time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2029; at = at.Add(5 * time.Hour) {
		for _, days := range []int{1, 15, 60} {
			end := delivery.Window(at, days, zone).In(zone)
			y, m, d := at.In(zone).Date()
			if h, mi, s := end.Clock(); h+mi+s != 0 || end.Format(time.DateOnly) != time.Date(y, m, d+days+1, 12, 0, 0, 0, time.UTC).Format(time.DateOnly) {
				t.Fatalf("notified %s, %d days: ends %s", at, days, end)
			}
		}
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	notified := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	with := delivery.DefaultPolicy()
	without := with
	without.Reminders = false
	kinds := map[int]int{} // number of reminders by days
	for days := delivery.MinCollectDays; days <= delivery.MaxCollectDays; days++ {
		end := delivery.Window(notified, days, zone)
		list := with.DeadlinesOf(notified, end, zone)
		last := list[len(list)-1]
		if last.Kind != delivery.Expiry || !last.DueAt.Equal(end) {
			t.Fatalf("%d days: ends with %v", days, last)
		}
		before, seen := notified, map[delivery.DeadlineKind]bool{}
		for _, d := range list {
			if seen[d.Kind] {
				t.Errorf("%d days: %s twice", days, d.Kind)
			}
			seen[d.Kind] = true
			if d.DueAt.Sub(before) < 24*time.Hour {
				t.Errorf("%d days: %s only %s after the one before", days, d.Kind, d.DueAt.Sub(before))
			}
			before = d.DueAt
		}
		kinds[days] = len(list) - 1
		if got := without.DeadlinesOf(notified, end, zone); len(got) != 1 || got[0].Kind != delivery.Expiry {
			t.Errorf("%d days without reminders: %v", days, got)
		}
	}
	for days, want := range map[int]int{1: 0, 2: 1, 15: 3, 60: 3} {
		if kinds[days] != want {
			t.Errorf("%d days: %d reminders, want %d", days, kinds[days], want)
		}
	}
}

// TestBoundary decides one microsecond before the end, and at the end.
func TestBoundary(t *testing.T) {
	t.Parallel()
	var d delivery.Delivery
	for _, s := range situations(t) {
		if s.name == "notified, identified" {
			d = s.Delivery
		}
	}
	for _, c := range []struct {
		at   time.Time
		want error
	}{{d.RespondBy.Add(-time.Microsecond), nil}, {d.RespondBy, delivery.ErrWindowClosed}, {d.RespondBy.Add(time.Microsecond), delivery.ErrWindowClosed}} {
		open := c.want == nil
		if d.Open(c.at) != open {
			t.Errorf("open at %s: %t", c.at, !open)
		}
		by := addressee(d.LastAt)
		_, accept := d.Accept(by, c.at)
		_, reject := d.Reject(by, c.at)
		_, visit := d.Visit(by, c.at)
		_, identify := d.Identify(by, identity.MatchResult{OK: true}, c.at)
		for verb, err := range map[string]error{"accept": accept, "reject": reject, "visit": visit, "identify": identify} {
			if !errors.Is(err, c.want) {
				t.Errorf("%s at %s: %v, want %v", verb, c.at, err, c.want)
			}
		}
		if _, err := d.Expire(c.at); (err == nil) == open {
			t.Errorf("expire at %s: %v", c.at, err)
		}
	}
}

// TestUnidentified lets everybody decide who may not.
func TestUnidentified(t *testing.T) {
	t.Parallel()
	for _, s := range situations(t) {
		at := s.LastAt.Add(time.Minute)
		for name, change := range map[string]func(*identity.Actor){
			"nobody":         func(a *identity.Actor) { *a = identity.Actor{} },
			"the sender":     func(a *identity.Actor) { a.Kind = identity.ActorPerson },
			"a key":          func(a *identity.Actor) { a.Kind = identity.ActorKey },
			"the system":     func(a *identity.Actor) { *a = identity.System },
			"no level":       func(a *identity.Actor) { a.Level = identity.LevelNone },
			"low":            func(a *identity.Actor) { a.Level = identity.LevelLow },
			"substantial":    func(a *identity.Actor) { a.Level = identity.LevelSubstantial },
			"unknown level":  func(a *identity.Actor) { a.Level = "HIGH" },
			"another method": func(a *identity.Actor) { a.Method = "sms" },
		} {
			d := s.Delivery
			d.Message.Policy.Methods = []string{"itsme", "eid"}
			by := addressee(at)
			change(&by)
			_, accept := d.Accept(by, at)
			_, reject := d.Reject(by, at)
			_, access := d.Access(0, by, at)
			_, over := d.HandOver(by, at)
			for verb, err := range map[string]error{"accept": accept, "reject": reject, "access": access, "hand over": over} {
				if err == nil {
					t.Errorf("%s in %s by %s", verb, s.name, name)
				}
			}
			if m, err := d.Identify(by, identity.MatchResult{OK: true}, at); err == nil {
				t.Errorf("identified in %s by %s: %v", s.name, name, m.After.Identified)
			}
		}
	}
}

func TestAccessRefused(t *testing.T) {
	t.Parallel()
	for _, s := range situations(t) {
		for _, part := range []int{-1, 2, 1 << 30} {
			if _, err := s.Access(part, addressee(s.LastAt), s.LastAt); err == nil {
				t.Errorf("part %d in %s", part, s.name)
			}
		}
	}
}

func TestRetainUntil(t *testing.T) {
	t.Parallel()
	p := delivery.DefaultPolicy()
	if got := p.RetainUntil(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)); got.Format(time.DateOnly) != "2028-11-20" {
		t.Errorf("24 months: %s", got)
	}
	p.RetentionMonths = 1
	if got := p.RetainUntil(time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC)); got.Format(time.DateOnly) != "2027-03-03" {
		t.Errorf("a month that the next one does not have: %s", got)
	}
}
