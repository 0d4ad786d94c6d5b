package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/invoice"
	"github.com/bode-erds/bode/delivery/pay"
	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/notify"
)

// selling is a rig that charges by the example prices and sells credit, with a
// stand-in of the payment provider; its first person is an operator too.
func selling(t testing.TB) (*rig, *pay.StandIn) {
	t.Helper()
	var stand *pay.StandIn
	till := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { stand.ServeHTTP(w, q) }))
	t.Cleanup(till.Close)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, func(c *portal.Config) {
		cfg := c.Deliveries.Config
		prices, err := delivery.ExamplePrices()
		must(err)
		stand, err = pay.NewStandIn(till.URL, "test_portal")
		must(err)
		provider, err := pay.New(pay.Config{Key: stand.Key, API: till.URL})
		must(err)
		papers, err := invoice.New()
		must(err)
		cfg.Prices, cfg.Operators = prices, c.Identity
		cfg.Billing = &delivery.Billing{Buyers: c.Identity, Provider: provider, Papers: papers, Seller: delivery.Seller{Name: "Bode bv", Number: "0403170701",
			VAT: "BE0403170701", Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE", Email: "a@bode.example", IBAN: "BE68539007547034"}}
		c.Deliveries, err = delivery.New(cfg)
		must(err)
	})
	r.deliveries = r.config.Deliveries
	r.must(r.people.AddOperator(t.Context(), identitySystem, r.person, "test"))
	stand.Mute(true)
	return r, stand
}

var onceField = regexp.MustCompile(`name="once" value="([A-Z0-9]+)"`)

// form is the mark of the form on the page.
func (b *browser) mark() string {
	if m := onceField.FindStringSubmatch(b.body); m != nil {
		return m[1]
	}
	return ""
}

// paid lets the account buy 100 euro of credit through the pages.
func paid(r *rig, b *browser, stand *pay.StandIn) (payment string) {
	r.t.Helper()
	b.to("/portal/credits/top-up")
	b.post(r.server.URL+"/portal/credits/top-up", url.Values{"amount": {"100"}, "once": {b.mark()}})
	m := regexp.MustCompile(`/checkout/(tr_[A-Z0-9a-z]+)`).FindStringSubmatch(b.body)
	if m == nil {
		r.t.Fatalf("no page on which to pay: %d %s", b.status, b.text())
	}
	stand.Change(m[1], "paid")
	r.must(r.deliveries.PaymentTold(r.t.Context(), m[1]))
	return r.one(`SELECT id::text FROM payment ORDER BY id DESC LIMIT 1`)
}

