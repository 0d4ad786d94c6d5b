package portal_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// earliest is the first date that a message sent now can meet.
func (r *rig) earliest() delivery.Date {
	r.t.Helper()
	p := delivery.DefaultPolicy()
	p.ServeBy = "2020-01-01"
	_, err := r.deliveries.PlanOf(p, r.now())
	faults, ok := errors.AsType[delivery.FieldErrors](err)
	if !ok {
		r.t.Fatalf("a date long ago can be met: %v", err)
	}
	d, err := delivery.ParseDate(faults[0].Args["earliest"])
	r.must(err)
	return d
}

// words is a day as the English pages write it.
func (r *rig) words(d delivery.Date) string {
	return d.Clock(12*time.Hour, time.UTC).Format("2 January 2006")
}

// TestServeBy asks for a date that cannot be met, then for one that can, and
// sees what follows before and after sending.
func TestServeBy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b, first := r.lotte(), r.earliest()
	b.to("/portal/new").want(http.StatusOK, "/new").shows("To be received by", "the third working day after it is given to the post").hides("dated receipt")
	for _, c := range []struct{ field, value, says string }{
		{"serve_by", first.AddDays(-1).String(), r.words(first)},
		{"serve_by", "2026-02-29", "Choose a day"},
		{"serve_by", "morgen", "Choose a day"},
		{"term_rule", "be-53bis-3", "Choose one of the rules"},
		{"term_rule", "be-53bis-2@99", "Choose one of the rules"},
	} {
		b.multipart("/portal/new", typed(c.field, c.value)).want(http.StatusUnprocessableEntity, "/new").shows(c.says)
		if _, form := b.form("/portal/new"); !strings.Contains(b.body, `href="#`+c.field+`"`) || c.field == "serve_by" && form.Get("serve_by") != c.value {
			t.Errorf("%s = %s: typed was lost or no link leads there", c.field, c.value)
		}
	}

	b.multipart("/portal/new", typed("serve_by", first.String(), "term_rule", "be-53bis-2")).want(http.StatusOK, "/new").
		shows("Check your message", "That is shorter than you asked", "Last safe moment for paper", "Your date", r.words(first), "Ger.W. / C. jud. art. 52, 53, 53bis 2°, 54", "no legal advice").
		hides("20 days")
	_, form := b.form("/portal/send")
	if form.Get("serve_by") != first.String() {
		t.Fatalf("the date is not sent along: %v", form)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages before sending", n)
	}
	b.post(r.server.URL+"/portal/send", form)
	b.want(http.StatusOK, b.at.Path).shows("Your message was accepted", "To be received by", r.words(first))
	if n := r.count(`SELECT count(*) FROM message WHERE policy ->> 'serve_by' = $1 AND policy ->> 'term_rule' = 'be-53bis-2@1' AND policy ? 'last_paper'`, first.String()); n != 1 {
		t.Error("the date is not kept with the message")
	}

	// The date passed while the form lay open.
	_, form = b.multipart("/portal/new", typed("serve_by", first.String())).want(http.StatusOK, "/new").form("/portal/send")
	form.Set("serve_by", first.AddDays(-1).String())
	b.post(r.server.URL+"/portal/send", form).want(http.StatusUnprocessableEntity, "/send").shows("too early", r.words(first))

	// Without paper the choice of a rule means nothing.
	b.multipart("/portal/new", typed("fallback", "none", "term_rule", "be-53bis-3", "serve_by", first.String())).want(http.StatusOK, "/new").
		shows("Your date").hides("Last safe moment", "legal advice")
}

// TestPlanShown follows a delivery on its page, in every language.
func TestPlanShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.earliest().AddDays(7)
	d := r.message(r.account, func(s *delivery.Submission) { s.Policy.ServeBy = first.String() })[0]
	b := r.lotte()
	page := "/portal/deliveries/" + string(d.ID)
	b.to(page).want(http.StatusOK, page).shows("What happens by itself", "The recipient is told", "To the post", "Taken as received", r.words(first), "Last safe moment for paper:")
	if strings.Contains(b.text(), "The letter is late") {
		t.Error("a letter that is not even due is late")
	}
	r.attempt(d, notify.Email, notify.Sent)
	b.to(page).shows("done")
	for lang, want := range map[string]string{"nl": "Laatste veilige moment voor papier", "fr": "Dernier moment sûr pour le papier", "de": "Letzter sicherer Zeitpunkt für Papier"} {
		b.to(page+"?lang="+lang).want(http.StatusOK, page).shows(want)
	}
	// Nobody looked after the deadlines until it was too late.
	r.pass(60 * 24 * time.Hour)
	b = r.lotte()
	_, err := r.deliveries.Sweep(t.Context(), 100)
	r.must(err)
	b.to(page+"?lang=en").want(http.StatusOK, page).shows("The letter is late", "only after "+r.words(first))
}
