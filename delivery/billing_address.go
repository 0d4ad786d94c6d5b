package delivery

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// BillingAddress is where a company wants to be on its invoices.
type BillingAddress struct {
	Lines    []string // one to three
	Postcode string
	City     string
}

// BillingAddress of an account; the zero one where none was given.
func (s *Service) BillingAddress(ctx context.Context, account string) (a BillingAddress, err error) {
	err = s.Pool.QueryRow(ctx, `SELECT lines, postcode, city FROM billing_address WHERE account_id = $1`, account).Scan(&a.Lines, &a.Postcode, &a.City)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return a, err
}

// SetBillingAddress changes it, for invoices from now on. Errors: FieldErrors.
func (s *Service) SetBillingAddress(ctx context.Context, account string, a BillingAddress) error {
	var c checker
	if len(a.Lines) == 0 {
		c.fault("/street", "required")
	} else if len(a.Lines) > 3 {
		c.fault("/street", "too_many")
	}
	for _, l := range a.Lines {
		if len(c.faults) == 0 {
			c.text("/street", l, 1, 100, false)
		}
	}
	c.text("/postcode", a.Postcode, 1, 20, false)
	c.text("/city", a.City, 1, 100, false)
	if len(c.faults) > 0 {
		return c.faults
	}
	_, err := s.Pool.Exec(ctx, `INSERT INTO billing_address (account_id, lines, postcode, city) VALUES ($1, $2, $3, $4)
		ON CONFLICT (account_id) DO UPDATE SET lines = excluded.lines, postcode = excluded.postcode, city = excluded.city`,
		account, a.Lines, a.Postcode, a.City)
	return err
}
