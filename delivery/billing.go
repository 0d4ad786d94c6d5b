package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// Billing is what selling credit takes beyond prices.
type Billing struct {
	Seller   Seller
	Buyers   Buyers
	Provider PaymentProvider // nil: nobody can pay online; operators give credit
	Papers   InvoicePapers   // invoices as documents
	Network  InvoiceNetwork  // nil: invoices are sent by nobody
	Tell     CreditTeller    // nil: nobody is told of low credit
	Keep     int             // years that invoices are kept; default 10
}

func (b *Billing) validate() error {
	switch {
	case b == nil:
		return nil
	case b.Buyers == nil || b.Papers == nil:
		return errors.New("delivery: Config.Billing lacks a part")
	case b.Keep == 0:
		b.Keep = 10
	case b.Keep < 7:
		return errors.New("delivery: invoices are kept for seven years at least")
	}
	return b.Seller.validate()
}

// Buyers knows who accounts are.
type Buyers interface {
	Profile(ctx context.Context, account string) (identity.AccountProfile, error)
}

// CreditTeller tells those who administer an account that its credit is low, in
// the caller's transaction.
type CreditTeller interface {
	TellLow(ctx context.Context, tx pgx.Tx, account string) error
}

// ErrNoPayment: nobody can pay online here.
var ErrNoPayment = errors.New("delivery: nobody can pay online here")

// PaymentStatus is how far a payment is, in the words of the provider.
type PaymentStatus string

const (
	PaymentOpen       PaymentStatus = "open"    // the payer: choose how
	PaymentPending    PaymentStatus = "pending" // a bank
	PaymentAuthorized PaymentStatus = "authorized"
	PaymentPaid       PaymentStatus = "paid" // nobody; refunds and chargebacks may follow
	PaymentFailed     PaymentStatus = "failed"
	PaymentExpired    PaymentStatus = "expired"
	PaymentCanceled   PaymentStatus = "canceled"
)

// Over reports that a payment that was not paid will not be.
func (s PaymentStatus) Over() bool {
	return s == PaymentFailed || s == PaymentExpired || s == PaymentCanceled
}

// PaymentOrder is what a payer is asked for.
type PaymentOrder struct {
	ID          string // ours
	Amount      int64  // cents of a euro, with VAT
	Description string
	Language    string
	Back        string // where the payer comes back to
	Hook        string // where the provider tells of changes
}

// PaymentView is a payment as the provider says it is now.
type PaymentView struct {
	Ref      string // the provider's id
	Order    string // ours, as we gave it
	Status   PaymentStatus
	Currency string
	Amount   int64
	Back     int64  // of Amount: refunded and charged back
	Checkout string // page on which to pay; empty once there is nothing to pay
}

// PaymentProvider takes payments on pages of its own: we never see a card. Safe
// for concurrent use.
type PaymentProvider interface {
	Name() string
	// Create asks for a payment. The same order gives the same payment, also after
	// an error of which it is not known what it left behind.
	Create(ctx context.Context, o PaymentOrder) (PaymentView, error)
	// Get is how a payment is now. Errors: ErrNotFound.
	Get(ctx context.Context, ref string) (PaymentView, error)
}

// Payment is one that somebody was asked for, as far as we know.
type Payment struct {
	ID        string
	Account   string
	Status    PaymentStatus
	Credit    int64 // cents that it buys
	VAT       int64
	Amount    int64 // with VAT: what is paid
	Back      int64 // of Amount, went back
	Checkout  string
	CreatedAt time.Time
	BookedAt  time.Time // zero until it became credit
	ref       string
	language  string
	provider  string
}
