package delivery_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Prices of the tests: a delivery 100, its SMS 10, a letter in Belgium of up to
// two sheets 500 and 1 a page, of more sheets 900.
const testPrices = `{"currency": "EUR", "product": "registered", "versions": [{"id": "t1", "from": "2020-01-01", "vat": 21,
 "online": 100, "sms": 10, "segments": 1, "reserve": 3, "sheet_grams": 5, "envelope_grams": 20, "letters": [
 {"product": "registered", "countries": ["BE"], "letter": 0, "page": 1, "colour": 0, "steps": [{"grams": 30, "cents": 500}, {"grams": 100, "cents": 900}]},
 {"product": "registered", "countries": ["*"], "letter": 0, "page": 1, "colour": 0, "steps": [{"grams": 100, "cents": 2000}]}]}]}`

const (
	costOnline = 110       // with its SMS
	costLetter = 502       // of two pages
	setAside   = 110 + 906 // with the letter of three sheets
)

// charging is a rig whose account is charged, and has so many cents.
func charging(t testing.TB, cents int64) *rig {
	t.Helper()
	r := newRig(t)
	prices, err := delivery.ParsePrices([]byte(testPrices))
	r.must(err)
	r.Service = r.service(func(c *delivery.Config) { c.Prices, c.Operators = prices, r.people })
	if cents != 0 {
		r.must(r.Give(r.ctx(), identity.System, r.account, cents, "test", "first"))
	}
	return r
}

// has fails the test unless the account has exactly so much.
func (r *rig) has(available, reserved int64) {
	r.t.Helper()
	c, err := r.Credit(r.ctx(), r.account, false)
	r.must(err)
	if c.Available != available || c.Reserved != reserved {
		r.t.Errorf("available %d, reserved %d; want %d, %d", c.Available, c.Reserved, available, reserved)
	}
	r.clean()
}

func TestChargeCollected(t *testing.T) {
	t.Parallel()
	r := charging(t, 2000)
	d := r.notified(func(s *delivery.Submission) { s.CostCentre = "HR" })
	r.has(2000-setAside, setAside)
	c := r.identified(d)
	_, err := r.Accept(r.ctx(), c)
	r.must(err)
	r.has(2000-costOnline, 0)
	r.read(c, d.Message)
	r.has(2000-costOnline, 0)
	list, err := r.Entries(r.ctx(), r.account, false, delivery.EntryFilter{CostCentre: "HR"})
	r.must(err)
	if len(list) != 2 || list[0].Kind != delivery.EntrySettle || list[0].Used != costOnline || list[1].Available != -setAside {
		t.Errorf("statement of the cost centre: %+v", list)
	}
}

func TestChargePosted(t *testing.T) {
	t.Parallel()
	r := charging(t, 2000)
	d := r.notified()
	r.clock.set(d.RespondBy)
	_, err := r.Sweep(r.ctx(), 100)
	r.must(err)
	r.has(2000-setAside, setAside) // nobody knows the letter yet
	r.must(r.PostNow(r.ctx(), d.ID))
	r.has(2000-costOnline-costLetter, 0)
	d = r.again(d)
	r.partner.say(delivery.PostReport{ID: "x", Item: d.Post.Item, Status: delivery.PostRefused, At: r.clock.now()})
	r.must(r.ReadPost(r.ctx()))
	r.has(2000-costOnline, 0) // it was not posted
	n, err := r.SettleLeft(r.ctx(), 10)
	r.must(err)
	if n != 0 {
		t.Errorf("%d left to settle", n)
	}
}

// TestChargeCancelled gives back what was not used, by how far it came.
func TestChargeCancelled(t *testing.T) {
	t.Parallel()
	r := charging(t, 2*setAside)
	m := r.submit(2)
	list := r.deliveries(m)
	r.attempt(list[1], notify.Email, notify.Sent)
	_, err := r.Cancel(r.ctx(), r.sender(r.account).By, m.ID, delivery.Once{})
	r.must(err)
	r.has(2*setAside-costOnline, 0) // one of two was told
	if _, err := r.Cancel(r.ctx(), r.sender(r.account).By, m.ID, delivery.Once{}); !errors.Is(err, delivery.ErrDecided) {
		t.Errorf("cancelling again: %v", err)
	}
	r.has(2*setAside-costOnline, 0)
}

