package delivery_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/invoice"
	"github.com/bode-erds/bode/delivery/pay"
	"github.com/bode-erds/bode/identity"
)

func testSeller() delivery.Seller {
	return delivery.Seller{Name: "Bode Voorbeeld bv", Number: "0403170701", VAT: "BE0403170701", Lines: []string{"Kerkstraat 1"}, Postcode: "2000",
		City: "Antwerpen", Country: "BE", Email: "facturen@bode.example", IBAN: "BE68539007547034"}
}

// told remembers who was told of low credit.
type told struct{ accounts []string }

func (t *told) TellLow(_ context.Context, _ pgx.Tx, account string) error {
	t.accounts = append(t.accounts, account)
	return nil
}

// shop is a rig that sells credit, with a stand-in of the provider that tells us
// of changes over HTTP.
type shop struct {
	*rig
	stand *pay.StandIn
	told  *told
}

func selling(t testing.TB) *shop {
	t.Helper()
	r := &shop{rig: charging(t, 0), told: &told{}}
	var stand *pay.StandIn
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { stand.ServeHTTP(w, q) }))
	t.Cleanup(server.Close)
	stand, err := pay.NewStandIn(server.URL, "test_stand_in")
	r.must(err)
	provider, err := pay.New(pay.Config{Key: stand.Key, API: server.URL})
	r.must(err)
	papers, err := invoice.New()
	r.must(err)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if err := r.PaymentTold(q.Context(), q.PostFormValue("id")); err != nil {
			http.Error(w, "later", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(hook.Close)
	prices := r.Prices
	r.Service = r.service(func(c *delivery.Config) {
		c.Prices, c.Operators, c.BaseURL = prices, r.people, hook.URL
		c.Billing = &delivery.Billing{Seller: testSeller(), Buyers: r.people, Provider: provider, Papers: papers, Tell: r.told}
	})
	r.stand = stand
	r.exec(`UPDATE account SET enterprise_number = '0671516647', vat_number = 'BE0671516647'`)
	return r
}

// ref is the provider's id of a payment.
func (r *shop) ref(p delivery.Payment) (ref string) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), `SELECT ref FROM payment WHERE id = $1`, p.ID).Scan(&ref))
	return ref
}

func (r *shop) topUp(cents int64) delivery.Payment {
	r.t.Helper()
	p, _, err := r.TopUp(r.ctx(), r.sender(r.account).By, cents, "nl", delivery.Once{})
	r.must(err)
	return p
}

func TestTopUp(t *testing.T) {
	t.Parallel()
	r := selling(t)
	p := r.topUp(100_00)
	if p.Amount != 121_00 || p.Checkout == "" {
		t.Fatalf("asked for: %+v", p)
	}
	r.has(0, 0)
	ref := r.ref(p)
	r.stand.Change(ref, "pending")
	r.has(0, 0)
	r.stand.Change(ref, "paid")
	r.has(100_00, 0)
	for range 3 { // told again, and again at once
		r.must(r.PaymentTold(r.ctx(), ref))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = r.PaymentTold(r.ctx(), ref) })
	}
	wg.Wait()
	r.stand.Change(ref, "expired") // what was paid stays paid
	r.has(100_00, 0)
	list, err := r.Invoices(r.ctx(), r.account, "", 10)
	r.must(err)
	if len(list) != 1 || list[0].Number() != "2026-000001" || list[0].Gross != 121_00 || list[0].PaidAt.IsZero() || list[0].Structured() != "+++202/6000/00192+++" {
		t.Errorf("invoices: %+v", list)
	}
	if _, err := r.Payment(r.ctx(), "00000000-0000-0000-0000-000000000001", p.ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("another account's payment: %v", err)
	}
	if _, err := r.Invoice(r.ctx(), "00000000-0000-0000-0000-000000000001", list[0].ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("another account's invoice: %v", err)
	}
}

