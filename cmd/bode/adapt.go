package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity/otp"
	"github.com/bode-erds/bode/notify"
)

// challenges lets deliveries use one-time codes: identity/otp knows nothing of
// notices, and delivery nothing of otp.
type challenges struct {
	pool *pgxpool.Pool
	otp  *otp.Service
}

var _ delivery.Codes = challenges{}

func (c challenges) Issue(ctx context.Context, tx pgx.Tx, id string, ch notify.Channel, at time.Time) (string, time.Time, error) {
	x, err := c.otp.Issue(ctx, tx, id, string(ch), at)
	return x.ID, x.ExpiresAt, codeError(err)
}

// Code answers notify.ErrStale for a code that can no longer be entered.
func (c challenges) Code(ctx context.Context, challenge string) (string, time.Time, error) {
	x, err := c.otp.Find(ctx, challenge)
	if errors.Is(err, otp.ErrNoCode) || err == nil && !x.Live(time.Now()) {
		return "", time.Time{}, notify.ErrStale
	}
	if err != nil {
		return "", time.Time{}, err
	}
	code, err := c.otp.Code(x)
	return code, x.ExpiresAt, err
}

func (c challenges) Check(ctx context.Context, id string, ch notify.Channel, code string, at time.Time) error {
	return codeError(pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		return c.otp.Check(ctx, tx, id, string(ch), code, at)
	}))
}

func (c challenges) Forget(ctx context.Context, tx pgx.Tx, id string) error {
	return c.otp.Forget(ctx, tx, id)
}

func codeError(err error) error {
	var wrong *otp.WrongCode
	if errors.As(err, &wrong) {
		return delivery.WrongCode{Left: wrong.Left}
	}
	for from, to := range map[error]error{
		otp.ErrNoCode: delivery.ErrCodeExpired, otp.ErrCodeExpired: delivery.ErrCodeExpired, otp.ErrCodeUsed: delivery.ErrCodeUsed,
		otp.ErrTooManyTries: delivery.ErrTooManyTries, otp.ErrTooManyCodes: delivery.ErrTooManyCodes,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}
