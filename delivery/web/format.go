package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Date writes the day of an instant in Brussels: 22 november 2026.
func (v *View) Date(t time.Time) (string, error) {
	t = t.In(v.web.Zone)
	month, err := v.T("month." + strconv.Itoa(int(t.Month())))
	if err != nil {
		return "", err
	}
	day := strconv.Itoa(t.Day())
	if v.Lang == "fr" && t.Day() == 1 {
		day = "1er"
	}
	return v.T("date", "d", day, "month", month, "y", t.Year())
}

// Weekday writes the day of an instant with its name: zondag 22 november 2026.
func (v *View) Weekday(t time.Time) (string, error) {
	date, err := v.Date(t)
	if err != nil {
		return "", err
	}
	day, err := v.T("weekday." + strconv.Itoa(int(t.In(v.web.Zone).Weekday())))
	if err != nil {
		return "", err
	}
	return v.T("date.weekday", "weekday", day, "date", date)
}

// Clock writes the time of day of an instant in Brussels, to the minute.
func (v *View) Clock(t time.Time) (string, error) {
	t = t.In(v.web.Zone)
	return v.T("clock", "h", t.Format("15"), "m", t.Format("04"))
}

// Moment writes an instant as day and time in Brussels and says so.
func (v *View) Moment(t time.Time) (string, error) {
	date, err := v.Date(t)
	if err != nil {
		return "", err
	}
	clock, err := v.Clock(t)
	if err != nil {
		return "", err
	}
	return v.T("moment", "date", date, "clock", clock)
}

// UTC writes an instant in universal time, to the second, in the one form that
// is the same in every language.
func (v *View) UTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// Deadline writes the last day on which something can still be done: end is the
// first instant at which it is too late.
func (v *View) Deadline(end time.Time) (string, error) { return v.Weekday(end.Add(-time.Microsecond)) }

// Number writes a whole number with the separator of the language.
func (v *View) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	sep := map[string]string{"nl": ".", "fr": "\u202f", "de": ".", "en": ","}[v.Lang]
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return sign + s
}

// Count is Number of an int.
func (v *View) Count(n int) string { return v.Number(int64(n)) }

// Percent writes a share, 0 to 1, as a percentage with at most two decimals. It
// is rounded down: what is not the whole is never written as 100 %.
func (v *View) Percent(share float64) string {
	hundredths := int(share*10000 + 1e-9)
	s := strconv.Itoa(hundredths / 100)
	if rest := hundredths % 100; rest > 0 {
		s += "." + strings.TrimSuffix(fmt.Sprintf("%02d", rest), "0")
	}
	if v.Lang == "en" {
		return s + "%"
	}
	return strings.ReplaceAll(s, ".", ",") + "\u00a0%"
}

// Span writes how long something lasted, in its two largest units: 2 hours and 5
// minutes. Less than a second is written as one.
func (v *View) Span(d time.Duration) (string, error) {
	n := max(1, int64(d/time.Second))
	units := []struct {
		key  string
		secs int64
	}{{"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"seconds", 1}}
	var parts []string
	for i, u := range units {
		if n < u.secs && len(parts) == 0 && i < len(units)-1 {
			continue
		}
		if c := n / u.secs; c > 0 {
			text, err := v.N("span."+u.key, int(c))
			if err != nil {
				return "", err
			}
			parts = append(parts, text)
		}
		if n %= u.secs; len(parts) > 0 && (i+1 >= len(units) || len(parts) == 2 || n < units[i+1].secs) {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return v.T("span.two", "a", parts[0], "b", parts[1])
}

// Size writes a number of octets for people: 1,4 MB. Units are decimal.
func (v *View) Size(n int64) (string, error) {
	if n < 1000 {
		return v.N("size.bytes", int(n))
	}
	units, f := []string{"kB", "MB", "GB", "TB"}, float64(n)/1000
	for f >= 999.5 && len(units) > 1 {
		f, units = f/1000, units[1:]
	}
	s := fmt.Sprintf("%.0f", f)
	if f < 9.95 {
		s = strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
	}
	if v.Lang != "en" {
		s = strings.ReplaceAll(s, ".", ",")
	}
	unit := units[0]
	if v.Lang == "fr" {
		unit = strings.Replace(unit, "B", "o", 1)
	}
	return s + "\u00a0" + unit, nil
}
