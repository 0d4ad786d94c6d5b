package notify

import (
	"testing"
	"time"
)

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	mail := Notice{ID: "a", Kind: Announcement, Channel: Email}
	code := Notice{ID: "a", Kind: Code, Channel: SMS}
	text := Notice{ID: "a", Kind: Reminder, Channel: SMS}
	soon := Facts{Deadline: created.Add(3 * time.Minute)}
	cases := []struct {
		name   string
		notice Notice
		facts  Facts
		number int
		ended  time.Duration // after created
		result Result
		want   time.Duration // before spreading; 0: none
	}{
		{"sent", mail, Facts{}, 1, 0, Result{Outcome: Sent}, 0},
		{"permanent", mail, Facts{}, 1, 0, Result{Outcome: Permanent}, 0},
		{"no outcome", mail, Facts{}, 1, 0, Result{}, 0},
		{"first", mail, Facts{}, 1, 0, Result{Outcome: Temporary}, time.Minute},
		{"our fault", mail, Facts{}, 3, 0, Result{Outcome: Technical}, 15 * time.Minute},
		{"in doubt", mail, Facts{}, 1, 0, Result{Outcome: Technical, InDoubt: true}, doubtDelay},
		{"in doubt, late", mail, Facts{}, 4, 0, Result{Outcome: Technical, InDoubt: true}, time.Hour},
		{"seventh", mail, Facts{}, 7, 20 * time.Hour, Result{Outcome: Temporary}, 12 * time.Hour},
		{"eighth", mail, Facts{}, 8, 0, Result{Outcome: Temporary}, 0},
		{"too old", mail, Facts{}, 2, 48 * time.Hour, Result{Outcome: Temporary}, 0},
		{"an SMS a day later", text, Facts{}, 2, 23*time.Hour + 58*time.Minute, Result{Outcome: Temporary}, 0},
		{"nobody can decide any more", mail, soon, 1, 2*time.Minute + 10*time.Second, Result{Outcome: Temporary}, 0},
		{"somebody still can", mail, soon, 1, time.Minute, Result{Outcome: Temporary}, time.Minute},
		{"a code", code, Facts{CodeMinutes: 5}, 1, 0, Result{Outcome: Temporary}, 5 * time.Second},
		{"a code in doubt", code, Facts{CodeMinutes: 5}, 1, 0, Result{Outcome: Technical, InDoubt: true}, 5 * time.Second},
		{"a code that expired", code, Facts{CodeMinutes: 5}, 1, 5 * time.Minute, Result{Outcome: Temporary}, 0},
		{"a code about to expire", code, Facts{CodeMinutes: 5}, 2, 4*time.Minute + 50*time.Second, Result{Outcome: Temporary}, 0},
		{"a code of unknown life", code, Facts{}, 1, codeLife, Result{Outcome: Temporary}, 0},
	}
	for _, c := range cases {
		last := lastRetry(c.notice, created, c.facts)
		got, again := retryDelay(c.notice, c.number, created.Add(c.ended), last, c.result)
		switch {
		case again != (c.want > 0):
			t.Errorf("%s: again %v after %s", c.name, again, got)
		case again && (got < c.want*9/10 || got > c.want*11/10):
			t.Errorf("%s: %s, want about %s", c.name, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	seen := make(map[time.Duration]bool)
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		d := spread(id, 1, time.Hour)
		if d < 54*time.Minute || d > 66*time.Minute || d != spread(id, 1, time.Hour) {
			t.Errorf("%s: %s", id, d)
		}
		seen[d] = true
	}
	if len(seen) < 6 {
		t.Errorf("%d different waits for 8 notices", len(seen))
	}
}
