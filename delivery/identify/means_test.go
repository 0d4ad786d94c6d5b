package identify_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// uploaded posts a form with a file, as a browser would.
func (b *browser) uploaded(path, field, name string, content []byte, chunked bool) *browser {
	b.r.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile(field, name)
	b.r.must(err)
	_, err = part.Write(content)
	b.r.must(err)
	b.r.must(m.Close())
	var sent io.Reader = &body
	if chunked {
		sent = struct{ io.Reader }{&body}
	}
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, b.address(path), sent)
	b.r.must(err)
	q.Header.Set("Content-Type", m.FormDataContentType())
	return b.send(q)
}

func TestDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.begun("qes-statement")
	b.want(http.StatusOK, "/with").shows("Onderteken een verklaring", "10 minuten")
	b.get(at + "/statement.pdf")
	statement := b.body
	if !strings.HasPrefix(statement, "%PDF-1.7 statement") || b.header.Get("Content-Type") != "application/pdf" || b.header.Get("Cache-Control") != "no-store" {
		t.Errorf("statement: %.40q, %v", statement, b.header)
	}
	b.get(at + "/with")
	signed := append([]byte(statement), bytes.Repeat([]byte("x"), 9<<20)...)
	for name, x := range map[string]struct {
		field   string
		content []byte
		chunked bool
		status  int
		says    string
	}{
		"empty":                     {"document", nil, false, http.StatusUnprocessableEntity, "Kies het ondertekende bestand."},
		"another field":             {"other", signed, false, http.StatusUnprocessableEntity, "Kies het ondertekende bestand."},
		"no PDF":                    {"document", []byte("PK\x03\x04 zip"), false, http.StatusUnprocessableEntity, "Dit is geen pdf."},
		"larger than 10 MB":         {"document", append([]byte("%PDF-"), make([]byte, 10<<20)...), false, http.StatusUnprocessableEntity, "groter dan 10 MB"},
		"larger, length not stated": {"document", append([]byte("%PDF-"), make([]byte, 11<<20)...), true, http.StatusUnprocessableEntity, "groter dan 10 MB"},
	} {
		b.uploaded(at+"/upload", x.field, "signed.pdf", x.content, x.chunked)
		if b.status != x.status {
			t.Errorf("%s: %d", name, b.status)
		}
		b.shows(x.says)
	}
	b.post(at+"/upload", url.Values{"document": {"%PDF-"}}).want(http.StatusBadRequest, "")
	// Of what is far too large no octet is read.
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+at+"/upload", strings.NewReader("--x"))
	r.must(err)
	q.ContentLength = 17 << 20
	q.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	q.Header.Set("Expect", "100-continue")
	b.send(q).want(http.StatusRequestEntityTooLarge, "/upload").shows("te groot")
	if n := len(r.means["qes-statement"].finished); n != 0 {
		t.Fatalf("finished %d times with no document", n)
	}
	b.uploaded(at+"/upload", "document", "signed.pdf", signed, false).want(http.StatusOK, "/taken")
	if a := r.means["qes-statement"].finished[0]; !bytes.Equal(a.Document, signed) || a.Direct != nil {
		t.Errorf("%d octets arrived", len(a.Document))
	}
	b.uploaded(at+"/upload", "document", "signed.pdf", signed[:1000], false).want(http.StatusBadRequest, "")
}

func TestScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.begun("be-eid-webeid")
	b.want(http.StatusOK, "/with").shows("Lees mijn kaart", "JavaScript", "De extensie Web eID antwoordt niet.")
	if !strings.Contains(b.body, `data-nonce="bm9uY2Ugb2YgYXQgbGVhc3QgZm9ydHktZm91ciBjaGFycw=="`) || !strings.Contains(b.body, `src="/static/webeid.`) {
		t.Errorf("the page cannot ask:\n%s", b.body)
	}
	if csp := b.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	b.post(at+"/finish", url.Values{"token": {strings.Repeat("x", 70<<10)}}).want(http.StatusRequestEntityTooLarge, "/finish").shows("te groot")
	b.post(at+"/finish?token=in-the-address", url.Values{"token": {"t"}, "other": {"o"}}).want(http.StatusOK, "/taken")
	a := r.means["be-eid-webeid"].finished
	if len(a) != 1 || a[0].Values.Encode() != "token=t" {
		t.Errorf("finished with %v", a)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.begun("be-eid-mtls")
	b.want(http.StatusOK, "/with").shows("Authentication")
	// Under a stricter policy a browser would say "Origin: null" to the card's host.
	if got := b.header.Get("Referrer-Policy"); got != "strict-origin" {
		t.Errorf("Referrer-Policy: %q", got)
	}
	action, fields := b.form("/receive/be-eid-mtls/")
	// Headers that claim a certificate are no certificate, whoever sends them.
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+at+"/finish", strings.NewReader(""))
	r.must(err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, h := range []string{"X-SSL-Client-Cert", "X-Client-Cert", "X-Forwarded-Client-Cert", "X-ARR-ClientCert", "Ssl-Client-Verify", "Client-Cert", "X-SSL-Client-S-DN"} {
		q.Header.Set(h, "MIIB; SUCCESS; CN=Lotte Peeters (Authentication); serialNumber="+secretNumber)
	}
	b.send(q).want(http.StatusConflict, "/finish")
	if a := r.means["be-eid-mtls"].finished; len(a) != 1 || a[0].Direct != nil {
		t.Errorf("finished with %+v", a)
	}
	// That answer used up what was begun: the card comes too late.
	b.post(action, fields).want(http.StatusConflict, "")

	b.post(at+"/begin", url.Values{"means": {"be-eid-mtls"}})
	b.submit("/receive/be-eid-mtls/", nil).want(http.StatusOK, "/back").shows("Wij hebben een antwoord")
	b.submit("/finish", nil).want(http.StatusOK, "/taken")
}