func TestChargeWithoutPaper(t *testing.T) {
	t.Parallel()
	r := charging(t, 150)
	d := r.notified(func(s *delivery.Submission) { s.Policy.Fallback, s.Policy.PostAtOnce = delivery.FallbackNone, false })
	r.has(40, costOnline)
	r.clock.set(d.RespondBy)
	_, err := r.Sweep(r.ctx(), 100)
	r.must(err)
	r.has(40, 0)
}

// TestNotEnough leaves nothing behind, and says what is needed and there.
func TestNotEnough(t *testing.T) {
	t.Parallel()
	r := charging(t, setAside-1)
	doc := r.upload("%PDF-1.7 x")
	_, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Documents = []string{doc} }),
		delivery.Once{Key: "k", Digest: make([]byte, 32)})
	short, ok := errors.AsType[delivery.InsufficientCredit](err)
	if !ok || !errors.Is(err, delivery.ErrInsufficientCredit) || short.Needed != setAside || short.Available != setAside-1 {
		t.Fatalf("submitting: %v", err)
	}
	for _, q := range []string{`SELECT count(*) FROM message`, `SELECT count(*) FROM erds_event`, `SELECT count(*) FROM idempotency WHERE kind = 'message'`,
		`SELECT count(*) FROM charge`, `SELECT count(*) FROM document WHERE message_id IS NOT NULL`, `SELECT count(*) FROM ledger_entry WHERE kind <> 'given'`} {
		if n := r.count(q); n != 0 {
			t.Errorf("%s: %d", q, n)
		}
	}
	r.must(r.Give(r.ctx(), identity.System, r.account, 1, "one more", "second"))
	_, _, err = r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Documents = []string{doc} }),
		delivery.Once{Key: "k", Digest: make([]byte, 32)})
	r.must(err)
	r.has(0, setAside)
}

// TestMoneyForHundred submits 200 at once with exactly the money for 100, in two
// processes.
func TestMoneyForHundred(t *testing.T) {
	t.Parallel()
	r := charging(t, 100*setAside)
	second := r.service(func(c *delivery.Config) { c.Prices = r.Prices })
	var wg sync.WaitGroup
	errs := make([]error, 200)
	for i := range errs {
		s := []*delivery.Service{r.Service, second}[i%2]
		wg.Go(func() {
			_, _, errs[i] = s.Submit(r.ctx(), r.sender(r.account), submission(1), delivery.Once{Key: fmt.Sprint(i), Digest: make([]byte, 32)})
		})
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		} else if !errors.Is(err, delivery.ErrInsufficientCredit) {
			t.Errorf("submitting: %v", err)
		}
	}
	if n := r.count(`SELECT count(*) FROM message`); done != 100 || n != 100 {
		t.Errorf("%d accepted, %d messages", done, n)
	}
	r.has(0, 100*setAside)
}

// TestTestsAreFree simulates: entries are written, nothing is asked.
func TestTestsAreFree(t *testing.T) {
	t.Parallel()
	r := charging(t, 0)
	by := r.sender(r.account)
	by.Test = true
	_, _, err := r.Submit(r.ctx(), by, submission(1), delivery.Once{})
	r.must(err)
	c, err := r.Credit(r.ctx(), r.account, true)
	r.must(err)
	if c.Mode != delivery.Free || c.Available != -setAside || c.Reserved != setAside {
		t.Errorf("of tests: %+v", c)
	}
	r.has(0, 0)
}

