package post

import (
	"context"
	"time"
)

// Workday reports whether the civil day of t, in t's zone, has business hours.
type Workday func(t time.Time) bool

// Business hours of a partner, in the zone of Config.Location.
const (
	opens  = 9
	closes = 17
)

// weekdays is the Workday of those who name none.
func weekdays(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }

// businessHours is how much of the time between from and to falls in business
// hours of at most the last 60 days.
func businessHours(from, to time.Time, zone *time.Location, work Workday) time.Duration {
	from, to = from.In(zone), to.In(zone)
	if from.Before(to.AddDate(0, 0, -60)) {
		from = to.AddDate(0, 0, -60)
	}
	var sum time.Duration
	for y, m, d := from.Date(); ; d++ {
		start, end := time.Date(y, m, d, opens, 0, 0, 0, zone), time.Date(y, m, d, closes, 0, 0, 0, zone)
		if start.After(to) {
			return sum
		}
		if !work(start) {
			continue
		}
		if start.Before(from) {
			start = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(0, end.Sub(start))
	}
}

// watch raises the alarm over letters of which the partner said nothing for
// Config.AckWithin, and puts each there once more under its own name: a partner
// that sees an item twice has one letter. The caller holds the lock.
func (h *HotFolder) watch(ctx context.Context, rec record) error {
	if h.cfg.AckWithin < 0 || !rec.Placed || rec.Status != "" || rec.Withdrawing || rec.Manifest == nil || rec.Manifest.Test {
		return nil
	}
	since := rec.PlacedAt
	if !rec.Again.IsZero() {
		since = rec.Again
	}
	now := h.cfg.Now().UTC()
	if businessHours(since, now, h.cfg.Location, h.cfg.Workday) < h.cfg.AckWithin {
		return nil
	}
	pdfName, manifest := namesOf(rec.Item)
	waits, err := there(ctx, h.drop, manifest)
	if err != nil {
		return err
	}
	h.cfg.Logger.ErrorContext(ctx, "letter not acknowledged", "partner", h.cfg.Partner, "item", rec.Item,
		"since", rec.PlacedAt, "fetched", !waits, "repeated", !rec.Again.IsZero())
	first := rec.Again.IsZero()
	rec.Again = now
	if !waits && first {
		pdf, err := h.kept(rec)
		if err != nil {
			return err
		}
		if err := h.drop.put(ctx, pdfName, pdf); err != nil {
			return err
		}
		if err := h.putManifest(ctx, rec); err != nil {
			return err
		}
	}
	return h.store(rec)
}
