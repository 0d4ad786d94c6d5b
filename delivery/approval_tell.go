package delivery

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// How long those who may release are left alone after a mail: by themselves, and
// when somebody asks.
const (
	dailyAsk  = 24 * time.Hour
	urgentAsk = time.Hour
)

const sqlTold = `
INSERT INTO release_rule AS r (account_id, told_at) VALUES ($1, $2)
ON CONFLICT (account_id) DO UPDATE SET told_at = excluded.told_at WHERE r.told_at IS NULL OR r.told_at <= $3`

// tellReleasers tells those who may release d that something waits, unless that
// was done so long ago or less. Of test drafts nobody is told.
func (s *Service) tellReleasers(ctx context.Context, tx pgx.Tx, d Draft, quiet time.Duration) error {
	if d.Test {
		return nil
	}
	accounts, err := s.accounts()
	if err != nil {
		return err
	}
	at := s.Now()
	tag, err := tx.Exec(ctx, sqlTold, d.Account, at, at.Add(-quiet))
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	people, err := accounts.Senders(ctx, d.Account, d.Content.Submission.normal().Policy.Class)
	if err != nil {
		return err
	}
	var notices []notify.Notice
	for _, p := range people {
		if p.ID != d.Author.ID || len(people) == 1 {
			notices = append(notices, notify.Notice{ID: evidence.NewID(), Account: d.Account, Kind: notify.ReleaseAsked, Channel: notify.Email,
				To: p.Email, Language: p.Language, Ref: d.Account})
		}
	}
	if len(notices) == 0 {
		return nil
	}
	return s.Notices.Enqueue(ctx, tx, notices...)
}

// Releasers lists who may release a draft, besides its author.
func (s *Service) Releasers(ctx context.Context, d Draft) ([]identity.Colleague, error) {
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	all, err := accounts.Senders(ctx, d.Account, d.Content.Submission.normal().Policy.Class)
	var out []identity.Colleague
	for _, p := range all {
		if d.Author.Kind != identity.ActorPerson || p.ID != d.Author.ID {
			out = append(out, p)
		}
	}
	return out, err
}

// AskRelease tells those who may release a draft once more, at most once an hour
// in an account. It reports whether they were told. Errors: ErrNotFound,
// ErrNotOpen.
func (s *Service) AskRelease(ctx context.Context, account string, id ID) (told bool, err error) {
	d, err := s.Draft(ctx, account, id)
	if err != nil {
		return false, err
	}
	if d.State != DraftWaiting {
		return false, ErrNotOpen
	}
	before := s.Now()
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var last *time.Time
		err := tx.QueryRow(ctx, `SELECT told_at FROM release_rule WHERE account_id = $1 FOR UPDATE`, account).Scan(&last)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		told = last == nil || !last.After(before.Add(-urgentAsk))
		return s.tellReleasers(ctx, tx, d, urgentAsk)
	})
	return told && !d.Test, err
}

const sqlForgotten = `
SELECT DISTINCT ON (d.account_id) d.account_id, d.id FROM draft d LEFT JOIN release_rule r ON r.account_id = d.account_id
 WHERE d.state = 'waiting' AND NOT d.test AND d.handed_at <= $1 AND (r.told_at IS NULL OR r.told_at <= $1) ORDER BY d.account_id, d.id LIMIT $2`

// RemindReleasers tells, once a day, those who may release that drafts still
// wait. It returns in how many accounts.
func (s *Service) RemindReleasers(ctx context.Context, limit int) (n int, err error) {
	rows, err := s.Pool.Query(ctx, sqlForgotten, s.Now().Add(-dailyAsk), limit)
	if err != nil {
		return 0, err
	}
	type waiting struct {
		account string
		id      ID
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (w waiting, err error) { return w, r.Scan(&w.account, &w.id) })
	if err != nil {
		return 0, err
	}
	for _, w := range list {
		d, err := s.Draft(ctx, w.account, w.id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil {
			err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.tellReleasers(ctx, tx, d, dailyAsk) })
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "releasers not told", "account", w.account, "err", err)
			continue
		}
		n++
	}
	return n, nil
}

