package delivery

import (
	"fmt"
	"slices"
	"time"
)

// Calendar knows the public holidays of a country. It is data: days of the year,
// and days counted from Easter.
type Calendar struct {
	Country string    `json:"country"` // ISO 3166-1 alpha-2
	Days    []Holiday `json:"days"`
	Source  string    `json:"source"`
}

// Holiday is a day that comes back every year: on a day of the calendar, or a
// number of days after Easter Sunday.
type Holiday struct {
	ID     string `json:"id"`
	On     string `json:"on,omitempty"`     // MM-DD
	Easter *int   `json:"easter,omitempty"` // days after Easter Sunday
}

// Easter is Easter Sunday of a year in the Gregorian calendar, by the method of
// Gauss as corrected by Lilius's lunar equation.
func Easter(year int) Date {
	golden, century := year%19, year/100
	// Days from 21 March to the full moon: the lunar and solar corrections moved
	// it by a day in some centuries.
	moon := (19*golden + century - century/4 - (8*century+13)/25 + 15) % 30
	if moon == 29 || moon == 28 && golden > 10 {
		moon--
	}
	full := Date{year, time.March, 21}.AddDays(moon)
	return full.AddDays(7 - int(full.Weekday())) // the Sunday after it, never the day itself
}

// Holiday is the id of the public holiday on d, or "".
func (c Calendar) Holiday(d Date) string {
	for _, h := range c.Days {
		if h.in(d.Year) == d {
			return h.ID
		}
	}
	return ""
}

func (h Holiday) in(year int) Date {
	if h.Easter != nil {
		return Easter(year).AddDays(*h.Easter)
	}
	d, _ := ParseDate(fmt.Sprintf("%04d-%s", year, h.On)) // checked when it was read
	return d
}

// Working reports whether d is a working day: no public holiday, no Sunday, and
// no Saturday unless that counts.
func (c Calendar) Working(d Date, saturday bool) bool {
	switch d.Weekday() {
	case time.Sunday:
		return false
	case time.Saturday:
		if !saturday {
			return false
		}
	}
	return c.Holiday(d) == ""
}

// Next is the first working day from d on, which may be d.
func (c Calendar) Next(d Date, saturday bool) Date {
	for !c.Working(d, saturday) {
		d = d.AddDays(1)
	}
	return d
}

// AddWorking is the n-th working day after d; d itself does not count. n is not
// negative.
func (c Calendar) AddWorking(d Date, n int, saturday bool) Date {
	for ; n > 0; n-- {
		d = c.Next(d.AddDays(1), saturday)
	}
	return d
}

func (c Calendar) validate() error {
	if !countryShape.MatchString(c.Country) || c.Source == "" || len(c.Days) == 0 {
		return fmt.Errorf("delivery: calendar %q is incomplete", c.Country)
	}
	var ids []string
	for _, h := range c.Days {
		_, err := ParseDate("2001-" + h.On) // 29 February does not come back every year
		if (h.Easter == nil) != (err == nil) || h.Easter != nil && h.On != "" || h.ID == "" || slices.Contains(ids, h.ID) {
			return fmt.Errorf("delivery: calendar %s: holiday %q", c.Country, h.ID)
		}
		ids = append(ids, h.ID)
	}
	return nil
}
