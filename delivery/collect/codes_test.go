package collect_test

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

// codes lets deliveries use one-time codes, as the program does.
type codes struct {
	pool *pgxpool.Pool
	otp  *otp.Service
}

func (c codes) Issue(ctx context.Context, tx pgx.Tx, id string, ch notify.Channel, at time.Time) (string, time.Time, error) {
	x, err := c.otp.Issue(ctx, tx, id, string(ch), at)
	return x.ID, x.ExpiresAt, codeError(err)
}

func (c codes) Code(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, notify.ErrStale // nothing is rendered here
}

func (c codes) Check(ctx context.Context, id string, ch notify.Channel, code string, at time.Time) error {
	return codeError(pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { return c.otp.Check(ctx, tx, id, string(ch), code, at) }))
}

func (c codes) Forget(ctx context.Context, tx pgx.Tx, id string) error {
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

// partner never prints: jobs are not worked here.
type partner struct{ delivery.PostPartner }