// tellAuthor tells who wrote a draft what became of it. Of one that a key wrote
// only a failure is told, at the address of the account.
func (s *Service) tellAuthor(ctx context.Context, tx pgx.Tx, d Draft, kind notify.Kind) error {
	accounts, err := s.accounts()
	if err != nil {
		return err
	}
	n := notify.Notice{ID: evidence.NewID(), Account: d.Account, Kind: kind, Channel: notify.Email, Ref: string(d.ID)}
	if d.Author.Kind == identity.ActorPerson {
		p, err := accounts.Colleague(ctx, d.Account, d.Author.ID)
		if errors.Is(err, identity.ErrNotFound) {
			return nil // nobody is left to tell
		}
		if err != nil {
			return err
		}
		n.To, n.Language = p.Email, p.Language
	} else if kind != notify.DraftFailed && kind != notify.DraftPostponed {
		return nil
	} else {
		p, err := accounts.Profile(ctx, d.Account)
		if err != nil || p.Email == "" {
			return err
		}
		n.To, n.Language = p.Email, cmp.Or(p.Language, "en")
	}
	return s.Notices.Enqueue(ctx, tx, n)
}

// draftFacts are those of a notice to the people of an account about a draft. It
// names nothing of what is in it.
func (s *Service) draftFacts(ctx context.Context, n notify.Notice) (f notify.Facts, err error) {
	accounts, err := s.accounts()
	if err != nil {
		return f, err
	}
	p, err := accounts.Profile(ctx, n.Account)
	if err != nil {
		return f, err
	}
	f = notify.Facts{Account: p.Name, ServiceName: s.Config.Service, ServiceHost: s.host}
	if f.Account == "" {
		f.Account = p.Given + " " + p.Family
	}
	if n.Kind == notify.ReleaseAsked {
		counts, err := s.DraftCounts(ctx, n.Account)
		if err == nil && counts[DraftWaiting] == 0 {
			err = notify.ErrStale
		}
		f.Link = s.BaseURL + "/portal/release"
		return f, err
	}
	d, err := s.Draft(ctx, n.Account, ID(n.Ref))
	if errors.Is(err, ErrNotFound) && n.Kind == notify.DraftReleased {
		sent, err := s.sentBefore(ctx, n.Account, ID(n.Ref))
		if errors.Is(err, ErrNotFound) {
			err = notify.ErrStale
		}
		f.Link, f.Test = s.BaseURL+"/portal/messages/"+string(sent.Message.ID), sent.Message.Test
		return f, err
	}
	if errors.Is(err, ErrNotFound) || err == nil && !stillSo(n.Kind, d) {
		return f, notify.ErrStale
	}
	f.Link, f.Test = s.BaseURL+"/portal/drafts/"+string(n.Ref), d.Test
	if n.Kind == notify.DraftFailed {
		f.What = "draft_" + d.Fault
	}
	if n.Kind == notify.DraftPostponed {
		f.Until = d.SendAt
	}
	return f, err
}

// stillSo reports whether a draft is where a notice says that it is.
func stillSo(k notify.Kind, d Draft) bool {
	switch k {
	case notify.DraftReleased:
		return d.State != DraftOpen || d.Fault == ""
	case notify.DraftPostponed:
		return d.State == DraftScheduled && d.Fault == FaultDailyCap
	}
	return d.State == DraftOpen && d.Fault != ""
}

// OfDraft reports whether notices of a kind are about drafts, or about a day: they
// belong to no delivery, and NoticeFacts knows what they say.
func OfDraft(k notify.Kind) bool {
	switch k {
	case notify.ReleaseAsked, notify.DraftReleased, notify.DraftGivenBack, notify.DraftFailed, notify.DraftPostponed, notify.DailyReport:
		return true
	}
	return false
}