func TestPostpaid(t *testing.T) {
	t.Parallel()
	r := charging(t, 0)
	submit := func() error {
		_, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), delivery.Once{})
		return err
	}
	if err := submit(); !errors.Is(err, delivery.ErrInsufficientCredit) {
		t.Fatalf("without credit: %v", err)
	}
	r.must(r.SetTerms(r.ctx(), identity.System, r.account, delivery.CreditTerms{Mode: delivery.Postpaid, Limit: setAside}, "contract 7"))
	r.must(submit())
	if err := submit(); !errors.Is(err, delivery.ErrInsufficientCredit) {
		t.Errorf("beyond the limit: %v", err)
	}
	r.has(-setAside, setAside)
	err := r.SetTerms(r.ctx(), identity.System, r.account, delivery.CreditTerms{Mode: delivery.Prepaid}, "contract ended")
	if !errors.Is(err, delivery.ErrInsufficientCredit) {
		t.Errorf("prepaid with debts: %v", err)
	}
	for _, terms := range []delivery.CreditTerms{{Mode: "gold"}, {Mode: delivery.Prepaid, Limit: 5}, {Mode: delivery.Postpaid, Limit: -1}} {
		if _, ok := errors.AsType[delivery.FieldErrors](r.SetTerms(r.ctx(), identity.System, r.account, terms, "x")); !ok {
			t.Errorf("terms %+v are taken", terms)
		}
	}
	stranger := identity.Actor{Kind: identity.ActorPerson, Subject: r.account, Account: r.account}
	if err := r.Give(r.ctx(), stranger, r.account, 100, "for me", "x"); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("a customer gives credit: %v", err)
	}
	r.has(-setAside, setAside)
}

func TestGiveOnce(t *testing.T) {
	t.Parallel()
	r := charging(t, 100)
	r.must(r.Give(r.ctx(), identity.System, r.account, 100, "again", "first"))
	r.has(100, 0)
	if err := r.Give(r.ctx(), identity.System, r.account, -101, "too much", "second"); !errors.Is(err, delivery.ErrInsufficientCredit) {
		t.Errorf("taking more than there is: %v", err)
	}
	r.has(100, 0)
	for _, cents := range []int64{0, delivery.MaxGiven + 1, -delivery.MaxGiven - 1} {
		if err := r.Give(r.ctx(), identity.System, r.account, cents, "x", "y"); err == nil {
			t.Errorf("%d cents are given", cents)
		}
	}
	if err := r.Give(r.ctx(), identity.System, r.account, 5, "  ", "y"); err == nil {
		t.Error("given without a reason")
	}
}

