package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// The sender sees how far the announcement came, in every language, and that it
// proves no reading.
func TestReach(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	path := "/portal/deliveries/" + string(d.ID)
	report := func(ch notify.Channel, f notify.Fact, rung notify.Rung, c notify.Cause) {
		t.Helper()
		n := notify.Notice{ID: evidence.NewID(), Account: d.Message.Account, Delivery: string(d.ID), Kind: notify.Announcement, Channel: ch, To: d.Recipient.Email, Language: "nl"}
		rep := notify.Report{Source: "dsn", ID: evidence.NewID(), Attempt: 1, Fact: f, Rung: rung, Cause: c, Status: "2.0.0", Reply: "<script>", Remote: "mx.example",
			OccurredAt: time.Now(), Digest: strings.Repeat("d", 64), First: true, Final: true}
		r.must(pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error { return r.deliveries.NoticeReported(t.Context(), tx, n, rep) }))
	}
	b := r.lotte()
	b.to(path).want(http.StatusOK, path).shows("The announcement was not sent yet.")
	r.attempt(d, notify.Email, notify.Sent)
	r.attempt(d, notify.SMS, notify.Sent)
	b.to(path).shows("Announcement sent.").hides("No proof that it was read")
	report(notify.Email, notify.Relayed, notify.RungFarSide, "")
	b.to(path).shows("taken over by the recipient's system. No proof that it was read.", "mail system (delivery report)", "mx.example", "<script>") // as text
	report(notify.SMS, notify.Delivered, notify.RungMailbox, "")
	b.to(path).shows("Announcement put in place, says the last system. No proof that it was read.")
	report(notify.Email, notify.Failed, notify.RungAccepted, notify.CauseAddress)
	b.to(path).shows("The announcement did not arrive here.", "does not exist", "did not arrive")
	for lang, words := range map[string]string{"nl": "De aankondiging is hier niet aangekomen", "fr": "arrivée ici", "de": "hier nicht angekommen"} {
		b.to(path+"?lang="+lang).want(http.StatusOK, path).shows(words)
	}
}
