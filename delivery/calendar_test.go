package delivery_test

import (
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/be"

	"github.com/bode-erds/bode/delivery"
)

func terms(t testing.TB) *delivery.Terms {
	t.Helper()
	terms, err := delivery.ReadTerms()
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

func date(t testing.TB, s string) delivery.Date {
	t.Helper()
	d, err := delivery.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestBelgianHolidays holds the calendar against an independent one for every
// day of a century.
func TestBelgianHolidays(t *testing.T) {
	t.Parallel()
	ours := terms(t).Calendars[0]
	theirs := cal.NewBusinessCalendar()
	theirs.AddHoliday(be.Holidays...)
	for d := date(t, "2000-01-01"); d.Year <= 2100; d = d.AddDays(1) {
		noon := d.Clock(12*time.Hour, time.UTC)
		actual, _, _ := theirs.IsHoliday(noon)
		if got := ours.Holiday(d) != ""; got != actual {
			t.Errorf("%s: holiday %t (%s), want %t", d, got, ours.Holiday(d), actual)
		}
		if got, want := ours.Working(d, false), theirs.IsWorkday(noon); got != want {
			t.Errorf("%s: working day %t, want %t", d, got, want)
		}
	}
}

// TestEaster compares with tables that were printed before us.
func TestEaster(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"1583-04-10", "1598-03-22", "1700-04-11", "1818-03-22", "1886-04-25", "1943-04-25", "1954-04-18",
		"1961-04-02", "1981-04-19", "2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31", "2025-04-20", "2026-04-05", "2027-03-28",
		"2028-04-16", "2038-04-25", "2049-04-18", "2076-04-19", "2285-03-22", "2299-04-16"} {
		if got := delivery.Easter(date(t, want).Year).String(); got != want {
			t.Errorf("Easter %s, want %s", got, want)
		}
	}
	// It is a Sunday from 22 March to 25 April, always.
	for year := 1583; year < 10000; year++ {
		e := delivery.Easter(year)
		if e.Weekday() != time.Sunday || e.Before(delivery.Date{Year: year, Month: 3, Day: 22}) || e.After(delivery.Date{Year: year, Month: 4, Day: 25}) {
			t.Fatalf("Easter %s", e)
		}
	}
}

func TestHolidays(t *testing.T) {
	t.Parallel()
	c := terms(t).Calendars[0]
	for day, want := range map[string]string{
		"2026-01-01": "new_year", "2026-04-06": "easter_monday", "2026-05-01": "labour_day", "2026-05-14": "ascension",
		"2026-05-25": "whit_monday", "2026-07-21": "national_day", "2026-08-15": "assumption", "2026-11-01": "all_saints",
		"2026-11-11": "armistice", "2026-12-25": "christmas",
		// No public holidays, though some offices close.
		"2026-01-02": "", "2026-04-03": "", "2026-04-05": "", "2026-05-24": "", "2026-07-11": "", "2026-09-27": "",
		"2026-11-02": "", "2026-11-15": "", "2026-12-26": "", "2026-12-24": "", "2026-12-31": "", "2028-02-29": "",
	} {
		if got := c.Holiday(date(t, day)); got != want {
			t.Errorf("%s: %q, want %q", day, got, want)
		}
	}
	if sat := date(t, "2026-11-21"); c.Working(sat, false) || !c.Working(sat, true) {
		t.Error("a Saturday works only where it counts")
	}
	if c.Working(date(t, "2026-08-15"), true) || c.Working(date(t, "2026-11-22"), true) {
		t.Error("a holiday on a Saturday, or a Sunday, works")
	}
	if got := c.Next(date(t, "2026-12-25"), false).String(); got != "2026-12-28" {
		t.Errorf("next after Christmas: %s", got)
	}
	if got := c.Next(date(t, "2026-11-23"), false).String(); got != "2026-11-23" {
		t.Errorf("next of a working day: %s", got)
	}
}
