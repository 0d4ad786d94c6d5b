package collect_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

func TestAcceptAndReadEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser()
	b.get(r.link(d)).want(http.StatusOK, "").shows("Immo Zilverlinde bv", "0403.170.701", d.Message.Number, d.NoticeCode, "/notice").
		hides(secretSubject, "opzegging", "Lotte")
	b.identified(d).want(http.StatusOK, "/decide").hides(secretSubject, "opzegging")
	b.submit("/accept", nil).want(http.StatusOK, "/read").shows(secretSubject, secretFile).hides("hierbij zeggen")
	b.submit("/open", nil).want(http.StatusOK, "/open").shows("hierbij zeggen wij de huur van uw appartement op.")
	b.get(b.at.String()).want(http.StatusOK, "/read") // a reload of what a POST answered
	action, _ := b.form("/documents/1")
	if got := b.post(action, nil); got.body != string(content(20_000)) || got.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("document 1: %d octets of %s", len(got.body), got.header.Get("Content-Type"))
	}
	for header, want := range map[string]string{"Content-Disposition": `attachment; filename="opzegging huur.pdf"`,
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'", "Cache-Control": "no-store", "Content-Length": "400000"} {
		if got := b.header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	r.taken(d, 0, 1)
	if got := r.again(d); got.State != delivery.Consigned {
		t.Errorf("after two of three parts: %s", got.State)
	}
	b.post(strings.Replace(action, "documents/1", "documents/2", 1), nil)
	if got := b.header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("an SVG goes out as %q", got)
	}
	r.handedOver(d)
	b.get(r.link(d) + "/read").shows("U hebt alles ontvangen op")
	want := []evidence.Name{evidence.SubmissionAcceptance, evidence.NotificationForAcceptance, evidence.NotificationForAcceptance,
		evidence.NotificationAccessTracking, evidence.RecipientIdentification, evidence.ConsignmentAcceptance, evidence.ContentConsignment,
		evidence.ContentAccessTracking, evidence.ContentAccessTracking, evidence.ContentAccessTracking, evidence.ContentHandover}
	if got := r.events(d); !slices.Equal(got, want) {
		t.Errorf("events %v\nwant %v", got, want)
	}
}

func TestDownloadEverythingAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(func(s *delivery.Submission) {
		s.Documents = append(s.Documents, r.upload("Foto.svg", "image/png", []byte("another")))
	})
	b := r.browser().accepted(d).submit("/all", nil)
	z := must(zip.NewReader(bytes.NewReader([]byte(b.body)), int64(len(b.body))))(t)
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
		body := must(f.Open())(t)
		must(io.ReadAll(body))(t) // checks the sum of the entry
	}
	if want := []string{"message.txt", secretFile, "foto.svg", "Foto (2).svg"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if got := r.again(d); got.State != delivery.HandedOver {
		t.Errorf("state %s", got.State)
	}
}

// Contents that went before what proves them (R29): the page says so and offers
// nothing that cannot be had; the evidence stays.
func TestContentsWent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().accepted(d)
	action, _ := b.form("/documents/1")
	for _, sql := range []string{`UPDATE document SET wrapped_key = NULL, inline = NULL WHERE message_id = $1`, `UPDATE message SET contents_gone_at = now() WHERE id = $1`} {
		_, err := r.pool.Exec(t.Context(), sql, string(d.Message.ID))
		r.must(err)
	}
	b.get(r.link(d)+"/read").want(http.StatusOK, "/read").shows("De tekst en de documenten zijn op", "verwijderd", "De bewijzen staan hier nog").hides(secretFile, `action="`+action)
	b.post(action, nil).want(http.StatusGone, "")
	b.get(r.link(d)+"/done").want(http.StatusOK, "/done")
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().identified(d)
	b.get(r.link(d)+"/refuse").want(http.StatusOK, "/refuse").hides(secretSubject)
	if got := r.again(d); got.State != delivery.Notified {
		t.Fatalf("asking whether to refuse refused: %s", got.State)
	}
	b.submit("/refuse", nil).want(http.StatusOK, "/done").shows("U hebt het bericht geweigerd").hides("hierbij zeggen", secretFile)
	if got := r.again(d); got.State != delivery.Rejected {
		t.Errorf("state %s", got.State)
	}
	for _, path := range []string{"/read", "/decide", "/refuse", "/codes", "/identify"} {
		b.get(r.link(d)+path).want(http.StatusOK, "/done")
	}
	b.post(r.link(d)+"/documents/1", nil).want(http.StatusOK, "/done")
	r.browser().get(r.link(d)).want(http.StatusGone, "").shows("geweigerd")
}

// The provider's tokens live in the true time; a test delivery may be weeks ahead.
func TestProviderIsToldTheTrueTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	r.pass(3 * 24 * time.Hour)
	r.browser().identified(d).want(http.StatusOK, "/decide")
	if got := time.Unix(0, r.finished.Load()); time.Since(got).Abs() > time.Minute {
		t.Errorf("Finish was told %s, it is %s", got, time.Now())
	}
}

// What R16 asks to keep: address and browser, with every act.
func TestWhoActedIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	r.browser().accepted(d).submit("/open", nil)
	r.taken(d, 0)
	for _, e := range must(r.deliveries.Events(t.Context(), r.account, d.ID))(t) {
		switch e.Name {
		case evidence.NotificationAccessTracking, evidence.RecipientIdentification, evidence.ConsignmentAcceptance, evidence.ContentAccessTracking:
			for _, want := range []evidence.Detail{{Key: "ip", Value: "127.0.0.1"}, {Key: "user_agent", Value: "Testbrowser/1.0 (phone)"}} {
				if !slices.Contains(e.Details, want) {
					t.Errorf("%s lacks %v: %v", e.Name, want, e.Details)
				}
			}
		}
	}
}
