package wallet

import (
	"crypto/x509"
	"errors"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

// demo is a browser with the demo wallet's page open.
type demo struct {
	*rig
	challenge identity.Challenge
	browser   *http.Client
	page      string
	address   string
}

func newDemo(t *testing.T) *demo {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	d := &demo{rig: newRig(t, func(c *Config) { c.Scheme = server.URL + "/demo-wallet" })}
	page, err := wallettest.NewPage(wallettest.PageConfig{Issuer: d.issuer, Access: []*x509.Certificate{d.access.Anchor}, Path: "/demo-wallet"})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/demo-wallet", page)
	mux.Handle("/demo-wallet/", page)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	d.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	d.challenge, d.address = d.begin(t), server.URL
	d.page, _ = d.do(t, http.MethodGet, d.challenge.URL, nil)
	return d
}

func (d *demo) do(t *testing.T, method, address string, form url.Values) (body, location string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "nl-BE, en")
	resp, err := d.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String(), resp.Header.Get("Location")
}

// answer posts the page's form as a browser does.
func (d *demo) answer(t *testing.T, form url.Values) (body, location string) {
	t.Helper()
	link := regexp.MustCompile(`name="link" value="([^"]*)"`).FindStringSubmatch(d.page)
	if link == nil {
		t.Fatalf("no form in %s", d.page)
	}
	form.Set("link", html.UnescapeString(link[1]))
	return d.do(t, http.MethodPost, d.address+"/demo-wallet/answer", form)
}

func TestDemoWallet(t *testing.T) {
	t.Parallel()
	for _, format := range formats() {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			d := newDemo(t)
			if !strings.Contains(d.page, "<strong>Bode</strong>") || !strings.Contains(d.page, "form-action 'self' "+d.origin) {
				t.Errorf("page %s", d.page)
			}
			_, location := d.answer(t, url.Values{"person": {"elodie"}, "format": {format}, "decision": {"share"}})
			p, err := d.finish(t, d.challenge, location)
			if err != nil || p.Family != "Dubois-Lefèvre" || p.NationalNumber != "03120599796" {
				t.Errorf("proof %+v, %v", p, err)
			}
		})
	}
}

func TestDemoWalletOther(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	form := url.Values{"person": {"other"}, "given_name": {"Noor"}, "family_name": {""}, "birthdate": {"2001-05-06"}, "format": {"mso_mdoc"}, "decision": {"share"}}
	if body, location := d.answer(t, form); location != "" || !strings.Contains(body, "Vul een familienaam in") {
		t.Errorf("without a name: %q %s", location, body)
	}
	form.Set("family_name", "Claes")
	_, location := d.answer(t, form)
	if p, err := d.finish(t, d.challenge, location); err != nil || p.Given != "Noor" || p.Family != "Claes" || p.NationalNumber == "" {
		t.Errorf("proof %+v, %v", p, err)
	}
}

func TestDemoWalletRefuses(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	_, location := d.answer(t, url.Values{"person": {"lotte"}, "decision": {"refuse"}})
	if _, err := d.finish(t, d.challenge, location); !errors.Is(err, identity.ErrLoginRefused) {
		t.Errorf("error = %v, want ErrLoginRefused", err)
	}
	if body, again := d.answer(t, url.Values{"person": {"lotte"}, "decision": {"share"}}); again != "" || !strings.Contains(body, "al beantwoord") {
		t.Errorf("a second answer: %q %s", again, body)
	}
}
