package portal_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

func TestTimeline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	r.attempt(d, notify.Email, notify.Sent)
	r.attempt(d, notify.SMS, notify.Permanent)
	events, err := r.deliveries.Events(t.Context(), r.account, d.ID)
	r.must(err)
	b := r.lotte().to("/portal/deliveries/" + string(d.ID))
	b.want(http.StatusOK, string(d.ID)).shows("Waiting for recipient", "Evidence is being sealed", "(Brussels time)", " UTC", "e-mail", "Attempt", "250 2.0.0", "up to and including").
		hides("/portal/evidence/")
	path := "/portal/evidence/" + events[0].ID
	b.to(path+".pdf").want(http.StatusConflict, ".pdf").shows("still being made")
	b.to("/portal/deliveries/"+string(d.ID)+"/dossier").want(http.StatusConflict, "/dossier").shows("still being made")
	r.proofs.sealed.Store(true)
	for ext, kind := range map[string]string{"pdf": "application/pdf", "xml": "application/xml"} {
		b.to(path+"."+ext).want(http.StatusOK, ext)
		if b.body != "sealed "+ext || b.header.Get("Content-Type") != kind || b.header.Get("Content-Disposition") != "attachment; filename=01-SubmissionAcceptance."+ext || b.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %q %v", ext, b.body, b.header)
		}
	}
	if b.to("/portal/deliveries/" + string(d.ID) + "/dossier"); b.body != "dossier of "+string(d.ID) || !strings.Contains(b.header.Get("Content-Disposition"), d.Message.Number+"-1.asice") {
		t.Errorf("dossier: %q %v", b.body, b.header)
	}
	b.to("/portal/deliveries/"+string(d.ID)+"/letter").want(http.StatusNotFound, "/letter")
}

// Contents that went before what proves them (R29): the sender reads when.
func TestContentsWent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	path := "/portal/messages/" + string(d.Message.ID)
	b := r.lotte().to(path).hides("were removed on")
	_, err := r.pool.Exec(t.Context(), `UPDATE message SET contents_gone_at = submitted_at WHERE id = $1`, string(d.Message.ID))
	r.must(err)
	b.to(path).want(http.StatusOK, path).shows("The text, the documents and the letter were removed on")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	path := "/portal/messages/" + string(d.Message.ID)
	b := r.lotte().to(path+"/cancel").want(http.StatusOK, "/cancel").shows("1 recipient has not decided")
	b.submit("/cancel", nil).want(http.StatusOK, path).shows("Withdrawn").hides(path + "/cancel")
	b.to(path+"/cancel").want(http.StatusOK, "/cancel").shows("nothing left to withdraw")
	b.post(r.server.URL+path+"/cancel", nil).want(http.StatusConflict, "/cancel").shows("nothing left to withdraw")
	events, err := r.deliveries.Events(t.Context(), r.account, d.ID)
	r.must(err)
	if last := events[len(events)-1]; len(events) != 2 || last.Name != evidence.SubmissionCancelled || last.SentBy == nil && last.Sender.Name == "" {
		t.Errorf("%d events, the last %+v", len(events), last)
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(r.account)[0]
	r.attempt(d, notify.Email, notify.Sent)
	b := r.browser().get(r.server.URL + "/notice?lang=en")
	b.submit("/notice", url.Values{"code": {strings.ToLower(strings.ReplaceAll(d.NoticeCode, "-", " "))}}).want(http.StatusOK, "/notice").
		shows("This notice is genuine", "Immo Zilverlinde bv", "0403.170.701", d.Message.Number, "up to and including").
		hides("Opzegging", "Janssens", "an@example.be", "HUUR-2026-0117", string(d.ID), string(d.Message.ID), "/c/")
	for _, code := range []string{"00000-00000", "x", "%", "'; --", strings.Repeat("A", 5000), "\x00", d.NoticeCode[:9]} {
		b.post(r.server.URL+"/notice", url.Values{"code": {code}}).want(http.StatusNotFound, "/notice").shows("We do not know this code")
	}
	b.post(r.server.URL+"/notice", nil).want(http.StatusUnprocessableEntity, "/notice").shows("Type the check code")
}

func TestVerify(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser().get(r.server.URL + "/verify?lang=en")
	doc := evidencetest.Document(evidence.SubmissionAcceptance)
	r.verifier.report = evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}, {Code: evidence.CheckSignature, OK: true}},
		Stamps: []evidence.TokenInfo{{Time: evidencetest.At(), Authority: "CN=TSA"}}, Signer: "CN=<b>Seal", Document: &doc,
		Members: []evidence.Member{{Name: "01.pdf", Report: evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}}}}, {Name: "mimetype"}}}
	b.multipart("/verify", nil, file{`"><script>.pdf`, "application/pdf", "%PDF"}).want(http.StatusOK, "/verify").
		shows("This evidence is valid", doc.Event.Subject, "CN=<b>Seal", "01.pdf").hides("<script>.pdf", "<b>Seal")
	for _, lang := range []string{"nl", "fr", "de"} {
		b.multipart("/verify?lang="+lang, nil, file{"a.pdf", "application/pdf", "%PDF"}).want(http.StatusOK, "/verify").shows(doc.Event.Name.Title(lang))
	}
	r.verifier.report = evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckIntegrity, Detail: "<i>octet 7"}}}
	b.multipart("/verify?lang=en", nil, file{"a.xml", "text/xml", "<x/>"}).want(http.StatusOK, "/verify").shows("This evidence is not valid", "<i>octet 7").hides("<i>octet")
	r.verifier.report = evidence.Report{}
	b.multipart("/verify?lang=en", nil, file{"leeg.xml", "text/xml", ""}).want(http.StatusOK, "/verify").shows("is not valid")
	b.multipart("/verify?lang=en", nil).want(http.StatusUnprocessableEntity, "/verify").shows("Choose a file")
	r.verifier.err = errors.New("secret of the verifier")
	b.multipart("/verify?lang=en", nil, file{"a.xml", "text/xml", "<x/>"}).want(http.StatusUnprocessableEntity, "/verify").shows("could not be looked at").hides("secret of")
}

