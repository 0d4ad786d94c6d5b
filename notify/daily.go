package notify

// DailyReport tells somebody who works for an account what happened to its
// deliveries in a day, in numbers. It is a kind of accounts.
const DailyReport Kind = "daily_report"

// DayCount is how often something happened in a day: a key of
// "daily_event" in the translation files, and a number.
type DayCount struct{ Event, Count string }

// dailyOutline is [accountOutline] for it, from what it has by default.
func dailyOutline(o outline) outline {
	o.facts = []string{"account"}
	return o
}

// needDaily is the part of [Facts.need] for it.
func (f Facts) needDaily(require func(name string, given bool)) {
	require("Account", f.Account != "")
	require("Link", f.Link != "")
	require("Day", len(f.Day) > 0)
}

// dayFacts are the rows of a daily report; a notice of another kind has none.
func (w words) dayFacts(k Kind, f Facts, say func(key string) string) (out []fact) {
	if k != DailyReport {
		return nil
	}
	for _, d := range f.Day {
		key := "daily_event." + d.Event
		if w.has(key) {
			out = append(out, fact{Label: say(key), Value: plain(d.Count)})
		}
	}
	return out
}
