package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/otp"
	"github.com/bode-erds/bode/notify"
)

// notes lets accounts tell their holders: identity knows nothing of notices.
type notes struct{ notices notify.Enqueuer }

var _ identity.Teller = notes{}

func (t notes) Tell(ctx context.Context, tx pgx.Tx, all ...identity.Note) error {
	notices := make([]notify.Notice, 0, len(all))
	for _, n := range all {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		notices = append(notices, notify.Notice{ID: id.String(), Account: n.Account, Kind: notify.Kind(n.Kind),
			Channel: notify.Channel(n.Channel), To: n.To, Language: n.Language, Ref: n.Ref})
	}
	return t.notices.Enqueue(ctx, tx, notices...)
}

// facts are what notices say: those of a delivery it knows itself, the others
// are notes to account holders.
type facts struct {
	deliveries *delivery.Service
	identity   *identity.Service
	base       string
	service    string
}

var (
	_ notify.Source      = facts{}
	_ notify.BatchSource = facts{}
)

// NoticesFacts asks the deliveries for all of theirs at once.
func (s facts) NoticesFacts(ctx context.Context, all []notify.Notice) ([]notify.Facts, []error) {
	out, errs := make([]notify.Facts, len(all)), make([]error, len(all))
	var theirs []notify.Notice
	var at []int
	for i, n := range all {
		if n.Delivery != "" {
			theirs, at = append(theirs, n), append(at, i)
		} else {
			out[i], errs[i] = s.NoticeFacts(ctx, n)
		}
	}
	found, failed := s.deliveries.NoticesFacts(ctx, theirs)
	for i, k := range at {
		out[k], errs[k] = found[i], failed[i]
	}
	return out, errs
}

func (s facts) NoticeFacts(ctx context.Context, n notify.Notice) (notify.Facts, error) {
	if n.Delivery != "" || delivery.OfDraft(n.Kind) {
		return s.deliveries.NoticeFacts(ctx, n)
	}
	f, err := s.identity.NoteFacts(ctx, identity.Note{Kind: identity.NoteKind(n.Kind), Channel: string(n.Channel), To: n.To,
		Language: n.Language, Account: n.Account, Ref: n.Ref})
	if errors.Is(err, identity.ErrStale) {
		return notify.Facts{}, notify.ErrStale
	}
	if err != nil {
		return notify.Facts{}, err
	}
	base, err := url.Parse(s.base)
	if err != nil {
		return notify.Facts{}, err
	}
	out := notify.Facts{RecipientName: f.Name, Account: f.Account, Who: f.Who, What: f.What, Reason: f.Reason, Until: f.Until,
		Code: f.Code, ServiceName: s.service, ServiceHost: base.Host}
	if f.Path != "" {
		out.Link = s.base + f.Path
	}
	if f.Code != "" {
		out.CodeMinutes = max(1, int(time.Until(f.Until).Round(time.Minute)/time.Minute))
	}
	return out, nil
}

// addressCodes lets account holders prove their addresses with one-time codes.
type addressCodes struct {
	pool *pgxpool.Pool
	otp  *otp.Service
}

var _ identity.Codes = addressCodes{}

func (c addressCodes) Issue(ctx context.Context, tx pgx.Tx, subject, channel string, at time.Time) (string, error) {
	x, err := c.otp.Issue(ctx, tx, subject, channel, at)
	return x.ID, addressCodeError(err)
}

func (c addressCodes) Code(ctx context.Context, challenge string) (string, time.Time, error) {
	x, err := c.otp.Find(ctx, challenge)
	if errors.Is(err, otp.ErrNoCode) || err == nil && !x.Live(time.Now()) {
		return "", time.Time{}, identity.ErrStale
	}
	if err != nil {
		return "", time.Time{}, err
	}
	code, err := c.otp.Code(x)
	return code, x.ExpiresAt, err
}

func (c addressCodes) Check(ctx context.Context, subject, channel, code string, at time.Time) error {
	return addressCodeError(pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		return c.otp.Check(ctx, tx, subject, channel, code, at)
	}))
}

func addressCodeError(err error) error {
	for from, to := range map[error]error{
		otp.ErrCodeWrong: identity.ErrCode, otp.ErrNoCode: identity.ErrCode, otp.ErrCodeExpired: identity.ErrCode, otp.ErrCodeUsed: identity.ErrCode,
		otp.ErrTooManyTries: identity.ErrTooManyCodes, otp.ErrTooManyCodes: identity.ErrTooManyCodes,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}