// TestCreditPages: whole in every language, empty and full, for whom they are.
func TestCreditPages(t *testing.T) {
	t.Parallel()
	r, stand := selling(t)
	b := r.lotte()
	see := func(paths ...string) {
		t.Helper()
		for _, lang := range web.Languages() {
			for _, path := range paths {
				sep := "?"
				if strings.Contains(path, "?") {
					sep = "&"
				}
				b.to(path + sep + "lang=" + lang)
				if b.status != http.StatusOK || !strings.Contains(b.body, `<html lang="`+lang+`">`) || !strings.Contains(b.body, "</html>") {
					t.Errorf("%s in %s: %d\n%s", path, lang, b.status, b.text())
				}
				for _, bad := range []string{" style=", "<style", "<no value>", "%!", "{min}", "{grams}"} {
					if strings.Contains(b.body, bad) {
						t.Errorf("%s in %s holds %q", path, lang, bad)
					}
				}
			}
		}
	}
	empty := []string{"/portal/credits", "/portal/credits?test=1", "/portal/credits/top-up", "/portal/invoices", "/operator/prices", "/operator/accounts/" + r.account + "/credit"}
	see(empty...)
	p := paid(r, b, stand)
	d := r.message(r.account, func(s *delivery.Submission) { s.CostCentre, s.Reference = "=HR", "<b>dossier</b>" })[0]
	r.attempt(d, notify.Email, notify.Sent)
	see(append(empty, "/portal/credits/top-ups/"+p, "/portal/credits?cost_centre=%3DHR")...)
	b.to("/portal/credits?lang=en").want(http.StatusOK, "/credits").shows("Message sent").shows("Credit bought").shows("€100.00").shows("2026-000001").hides("<b>dossier</b>")
	b.to("/portal/credits?cost_centre=other&lang=en").want(http.StatusOK, "/credits").shows("Nothing yet")
	b.to("/portal/credits/statement.csv").want(http.StatusOK, "/statement.csv")
	if !strings.Contains(b.body, "'=HR") || strings.Contains(b.body, ",=HR") {
		t.Errorf("statement:\n%s", b.body)
	}
	for _, bad := range []string{"/portal/credits?month=x", "/portal/credits?before=x", "/portal/credits?cost_centre=%00", "/portal/credits/top-ups/x", "/portal/invoices/x.pdf",
		"/portal/invoices?before=x", "/operator/accounts/x/credit"} {
		if b.to(bad); b.status != http.StatusNotFound {
			t.Errorf("%s: %d", bad, b.status)
		}
	}
	id := r.one(`SELECT id::text FROM invoice`)
	b.to("/portal/invoices/"+id+".pdf").want(http.StatusOK, ".pdf")
	if !strings.HasPrefix(b.body, "%PDF-1.7") {
		t.Error("no PDF")
	}
	b.to("/portal/invoices/"+id+".exe").want(http.StatusNotFound, ".exe")

	other, _ := r.company("karim", "Andere nv")
	_ = other
	stranger := r.signedIn("karim", "")
	for _, path := range []string{"/portal/credits/top-ups/" + p, "/portal/invoices/" + id + ".pdf", "/operator/prices", "/operator/accounts/" + r.account + "/credit"} {
		if stranger.to(path); stranger.status != http.StatusNotFound {
			t.Errorf("somebody else at %s: %d", path, stranger.status)
		}
	}
	stranger.to("/portal/credits?lang=en").want(http.StatusOK, "/credits").hides("Credit bought")
	_, err := r.people.CreatePerson(t.Context(), identitySystem, r.account, "sender", r.newPerson("els"))
	r.must(err)
	els := r.signedIn("els", "")
	els.to("/portal/credits?lang=en").want(http.StatusOK, "/credits").hides("/portal/credits/top-up")
	for _, path := range []string{"/portal/credits/top-up", "/portal/invoices", "/portal/invoices/" + id + ".pdf"} {
		if els.to(path); els.status != http.StatusForbidden {
			t.Errorf("a sender at %s: %d", path, els.status)
		}
	}
	for _, path := range []string{"/portal/credits/top-up", "/portal/credits/low", "/portal/invoices"} {
		if els.post(r.server.URL+path, url.Values{"amount": {"100"}, "low": {"1"}}); els.status != http.StatusForbidden {
			t.Errorf("a sender posts to %s: %d", path, els.status)
		}
	}
}

// TestTopUpForm asks once, and says what is wrong with an amount.
func TestTopUpForm(t *testing.T) {
	t.Parallel()
	r, stand := selling(t)
	b := r.lotte()
	buy := func(amount, once string) {
		b.post(r.server.URL+"/portal/credits/top-up?lang=en", url.Values{"amount": {amount}, "once": {once}})
	}
	for _, bad := range []string{"", "x", "9,99", "50000.01", "-100", "1e3", "100.001", "99999999999", "١٠٠"} {
		if buy(bad, "M"); b.status != http.StatusUnprocessableEntity || !strings.Contains(b.body, `aria-invalid="true"`) {
			t.Errorf("%q: %d", bad, b.status)
		}
	}
	stand.FailNext(pay.FailAfter)
	buy("100", "N")
	b.want(http.StatusServiceUnavailable, "/top-up").shows("does not answer")
	for range 2 {
		buy("€ 99,50", "O")
		b.want(http.StatusOK, "").shows("Pay now")
	}
	if n := r.count(`SELECT count(*) FROM payment WHERE credit = 9950`); n != 1 {
		t.Errorf("%d payments for one form", n)
	}
	b.post(r.server.URL+"/portal/credits/low", url.Values{"low": {"x"}}).want(http.StatusUnprocessableEntity, "/low")
	b.post(r.server.URL+"/portal/credits/low", url.Values{"low": {"25"}}).want(http.StatusOK, "/credits")
	if !strings.Contains(b.body, `value="25"`) {
		t.Error("what was saved does not stand in the form")
	}
	b.post(r.server.URL+"/portal/invoices", url.Values{"street": {"Lindelaan 2\nbus 3"}, "postcode": {"9000"}, "city": {"Gent"}}).want(http.StatusOK, "/invoices").shows("Lindelaan 2")
	b.post(r.server.URL+"/portal/invoices", url.Values{"street": {"a\nb\nc\nd"}, "postcode": {""}, "city": {"Gent"}}).want(http.StatusUnprocessableEntity, "/invoices")
}

