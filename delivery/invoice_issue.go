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

// issuing is an invoice on its way.
type issuing struct {
	account  string
	source   string // unique: nothing is invoiced twice
	language string // empty: of the account
	at       time.Time
	period   string
	lines    []InvoiceLine
	net, vat int64
	paid     bool
}

// dueDays is how long an invoice may be unpaid.
const dueDays = 30

// issue writes an invoice in the caller's transaction. Its number is taken there:
// whoever issues next waits for the end of it, and one that is undone leaves no
// gap.
func (s *Service) issue(ctx context.Context, tx pgx.Tx, in issuing) (Invoice, error) {
	if s.Billing == nil {
		return Invoice{}, nil
	}
	profile, err := s.Billing.Buyers.Profile(ctx, in.account)
	if err != nil {
		return Invoice{}, err
	}
	i := Invoice{Account: in.account, Kind: Invoiced, IssuedAt: in.at, Period: in.period, Language: in.language, Seller: s.Billing.Seller,
		Lines: in.lines, Net: in.net, VAT: in.vat, Gross: in.net + in.vat}
	if i.Language == "" {
		i.Language = profile.Language
	}
	price, _ := s.priceNow()
	i.Tax = i.Seller.taxOf(profile, price.VAT)
	if i.Tax.on(i.Net) != i.VAT { // it was asked for under another rate
		return Invoice{}, fmt.Errorf("delivery: invoice of %s: VAT of %d is %d, not %d", in.source, i.Net, i.Tax.on(i.Net), i.VAT)
	}
	if i.Buyer, err = s.buyer(ctx, tx, profile); err != nil {
		return Invoice{}, err
	}
	if in.paid {
		i.PaidAt = in.at
	}
	return s.number(ctx, tx, i, in.source, nil)
}

// creditNote corrects the invoice of another source by so much.
func (s *Service) creditNote(ctx context.Context, tx pgx.Tx, of, source string, net, vat int64, at time.Time) (Invoice, error) {
	i, err := scanInvoice(tx.QueryRow(ctx, sqlInvoice+` WHERE i.source = $1`, of))
	if err != nil {
		return Invoice{}, err
	}
	corrects := i.ID
	i.Corrects = i.Number()
	i.Kind, i.IssuedAt, i.PaidAt, i.Net, i.VAT, i.Gross = CreditNote, at, at, net, vat, net+vat
	i.Lines = []InvoiceLine{{Kind: LineCredit, Quantity: 1, Net: net}}
	return s.number(ctx, tx, i, source, &corrects)
}

const sqlNextInvoice = `INSERT INTO invoice_number (year, last) VALUES ($1, 1)
ON CONFLICT (year) DO UPDATE SET last = invoice_number.last + 1 RETURNING last`

const sqlInsertInvoice = `
INSERT INTO invoice (id, account_id, year, seq, kind, corrects, source, issued_at, due_on, period, language, seller, buyer, lines,
                     net, vat, gross, vat_rate, vat_kind, ogm, paid_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)`

func (s *Service) number(ctx context.Context, tx pgx.Tx, i Invoice, source string, corrects *string) (Invoice, error) {
	on := DateOf(i.IssuedAt, s.Zone)
	i.ID, i.Year, i.Date, i.DueOn = evidence.NewID(), on.Year, on.String(), on.AddDays(dueDays).String()
	if err := tx.QueryRow(ctx, sqlNextInvoice, i.Year).Scan(&i.Seq); err != nil {
		return Invoice{}, err
	}
	i.OGM = ogm(i.Year, i.Seq)
	_, err := tx.Exec(ctx, sqlInsertInvoice, i.ID, i.Account, i.Year, i.Seq, i.Kind, corrects, source, i.IssuedAt, i.DueOn, i.Period,
		i.Language, i.Seller, i.Buyer, i.Lines, i.Net, i.VAT, i.Gross, i.Tax.Rate, i.Tax.Kind, i.OGM, null(i.PaidAt))
	return i, err
}

