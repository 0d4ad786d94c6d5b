package delivery_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestTermsDocument writes the rules out for people who know the law, and holds
// the page against the data.
func TestTermsDocument(t *testing.T) {
	t.Parallel()
	path, want := filepath.Join("..", "docs", "terms.md"), termsDocument(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/terms.md does not say what the rules do: go test ./delivery -run TestTermsDocument -update (%v)", err)
	}
}

func termsDocument(t *testing.T) string {
	var b strings.Builder
	all := terms(t)
	b.WriteString(`# When a letter counts as received

Made by ` + "`go test ./delivery -run TestTermsDocument -update`" + ` from ` + "`delivery/terms.json`" + `; a test keeps it true.

What is computed from these rules is an aid to plan with, no legal advice. Which rule applies depends on the law
or the contract that asks for the letter, and on the way it was really sent. The sender chooses a rule; its id and
version are kept with the message, and a rule in use never changes: what changes gets the next version.

## Rules

| Rule | For people | Counts from | First day of the term | Last day moves to a working day | Source |
| --- | --- | --- | --- | --- | --- |
`)
	events := map[delivery.TermEvent]string{delivery.FromPosted: "the day the postal operator has it", delivery.FromPresented: "the day it is brought to the address",
		delivery.FromReceived: "the day somebody signs for it"}
	for _, r := range all.Rules {
		days := map[bool]string{true: "working day", false: "day"}[r.Working]
		fmt.Fprintf(&b, "| `%s` | %s | %s | the %s %s after it | %s | %s |\n", r.Ref(), r.Title["en"], events[r.From], []string{"", "first", "second", "third"}[r.Offset], days,
			map[bool]string{true: "yes", false: "not said there"}[r.Roll], r.Source)
	}
	fmt.Fprintf(&b, `
The default is %s. The day of the event never counts; all days of a term count, working or not.
Where the table says so, a last day that is a Saturday, a Sunday or a public holiday becomes the next working day.
A term in months ends on the day before the same day of the month, or with a month that lacks it. Saturdays are no
working days in any of these rules.

Rules that count from the day of signing cannot be planned and are not offered. For rules that count from the day
the letter is brought, plans assume %d working days from posting; no law says so, and the day that the postal
operator reports replaces it.

## Public holidays in Belgium

%s

| Year |`, "`"+all.Default+"`", rule(t, "be-53bis-1").Reckon, "Source: "+all.Calendars[0].Source+". Sundays are not listed.")
	c := all.Calendars[0]
	for _, h := range c.Days {
		fmt.Fprintf(&b, " %s |", strings.ReplaceAll(h.ID, "_", " "))
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(c.Days)) + "\n")
	for year := 2026; year <= 2030; year++ {
		fmt.Fprintf(&b, "| %d |", year)
		for d := (delivery.Date{Year: year, Month: 1, Day: 1}); d.Year == year; d = d.AddDays(1) {
			if c.Holiday(d) != "" {
				fmt.Fprintf(&b, " %s |", d.Clock(12*time.Hour, time.UTC).Format("Mon 2 Jan"))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Worked examples\n\n| Rule | Event | First day of the term | Last of 8 days | Last of 30 days | Last of a month |\n| --- | --- | --- | --- | --- | --- |\n")
	day := func(d delivery.Date) string { return d.Clock(12*time.Hour, time.UTC).Format("Mon 2 Jan 2006") }
	for _, x := range [][2]string{{"be-53bis-2", "2026-11-23"}, {"be-53bis-2", "2026-12-22"}, {"be-53bis-2", "2026-12-31"}, {"be-53bis-2", "2026-04-02"},
		{"be-53bis-2", "2026-05-13"}, {"be-53bis-2", "2028-02-25"}, {"be-53bis-1", "2026-11-20"}, {"be-53bis-1", "2027-01-30"}, {"be-53bis-3", "2028-02-28"}} {
		r, event := rule(t, x[0]), date(t, x[1])
		first := r.Start(event)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", r.ID, day(event), day(first), day(r.Expiry(first, delivery.Length{Days: 8})),
			day(r.Expiry(first, delivery.Length{Days: 30})), day(r.Expiry(first, delivery.Length{Months: 1})))
	}
	b.WriteString(`
## A date to meet

The sender names the day by which the letter must count as received. From it follows the last moment at which the
partner can take the letter; the time to decide online ends at the beginning of that day at the latest, and not
before one whole day. A date that leaves less is refused. When telling the recipient takes longer than that, the date
still comes first, until paper is too late; from then on one whole day is given, and the plan says that it is late.
Without paper, the time online ends with the date itself.

The partner's contract is a setting of the operator. Here: until 10:00 of a working day, posted the same day.

| To count as received by | Last moment for paper | Online until the end of | Posted | Counts as received |
| --- | --- | --- | --- | --- |
`)
	s, zone := planner(t), brussels(t)
	for _, x := range []string{"2026-12-03", "2026-12-25", "2026-12-28", "2027-01-04", "2026-04-06", "2026-04-08", "2026-05-19", "2028-02-29"} {
		meet := date(t, x)
		plan, err := s.PlanOf(by(x, func(p *delivery.Policy) { p.CollectDays = 30 }), meet.AddDays(-20).Clock(9*time.Hour, zone))
		if err != nil {
			t.Fatal(err)
		}
		on := func(kind delivery.PlanKind) delivery.Date {
			step, _ := plan.Step(kind)
			return delivery.DateOf(step.At, zone)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", day(meet), plan.LastPaper.In(zone).Format("Mon 2 Jan 15:04"), day(on(delivery.PlanEnd).AddDays(-1)),
			day(on(delivery.PlanPosted)), day(on(delivery.PlanServed)))
	}
	return b.String()
}
