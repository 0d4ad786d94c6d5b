package portal_test

import (
	"net/url"
	"testing"
)

// credits sees the pages about what messages cost.
func (s *screen) credits(r *rig, payment string) {
	s.r.t.Helper()
	s.open("credits", "/portal/credits?lang="+s.lang)
	s.open("credits-nothing", "/portal/credits?month=2020-01")
	s.open("credits-tests", "/portal/credits?test=1")
	s.open("top-up", "/portal/credits/top-up")
	s.press("top-up-fault", `main form button`, "/top-up")
	s.open("payment", "/portal/credits/top-ups/"+payment)
	s.open("invoices", "/portal/invoices")
	s.open("prices", "/operator/prices")
	s.open("account-credit", "/operator/accounts/"+r.account+"/credit")
	s.press("account-credit-fault", `form[action$="/give"] button`, "/give")
}

// TestCreditScreens looks at the pages about credit on a phone in every language,
// and on a desk in the one with the longest words.
func TestCreditScreens(t *testing.T) {
	r, stand := selling(t)
	b := r.lotte()
	payment := paid(r, b, stand)
	r.message(r.account)
	b.post(r.server.URL+"/portal/credits/top-up", url.Values{"amount": {"50"}})
	for _, size := range []struct {
		name          string
		width, height int64
		scheme        string
		languages     []string
	}{{"phone", 390, 844, "light", []string{"nl", "fr", "de", "en"}}, {"desk", 1280, 800, "dark", []string{"de"}}} {
		for _, lang := range size.languages {
			s := newScreen(r, lang, size.name, size.width, size.height, size.scheme)
			s.signIn()
			s.credits(r, payment)
		}
	}
}
