package delivery_test

import (
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "2026-02-29", "2027-02-30", "2026-13-01", "2026-00-10", "2026-1-2", "26-01-02", "2026-01-02 ", " 2026-01-02",
		"2026-01-02T00:00:00Z", "20260102", "2026/01/02", "-026-01-02", "12026-01-02", "0000-01-01", "２０２６-01-02", "2026-01-32", "2026-01-02\n"} {
		if d, err := delivery.ParseDate(bad); err == nil || !d.IsZero() {
			t.Errorf("%q is read as %s", bad, d)
		}
	}
	for _, good := range []string{"2026-11-22", "2028-02-29", "0001-01-01", "9999-12-31"} {
		if d := date(t, good); d.String() != good {
			t.Errorf("%q is written as %s", good, d)
		}
	}
	if (delivery.Date{}).String() != "" {
		t.Error("no date is written as one")
	}
}

// TestDateOf is about the hours in which Brussels and Greenwich disagree.
func TestDateOf(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	for at, want := range map[string]string{
		"2026-11-22T22:59:59Z": "2026-11-22", "2026-11-22T23:00:00Z": "2026-11-23", // winter: one hour
		"2026-06-22T21:59:59Z": "2026-06-22", "2026-06-22T22:00:00Z": "2026-06-23", // summer: two
		"2026-12-31T23:30:00Z": "2027-01-01", "2028-02-28T23:30:00Z": "2028-02-29", "2028-02-29T23:30:00Z": "2028-03-01",
		"2027-03-28T00:59:59Z": "2027-03-28", "2027-03-28T22:00:00Z": "2027-03-29", // the night of the change
		"2026-10-24T22:00:00Z": "2026-10-25", "2026-10-25T22:59:59Z": "2026-10-25",
	} {
		x, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := delivery.DateOf(x, zone).String(); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
	for day, want := range map[string]string{
		"2027-03-28": "2027-03-28T08:00:00Z", "2027-03-27": "2027-03-27T09:00:00Z", // ten o'clock is ten o'clock
		"2026-10-25": "2026-10-25T09:00:00Z", "2026-10-24": "2026-10-24T08:00:00Z",
	} {
		if got := date(t, day).Clock(10*time.Hour, zone).Format(time.RFC3339); got != want {
			t.Errorf("ten o'clock on %s: %s, want %s", day, got, want)
		}
	}
}

// TestDays walks through forty years: every day follows the one before, in
// every zone.
func TestDays(t *testing.T) {
	t.Parallel()
	zone := brussels(t)
	first := date(t, "2000-01-01")
	for n, d := 0, first; d.Year < 2040; n, d = n+1, d.AddDays(1) {
		begin := d.Begin(zone)
		if delivery.DateOf(begin, zone) != d || delivery.DateOf(begin.Add(-1), zone) != d.AddDays(-1) {
			t.Fatalf("%s begins at %s", d, begin)
		}
		if first.AddDays(n) != d || d.AddDays(-n) != first || int(d.Weekday()) != (6+n)%7 {
			t.Fatalf("%s is not %d days after %s", d, n, first)
		}
		if e := d.AddDays(1); !d.Before(e) || !e.After(d) || d.Before(d) || d.Compare(d) != 0 {
			t.Fatalf("order of %s and %s", d, e)
		}
	}
}
