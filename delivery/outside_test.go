package delivery_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
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
	now  func() time.Time
}

func (c codes) Issue(ctx context.Context, tx pgx.Tx, id string, ch notify.Channel, at time.Time) (string, time.Time, error) {
	x, err := c.otp.Issue(ctx, tx, id, string(ch), at)
	return x.ID, x.ExpiresAt, codeError(err)
}

func (c codes) Code(ctx context.Context, challenge string) (string, time.Time, error) {
	x, err := c.otp.Find(ctx, challenge)
	if errors.Is(err, otp.ErrNoCode) || err == nil && !x.Live(c.now()) {
		return "", time.Time{}, notify.ErrStale
	}
	if err != nil {
		return "", time.Time{}, err
	}
	code, err := c.otp.Code(x)
	return code, x.ExpiresAt, err
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

// partner prints and posts: the same letter gives the same item, and a report
// comes back until it was done.
type partner struct {
	mu      sync.Mutex
	fail    error
	letters []delivery.Letter
	reports []delivery.PostReport
	late    bool     // it is too late to cancel
	undone  []string // items cancelled
	during  func()   // while a letter is handed over
}

func (p *partner) Cancel(_ context.Context, item string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil || p.late {
		return false, p.fail
	}
	p.undone = append(p.undone, item)
	return true, nil
}

func (p *partner) HandOver(ctx context.Context, l delivery.Letter) (delivery.PostReceipt, error) {
	if p.during != nil {
		p.during()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return delivery.PostReceipt{}, p.fail
	}
	pdf := []byte("%PDF-1.7 " + l.Number + " " + l.To[0])
	for _, part := range l.Parts {
		r, err := part.Open(ctx)
		if err != nil {
			return delivery.PostReceipt{}, err
		}
		_, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return delivery.PostReceipt{}, err
		}
	}
	p.letters = append(p.letters, l)
	sum := sha256.Sum256(pdf)
	return delivery.PostReceipt{Partner: "printer", Item: "item-" + l.Delivery, Pages: 2, SHA256: hex.EncodeToString(sum[:]), PDF: pdf}, nil
}

func (p *partner) Reports(context.Context) ([]delivery.PostReport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.reports), nil
}

func (p *partner) Done(_ context.Context, r delivery.PostReport) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = slices.DeleteFunc(p.reports, func(x delivery.PostReport) bool { return x.ID == r.ID })
	return nil
}

func (p *partner) say(r delivery.PostReport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, r)
}