// TestOperatorCredit gives credit with a reason, once, and everybody can see who.
func TestOperatorCredit(t *testing.T) {
	t.Parallel()
	r, _ := selling(t)
	b := r.lotte()
	at := "/operator/accounts/" + r.account + "/credit"
	b.to(at)
	once := b.mark()
	for range 2 {
		b.post(r.server.URL+at+"/give", url.Values{"amount": {"12.50"}, "reason": {"goodwill"}, "once": {once}}).want(http.StatusOK, "/credit")
	}
	c, err := r.deliveries.Credit(t.Context(), r.account, false)
	r.must(err)
	if c.Available != 1250 {
		t.Errorf("available %d", c.Available)
	}
	b.post(r.server.URL+at+"/give", url.Values{"amount": {"12.50"}, "once": {"x"}}).want(http.StatusUnprocessableEntity, "/give")
	b.post(r.server.URL+at+"/give", url.Values{"amount": {"-13"}, "reason": {"x"}, "once": {"y"}}).want(http.StatusUnprocessableEntity, "/give")
	b.post(r.server.URL+at+"/terms", url.Values{"mode": {"postpaid"}, "limit": {"500"}, "reason": {"contract"}}).want(http.StatusOK, "/credit")
	b.post(r.server.URL+at+"/terms", url.Values{"mode": {"prepaid"}, "limit": {"5"}, "reason": {"contract"}}).want(http.StatusUnprocessableEntity, "/terms")
	b.post(r.server.URL+at+"/terms", url.Values{"mode": {"gold"}, "reason": {"contract"}}).want(http.StatusUnprocessableEntity, "/terms")
	b.post(r.server.URL+at+"/paid", url.Values{"invoice": {"x"}, "reason": {"x"}}).want(http.StatusNotFound, "/paid")
	b.to("/operator/accounts/"+r.account+"?lang=en").want(http.StatusOK, "").shows("Credit given").shows("goodwill").shows("Way of paying changed")
	if n := r.count(`SELECT count(*) FROM operator_act WHERE act LIKE 'credit%'`); n != 2 { // giving again did nothing
		t.Errorf("%d acts", n)
	}
}

// TestSendWithoutCredit says so and sends nothing.
func TestSendWithoutCredit(t *testing.T) {
	t.Parallel()
	r, _ := selling(t)
	b := r.lotte()
	b.multipart("/portal/new?lang=en", typed()).want(http.StatusOK, "/new")
	_, form := b.form("/portal/send")
	b.post(r.server.URL+"/portal/send", form)
	if b.status != http.StatusPaymentRequired || !strings.Contains(b.text(), "not enough credit") {
		t.Errorf("%d %s", b.status, b.text())
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages", n)
	}
}

// TestNobodyCharged says so where nobody is charged.
func TestNobodyCharged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.to("/portal/credits?lang=en").want(http.StatusOK, "/credits").shows("charges nobody")
	b.to("/portal/credits/top-up?lang=en").want(http.StatusOK, "/top-up").shows("cannot pay online")
	b.post(r.server.URL+"/portal/credits/top-up", url.Values{"amount": {"100"}}).want(http.StatusConflict, "/top-up")
	b.to("/portal/invoices?lang=en").want(http.StatusOK, "/invoices").shows("No invoices yet")
}
