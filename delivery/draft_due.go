package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

const sqlDueDrafts = `
(SELECT id, account_id, send_at FROM draft WHERE state = 'scheduled' AND NOT test AND send_at <= $1 ORDER BY send_at LIMIT $3)
UNION ALL
(SELECT id, account_id, claimed_at FROM draft WHERE state = 'sending' AND claimed_at <= $2 ORDER BY claimed_at LIMIT $3)`

// dueDraft names a draft whose time has come.
type dueDraft struct {
	id      ID
	account string
	at      time.Time
}

func scanDueDraft(row pgx.CollectableRow) (x dueDraft, err error) {
	err = row.Scan(&x.id, &x.account, &x.at)
	return x, err
}

// SendDue submits the live drafts whose time has come, and finishes what a
// process died over; at most limit of each. Any number of processes may do so at
// once: a draft is submitted by whoever claims it first, and once in any case.
// What cannot be submitted goes back to its author, who is told; what fails
// otherwise is logged and tried again. It returns how many were submitted.
func (s *Service) SendDue(ctx context.Context, limit int) (sent int, err error) {
	now := s.Now()
	rows, err := s.Pool.Query(ctx, sqlDueDrafts, now, now.Add(-claimTime), limit)
	if err != nil {
		return 0, err
	}
	list, err := pgx.CollectRows(rows, scanDueDraft)
	if err != nil {
		return 0, err
	}
	for _, x := range list {
		done, err := s.sendDue(ctx, x)
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "draft not sent", "draft", string(x.id), "err", err)
		}
		if done {
			sent++
		}
	}
	return sent, nil
}

// errTaken says that somebody else has the draft, or it is not due any more.
var errTaken = errors.New("delivery: draft was taken")

// sendDue claims and submits one draft in the name of who scheduled it, if that
// one still may. That it came back is no error.
func (s *Service) sendDue(ctx context.Context, x dueDraft) (sent bool, err error) {
	d, err := s.changeDraft(ctx, x.account, x.id, func(ctx context.Context, _ pgx.Tx, d *Draft) error {
		now, err := s.draftTime(ctx, *d)
		if err != nil {
			return err
		}
		due := d.State == DraftScheduled && !d.SendAt.After(now)
		left := d.State == DraftSending && !d.claimedAt.After(s.Now().Add(-claimTime))
		if !due && !left {
			return errTaken
		}
		d.State, d.claimedAt = DraftSending, d.ChangedAt
		return nil
	})
	if errors.Is(err, errTaken) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	accounts, err := s.accounts()
	if err != nil {
		return false, err
	}
	err = accounts.StillSends(ctx, d.By)
	if errors.Is(err, identity.ErrForbidden) {
		if was, err := s.sentBefore(ctx, d.Account, d.ID); err == nil && was.Replayed {
			return false, s.dropSent(ctx, d) // it had gone before that
		}
		return false, s.comeBack(ctx, d, DraftScheduled, FaultMandate)
	}
	if err != nil {
		return false, err
	}
	done, err := s.sendClaimed(ctx, d, DraftScheduled)
	if errors.Is(err, ErrDailyCap) {
		s.Log.InfoContext(ctx, "scheduled draft postponed", "draft", string(d.ID))
		return false, nil
	}
	if draftFault(err) != "" {
		s.Log.InfoContext(ctx, "scheduled draft came back", "draft", string(d.ID), "fault", draftFault(err))
		return false, nil
	}
	return err == nil && !done.Replayed, err
}

const sqlNextTestDraft = `SELECT id, account_id, send_at FROM draft WHERE account_id = $1 AND state = 'scheduled' AND test AND send_at <= $2
 ORDER BY send_at, id LIMIT 1`

// nextTestDraft is the first test draft of an account that is to go until a time;
// pgx.ErrNoRows without one.
func (s *Service) nextTestDraft(ctx context.Context, account string, target time.Time) (dueDraft, error) {
	rows, err := s.Pool.Query(ctx, sqlNextTestDraft, account, target)
	if err != nil {
		return dueDraft{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanDueDraft)
}

// sendTestDrafts submits the test drafts of an account that are to go until a
// time, each at its own. It reports whether there was one: what is submitted may
// make something else due.
func (s *Service) sendTestDrafts(ctx context.Context, account string, until time.Time) (any bool, err error) {
	for {
		x, err := s.nextTestDraft(ctx, account, until)
		if errors.Is(err, pgx.ErrNoRows) {
			return any, nil
		}
		if err != nil {
			return any, err
		}
		if err := s.setAhead(ctx, account, x.at.Sub(s.Now())); err != nil {
			return any, err
		}
		if _, err := s.sendDue(ctx, x); err != nil {
			return any, err
		}
		any = true
	}
}
