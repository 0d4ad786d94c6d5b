package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/delivery/invoice"
	"github.com/bode-erds/bode/delivery/pay"
	"github.com/bode-erds/bode/identity"
)

// charging is a rig that charges by the example prices, and a stand-in of the
// payment provider.
func charging(t *testing.T) (*rig, *pay.StandIn) {
	t.Helper()
	var stand *pay.StandIn
	till := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { stand.ServeHTTP(w, q) }))
	t.Cleanup(till.Close)
	r := newRig(t, func(c *api.Config) {
		cfg := c.Deliveries.Config
		prices, err := delivery.ExamplePrices()
		if err != nil {
			t.Fatal(err)
		}
		if stand, err = pay.NewStandIn(till.URL, "test_api"); err != nil {
			t.Fatal(err)
		}
		provider, err := pay.New(pay.Config{Key: stand.Key, API: till.URL})
		if err != nil {
			t.Fatal(err)
		}
		papers, err := invoice.New()
		if err != nil {
			t.Fatal(err)
		}
		people, _ := cfg.Identities.(*identity.Service)
		cfg.Prices, cfg.Operators = prices, people
		cfg.Billing = &delivery.Billing{Buyers: people, Provider: provider, Papers: papers, Seller: delivery.Seller{Name: "Bode bv", Number: "0403170701",
			VAT: "BE0403170701", Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE", Email: "a@bode.example", IBAN: "BE68539007547034"}}
		if c.Deliveries, err = delivery.New(cfg); err != nil {
			t.Fatal(err)
		}
	})
	r.service = r.face.Deliveries
	return r, stand
}

func (r *rig) get(path, key string, into any) answer {
	r.t.Helper()
	a := r.do(ask{method: "GET", path: path, key: key})
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			r.t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
	}
	return a
}

