package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// receiptLife is how long a report waits for what it is about.
	receiptLife = 3 * 24 * time.Hour
	// longestKept is how much of a report as received waits with it, in octets.
	longestKept = 16 << 10
)

// ReceiptsConfig of Receipts. Pool and Reporter are needed.
type ReceiptsConfig struct {
	Pool     *pgxpool.Pool
	Reporter Reporter
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
	// Logger gets lines for operators: ids, no addresses. Default: discards.
	Logger *slog.Logger
}

// Receipts stands between providers and a Reporter. It finds the notice for a
// report that names only the provider's id of the message, and keeps a report
// that came too early, because a provider's answer and its report may overtake
// each other. What is of no use, now or later, it drops with a line in the log: the
// provider would only say it again. Safe for concurrent use.
type Receipts struct {
	pool     *pgxpool.Pool
	reporter Reporter
	now      func() time.Time
	log      *slog.Logger
}

var _ Reporter = (*Receipts)(nil)

// NewReceipts makes Receipts. Errors: ErrConfig.
func NewReceipts(cfg ReceiptsConfig) (*Receipts, error) {
	if cfg.Pool == nil || cfg.Reporter == nil {
		return nil, fmt.Errorf("%w: receipts need Pool and Reporter", ErrConfig)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Receipts{cfg.Pool, cfg.Reporter, cfg.Now, cfg.Logger}, nil
}

// Receive takes a report about the message that an attempt knows as peer. When it
// returns nil the report was taken, is kept until the attempt is known, or is of no
// use. Errors: the database's.
func (r *Receipts) Receive(ctx context.Context, peer string, rep Report) error {
	if peer == "" || oneLine(peer) != peer { // no id of ours, and perhaps nothing a database can compare
		r.log.WarnContext(ctx, "report of no use", "source", oneLine(rep.Source), "peer", oneLine(peer))
		return nil
	}
	notice, attempt, err := r.find(ctx, peer)
	if errors.Is(err, pgx.ErrNoRows) {
		return r.keep(ctx, peer, rep)
	}
	if err != nil {
		return fmt.Errorf("notify: find message of a receipt: %w", err)
	}
	rep.Notice, rep.Attempt = notice, attempt
	return r.Report(ctx, rep)
}

// Report is Receive for a report that names its notice.
func (r *Receipts) Report(ctx context.Context, rep Report) error {
	err := r.reporter.Report(ctx, rep)
	switch {
	case errors.Is(err, ErrEarly):
		return r.keep(ctx, "", rep)
	case errors.Is(err, ErrUnknownNotice), errors.Is(err, ErrOtherRecipient), errors.Is(err, ErrInvalid):
		r.log.WarnContext(ctx, "report of no use", "source", rep.Source, "notice", rep.Notice, "status", oneLine(rep.Status), "err", err)
		return nil
	}
	return err
}

// An id that a provider gave out again belongs to the newer message.
const selectByPeer = `
SELECT a.notice_id, a.number FROM notify_attempt a JOIN notice n ON n.id = a.notice_id
 WHERE a.peer_id = $1 AND a.peer_id <> '' AND n.channel = 'sms' ORDER BY a.started_at DESC LIMIT 1`

func (r *Receipts) find(ctx context.Context, peer string) (notice string, attempt int, err error) {
	err = r.pool.QueryRow(ctx, selectByPeer, peer).Scan(&notice, &attempt)
	return notice, attempt, err
}

const insertReceipt = `
INSERT INTO notify_receipt (source, id, peer_id, report, received_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (source, id) DO NOTHING`

func (r *Receipts) keep(ctx context.Context, peer string, rep Report) error {
	if !sourceName.MatchString(rep.Source) || rep.ID == "" || len(rep.ID) > 200 || oneLine(rep.ID) != rep.ID {
		r.log.WarnContext(ctx, "report of no use", "source", oneLine(rep.Source), "notice", oneLine(rep.Notice))
		return nil
	}
	if len(rep.Raw) > longestKept {
		rep.Raw = nil
	}
	rep.Reply, rep.Status, rep.Remote = clip(rep.Reply), oneLine(rep.Status), oneLine(rep.Remote)
	text, err := json.Marshal(rep)
	if err != nil {
		return fmt.Errorf("notify: keep receipt: %w", err)
	}
	if _, err := r.pool.Exec(ctx, insertReceipt, rep.Source, rep.ID, peer, text, instant(r.now())); err != nil {
		return fmt.Errorf("notify: keep receipt: %w", err)
	}
	return nil
}

// Only what can have been matched since: most of what waits for long belongs to
// nothing.
const selectReceipts = `
SELECT r.peer_id, r.report FROM notify_receipt r
 WHERE r.peer_id = '' OR EXISTS (SELECT FROM notify_attempt a WHERE a.peer_id = r.peer_id AND a.told_at IS NOT NULL)
 ORDER BY r.received_at LIMIT $1`

const deleteReceipt = `DELETE FROM notify_receipt WHERE source = $1 AND id = $2`

const deleteReceipts = `DELETE FROM notify_receipt WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM notify_receipt WHERE received_at < $1 ORDER BY received_at LIMIT 10000))`

// Settle gives the reports that can be taken now, at most limit of them, to the
// Reporter, and forgets those that waited too long. It returns how many were taken.
// A crash between taking one and removing it makes it come twice, which the
// Reporter knows.
func (r *Receipts) Settle(ctx context.Context, limit int) (int, error) {
	rows, err := r.pool.Query(ctx, selectReceipts, limit)
	if err != nil {
		return 0, fmt.Errorf("notify: read receipts: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w struct {
		peer string
		rep  Report
	}, err error) {
		return w, row.Scan(&w.peer, &w.rep)
	})
	if err != nil {
		return 0, fmt.Errorf("notify: read receipts: %w", err)
	}
	taken := 0
	for _, w := range waiting {
		switch done, err := r.settle(ctx, w.peer, w.rep); {
		case err != nil:
			return taken, err
		case done:
			taken++
		}
	}
	tag, err := r.pool.Exec(ctx, deleteReceipts, r.now().Add(-receiptLife))
	if err != nil {
		return taken, fmt.Errorf("notify: forget receipts: %w", err)
	}
	if n := tag.RowsAffected(); n > 0 {
		r.log.WarnContext(ctx, "receipts belong to nothing", "receipts", n)
	}
	return taken, nil
}

// settle takes one, and reports false when it is still too early.
func (r *Receipts) settle(ctx context.Context, peer string, rep Report) (bool, error) {
	if peer != "" {
		var err error
		if rep.Notice, rep.Attempt, err = r.find(ctx, peer); err != nil {
			if errors.Is(err, pgx.ErrNoRows) {
				return false, nil
			}
			return false, fmt.Errorf("notify: find message of a receipt: %w", err)
		}
	}
	err := r.reporter.Report(ctx, rep)
	switch {
	case errors.Is(err, ErrEarly):
		return false, nil
	case errors.Is(err, ErrUnknownNotice), errors.Is(err, ErrOtherRecipient), errors.Is(err, ErrInvalid):
		r.log.WarnContext(ctx, "report of no use", "source", rep.Source, "notice", rep.Notice, "status", rep.Status, "err", err)
	case err != nil:
		return false, err
	}
	if _, err := r.pool.Exec(ctx, deleteReceipt, rep.Source, rep.ID); err != nil {
		return false, fmt.Errorf("notify: remove receipt: %w", err)
	}
	return true, nil
}
