package portal_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// TestPrivacyInBrowser looks at registers that have something in them, at what keeps
// how long, and at the report for a sender, in every language.
func TestPrivacyInBrowser(t *testing.T) {
	t.Parallel()
	for i, lang := range web.Languages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			r, _ := newDesk(t)
			name, width := "phone", int64(390)
			if i%2 == 1 {
				name, width = "desk", 1280
			}
			m := r.message(r.account)[0].Message
			r.pass(m.RetainUntil.AddDate(0, 2, 0).Sub(r.now()))
			_, err := r.deliveries.Retain(t.Context(), 10)
			r.must(err)
			day := r.now().UTC().AddDate(0, 0, 40).Format(time.DateOnly)
			fields := []string{"name", "Drukkerij Nieuwland nv", "country", "België", "from", day}
			for _, l := range web.Languages() {
				fields = append(fields, "task_"+l, "drukt brieven", "data_"+l, "naam en postadres")
			}
			r.entry(identity.Processors, "planned", fields...)
			_, err = r.people.TellOfProcessors(t.Context(), 10)
			r.must(err)
			r.entry(identity.Hosting, "active", "what", "Databank en inhoud", "where", "Brussel", "who", "Datahuis nv", "from", "2026-01-01")
			r.entry(identity.Disclosures, "disclosed", "authority", "Parket Antwerpen", "order", "KN 12/2026", "law", "Sv. 88bis", "what", "afzender en tijdstip", "decided_by", "An Peeters", "accounts", r.account)
			incident := r.entry(identity.Incidents, "open", "what", "Back-up met gegevens bij een derde", "known_at", r.now().UTC().Add(-30*time.Hour).Format("2006-01-02T15:04"),
				"people", "12", "data", "naam en e-mailadres", "accounts", r.account)
			request := r.entry(identity.Requests, "identified", "kind", "inspect", "name", "An Janssens", "address", "an@example.be", "asked", "Alles wat u over mij hebt.",
				"channel", "letter", "asked_at", r.now().UTC().Format(time.DateOnly), "means", "eid", "identity", "Kaart gelezen aan het loket.", "given", "An", "family", "Janssens", "emails", "an@example.be")
			s := newScreen(r, lang, name, width, 844, "light")
			s.open("sub-processors-planned", "/sub-processors?lang="+lang)
			s.open("request-done", "/privacy/request?done=1")
			s.do(chromedp.Navigate(r.server.URL+"/portal/sign-in"), chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"),
				chromedp.SendKeys(chromedp.CSS(`#password`), password), chromedp.SendKeys(chromedp.CSS(`#code`), r.code(r.secret)))
			s.follow(`main form button`, "/portal")
			s.open("incident", "/operator/registers/incident/"+incident)
			s.open("incidents", "/operator/registers/incident")
			s.open("request-identified", "/operator/registers/request/"+request)
			s.press("package-fault", `main form[action$="/package"] button`, "/package")
			s.open("retention", "/operator/retention")
			s.press("retention-fault", `main form[action$="/retention"] button`, "/retention")
			s.open("duties", "/portal/duties")
		})
	}
}