// buyer is an account as its invoices show it.
func (s *Service) buyer(ctx context.Context, tx pgx.Tx, p identity.AccountProfile) (Buyer, error) {
	b := Buyer{Name: p.Name, Company: p.Kind == identity.Company, Number: p.EnterpriseNumber, VAT: p.VATNumber, Country: p.Country, Email: p.Email}
	if !b.Company {
		b.Name = p.Given + " " + p.Family
		b.address(p.Address)
		return b, nil
	}
	err := tx.QueryRow(ctx, `SELECT lines, postcode, city FROM billing_address WHERE account_id = $1`, p.ID).Scan(&b.Lines, &b.Postcode, &b.City)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return b, err
}

// Bill invoices what accounts that pay afterwards used until the end of the last
// month, once for each month. It returns how many invoices there are more.
func (s *Service) Bill(ctx context.Context) (n int, failed error) {
	if s.Billing == nil || s.Prices == nil {
		return 0, nil
	}
	end := DateOf(s.Now(), s.Zone)
	end = Date{end.Year, end.Month, 1}
	month := end.AddDays(-1).String()[:7]
	accounts, err := s.ids(ctx, `SELECT account_id FROM purse p WHERE mode = 'postpaid' AND NOT test
		AND NOT EXISTS (SELECT FROM invoice i WHERE i.source = 'month:' || p.account_id || ':' || $1)`, month)
	if err != nil {
		return 0, err
	}
	for _, account := range accounts {
		err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.billMonth(ctx, tx, account, month, end.Begin(s.Zone)) })
		if errors.Is(err, errNothingUsed) {
			continue
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("delivery: invoice of %s for %s: %w", account, month, err))
			continue
		}
		n++
	}
	return n, failed
}

// errNothingUsed: there is nothing to invoice.
var errNothingUsed = errors.New("delivery: nothing to invoice")

// sqlUsed is what was earned with an account by product until a time, less what
// its monthly invoices say already.
const sqlUsed = `
SELECT substr(p.name, 9), sum(p.amount)::bigint - coalesce((SELECT sum((l ->> 'net')::bigint) FROM invoice i, jsonb_array_elements(i.lines) l
         WHERE i.account_id = $1 AND i.period <> '' AND l ->> 'kind' = substr(p.name, 9)), 0)::bigint
  FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id
 WHERE p.account_id = $1 AND NOT p.test AND p.name LIKE 'revenue%' AND e.at < $2 GROUP BY p.name ORDER BY p.name`

func (s *Service) billMonth(ctx context.Context, tx pgx.Tx, account, month string, until time.Time) error {
	if _, err := s.lockPurse(ctx, tx, account, false); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, sqlUsed, account, until)
	if err != nil {
		return err
	}
	in := issuing{account: account, source: "month:" + account + ":" + month, at: s.Now().UTC().Truncate(time.Microsecond), period: month}
	var kind LineKind
	var net int64
	if _, err := pgx.ForEachRow(rows, []any{&kind, &net}, func() error {
		if net != 0 {
			q := int64(1)
			if net < 0 {
				q = -1
			}
			in.lines, in.net = append(in.lines, InvoiceLine{Kind: kind, Quantity: q, Net: net}), in.net+net
		}
		return nil
	}); err != nil {
		return err
	}
	if in.net <= 0 {
		return errNothingUsed
	}
	profile, err := s.Billing.Buyers.Profile(ctx, account)
	if err != nil {
		return err
	}
	price, _ := s.priceNow()
	in.vat = s.Billing.Seller.taxOf(profile, price.VAT).on(in.net)
	i, err := s.issue(ctx, tx, in)
	if err != nil || i.VAT == 0 {
		return err
	}
	return book(ctx, tx, booking{account: account, kind: EntryInvoice, source: in.source, at: in.at, reference: i.Number(),
		amounts: map[string]int64{bookOwed: -i.VAT, bookVAT: i.VAT}})
}
