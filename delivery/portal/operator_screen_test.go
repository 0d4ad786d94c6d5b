package portal_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// TestOperatorScreens looks at the pages of keys and of operators, on a phone and on
// a desk, in every language.
func TestOperatorScreens(t *testing.T) {
	t.Parallel()
	for i, lang := range web.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			r, _ := newDesk(t)
			name, width := "phone", int64(390)
			if i%2 == 1 {
				name, width = "desk", 1280
			}
			s := newScreen(r, lang, name, width, 844, "light")
			s.open("request", "/privacy/request?lang="+lang)
			s.press("request-fault", `main form button`, "/request")
			s.open("sign-in", "/portal/sign-in?lang="+lang)
			s.do(chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"), chromedp.SendKeys(chromedp.CSS(`#password`), password), chromedp.SendKeys(chromedp.CSS(`#code`), r.code(r.secret)))
			s.follow(`main form button`, "/portal")
			s.keys()
			m := r.message(r.account)[0].Message
			s.open("desk", "/operator/overview")
			s.open("jobs", "/operator/jobs")
			s.press("jobs-fault", `main form button`, "/retry")
			for _, path := range []string{"letters", "notices", "suppressed", "acts"} {
				s.open(path, "/operator/"+path)
			}
			s.open("holds-none", "/operator/holds")
			s.fill("hold_number", m.Number)
			s.fill("reason", "Rolnummer 26/1234")
			s.press("holds", `main form[action$="/holds"] button`, "/holds")
			s.open("account-operator", "/operator/accounts/"+r.account)
			for _, register := range identity.Registers() {
				s.open("register-"+string(register), "/operator/registers/"+string(register))
				s.open("entry-"+string(register), "/operator/registers/"+string(register)+"/new")
				s.press("entry-fault-"+string(register), `main form button`, string(register))
			}
		})
	}
}