// A deposit is found by the key alone, is never replaced, and is worth nothing
// in another browser.
func TestDeposit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	victim, thief := r.browser(), r.browser()
	at := victim.begun("be-eid-mtls")
	action, fields := victim.form("/receive/be-eid-mtls/")
	victim.get(at+"/back").want(http.StatusConflict, "/back") // nobody answered yet
	thief.post(action, url.Values{"key": {"guessed"}}).want(http.StatusConflict, "")
	thief.post("/receive/eudi-pid/", fields).want(http.StatusConflict, "") // of another means
	thief.post(action, fields).want(http.StatusBadRequest, "/back")        // took place; but this browser has no errand
	thief.post(action, fields).want(http.StatusConflict, "")               // once
	if len(r.proofs()) != 0 {
		t.Error("somebody was identified")
	}
	victim.get(at+"/back").want(http.StatusOK, "/back").submit("/finish", nil).want(http.StatusOK, "/taken")
	victim.post(action, fields).want(http.StatusConflict, "")
}

// The wallet answers elsewhere; the code of its redirect has to come back in the
// session that began.
func TestWallet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	at := b.begun("eudi-pid")
	b.want(http.StatusOK, "/with").shows("Zit u aan een computer?")
	if !strings.Contains(b.body, `href="openid4vp://?client_id=x&amp;request_uri=`) {
		t.Errorf("no link into the wallet:\n%s", b.body)
	}
	var key string
	deposit := func() {
		t.Helper()
		c, err := r.people.Challenge(t.Context(), r.login(b, at))
		r.must(err)
		key = c.Key
		r.browser().post("/receive/eudi-pid/", url.Values{"key": {key}}).want(http.StatusBadRequest, "/back") // the wallet follows nothing
	}
	deposit()
	b.get(at+"/back?response_code=wrong").want(http.StatusOK, "/back").submit("/finish", nil).want(http.StatusConflict, "/finish")
	b.post(at+"/begin", url.Values{"means": {"eudi-pid"}})
	deposit()
	thief := r.browser()
	thief.get(at+"/back?response_code=right").want(http.StatusBadRequest, "/back")
	thief.post(at+"/finish", url.Values{"response_code": {"right"}}).want(http.StatusBadRequest, "/finish")
	b.get(at+"/back?response_code=right").want(http.StatusOK, "/back").submit("/finish", nil).want(http.StatusOK, "/taken")
	if n := len(r.proofs()); n != 1 {
		t.Errorf("%d proofs", n)
	}
}

// login is the errand as the browser's cookie opens it.
func (r *rig) login(b *browser, at string) identity.Login {
	r.t.Helper()
	id := strings.TrimPrefix(at, "/identify/")
	for _, c := range b.cookies("bode_errand_" + id[len(id)-12:]) {
		l, err := r.people.Login(r.t.Context(), id, c.Value)
		r.must(err)
		return l
	}
	r.t.Fatal("no errand in this browser")
	return identity.Login{}
}

// What a means gives as the address of a wallet is never a script.
func TestWalletLinks(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"javascript:alert(1)", "data:text/html,x", "JavaScript:alert(1)", "vbscript:x", "openid4vp://x\" onclick=\"y", "no address"} {
		r := newRig(t, func(string) identity.Means { return fakeWallet{address: address} })
		b := r.browser()
		at := b.begun("eudi-pid")
		if b.get(at + "/with"); b.status != http.StatusInternalServerError || strings.Contains(b.body, "alert") {
			t.Errorf("%s: %d", address, b.status)
		}
		if testing.Short() {
			break
		}
	}
}

type fakeWallet struct {
	identity.Means
	address string
}

func (fakeWallet) Method() string { return identity.MethodWallet }

func (w fakeWallet) Begin(context.Context, identity.Ask) (identity.Challenge, error) {
	return identity.Challenge{Form: identity.FormWallet, URL: w.address, Key: "k", Saved: []byte("s")}, nil
}