// TestVerifyFewAtATime: who comes while several documents are looked at is asked to
// come again, and may as soon as one is done.
func TestVerifyFewAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.verifier.hold = make(chan struct{})
	r.verifier.report = evidence.Report{Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}}}
	doc := file{"a.pdf", "application/pdf", "%PDF"}
	var looking sync.WaitGroup
	for range 4 {
		looking.Go(func() { r.browser().multipart("/verify", nil, doc).want(http.StatusOK, "/verify") })
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.verifier.begun.Load() < 4 {
		<-tick.C
	}
	b := r.browser().multipart("/verify?lang=en", nil, doc).want(http.StatusServiceUnavailable, "/verify")
	if b.header.Get("Retry-After") == "" {
		t.Error("nobody says when to come again")
	}
	for range 4 {
		r.verifier.hold <- struct{}{}
	}
	looking.Wait()
	close(r.verifier.hold)
	b.multipart("/verify", nil, doc).want(http.StatusOK, "/verify")
}

// A document that is too large stops early, whether or not it says so.
func TestVerifyBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var buf bytes.Buffer
	buf.WriteString("--x\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.pdf\"\r\n\r\n")
	for range 66 {
		buf.Write(make([]byte, 1<<20))
	}
	for name, body := range map[string]interface{ Read([]byte) (int, error) }{"announced": bytes.NewReader(buf.Bytes()), "chunked": struct{ *bytes.Buffer }{&buf}} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/verify", body)
		r.must(err)
		q.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		resp, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			t.Logf("%s: connection was closed on the sender: %v", name, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if n := r.verifier.read.Load(); n > 65<<20 {
		t.Errorf("%d octets were read", n)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte().to("/portal/account").want(http.StatusOK, "/account").shows("Immo Zilverlinde bv", "0403.170.701", "Signed in", "Testbrowser/1.0")
	for _, f := range []url.Values{{"key_name": {""}, "key_mode": {"test"}}, {"key_name": {"x"}, "key_mode": {"both"}}, {"key_name": {strings.Repeat("x", 1000)}, "key_mode": {"live"}}} {
		b.post(r.server.URL+"/portal/keys", f)
		if b.status != http.StatusUnprocessableEntity {
			t.Errorf("%.40v: %d", f, b.status)
		}
	}
	b.post(r.server.URL+"/portal/keys", url.Values{"key_name": {"boek<houding>"}, "key_mode": {"live"}}).want(http.StatusCreated, "/keys").shows("only once", "boek<houding>")
	secret := b.body[strings.Index(b.body, "bode_live_"):]
	secret = secret[:strings.IndexByte(secret, '<')]
	k, err := r.people.AuthenticateKey(t.Context(), secret, "192.0.2.1")
	r.must(err)
	if !k.May(identity.ScopeRead) || k.May(identity.ScopeSend) || k.ExpiresAt == nil {
		t.Errorf("without a choice the key may %v until %v", k.Scopes, k.ExpiresAt)
	}
	b.to("/portal/keys").shows("boek<houding>").hides(secret)
	b.to("/portal/keys/"+k.ID).want(http.StatusOK, k.ID).submit("/block", nil).shows("Blocked")
	if _, err := r.people.AuthenticateKey(t.Context(), secret, "192.0.2.1"); err == nil {
		t.Error("a blocked key opens")
	}
	b.submit("/unblock", nil).hides("Blocked")
	b.to("/portal/keys/"+k.ID+"/revoke").want(http.StatusOK, "/revoke").shows("Revoke this key?")
	b.submit("/revoke", nil).want(http.StatusOK, "/portal/keys").shows("Revoked")
	if _, err := r.people.AuthenticateKey(t.Context(), secret, "192.0.2.1"); err == nil {
		t.Error("a revoked key opens")
	}
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, _ := r.company("karim", "Andere nv")
	b := r.lotte()
	r.must(r.people.AddMember(t.Context(), identitySystem, other, r.person, "reader"))
	r.message(other, func(s *delivery.Submission) { s.Subject = "Van de andere" })
	b.to("/portal/messages").hides("Van de andere")
	b.to("/portal/account").shows("Switch account").submit("/portal/account/switch", nil).want(http.StatusOK, "/portal").hides("/portal/new")
	b.to("/portal/messages").shows("Van de andere").hides("/portal/new")
}
