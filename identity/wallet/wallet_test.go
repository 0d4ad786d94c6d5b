package wallet

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity/wallettest"
)

// The test wallet refuses what a wallet has to refuse, so that what it accepts
// from us says something.
func TestWalletRefusesVerifier(t *testing.T) {
	t.Parallel()
	r, other := newRig(t, nil), newRig(t, nil)
	link := func(change func(url.Values)) string {
		u, err := url.Parse(r.begin(t).URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	serve := func(request string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
			_, _ = w.Write([]byte(request))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	b, err := readBegun(r.begin(t).Saved)
	if err != nil {
		t.Fatal(err)
	}
	request, err := r.means.signedRequest(b, "")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(request, ".")
	for name, c := range map[string]struct {
		link string
		why  string
	}{
		"link of another":     {link(func(q url.Values) { q.Set("client_id", other.means.clientID) }), "different verifiers"},
		"nonce not echoed":    {link(func(q url.Values) { q.Set("request_uri", serve(request)) }), "wallet_nonce"},
		"signature of nobody": {link(func(q url.Values) { q.Set("request_uri", serve(parts[0]+"."+parts[1]+"."+toBase64(make([]byte, 64)))) }), "does not verify"},
		"unsigned":            {link(func(q url.Values) { q.Set("request_uri", serve("eyJhbGciOiJub25lIn0.e30.")) }), "x5c is missing"},
		"gone":                {link(func(q url.Values) { q.Set("request_uri", r.origin+"/wallet/request/gone") }), "404"},
	} {
		if _, err := r.wallet("", "").Open(t.Context(), c.link); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want …%s…", name, err, c.why)
		}
	}
	w := r.wallet("", "")
	w.Access = []*x509.Certificate{other.access.Anchor}
	if _, err := w.Open(t.Context(), r.begin(t).URL); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("of another register: %v", err)
	}
	if _, err := r.wallet("", wallettest.None).Open(t.Context(), r.begin(t).URL); err != nil {
		t.Errorf("the genuine one: %v", err)
	}
}
