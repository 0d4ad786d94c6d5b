package delivery

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, without time or zone. The zero Date is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that it is in zone at an instant.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// ParseDate reads YYYY-MM-DD, a day that exists, from the year 1 on.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("delivery: %q is no date", s)
	}
	return DateOf(t, time.UTC), nil
}

// String writes d as YYYY-MM-DD, and no date as nothing.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// IsZero reports that d is none.
func (d Date) IsZero() bool { return d == Date{} }

// noon is an instant of the day in a zone without changes: what is computed from
// it cannot slip into another day.
func (d Date) noon() time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// AddDays is the day n days after d, before it for a negative n.
func (d Date) AddDays(n int) Date { return DateOf(d.noon().AddDate(0, 0, n), time.UTC) }

// Weekday of d.
func (d Date) Weekday() time.Weekday { return d.noon().Weekday() }

// Compare is -1, 0 or 1 as d is before, on or after e.
func (d Date) Compare(e Date) int { return d.noon().Compare(e.noon()) }

// Before reports that d is earlier than e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports that d is later than e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// Begin is the first instant of d in zone.
func (d Date) Begin(zone *time.Location) time.Time { return d.Clock(0, zone) }

// Clock is the instant at which clocks in zone show the time of day on d. A
// time that the change to summer time leaves out is as much later.
func (d Date) Clock(of time.Duration, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, int(of), zone).UTC()
}