// TestBooks lets the database refuse what books must not be.
func TestBooks(t *testing.T) {
	t.Parallel()
	r := charging(t, 100)
	other := r.newAccount()
	r.must(r.Give(r.ctx(), identity.System, other, 1, "test", "second"))
	entered := func(account, postings string) string {
		return fmt.Sprintf(`WITH e AS (INSERT INTO ledger_entry (id, account_id, test, kind, source, at)
  VALUES ('00000000-0000-7000-8000-000000000001', $1, false, 'given', 'x', now()))
INSERT INTO ledger_posting (entry_id, account_id, test, name, amount)
SELECT '00000000-0000-7000-8000-000000000001', %s, false, p.name, p.amount FROM (VALUES %s) AS p (name, amount)`, account, postings)
	}
	const whole = "('credits', 5), ('given', -5)"
	for _, c := range []struct {
		want string
		sqls []string
	}{
		{"<nil>", []string{entered("$1", whole)}},
		{"ledger_entry_balances", []string{entered("$1", "('credits', 5), ('given', -4)")}},
		{"ledger_entry_balances", []string{entered("$1", "('credits', 5)")}},
		{"ledger_entry_balances", []string{`INSERT INTO ledger_entry (id, account_id, test, kind, source, at) VALUES (gen_random_uuid(), $1, false, 'given', 'y', now())`}},
		{"ledger_entry_balances", []string{entered("'"+other+"'", whole)}},
		{"ledger_entry_balances", []string{entered("$1", whole),
			`INSERT INTO ledger_posting SELECT id, account_id, test, 'reserved', 5 FROM ledger_entry WHERE source = 'x' AND account_id = $1`}},
	} {
		if got := constraint(r.undone(c.sqls...)); got != c.want {
			t.Errorf("%q: %s", c.sqls, got)
		}
	}
	for name, sql := range map[string]string{
		"ledger_posting_not_nothing":    entered("$1", "('credits', 0), ('given', 0)"),
		"ledger_posting_account":        entered("$1", "('cash', 5), ('given', -5)"),
		"ledger_entry_kind_known":       `INSERT INTO ledger_entry (id, account_id, test, kind, source, at) VALUES (gen_random_uuid(), $1, false, 'gift', 'x', now())`,
		"ledger_entry_source_unique":    `INSERT INTO ledger_entry (id, account_id, test, kind, source, at) SELECT gen_random_uuid(), $1, false, 'given', source, at FROM ledger_entry`,
		"ledger_append_only":            `UPDATE ledger_posting SET amount = 2 * amount WHERE account_id = $1`,
		"purse_not_overdrawn":           `UPDATE purse SET available = -1 WHERE account_id = $1`,
		"purse_reserved_not_negative":   `UPDATE purse SET reserved = -1 WHERE account_id = $1`,
		"purse_bound_fits_mode":         `UPDATE purse SET bound = 1 WHERE account_id = $1`,
		"charge_amounts":                `INSERT INTO charge SELECT gen_random_uuid(), $1, false, id, '', '', -1, 0, 0 FROM ledger_entry`,
		"purse_test_is_free":            `INSERT INTO purse (account_id, test, mode) VALUES ($1, true, 'prepaid')`,
		"charge_returned_after_settled": `INSERT INTO charge SELECT gen_random_uuid(), $1, false, id, '', '', 1, 0, 0, 0, NULL, now() FROM ledger_entry`,
	} {
		if got := constraint(r.undone(sql)); got != name {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, sql := range []string{`DELETE FROM ledger_entry`, `TRUNCATE ledger_posting`, `DELETE FROM ledger_account`} {
		if _, err := r.pool.Exec(r.ctx(), sql); err == nil {
			t.Errorf("%s is done", sql)
		}
	}
	r.has(100, 0)
}

// undone does what the account is the parameter of, up to the commit, and undoes it.
func (r *rig) undone(sqls ...string) error {
	r.t.Helper()
	tx, err := r.pool.Begin(r.ctx())
	r.must(err)
	defer func() { r.must(tx.Rollback(r.ctx())) }()
	for _, sql := range sqls {
		if _, err := tx.Exec(r.ctx(), sql, r.account); err != nil {
			return err
		}
	}
	_, err = tx.Exec(r.ctx(), `SET CONSTRAINTS ALL IMMEDIATE`)
	return err
}

// TestFsckBooks finds books that somebody changed behind our back.
func TestFsckBooks(t *testing.T) {
	t.Parallel()
	r := charging(t, 2000)
	r.submit(1)
	r.clean()
	r.exec(`UPDATE purse SET available = available + 1`)
	r.exec(`UPDATE charge SET settled_at = now()`)
	if got := len(r.faults()); got != 3 { // purse against ledger, reserved against open charges, settled without an entry
		t.Errorf("faults: %q", r.faults())
	}
}

// TestChargeOnce settles once, whoever comes together.
func TestChargeOnce(t *testing.T) {
	t.Parallel()
	r := charging(t, 2*setAside)
	d := r.notified()
	c := r.identified(d)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _, _ = r.Accept(r.ctx(), c) })
	}
	wg.Wait()
	r.has(2*setAside-costOnline, 0)
	if n := r.count(`SELECT count(*) FROM ledger_entry WHERE kind = 'settle'`); n != 1 {
		t.Errorf("%d settlements", n)
	}
	r.clock.pass(time.Hour)
	_, err := r.SettleLeft(r.ctx(), 10)
	r.must(err)
	r.has(2*setAside-costOnline, 0)
}

// constraint is the one that refused.
func constraint(err error) string {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Sprint(err)
	}
	return refused.ConstraintName
}