// TestTopUpNotPaid makes no credit of what was not paid, or is not what we asked
// for.
func TestTopUpNotPaid(t *testing.T) {
	t.Parallel()
	r := selling(t)
	for _, status := range []string{"failed", "expired", "canceled", "authorized"} {
		p := r.topUp(10_00)
		r.stand.Change(r.ref(p), status)
		p, err := r.Payment(r.ctx(), r.account, p.ID)
		r.must(err)
		if string(p.Status) != status || !p.BookedAt.IsZero() {
			t.Errorf("%s: %+v", status, p)
		}
	}
	p := r.topUp(10_00)
	r.stand.Mute(true)
	r.stand.Alter(r.ref(p), "0.01")
	r.stand.Change(r.ref(p), "paid")
	if err := r.PaymentTold(r.ctx(), r.ref(p)); err == nil {
		t.Error("a cent is taken for ten euros")
	}
	asked := r.stand.Asked()
	for _, ref := range []string{"tr_unknown123", "", "../payments", "tr_1'; DROP TABLE payment"} {
		if err := r.PaymentTold(r.ctx(), ref); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if r.stand.Asked() != asked {
		t.Error("somebody made us ask for what is not ours")
	}
	for _, cents := range []int64{0, -1, delivery.MinTopUp - 1, delivery.MaxTopUp + 1} {
		if _, _, err := r.TopUp(r.ctx(), r.sender(r.account).By, cents, "nl", delivery.Once{}); err == nil {
			t.Errorf("%d cents are sold", cents)
		}
	}
	r.has(0, 0)
}

// TestTopUpFails fails both ways: nobody pays what was never shown.
func TestTopUpFails(t *testing.T) {
	t.Parallel()
	r := selling(t)
	for _, how := range []pay.Failure{pay.FailLost, pay.FailAfter} {
		r.stand.FailNext(how)
		if _, _, err := r.TopUp(r.ctx(), r.sender(r.account).By, 10_00, "nl", delivery.Once{}); !errors.Is(err, delivery.ErrProvider) {
			t.Errorf("failure %d is not told", how)
		}
	}
	if n := r.stand.Payments(); n != 1 {
		t.Errorf("%d payments at the provider", n)
	}
	r.clock.pass(25 * time.Hour)
	_, err := r.AskPayments(r.ctx(), 10)
	r.must(err)
	if n := r.count(`SELECT count(*) FROM payment WHERE status = 'canceled'`); n != 2 {
		t.Errorf("%d of 2 given up", n)
	}
	r.has(0, 0)
}

// TestTopUpAgain asks for the same payment again, after an answer that was lost.
func TestTopUpAgain(t *testing.T) {
	t.Parallel()
	r := selling(t)
	once := delivery.Once{Key: "k", Digest: make([]byte, 32)}
	topUp := func(once delivery.Once) (delivery.Payment, bool, error) {
		return r.TopUp(r.ctx(), r.sender(r.account).By, 10_00, "nl", once)
	}
	r.stand.FailNext(pay.FailAfter)
	if _, _, err := topUp(once); !errors.Is(err, delivery.ErrProvider) {
		t.Fatalf("the answer was lost: %v", err)
	}
	first, replayed, err := topUp(once)
	r.must(err)
	again, _, err := topUp(once)
	r.must(err)
	if !replayed || first.ID != again.ID || first.Checkout == "" || again.Checkout != first.Checkout || r.stand.Payments() != 1 {
		t.Errorf("%+v, %+v, %d payments", first, again, r.stand.Payments())
	}
	other := delivery.Once{Key: "k", Digest: append(make([]byte, 31), 1)}
	if _, _, err := topUp(other); !errors.Is(err, delivery.ErrKeyReused) {
		t.Errorf("the key for another amount: %v", err)
	}
}

// TestPaymentAsked finds payments of which nobody told.
func TestPaymentAsked(t *testing.T) {
	t.Parallel()
	r := selling(t)
	p := r.topUp(50_00)
	r.stand.Mute(true)
	r.stand.Change(r.ref(p), "paid")
	n, err := r.AskPayments(r.ctx(), 10)
	r.must(err)
	if n != 0 {
		t.Errorf("%d asked at once", n)
	}
	r.clock.pass(11 * time.Minute)
	_, err = r.AskPayments(r.ctx(), 10)
	r.must(err)
	r.has(50_00, 0)
	r.stand.ChargeBack(r.ref(p), "60.50")
	r.clock.pass(25 * time.Hour)
	_, err = r.AskPayments(r.ctx(), 10)
	r.must(err)
	r.has(0, 0)
}

// TestPaymentBack takes refunds and chargebacks back, once, with a credit note
// each; what is used already is owed.
func TestPaymentBack(t *testing.T) {
	t.Parallel()
	r := selling(t)
	p := r.topUp(20_00)
	ref := r.ref(p)
	r.stand.Change(ref, "paid")
	r.submit(1)
	left := int64(20_00 - setAside)
	r.has(left, setAside)
	r.stand.Refund(ref, "1.21")
	r.must(r.PaymentTold(r.ctx(), ref))
	r.has(left-1_00, setAside)
	r.stand.ChargeBack(ref, "24.20") // more than all of it
	r.has(0, setAside)
	owed := 0
	r.must(r.pool.QueryRow(r.ctx(), `SELECT -sum(amount) FROM ledger_posting WHERE name = 'owed'`).Scan(&owed))
	if owed != setAside {
		t.Errorf("owed %d, want %d", owed, setAside)
	}
	list, err := r.Invoices(r.ctx(), r.account, "", 10)
	r.must(err)
	if len(list) != 3 || list[0].Kind != delivery.CreditNote || list[0].Corrects != list[2].Number() || list[0].Gross+list[1].Gross != 24_20 {
		t.Errorf("invoices: %+v", list)
	}
	for _, i := range list {
		for _, paper := range []func(context.Context, string, string) ([]byte, delivery.Invoice, error){r.InvoicePDF, r.InvoiceUBL} {
			if b, _, err := paper(r.ctx(), r.account, i.ID); err != nil || len(b) == 0 {
				t.Errorf("%s: %d octets, %v", i.Number(), len(b), err)
			}
		}
	}
}

// TestInvoiceNumbers has no gap, also when half of the transactions are undone.
func TestInvoiceNumbers(t *testing.T) {
	t.Parallel()
	r := selling(t)
	var wg sync.WaitGroup
	r.stand.Mute(true)
	for i := range 20 {
		p := r.topUp(10_00)
		ref := r.ref(p)
		if i%2 == 1 {
			r.stand.Alter(ref, "0.01")
		}
		r.stand.Change(ref, "paid")
		wg.Go(func() { _ = r.PaymentTold(r.ctx(), ref) })
	}
	wg.Wait()
	if n := r.count(`SELECT count(*) FROM invoice`); n != 10 {
		t.Errorf("%d invoices", n)
	}
	if n := r.count(`SELECT max(seq) FROM invoice WHERE year = 2026`); n != 10 {
		t.Errorf("the last number is %d", n)
	}
	r.has(100_00, 0)
	for _, sql := range []string{`UPDATE invoice SET gross = gross + 1, net = net + 1`, `DELETE FROM invoice`, `UPDATE invoice SET paid_at = now()`} {
		if _, err := r.pool.Exec(r.ctx(), sql); constraint(err) != "invoice_written_once" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestInvoicesKept (R29): an invoice goes when its years are over and no sooner, and
// never unpaid.
func TestInvoicesKept(t *testing.T) {
	t.Parallel()
	r := selling(t)
	end := r.clock.now().AddDate(-10, 0, 0)
	for i, x := range []struct{ issued, paid any }{{end.Add(-time.Second), end}, {end, end}, {end.AddDate(-1, 0, 0), nil}} {
		r.exec(`INSERT INTO invoice (id, account_id, year, seq, kind, source, issued_at, due_on, language, seller, buyer, lines, net, vat, gross, vat_rate, vat_kind, ogm, paid_at)
 VALUES (gen_random_uuid(), $1, 2010, $2, 'invoice', 'month:' || $2::int, $3, '2010-01-01', 'nl', '{}', '{}', '[]', 1, 0, 1, 0, 'O', lpad($2::int::text, 12, '0'), $4)`, r.account, i+1, x.issued, x.paid)
	}
	if n, err := r.ForgetInvoices(r.ctx()); n != 1 || err != nil {
		t.Errorf("%d went: %v", n, err)
	}
	if n := r.count(`SELECT count(*) FROM invoice WHERE seq IN (2, 3)`); n != 2 {
		t.Errorf("%d are left of two that have to be kept", n)
	}
}

// TestBill invoices a month of an account that pays afterwards.
func TestBill(t *testing.T) {
	t.Parallel()
	r := selling(t)
	r.must(r.SetTerms(r.ctx(), identity.System, r.account, delivery.CreditTerms{Mode: delivery.Postpaid, Limit: 100_00}, "contract"))
	d := r.notified()
	_, err := r.Accept(r.ctx(), r.identified(d))
	r.must(err)
	bill := func(want int) {
		t.Helper()
		n, err := r.Bill(r.ctx())
		r.must(err)
		if n != want {
			t.Errorf("%d invoices, want %d", n, want)
		}
	}
	bill(0) // the month is not over
	r.clock.set(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	bill(1)
	bill(0)
	list, err := r.Invoices(r.ctx(), r.account, "", 10)
	r.must(err)
	if len(list) != 1 || list[0].Net != costOnline || list[0].VAT != 23 || list[0].Period != "2026-11" || len(list[0].Lines) != 2 || !list[0].PaidAt.IsZero() {
		t.Fatalf("invoices: %+v", list)
	}
	r.has(-costOnline, 0)
	r.must(r.InvoicePaid(r.ctx(), identity.System, r.account, list[0].ID, "statement 12"))
	if err := r.InvoicePaid(r.ctx(), identity.System, r.account, list[0].ID, "statement 12"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("paid twice: %v", err)
	}
	r.has(0, 0)
	r.clock.set(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	bill(0) // nothing was used
}

func TestTellLow(t *testing.T) {
	t.Parallel()
	r := selling(t)
	r.must(r.SetLow(r.ctx(), r.account, 10_00))
	r.must(r.Give(r.ctx(), identity.System, r.account, 15_00, "start", "a"))
	tell := func(want int) {
		t.Helper()
		_, err := r.TellLow(r.ctx(), 10)
		r.must(err)
		if len(r.told.accounts) != want {
			t.Errorf("told %d times, want %d", len(r.told.accounts), want)
		}
	}
	tell(0)
	r.submit(1)
	tell(1)
	tell(1)
	r.must(r.Give(r.ctx(), identity.System, r.account, 15_00, "more", "b"))
	tell(1)
	r.submit(1)
	tell(2)
	r.must(r.SetLow(r.ctx(), r.account, 0))
	tell(2)
	if r.SetLow(r.ctx(), r.account, -1) == nil {
		t.Error("told below less than nothing")
	}
}

func TestTax(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		country, vat string
		company      bool
		want         int64 // VAT on 100.01
	}{
		{"BE", "BE0403170701", true, 21_00}, {"BE", "", true, 21_00}, {"BE", "", false, 21_00},
		{"FR", "FR40303265045", true, 0}, {"FR", "", true, 21_00}, {"FR", "", false, 21_00}, {"FR", "NL004495445B01", true, 21_00},
		{"CH", "", true, 0}, {"US", "", false, 0},
	} {
		kind := identity.Private
		if x.company {
			kind = identity.Company
		}
		if got := delivery.TaxOf(testSeller(), identity.AccountProfile{Kind: kind, Country: x.country, VATNumber: x.vat}, 21, 100_01); got != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
}
