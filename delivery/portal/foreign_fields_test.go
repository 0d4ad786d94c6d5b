package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Identifiers that a form or an address brings along and that are another account's
// find nothing: nothing is shown of what they name, and nothing is done with it.
func TestForeignFields(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, _ := r.company("karim", "Andere nv")
	d, _, err := r.deliveries.Upload(t.Context(), other, delivery.NewDocument{Filename: "geheim plan.pdf"}, strings.NewReader("%PDF-1.7 a"), delivery.Once{})
	r.must(err)
	theirs := []string{string(d.ID)}
	entry, _, err := r.deliveries.AddAddressee(t.Context(), other, delivery.Addressee{Recipient: submission().Recipients[0]}, delivery.Once{})
	r.must(err)
	b := r.lotte()
	form := typed()
	form["document"] = theirs
	for path, want := range map[string]int{"/portal/new": http.StatusUnprocessableEntity, "/portal/send": http.StatusUnprocessableEntity,
		"/portal/later": http.StatusConflict, "/portal/hand-over": http.StatusConflict} {
		form.Set("send_date", r.now().AddDate(0, 0, 3).Format(time.DateOnly))
		form.Set("send_time", "09:30")
		if path == "/portal/new" {
			b.multipart(path, form)
		} else {
			b.post(r.server.URL+path, form)
		}
		if b.status != want {
			t.Errorf("%s: %d, want %d", path, b.status, want)
		}
		b.shows("is no longer there").hides("geheim plan")
	}
	b.to("/portal/new?contact="+string(entry.ID)).hides("an@example.be", "Kerkstraat")
	b.post(r.server.URL+"/portal/account/switch", url.Values{"account": {other}})
	b.to("/portal/account").hides("Andere nv")
	for table, want := range map[string]int{"message": 0, "draft": 0, "document": 1} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != want {
			t.Errorf("%d rows of %s, want %d", n, table, want)
		}
	}
}
