package delivery

import (
	"time"
)

// Wall is the instant at which clocks in zone show a time of day, HH:MM, on a
// day. When they show it twice, at the end of summer time, it is the first; when
// they never do, at its beginning, ok is false, as for what is no time of day.
func (d Date) Wall(clock string, zone *time.Location) (at time.Time, ok bool) {
	of, err := time.Parse("15:04", clock)
	if err != nil || d.IsZero() {
		return time.Time{}, false
	}
	at = time.Date(d.Year, d.Month, d.Day, of.Hour(), of.Minute(), 0, 0, zone)
	for _, earlier := range []time.Duration{-2 * time.Hour, -time.Hour, 0} {
		x := at.Add(earlier).In(zone)
		if DateOf(x, zone) == d && x.Hour() == of.Hour() && x.Minute() == of.Minute() {
			return x.UTC(), true
		}
	}
	return time.Time{}, false
}
