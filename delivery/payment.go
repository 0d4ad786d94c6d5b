package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Bounds of a top-up, in cents of credit.
const (
	MinTopUp = 10_00
	MaxTopUp = 50_000_00
)

// TopUp asks the provider for a payment that becomes credit when it is paid, and
// returns it with the page on which to pay. The same Once gives the same payment.
// Errors: ErrNoPayment, FieldErrors, ErrKeyReused, or what the provider says: the
// payment is then there, and asked for again with the same Once.
func (s *Service) TopUp(ctx context.Context, by identity.Actor, cents int64, language string, once Once) (p Payment, replayed bool, err error) {
	price, ok := s.priceNow()
	if !ok || s.Billing == nil || s.Billing.Provider == nil {
		return p, false, ErrNoPayment
	}
	if cents < MinTopUp || cents > MaxTopUp {
		return p, false, FieldErrors{{Pointer: "/amount", Code: "out_of_range",
			Args: map[string]string{"min": euros(MinTopUp), "max": euros(MaxTopUp)}}}
	}
	buyer, err := s.Billing.Buyers.Profile(ctx, by.Account)
	if err != nil {
		return p, false, err
	}
	p = Payment{ID: evidence.NewID(), Account: by.Account, Status: PaymentOpen, Credit: cents, CreatedAt: s.Now().UTC().Truncate(time.Microsecond),
		language: language, provider: s.Billing.Provider.Name()}
	p.VAT = s.Billing.Seller.taxOf(buyer, price.VAT).on(cents)
	p.Amount = p.Credit + p.VAT
	was, err := s.remember(ctx, by.Account, "top_up", once, ID(p.ID))
	if err != nil {
		return p, false, err
	}
	if was != "" {
		before, err := s.Payment(ctx, by.Account, string(was))
		switch {
		case errors.Is(err, ErrNotFound): // it died before the next line
			p.ID = string(was)
		case err != nil || before.ref != "" || before.Status != PaymentOpen:
			return before, true, err
		default:
			return s.ask(ctx, before, true)
		}
	}
	if _, err := s.Pool.Exec(ctx, `INSERT INTO payment (id, account_id, provider, credit, vat, amount, created_by, language, created_at, checked_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`, p.ID, p.Account, p.provider, p.Credit, p.VAT, p.Amount, by.Subject, language, p.CreatedAt); err != nil {
		return p, false, err
	}
	return s.ask(ctx, p, false)
}

// ask asks the provider for a payment of which a row says that it is asked for.
func (s *Service) ask(ctx context.Context, p Payment, replayed bool) (Payment, bool, error) {
	// From here on the order is known: whatever the provider makes of it finds it.
	v, err := s.Billing.Provider.Create(ctx, PaymentOrder{ID: p.ID, Amount: p.Amount, Description: s.Config.Service + " " + p.ID[len(p.ID)-8:],
		Language: p.language, Back: s.BaseURL + "/portal/credits/top-ups/" + p.ID, Hook: s.BaseURL + "/hooks/pay/" + p.provider})
	if err != nil {
		return p, replayed, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if v.Order != p.ID || v.Amount != p.Amount || v.Currency != "EUR" || v.Ref == "" {
		return p, replayed, fmt.Errorf("%w: order %s", errOtherPayment, p.ID)
	}
	p.Checkout = v.Checkout
	tag, err := s.Pool.Exec(ctx, `UPDATE payment SET ref = $2, checkout = $3 WHERE id = $1 AND (ref IS NULL OR ref = $2)`, p.ID, v.Ref, v.Checkout)
	if err != nil {
		return p, replayed, err
	}
	return p, replayed, one(tag)
}

// ErrProvider: the payment provider cannot be reached, or does not want.
var ErrProvider = errors.New("delivery: payment provider")

// errOtherPayment: the provider speaks of another payment than we asked for.
var errOtherPayment = errors.New("delivery: payment is not what was asked for")

const sqlPayment = `SELECT id, account_id, provider, coalesce(ref, ''), checkout, status, credit, vat, amount, back, language, created_at, booked_at FROM payment`

func scanPayment(row pgx.Row) (p Payment, err error) {
	var booked *time.Time
	err = row.Scan(&p.ID, &p.Account, &p.provider, &p.ref, &p.Checkout, &p.Status, &p.Credit, &p.VAT, &p.Amount, &p.Back, &p.language, &p.CreatedAt, &booked)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrNotFound
	}
	p.CreatedAt = p.CreatedAt.UTC()
	if booked != nil {
		p.BookedAt = booked.UTC()
	}
	return p, err
}

// Payment is one of an account. Errors: ErrNotFound.
func (s *Service) Payment(ctx context.Context, account, id string) (Payment, error) {
	if !isID(id) {
		return Payment{}, ErrNotFound
	}
	return scanPayment(s.Pool.QueryRow(ctx, sqlPayment+` WHERE id = $1 AND account_id = $2`, id, account))
}

// askedLately bounds how long an order may be without an answer of the provider
// and still be found by its word.
const askedLately = 24 * time.Hour

// PaymentTold asks the provider how a payment is and books what is new. ref is all
// that is believed of whoever says that something changed, and only of payments
// that we asked for. Errors: ErrNotFound, or what the provider says.
func (s *Service) PaymentTold(ctx context.Context, ref string) error {
	if s.Billing == nil || s.Billing.Provider == nil {
		return ErrNotFound
	}
	var known bool
	if err := s.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM payment WHERE provider = $1 AND (ref = $2 OR ref IS NULL AND created_at > $3))`,
		s.Billing.Provider.Name(), ref, s.Now().Add(-askedLately)).Scan(&known); err != nil {
		return err
	}
	if !known {
		return ErrNotFound // nobody makes us ask for what is not ours
	}
	v, err := s.Billing.Provider.Get(ctx, ref)
	if err != nil {
		return err
	}
	if v.Ref != ref || !isID(v.Order) {
		return fmt.Errorf("%w: %s", ErrNotFound, ref)
	}
	return s.bookPayment(ctx, v)
}

const sqlPaymentsWaiting = `
SELECT ref FROM payment WHERE ref IS NOT NULL AND provider = $1
   AND (status IN ('open', 'pending', 'authorized') AND checked_at < $2 OR booked_at IS NOT NULL AND created_at > $4 AND checked_at < $3)
 ORDER BY checked_at LIMIT $5`

// AskPayments asks the provider for payments of which it did not tell: open ones
// after ten minutes, paid ones every day for half a year, because they may be
// charged back. One that fails does not hold up the others.
func (s *Service) AskPayments(ctx context.Context, limit int) (n int, failed error) {
	if s.Billing == nil || s.Billing.Provider == nil {
		return 0, nil
	}
	now := s.Now()
	refs, err := s.ids(ctx, sqlPaymentsWaiting, s.Billing.Provider.Name(), now.Add(-10*time.Minute), now.Add(-24*time.Hour), now.AddDate(0, -6, 0), limit)
	if err != nil {
		return 0, err
	}
	for _, ref := range refs {
		if err := s.PaymentTold(ctx, ref); err != nil {
			failed = errors.Join(failed, fmt.Errorf("delivery: payment %s: %w", ref, err))
			continue
		}
		n++
	}
	// What the provider never answered to was never shown to anybody.
	_, err = s.Pool.Exec(ctx, `UPDATE payment SET status = 'canceled' WHERE ref IS NULL AND status = 'open' AND created_at < $1`, now.Add(-askedLately))
	return n, errors.Join(failed, err)
}

// euros writes cents for a message to people who set things up.
func euros(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }
