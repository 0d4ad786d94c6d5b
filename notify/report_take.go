package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

var _ Reporter = (*Service)(nil)

// UseListener gives the service who hears of reports about notices of
// deliveries. Deliveries need the service, so they come after it; this is called
// once, by the wiring, before the first report.
func (s *Service) UseListener(l Listener) { s.listener = l }

// reported is what a report is held against.
type reported struct {
	notice Notice
	closed bool
	last   int // newest attempt
	number int // the attempt that the report is about
	told   bool
	sent   bool // as far as we know it left, or may have
	doubt  bool // it may have
}

const lockReported = `
SELECT n.id, coalesce(n.account_id::text, ''), coalesce(n.delivery_id::text, ''), n.kind, n.channel, n.address, n.language, n.ref,
       n.closed_at IS NOT NULL, n.tries, a.number, a.told_at IS NOT NULL, coalesce(a.outcome = 'sent' OR a.in_doubt, false), a.in_doubt
  FROM notice n JOIN notify_attempt a ON a.notice_id = n.id AND a.number = CASE WHEN $2 = 0 THEN n.tries ELSE $2 END
 WHERE n.id = $1 FOR UPDATE OF n`

// Report takes in what is said later about an attempt; see [Reporter].
//
//  1. Clean and seal it: its words and octets are foreign.
//  2. Lock the notice. An attempt that was not told yet is refused for now: what
//     came later must not be known before.
//  3. Insert the report. The same one ends here; another one under the same id
//     is refused.
//  4. Note an address that is not to be written to.
//  5. Tell the Listener, and commit. A crash before that leaves nothing, and the
//     reporter says it again.
func (s *Service) Report(ctx context.Context, r Report) error {
	if s.pool == nil {
		return fmt.Errorf("%w: a service that takes reports needs a Pool", ErrConfig)
	}
	r, err := r.clean()
	if err != nil {
		return err
	}
	var sealed []byte
	if s.sealer != nil && len(r.Raw) > 0 {
		if sealed, err = s.sealer.Seal(r.Raw, []byte("notify report "+r.Notice)); err != nil {
			return fmt.Errorf("notify: seal report: %w", err)
		}
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return s.take(ctx, tx, r, sealed) })
	if err != nil {
		return fmt.Errorf("notify: report %s about notice %s: %w", r.Source, r.Notice, err)
	}
	return nil
}

func (s *Service) take(ctx context.Context, tx pgx.Tx, r Report, sealed []byte) error {
	found, err := lockForReport(ctx, tx, r)
	if err != nil {
		return err
	}
	exact := r.Attempt != 0
	r.Attempt = found.number
	received := instant(s.now(found.notice.Account))
	if r.OccurredAt.IsZero() {
		r.OccurredAt = received
	}
	r.OccurredAt = instant(r.OccurredAt)
	if r.First, err = first(ctx, tx, r); err != nil {
		return err
	}
	if r.Ended, err = endDoubt(ctx, tx, found, r, received); err != nil {
		return err
	}
	r.Final = (found.closed || r.Ended) && found.number == found.last
	fresh, err := insertReport(ctx, tx, r, received, sealed, exact)
	if err != nil || !fresh {
		return err
	}
	if err := s.suppress(ctx, tx, found.notice, r, received); err != nil {
		return err
	}
	if s.listener == nil || found.notice.Delivery == "" {
		return nil
	}
	return s.listener.NoticeReported(ctx, tx, found.notice, r)
}

func lockForReport(ctx context.Context, tx pgx.Tx, r Report) (f reported, err error) {
	n := &f.notice
	err = tx.QueryRow(ctx, lockReported, r.Notice, r.Attempt).Scan(&n.ID, &n.Account, &n.Delivery, &n.Kind, &n.Channel, &n.To,
		&n.Language, &n.Ref, &f.closed, &f.last, &f.number, &f.told, &f.sent, &f.doubt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return f, ErrUnknownNotice
	case err != nil:
		return f, err
	case !r.names(n.To):
		return f, ErrOtherRecipient
	case !f.told:
		return f, ErrEarly
	case !f.sent:
		return f, ErrUnknownNotice
	}
	return f, nil
}