// TestCreditRefused answers 402 with what is needed and there, and keeps nothing.
func TestCreditRefused(t *testing.T) {
	t.Parallel()
	r, _ := charging(t)
	a := r.do(ask{method: "POST", path: "/messages", body: submission(1), key: r.live})
	var said struct{ Needed, Available *int64 }
	_ = json.Unmarshal(a.body, &said)
	if a.status != http.StatusPaymentRequired || a.problem.Code != "insufficient_credit" || said.Needed == nil || *said.Needed < 161 || said.Available == nil || *said.Available != 0 {
		t.Fatalf("without credit: %d %s", a.status, a.body)
	}
	var n int
	r.must(r.pool.QueryRow(r.ctx(), `SELECT count(*) FROM message`).Scan(&n))
	if n != 0 {
		t.Errorf("%d messages", n)
	}
	r.must(r.service.Give(r.ctx(), identity.System, r.account, *said.Needed, "exactly", "x"))
	if a = r.do(ask{method: "POST", path: "/messages", body: submission(1), key: r.live}); a.status != http.StatusCreated {
		t.Errorf("with exactly enough: %d %s", a.status, a.body)
	}
	if a = r.do(ask{method: "POST", path: "/messages", body: submission(1), key: r.live}); a.status != http.StatusPaymentRequired {
		t.Errorf("with nothing left: %d", a.status)
	}
	if a = r.do(ask{method: "POST", path: "/messages", body: submission(1), key: r.test}); a.status != http.StatusCreated {
		t.Errorf("a test: %d %s", a.status, a.body)
	}
	var c struct {
		Charged             bool
		Mode                string
		Available, Reserved int64
	}
	if r.get("/credits", r.live, &c); !c.Charged || c.Mode != "prepaid" || c.Available != 0 || c.Reserved != *said.Needed {
		t.Errorf("credits: %+v", c)
	}
	if r.get("/credits", r.test, &c); c.Mode != "free" || c.Available != -*said.Needed {
		t.Errorf("credits of tests: %+v", c)
	}
	if r.get("/credits", r.otherLive, &c); c.Available != 0 || c.Reserved != 0 {
		t.Errorf("credits of another account: %+v", c)
	}
	var page struct {
		Data []struct{ Kind, Message string }
		Next string
	}
	if r.get("/credits/entries?limit=1", r.live, &page); len(page.Data) != 1 || page.Data[0].Kind != "reserve" || page.Next == "" {
		t.Errorf("entries: %+v", page)
	}
	if r.get("/credits/entries?cursor="+page.Next, r.live, &page); len(page.Data) != 1 || page.Data[0].Kind != "given" {
		t.Errorf("older entries: %+v", page)
	}
	if r.get("/credits/entries", r.otherLive, &page); len(page.Data) != 0 {
		t.Errorf("entries of another account: %+v", page)
	}
	if r.get("/credits/entries?month=2026-10", r.live, &page); len(page.Data) != 0 {
		t.Errorf("entries of another month: %+v", page)
	}
	for _, bad := range []string{"month=2026-13", "month=x", "cost_centre=%00", "cost_centre=" + strings.Repeat("x", 51), "cursor=x", "limit=0"} {
		if a := r.get("/credits/entries?"+bad, r.live, nil); a.status != http.StatusUnprocessableEntity && a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
}

// TestTopUp buys credit and fetches the invoice; other accounts see nothing of it.
func TestTopUp(t *testing.T) {
	t.Parallel()
	r, stand := charging(t)
	body := map[string]any{"amount": 10000, "language": "fr"}
	buy := func(key, once string, body any) answer {
		if once == "" {
			return r.do(ask{method: "POST", path: "/top-ups", body: body, key: key})
		}
		return r.do(ask{method: "POST", path: "/top-ups", body: body, key: key, header: map[string]string{"Idempotency-Key": once}})
	}
	a := buy(r.live, "k", body)
	var p struct {
		ID, Status, Checkout string
		Amount               int64
	}
	if _ = json.Unmarshal(a.body, &p); a.status != http.StatusCreated || p.Amount != 12100 || p.Checkout == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if again := buy(r.live, "k", body); again.status != http.StatusCreated || again.header.Get("Idempotency-Replayed") != "true" || !strings.Contains(string(again.body), p.ID) {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	if other := buy(r.live, "k", map[string]any{"amount": 20000}); other.problem.Code != "idempotency_key_reused" {
		t.Errorf("another amount under the same key: %s", other.body)
	}
	if stand.Payments() != 1 {
		t.Errorf("%d payments", stand.Payments())
	}
	for _, bad := range []any{map[string]any{}, map[string]any{"amount": 999}, map[string]any{"amount": 5000001}, map[string]any{"amount": "100"},
		map[string]any{"amount": 10000.5}, map[string]any{"amount": -1}, map[string]any{"amount": 10000, "card": "4111"}, map[string]any{"amount": 10000, "language": "xx"}} {
		if a := buy(r.live, "", bad); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d %s", bad, a.status, a.body)
		}
	}
	if a := buy(r.test, "", body); a.problem.Code != "payments_unavailable" {
		t.Errorf("with a test key: %s", a.body)
	}
	u, err := url.Parse(p.Checkout)
	r.must(err)
	stand.Mute(true)
	ref := u.Path[strings.LastIndex(u.Path, "/")+1:]
	stand.Change(ref, "paid")
	r.must(r.service.PaymentTold(r.ctx(), ref))
	if r.get("/top-ups/"+p.ID, r.live, &p); p.Status != "paid" {
		t.Errorf("after paying: %+v", p)
	}
	var list struct{ Data []struct{ ID, Number string } }
	if r.get("/invoices", r.live, &list); len(list.Data) != 1 || list.Data[0].Number != "2026-000001" {
		t.Fatalf("invoices: %+v", list)
	}
	id := list.Data[0].ID
	for _, path := range []string{"/top-ups/" + p.ID, "/invoices/" + id, "/invoices/" + id + "/pdf", "/invoices/" + id + "/ubl"} {
		if a := r.get(path, r.live, nil); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		for _, key := range []string{r.otherLive, r.test, r.otherTest} {
			if a := r.get(path, key, nil); a.status != http.StatusNotFound {
				t.Errorf("%s with a foreign key: %d", path, a.status)
			}
		}
	}
	if r.get("/invoices", r.otherLive, &list); len(list.Data) != 0 {
		t.Errorf("invoices of another account: %+v", list)
	}
	stand.FailNext(pay.FailAfter)
	if a := buy(r.live, "z", body); a.problem.Code != "provider_unavailable" || a.status != http.StatusServiceUnavailable {
		t.Errorf("provider fails: %d %s", a.status, a.body)
	}
	if a := buy(r.live, "z", body); a.status != http.StatusCreated || stand.Payments() != 2 {
		t.Errorf("after it failed: %d, %d payments", a.status, stand.Payments())
	}
}

// TestNothingCharged is an API of a service that charges nobody.
func TestNothingCharged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var c struct{ Charged bool }
	if a := r.get("/credits", r.live, &c); c.Charged || a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.do(ask{method: "POST", path: "/top-ups", body: map[string]any{"amount": 10000}, key: r.live}); a.problem.Code != "payments_unavailable" {
		t.Errorf("bought: %s", a.body)
	}
	if a := r.get("/invoices", r.live, nil); a.status != http.StatusOK {
		t.Errorf("invoices: %d", a.status)
	}
}
