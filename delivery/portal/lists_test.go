package portal_test

import (
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// A search finds messages and recipients, stays in the address, and says what is
// wrong with it.
func TestList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.message(r.account)
	refused := r.message(r.account, func(s *delivery.Submission) {
		s.Subject, s.Reference, s.CostCentre = "<b>Aanmaning</b>", "F-7", "HR"
		s.Recipients[0].Given, s.Recipients[0].Family = "Amina", "El Ouali"
	})[0]
	_, err := r.pool.Exec(t.Context(), `UPDATE delivery SET state = 'rejected', last_seq = last_seq + 1 WHERE id = $1`, string(refused.ID))
	if err == nil {
		t.Error("a state changed without an event")
	}
	b := r.lotte()
	b.to("/portal/messages").want(http.StatusOK, "/portal/messages").shows("Aanmaning", "Opzegging", "F-7").hides("<b>Aanmaning", "El Ouali")
	b.to("/portal/messages?recipient=el+ou").shows("Amina El Ouali", "Aanmaning").hides("Opzegging")
	for _, link := range []string{"/portal/deliveries/" + string(refused.ID), "/portal/messages.csv?recipient=el+ou"} {
		if !strings.Contains(html.UnescapeString(b.body), `href="`+link+`"`) {
			t.Errorf("no link to %s", link)
		}
	}
	b.to("/portal/messages?reference=f-7").shows("Aanmaning").hides("Opzegging", "Nothing found")
	b.to("/portal/messages?reference=f-8").shows("Nothing found", "Show everything").hides("Aanmaning")
	b.to("/portal/messages?cost_centre=hr&status=waiting").shows("El Ouali").hides("Janssens")
	b.to("/portal/messages?status=refused").shows("Nothing found")
	b.to("/portal/messages?from=2020-01-01&to=2020-12-31").shows("Nothing found")
	b.to("/portal/messages?from=2020-01-01").shows("Aanmaning", "Opzegging")
	for query, says := range map[string]string{"from=31-12-2026": "Enter a date", "to=x": "Enter a date", "from=2026-01-02&to=2026-01-01": "This day is before the first day",
		"status=lost": "Choose one of the possibilities", "recipient=%00": "cannot search for", "number=" + strings.Repeat("x", 300): "cannot search for"} {
		b.to("/portal/messages?"+query).want(http.StatusUnprocessableEntity, "/portal/messages").shows(says).hides("Aanmaning")
	}
}

// Every page of a list can be reached from both ends, narrowed as before.
func TestListInPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 60 {
		r.message(r.account, func(s *delivery.Submission) { s.Subject = fmt.Sprintf("Brief %02d.", i) })
	}
	b := r.lotte().to("/portal/messages?reference=huur-2026-0117").shows("Brief 59.", "Brief 35.", "Older").hides("Brief 34.", "Newer", "To the newest")
	next := func(rel string) {
		t.Helper()
		_, after, ok := strings.Cut(b.body, `<a rel="`+rel+`" href="`)
		link, _, _ := strings.Cut(after, `"`)
		if !ok || !strings.Contains(link, "reference=huur-2026-0117") {
			t.Fatalf("no link %s: %q", rel, link)
		}
		b.to(strings.ReplaceAll(link, "&amp;", "&"))
	}
	next("next")
	b.shows("Brief 34.", "Brief 10.", "Older", "Newer", "To the newest").hides("Brief 35.", "Brief 09.")
	next("next")
	b.shows("Brief 09.", "Brief 00.", "Newer").hides("Brief 10.", "Older")
	next("prev")
	b.shows("Brief 34.", "Brief 10.", "Older", "Newer").hides("Brief 35.", "Brief 09.")
	next("prev")
	b.shows("Brief 59.", "Brief 35.", "Older").hides("Brief 34.", "Newer")
}

// A list is given out as a file in the reader's language, and another account's
// is not in it.
func TestListAsFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, _ := r.company("karim", "Andere nv")
	r.message(other)
	r.message(r.account, func(s *delivery.Submission) { s.Subject = "=1+1; zo" })
	b := r.lotte().to("/portal/messages.csv?status=waiting&lang=nl").want(http.StatusOK, "/portal/messages.csv")
	rows := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.body, "\ufeff")))
	rows.Comma = ';'
	list, err := rows.ReadAll()
	r.must(err)
	if len(list) != 2 || list[0][4] != "Onderwerp" || list[1][4] != "'=1+1; zo" || list[1][11] != "Wacht op ontvanger" || list[1][12] != "Verzonden" {
		t.Errorf("file: %q", b.body)
	}
	b.to("/portal/messages.csv?status=refused&lang=en")
	if strings.Count(b.body, "\n") != 1 {
		t.Errorf("refused: %q", b.body)
	}
	b.to("/portal/messages.csv?status=lost").want(http.StatusUnprocessableEntity, "/portal/messages").shows("Choose one")
	r.browser().to("/portal/messages.csv").want(http.StatusOK, "/sign-in")
}

// The overview counts what waits, and leads to the lists.
func TestOverview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte().to("/portal").shows("No messages yet", "Here you will see how your messages stand")
	d := r.message(r.account)[0]
	r.attempt(d, notify.Email, notify.Permanent)
	r.attempt(d, notify.SMS, notify.Permanent)
	b.to("/portal").shows("Nobody reached", "Nobody collected").hides("No messages yet")
	if !strings.Contains(b.body, `<p class="figure">1</p><p><a href="/portal/messages?status=unreached">`) {
		t.Error("nobody reached is not counted, or leads nowhere")
	}
	_, err := r.pool.Exec(t.Context(), `INSERT INTO collected_day (account_id, test, day, took, n) VALUES ($1, false, $2, 72, 7), ($1, false, $2, 100, 2)`,
		r.account, delivery.DateOf(r.now(), r.deliveries.Zone).Clock(12*time.Hour, r.deliveries.Zone))
	r.must(err)
	b.to("/portal").shows("9 recipients collected", "Half of them did within 8 hours", "Numbers per day")
	if strings.Count(b.body, "<rect") != delivery.OverviewDays || !strings.Contains(b.body, `y="0" width="8" height="60"></rect></svg>`) {
		t.Error("no chart")
	}
	b.to("/portal?test=1").shows("No test messages yet")
}