// endDoubt closes a notice of whose newest attempt we did not know whether it
// left, when somebody who has it says so: it is not sent once more. A try that has
// begun meanwhile is the newest, and goes on.
func endDoubt(ctx context.Context, tx pgx.Tx, f reported, r Report, at time.Time) (bool, error) {
	if !f.doubt || f.closed || f.number != f.last || r.Fact != Relayed && r.Fact != Delivered {
		return false, nil
	}
	tag, err := tx.Exec(ctx, closeNotices, []string{f.notice.ID}, []time.Time{at}, []string{string(Sent)})
	return err == nil && tag.RowsAffected() == 1, err
}

const selectFirst = `
SELECT count(*), count(*) FILTER (WHERE CASE WHEN $2 IN ('relayed', 'delivered')
       THEN fact IN ('relayed', 'delivered') AND rung = $3 ELSE fact = $2 AND number = $4 END)
  FROM notify_report WHERE notice_id = $1`

// first reports whether nothing of the kind was reported before. Whoever asks
// holds the lock of the notice.
func first(ctx context.Context, tx pgx.Tx, r Report) (bool, error) {
	var all, same int
	err := tx.QueryRow(ctx, selectFirst, r.Notice, string(r.Fact), int(r.Rung), r.Attempt).Scan(&all, &same)
	if err == nil && all >= maxReports {
		err = fmt.Errorf("%w: more than %d reports", ErrInvalid, maxReports)
	}
	return same == 0, err
}

const insertReported = `
INSERT INTO notify_report (source, id, notice_id, number, fact, rung, cause, status, reply, remote, occurred_at, received_at, digest, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (source, id) DO NOTHING`

const selectSame = `
SELECT notice_id = $3 AND (number = $4 OR NOT $5) AND fact = $6 AND rung = $7 AND cause = $8 AND status = $9 AND digest = $10
  FROM notify_report WHERE source = $1 AND id = $2`

// insertReport reports false for one that we have. exact says that the reporter
// named the attempt. Errors: ErrInvalid for another report under the same id.
func insertReport(ctx context.Context, tx pgx.Tx, r Report, received time.Time, sealed []byte, exact bool) (bool, error) {
	tag, err := tx.Exec(ctx, insertReported, r.Source, r.ID, r.Notice, r.Attempt, string(r.Fact), int(r.Rung), string(r.Cause),
		r.Status, r.Reply, r.Remote, r.OccurredAt, received, r.Digest, sealed)
	if err != nil || tag.RowsAffected() == 1 {
		return err == nil, err
	}
	var same bool
	err = tx.QueryRow(ctx, selectSame, r.Source, r.ID, r.Notice, r.Attempt, exact, string(r.Fact), int(r.Rung), string(r.Cause),
		r.Status, r.Digest).Scan(&same)
	if err == nil && !same {
		err = fmt.Errorf("%w: another report under the same id", ErrInvalid)
	}
	return false, err
}

// addressLife is how long a failure speaks against an address: mailboxes are
// opened again.
const addressLife = 30 * 24 * time.Hour

// suppress notes what r says about the address.
func (s *Service) suppress(ctx context.Context, tx pgx.Tx, n Notice, r Report, at time.Time) error {
	switch {
	case s.suppressions == nil:
		return nil
	case r.Fact == Failed && r.Cause == CauseAddress:
		return s.suppressions.Add(ctx, tx, Suppression{Channel: n.Channel, Reason: BadAddress, Since: at, Until: at.Add(addressLife)}, n.To)
	case r.Fact == Complained:
		return s.suppressions.Add(ctx, tx, Suppression{Channel: n.Channel, Reason: Complaint, Since: at}, n.To)
	}
	return nil
}
