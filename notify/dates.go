package notify

import (
	"bytes"
	"fmt"
	"strings"
	"text/template"
	"time"
	_ "time/tzdata" // Brussels, also where the system has no zones
)

// zone is where our terms run.
const zone = "Europe/Brussels"

// calendar writes dates as one language does. Names and patterns are words of
// the translation files.
type calendar struct {
	zone     *time.Location
	months   []string // January first
	weekdays []string // Sunday first
	moment   *template.Template
	day      *template.Template
	short    *template.Template
}

// parts of a date as the patterns see them.
type dateParts struct {
	Weekday, Month, Hour, Minute string
	Day, MonthNumber, Year       int
}

func newCalendar(words map[string]string, parse func(key string) (*template.Template, error)) (calendar, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return calendar{}, fmt.Errorf("%w: %w", ErrWords, err)
	}
	c := calendar{zone: loc, months: strings.Fields(words["date.months"]), weekdays: strings.Fields(words["date.weekdays"])}
	if len(c.months) != 12 || len(c.weekdays) != 7 {
		return calendar{}, fmt.Errorf("%w: %d months, %d weekdays", ErrWords, len(c.months), len(c.weekdays))
	}
	for key, t := range map[string]**template.Template{"date.moment": &c.moment, "date.day": &c.day, "date.short": &c.short} {
		if *t, err = parse(key); err != nil {
			return calendar{}, err
		}
	}
	return c, nil
}

// Moment is a date with its time and the name of the zone.
func (c calendar) Moment(t time.Time) (string, error) { return c.write(c.moment, t) }

// Day is a date.
func (c calendar) Day(t time.Time) (string, error) { return c.write(c.day, t) }

// Until is the last minute before the deadline t: a term that ends as a day
// begins is read as ending on the day before.
func (c calendar) Until(t time.Time) (string, error) {
	return c.write(c.moment, c.lastMinute(t))
}

// UntilDay is Until without the time.
func (c calendar) UntilDay(t time.Time) (string, error) {
	return c.write(c.day, c.lastMinute(t))
}

// UntilShort is UntilDay without the year, for an SMS.
func (c calendar) UntilShort(t time.Time) (string, error) {
	return c.write(c.short, c.lastMinute(t))
}

func (c calendar) lastMinute(t time.Time) time.Time {
	t = t.In(c.zone)
	if h, m, s := t.Clock(); h == 0 && m == 0 && s == 0 {
		t = t.Add(-time.Minute)
	}
	return t
}

// write is empty for the zero time.
func (c calendar) write(pattern *template.Template, t time.Time) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	t = t.In(c.zone)
	p := dateParts{
		Weekday: c.weekdays[t.Weekday()], Month: c.months[t.Month()-1], Day: t.Day(), MonthNumber: int(t.Month()), Year: t.Year(),
		Hour: fmt.Sprintf("%d", t.Hour()), Minute: fmt.Sprintf("%02d", t.Minute()),
	}
	var b bytes.Buffer
	if err := pattern.Execute(&b, p); err != nil {
		return "", fmt.Errorf("%w: %w", ErrWords, err)
	}
	return b.String(), nil
}
