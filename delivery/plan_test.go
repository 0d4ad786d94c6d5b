package delivery_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/be"

	"github.com/bode-erds/bode/delivery"
)

func planner(t testing.TB) *delivery.Service {
	return delivery.NewPlanner(brussels(t), 10*time.Hour, 0)
}

// by is a policy with a date to keep.
func by(date string, change ...func(*delivery.Policy)) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.ServeBy = date
	for _, c := range change {
		c(&p)
	}
	return p
}

// said writes a plan as people would: in Brussels.
func said(p delivery.Plan, zone *time.Location) string {
	var b strings.Builder
	for _, s := range p.Steps {
		layout, mark := "2006-01-02T15:04", ""
		if s.Day {
			layout = time.DateOnly
		}
		if s.Done {
			mark = "!"
		}
		fmt.Fprintf(&b, "%s%s %s\n", s.Kind, mark, s.At.In(zone).Format(layout))
	}
	if !p.LastPaper.IsZero() {
		fmt.Fprintf(&b, "last %s\n", p.LastPaper.In(zone).Format("2006-01-02T15:04"))
	}
	return b.String() + p.Rule
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	x, err := time.ParseInLocation("2006-01-02T15:04", s, brussels(t))
	if err != nil {
		t.Fatal(err)
	}
	return x.UTC()
}

