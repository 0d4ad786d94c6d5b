package notify_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

func TestQuietHours(t *testing.T) {
	t.Parallel()
	q, err := notify.ParseQuiet("21:00-08:00", "Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	siesta, err := notify.ParseQuiet("13:00-14:30", "Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		t.Helper()
		when, err := time.ParseInLocation("2006-01-02 15:04", s, q.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	cases := []struct {
		q         *notify.Quiet
		kind      notify.Kind
		channel   notify.Channel
		test      bool
		at, until string
	}{
		{q, notify.Announcement, notify.SMS, false, "2026-11-22 20:59", ""},
		{q, notify.Announcement, notify.SMS, false, "2026-11-22 21:00", "2026-11-23 08:00"},
		{q, notify.Reminder, notify.SMS, false, "2026-11-22 23:30", "2026-11-23 08:00"},
		{q, notify.Announcement, notify.SMS, false, "2026-11-22 00:00", "2026-11-22 08:00"},
		{q, notify.Announcement, notify.SMS, false, "2026-11-22 07:59", "2026-11-22 08:00"},
		{q, notify.Announcement, notify.SMS, false, "2026-11-22 08:00", ""},
		{q, notify.Announcement, notify.SMS, false, "2026-03-28 22:00", "2026-03-29 08:00"}, // an hour is missing in this night
		{q, notify.Announcement, notify.SMS, false, "2026-10-24 22:00", "2026-10-25 08:00"}, // and one comes twice in this
		{q, notify.Announcement, notify.SMS, false, "2026-12-31 22:00", "2027-01-01 08:00"},
		{q, notify.Code, notify.SMS, false, "2026-11-22 23:00", ""},
		{q, notify.ContactCode, notify.SMS, false, "2026-11-22 23:00", ""},
		{q, notify.RecoveryStarted, notify.SMS, false, "2026-11-22 23:00", ""},
		{q, notify.Accepted, notify.SMS, false, "2026-11-22 23:00", ""},
		{q, notify.Announcement, notify.Email, false, "2026-11-22 23:00", ""},
		{q, notify.Announcement, notify.SMS, true, "2026-11-22 23:00", ""},
		{nil, notify.Announcement, notify.SMS, false, "2026-11-22 23:00", ""},
		{siesta, notify.Announcement, notify.SMS, false, "2026-11-22 13:10", "2026-11-22 14:30"},
		{siesta, notify.Announcement, notify.SMS, false, "2026-11-22 14:30", ""},
	}
	for _, c := range cases {
		want := c.until
		if want == "" {
			want = c.at
		}
		if got := c.q.Until(notify.Notice{Kind: c.kind, Channel: c.channel}, c.test, at(c.at)); !got.Equal(at(want)) {
			t.Errorf("%s by %s at %s: %s, want %s", c.kind, c.channel, c.at, got, want)
		}
	}
	for _, bad := range []string{"21-8", "21:00", "21:00-24:00", "08:00-08:00", "x-y"} {
		if _, err := notify.ParseQuiet(bad, "Europe/Brussels"); !errors.Is(err, notify.ErrConfig) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := notify.ParseQuiet("21:00-08:00", "Europe/Atlantis"); !errors.Is(err, notify.ErrConfig) {
		t.Errorf("unknown zone: %v", err)
	}
	if none, err := notify.ParseQuiet("", "Europe/Atlantis"); none != nil || err != nil {
		t.Errorf("none: %v, %v", none, err)
	}
}

// An announcement in the quiet hours goes out when they are over; a code and a
// test go out at once.
func TestAnnouncementWaitsForTheMorning(t *testing.T) {
	t.Parallel()
	sent := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	r := newRig(t, map[notify.Channel]notify.Transport{notify.SMS: sent, notify.Email: sent}, func(c *notify.WorkerConfig) {
		minute := time.Now().UTC().Sub(time.Now().UTC().Truncate(24 * time.Hour)).Truncate(time.Minute)
		day := 24 * time.Hour
		c.Quiet = &notify.Quiet{From: (minute + day - time.Hour) % day, To: (minute + 2*time.Hour) % day, Zone: time.UTC}
	})
	r.source.answer = func(n notify.Notice) (notify.Facts, error) {
		f := factsOf(n.Kind)
		f.Test, f.Deadline = n.Ref == "test", time.Now().Add(400*24*time.Hour)
		return f, nil
	}
	held := r.notice("+32470123456")
	atOnce := []notify.Notice{r.notice("+32470123456", func(n *notify.Notice) { n.Kind = notify.Code }),
		r.notice("+32470123456", func(n *notify.Notice) { n.Ref = "test" }), r.notice("an@example.be")}
	r.enqueue(append(atOnce, held)...)
	for _, n := range atOnce {
		r.told(n.ID, 1)
	}
	r.until("held", func(ctx context.Context) bool { return r.jobs(ctx, "scheduled") == 1 })
	r.pass(time.Hour)
	r.until("still held", func(ctx context.Context) bool { return r.jobs(ctx, "scheduled") == 1 })
	if n := len(sent.messages()); n != 3 {
		t.Errorf("%d sent", n)
	}
	r.pass(time.Hour + time.Minute)
	if got := r.told(held.ID, 1); got[0].Number != 1 || got[0].Outcome != notify.Sent {
		t.Errorf("%+v", got)
	}
}
