package delivery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The latest that a window may end so that a letter is in time follows from
// steps that only ever go forward: the cut-off of the partner, the working day
// on which it posts, and the day on which the rule takes the letter as received.
// All are read from calendars and rules; the result is frozen on the message, so
// that a new version of a rule changes nothing that was promised.

// posting is the day on which a letter goes to the postal operator when the
// partner has it at the given time.
func (s *Service) posting(r TermRule, handed time.Time) Date {
	d := DateOf(handed, s.Zone)
	if handed.After(d.Clock(s.PrintCutoff, s.Zone)) {
		d = d.AddDays(1)
	}
	return r.days.AddWorking(r.days.Next(d, false), s.PrintDays, false)
}

// served is the day on which a letter posted on the given day is taken as
// received.
func (r TermRule) served(posted Date) Date {
	return r.Start(r.days.AddWorking(posted, r.Reckon, false))
}

// lastPaper is the last instant at which the partner can take a letter that is
// served by the given day.
func (s *Service) lastPaper(r TermRule, by Date) time.Time {
	for d := by; ; d = d.AddDays(-1) {
		if !r.days.Working(d, false) {
			continue
		}
		if at := d.Clock(s.PrintCutoff, s.Zone); !r.served(s.posting(r, at)).After(by) {
			return at
		}
	}
}

// freeze completes p with what is computed from it at submission: the version of
// the rule and the last instant for paper. A date that leaves no whole day
// online is a fault, which says the earliest that does.
func (s *Service) freeze(p Policy, at time.Time) (Policy, FieldErrors) {
	var c checker
	p.LastPaper = time.Time{}
	rule, ok := s.terms.Rule(p.TermRule)
	if !ok || !rule.Plannable() {
		c.fault("/policy/term_rule", "unsupported", "allowed", s.ruleNames())
		return p, c.faults
	}
	if p.Fallback == FallbackPost || p.TermRule != "" {
		p.TermRule = rule.Ref()
	}
	if p.ServeBy == "" {
		return p, nil
	}
	by, err := ParseDate(p.ServeBy)
	if err != nil {
		c.fault("/policy/serve_by", "date")
		return p, c.faults
	}
	least := Window(at, MinCollectDays, s.Zone)
	earliest := DateOf(least, s.Zone).AddDays(-1)
	if p.Fallback == FallbackPost {
		earliest = rule.served(s.posting(rule, least))
		if !by.Before(earliest) {
			p.LastPaper = s.lastPaper(rule, by)
		}
	}
	if by.Before(earliest) {
		c.fault("/policy/serve_by", "too_early", "earliest", earliest.String())
	}
	return p, c.faults
}

func (s *Service) ruleNames() string {
	var names []string
	for _, r := range s.terms.Plannable() {
		names = append(names, r.ID)
	}
	return strings.Join(names, ", ")
}

// check finds every fault of sub and freezes its policy.
func (s *Service) check(sub *Submission, at time.Time) FieldErrors {
	faults := sub.validate(s.Post != nil, s.Now())
	if len(faults) == 0 {
		faults = s.unprintable(*sub)
	}
	policy, more := s.freeze(sub.Policy, at)
	sub.Policy = policy
	return append(faults, more...)
}

// collectUntil is the latest end of a window that keeps p's date: for paper the
// beginning of the day on which the partner must have the letter, else the end
// of the date itself. Zero: no date to keep.
func (p Policy) collectUntil(zone *time.Location) time.Time {
	if !p.LastPaper.IsZero() {
		return DateOf(p.LastPaper, zone).Begin(zone)
	}
	by, err := ParseDate(p.ServeBy)
	if err != nil || p.Fallback == FallbackPost {
		return time.Time{}
	}
	return by.AddDays(1).Begin(zone)
}

// lastTry is when a recipient who could not be told yet goes on paper all the
// same, so that p's date is kept: two hours before the partner must have the
// letter. Zero: no date to keep.
func (p Policy) lastTry() time.Time {
	if p.LastPaper.IsZero() {
		return time.Time{}
	}
	return p.LastPaper.Add(-2 * time.Hour)
}

// windowEnd is the end of the window of a delivery notified at the given time:
// that of Window, or earlier so that p's date is kept. When telling the
// recipient took so long that less than a day is left, the date still comes
// first; once paper is too late, the shortest window is given.
func (p Policy) windowEnd(at time.Time, zone *time.Location) time.Time {
	end, latest := Window(at, p.CollectDays, zone), p.collectUntil(zone)
	switch {
	case latest.IsZero() || !end.After(latest):
		return end
	case latest.After(at):
		return latest
	}
	return Window(at, MinCollectDays, zone)
}

// submissionTime is the time of a submission, for what depends on the day: that
// of the account's test clock for a test.
func (s *Service) submissionTime(ctx context.Context, by Submitter, p Policy) (time.Time, error) {
	if !by.Test || p.ServeBy == "" {
		return s.Now(), nil
	}
	ahead, err := s.ahead(ctx, by.By.Account)
	return s.Now().Add(ahead), err
}

// answered gives the first answer again to what would have faults by now: a
// date that could be met when it was asked for. Errors: faults, when this is no
// repetition.
func (s *Service) answered(ctx context.Context, account string, once Once, refused error) (Message, error) {
	if once.Key == "" {
		return Message{}, refused
	}
	ref, err := sameOnce(s.Pool.QueryRow(ctx, `SELECT kind, digest, ref FROM idempotency WHERE account_id = $1 AND key = $2`, account, once.Key),
		"message", once)
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, ErrKeyReused) {
		return Message{}, refused
	}
	if err != nil {
		return Message{}, err
	}
	return s.Message(ctx, account, ref)
}

// Terms are the rules by which plans are made.
func (s *Service) Terms() *Terms { return s.terms }