// TestPlanOf writes out whole plans.
func TestPlanOf(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	online := func(p *delivery.Policy) { p.Fallback, p.PostAtOnce = delivery.FallbackNone, false }
	for name, c := range map[string]struct {
		policy delivery.Policy
		at     string
		want   []string
	}{
		"nothing asked": {delivery.DefaultPolicy(), "2026-11-20T10:00", []string{
			"notify 2026-11-20T10:00", "remind 2026-11-22T10:00", "remind 2026-11-28T08:00", "remind 2026-12-04T08:00",
			"end 2026-12-06T00:00", "hand_over 2026-12-06T00:00", "posted 2026-12-07", "served 2026-12-10", "removed 2028-12-07", "be-53bis-2@1"}},
		"over Christmas": {by("2026-12-28"), "2026-12-14T15:30", []string{ // printed on Tuesday the 22nd
			"notify 2026-12-14T15:30", "remind 2026-12-16T15:30", "remind 2026-12-18T08:00", "remind 2026-12-20T08:00",
			"end 2026-12-22T00:00", "hand_over 2026-12-22T00:00", "posted 2026-12-22", "served 2026-12-28", "serve_by 2026-12-28",
			"removed 2028-12-22", "last 2026-12-22T10:00", "be-53bis-2@1"}},
		"on a day nobody posts": {by("2026-04-06"), "2026-03-20T10:00", []string{ // Easter Monday: Wednesday 1 April is the third working day
			"notify 2026-03-20T10:00", "remind 2026-03-22T10:00", "remind 2026-03-25T16:30", "remind 2026-03-29T08:00",
			"end 2026-03-31T00:00", "hand_over 2026-03-31T00:00", "posted 2026-03-31", "served 2026-04-03", "serve_by 2026-04-06",
			"removed 2028-03-31", "last 2026-03-31T10:00", "be-53bis-2@1"}},
		"time enough": {by("2027-06-30"), "2026-11-20T10:00", []string{
			"notify 2026-11-20T10:00", "remind 2026-11-22T10:00", "remind 2026-11-28T08:00", "remind 2026-12-04T08:00",
			"end 2026-12-06T00:00", "hand_over 2026-12-06T00:00", "posted 2026-12-07", "served 2026-12-10", "serve_by 2027-06-30",
			"removed 2028-12-07", "last 2027-06-25T10:00", "be-53bis-2@1"}},
		"brought to the door": {by("2026-12-11", func(p *delivery.Policy) { p.TermRule = "be-53bis-1" }), "2026-11-20T10:00", []string{
			"notify 2026-11-20T10:00", "remind 2026-11-22T10:00", "remind 2026-11-28T08:00", "remind 2026-12-04T08:00",
			"end 2026-12-06T00:00", "hand_over 2026-12-06T00:00", "posted 2026-12-07", "served 2026-12-11", "serve_by 2026-12-11",
			"removed 2028-12-07", "last 2026-12-07T10:00", "be-53bis-1@1"}},
		"online only": {by("2026-11-30", online), "2026-11-20T10:00", []string{
			"notify 2026-11-20T10:00", "remind 2026-11-22T10:00", "remind 2026-11-25T17:00", "remind 2026-11-29T08:00",
			"serve_by 2026-11-30", "end 2026-12-01T00:00", "removed 2028-12-01", ""}},
		"a weekend": {by("2026-11-27"), "2026-11-20T10:00", []string{
			"notify 2026-11-20T10:00", "remind 2026-11-22T10:00", "end 2026-11-24T00:00", "hand_over 2026-11-24T00:00", "posted 2026-11-24",
			"served 2026-11-27", "serve_by 2026-11-27", "removed 2028-11-24", "last 2026-11-24T10:00", "be-53bis-2@1"}},
	} {
		plan, err := planner(t).PlanOf(c.policy, at(t, c.at))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := said(plan, zone), strings.Join(c.want, "\n"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		if plan.Late() {
			t.Errorf("%s: is late", name)
		}
	}
}

func TestPlanRefused(t *testing.T) {
	t.Parallel()
	sent := at(t, "2026-11-20T10:00") // a Friday
	none := func(p *delivery.Policy) { p.Fallback = delivery.FallbackNone }
	for _, c := range []struct {
		policy        delivery.Policy
		pointer, code string
		earliest      string
	}{
		{by("2026-11-25"), "/policy/serve_by", "too_early", "2026-11-26"},
		{by("2026-11-20"), "/policy/serve_by", "too_early", "2026-11-26"},
		{by("2020-01-01"), "/policy/serve_by", "too_early", "2026-11-26"},
		{by("0001-01-01"), "/policy/serve_by", "too_early", "2026-11-26"},
		{by("2026-11-20", none), "/policy/serve_by", "too_early", "2026-11-21"},
		{by("2026-11-26", func(p *delivery.Policy) { p.TermRule = "be-53bis-1" }), "/policy/serve_by", "too_early", "2026-11-27"},
		{by("tomorrow"), "/policy/serve_by", "date", ""},
		{by("2027-02-29"), "/policy/serve_by", "date", ""},
		{by("2026-12-10T00:00:00Z"), "/policy/serve_by", "date", ""},
		{by("2026-12-10\x00"), "/policy/serve_by", "date", ""},
		{by("", func(p *delivery.Policy) { p.TermRule = "be-53bis-3" }), "/policy/term_rule", "unsupported", ""},
		{by("", func(p *delivery.Policy) { p.TermRule = "be-53bis-2@9" }), "/policy/term_rule", "unsupported", ""},
		{by("2026-12-10", func(p *delivery.Policy) { p.TermRule = "nl" }), "/policy/term_rule", "unsupported", ""},
		{by("", func(p *delivery.Policy) { p.CollectDays = 0 }), "/policy/collect_days", "range", ""},
	} {
		_, err := planner(t).PlanOf(c.policy, sent)
		faults, _ := errors.AsType[delivery.FieldErrors](err)
		if len(faults) != 1 || faults[0].Pointer != c.pointer || faults[0].Code != c.code || faults[0].Args["earliest"] != c.earliest {
			t.Errorf("%s, rule %q: %v, want %s %s %s", c.policy.ServeBy, c.policy.TermRule, err, c.pointer, c.code, c.earliest)
		}
	}
	// What a sender claims to have been computed is computed again.
	free := delivery.DefaultPolicy()
	free.LastPaper = sent
	if free, _ = planner(t).Freeze(free, sent); !free.LastPaper.IsZero() {
		t.Errorf("without a date frozen as %s", free.LastPaper)
	}
	p := by("2026-12-28")
	p.LastPaper = sent.AddDate(5, 0, 0)
	if p, faults := planner(t).Freeze(p, sent); len(faults) > 0 || p.LastPaper != at(t, "2026-12-22T10:00") {
		t.Errorf("frozen as %s, %v", p.LastPaper, faults)
	}
}

// naive goes from day to day, as somebody with a paper calendar would.
type naive struct {
	holidays *cal.BusinessCalendar
	zone     *time.Location
	cutoff   int // hour
	days     int // from the cut-off to posting
	reckon   int // working days from posting to the door
	offset   int
	working  bool
}

func (n naive) works(day time.Time) bool { return n.holidays.IsWorkday(day) }

// served is the noon of the day on which a letter that was handed over then is
// taken as received.
func (n naive) served(handed time.Time) time.Time {
	local := handed.In(n.zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, n.zone)
	next := func() { day = time.Date(day.Year(), day.Month(), day.Day()+1, 12, 0, 0, 0, n.zone) }
	wait := func(days int) {
		for days > 0 {
			next()
			if n.works(day) {
				days--
			}
		}
	}
	if local.Hour()*60+local.Minute() > n.cutoff*60 || local.Hour() == n.cutoff && local.Nanosecond()+local.Second() > 0 {
		next()
	}
	for !n.works(day) {
		next()
	}
	wait(n.days)
	wait(n.reckon)
	if n.working {
		wait(n.offset)
	} else {
		for range n.offset {
			next()
		}
	}
	return day
}

// TestServeBy holds plans for random instants of three years against days
// counted one by one.
func TestServeBy(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	calendar := cal.NewBusinessCalendar()
	calendar.AddHoliday(be.Holidays...)
	rnd := rand.New(rand.NewPCG(7, 1))
	begin, feasible := at(t, "2026-01-01T00:00"), 0
	for i := range 6000 {
		n := naive{holidays: calendar, zone: zone, cutoff: 1 + rnd.IntN(22), days: rnd.IntN(3), offset: 3, working: true}
		name := "be-53bis-2"
		if i%3 == 0 {
			name, n.reckon, n.offset, n.working = "be-53bis-1", 3, 1, false
		}
		s := delivery.NewPlanner(zone, time.Duration(n.cutoff)*time.Hour, n.days)
		sent := begin.Add(time.Duration(rnd.Int64N(int64(3 * 365 * 24 * time.Hour)))).Truncate(time.Microsecond)
		want := delivery.DateOf(sent, zone).AddDays(rnd.IntN(50) - 2)
		p := by(want.String(), func(p *delivery.Policy) { p.CollectDays, p.TermRule = 1+rnd.IntN(30), name })
		plan, err := s.PlanOf(p, sent)

		var end time.Time // the latest end of a whole number of days that is in time
		for days := delivery.MinCollectDays; days <= p.CollectDays; days++ {
			if e := delivery.Window(sent, days, zone); n.served(e).Format(time.DateOnly) <= want.String() {
				end = e
			}
		}
		earliest := n.served(delivery.Window(sent, delivery.MinCollectDays, zone)).Format(time.DateOnly)
		if end.IsZero() {
			faults, _ := errors.AsType[delivery.FieldErrors](err)
			if len(faults) != 1 || faults[0].Code != "too_early" || faults[0].Args["earliest"] != earliest {
				t.Fatalf("sent %s to serve by %s: %v, want too early, earliest %s", sent, want, err, earliest)
			}
			p.ServeBy = earliest
			if _, err := s.PlanOf(p, sent); err != nil {
				t.Fatalf("sent %s, the earliest %s: %v", sent, earliest, err)
			}
			continue
		}
		feasible++
		if err != nil {
			t.Fatalf("sent %s to serve by %s: %v", sent, want, err)
		}
		got, _ := plan.Step(delivery.PlanEnd)
		served, _ := plan.Step(delivery.PlanServed)
		if !got.At.Equal(end) || plan.Late() || delivery.DateOf(served.At, zone).String() != n.served(end).Format(time.DateOnly) {
			t.Fatalf("sent %s to serve by %s:\n%s\nwant the end at %s", sent, want, said(plan, zone), end)
		}
		if n.served(plan.LastPaper).Format(time.DateOnly) > want.String() || n.served(plan.LastPaper.Add(time.Microsecond)).Format(time.DateOnly) <= want.String() {
			t.Fatalf("to serve by %s: last for paper %s", want, plan.LastPaper)
		}
		for _, step := range plan.Steps {
			if step.Kind == delivery.PlanRemind && (!step.At.Before(end) || step.At.Before(sent)) {
				t.Fatalf("reminded at %s of a window that ends at %s", step.At, end)
			}
		}
		// A day more is never worse.
		p.ServeBy = want.AddDays(1).String()
		more, err := s.PlanOf(p, sent)
		if err != nil {
			t.Fatalf("sent %s: %s is feasible, a day more is not: %v", sent, want, err)
		}
		if later, _ := more.Step(delivery.PlanEnd); later.At.Before(end) || more.LastPaper.Before(plan.LastPaper) {
			t.Fatalf("sent %s: a day more than %s ends at %s", sent, want, later.At)
		}
	}
	if feasible < 2000 {
		t.Errorf("only %d of the dates were feasible", feasible)
	}
}

// TestToldLate: telling the recipient took until the given time. The date comes
// first as long as paper can be in time.
func TestToldLate(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	p, faults := planner(t).Freeze(by("2026-12-28"), at(t, "2026-12-14T10:00"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	online, faults := planner(t).Freeze(by("2026-12-28", func(p *delivery.Policy) { p.Fallback = delivery.FallbackNone }), at(t, "2026-12-14T10:00"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for told, want := range map[string][2]string{
		"2026-12-14T10:00": {"2026-12-22T00:00", "2026-12-29T00:00"},
		"2026-12-20T23:59": {"2026-12-22T00:00", "2026-12-29T00:00"},
		"2026-12-21T23:00": {"2026-12-22T00:00", "2026-12-29T00:00"}, // an hour, and the letter is in time
		"2026-12-22T00:00": {"2026-12-24T00:00", "2026-12-29T00:00"}, // too late for paper: the shortest window
		"2026-12-29T00:00": {"2026-12-31T00:00", "2026-12-31T00:00"},
	} {
		if got := p.WindowEnd(at(t, told), zone); !got.Equal(at(t, want[0])) {
			t.Errorf("told %s: ends %s, want %s", told, got.In(zone), want[0])
		}
		if got := online.WindowEnd(at(t, told), zone); !got.Equal(at(t, want[1])) {
			t.Errorf("told %s, online: ends %s, want %s", told, got.In(zone), want[1])
		}
	}
}

// TestReminders: inside the window, by day, at least a day apart, whatever the
// window and whenever it begins.
func TestReminders(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	for told := at(t, "2027-03-01T00:30"); told.Before(at(t, "2027-11-15T00:00")); told = told.Add(7*time.Hour + 13*time.Minute) {
		for _, days := range []int{1, 2, 3, 4, 5, 15, 60} {
			end, last := delivery.Window(told, days, zone), told
			list := delivery.DefaultPolicy().DeadlinesOf(told, end, zone)
			for _, d := range list[:len(list)-1] {
				if hour := d.DueAt.In(zone).Hour(); hour < 8 || hour >= 21 {
					t.Fatalf("told %s, %d days: %s at %s", told, days, d.Kind, d.DueAt.In(zone))
				}
				if d.DueAt.Sub(last) < 24*time.Hour || end.Sub(d.DueAt) < 24*time.Hour {
					t.Fatalf("told %s, %d days: %s at %s, after %s, before %s", told, days, d.Kind, d.DueAt, last, end)
				}
				last = d.DueAt
			}
		}
	}
}

// TestAtOnce: a letter that goes at once is posted after the cut-off that comes
// next, at whatever time of whatever day that is.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	calendar := cal.NewBusinessCalendar()
	calendar.AddHoliday(be.Holidays...)
	n := naive{holidays: calendar, zone: brussels(t), cutoff: 10, offset: 3, working: true}
	d := delivery.Delivery{State: delivery.Submitted, Email: delivery.ReachFailed, SMS: delivery.ReachFailed,
		Message: delivery.Message{Policy: delivery.DefaultPolicy()}, Recipient: delivery.Recipient{Address: &delivery.PostalAddress{}}}
	for now := at(t, "2026-12-18T09:59"); now.Before(at(t, "2027-04-12T00:00")); now = now.Add(59 * time.Minute) {
		served, ok := planner(t).PlanNow(d, now).Step(delivery.PlanServed)
		if got := delivery.DateOf(served.At, n.zone).String(); !ok || got != n.served(now).Format(time.DateOnly) {
			t.Fatalf("handed over at %s: served %s, want %s", now.In(n.zone), got, n.served(now))
		}
	}
}
