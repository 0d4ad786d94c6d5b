package eid_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/eidtest"
)

func TestCardIdentifies(t *testing.T) {
	t.Parallel()
	h := startHost(t, authority(t))
	for name, tc := range map[string]struct {
		person  eidtest.Person
		version uint16
	}{"citizen, TLS 1.2": {ann(), tls.VersionTLS12}, "foreigner, TLS 1.3": {nour(), tls.VersionTLS13}} {
		card := issue(t, h.a, tc.person).TLS()
		c := h.wait(t)
		if c.Form != identity.FormCertificate || c.URL != h.address+"/card" || len(c.Key) != 43 {
			t.Errorf("%s: %+v", name, c)
		}
		resp, err := h.post(t, h.browser(&card, func(c *tls.Config) { c.MaxVersion, c.MinVersion = tc.version, tc.version }), c.Key)
		if err != nil || resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != origin+"/identify/1" || resp.ProtoMajor != 1 {
			t.Fatalf("%s: %v %+v", name, err, resp)
		}
		p, err := h.finish(t, c, time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Method != identity.MethodCard || p.Family != tc.person.Family || p.NationalNumber != tc.person.NationalNumber ||
			p.Level != identity.LevelHigh || p.Artefact != "x509" || time.Since(p.At) > time.Minute {
			t.Errorf("%s: %+v", name, p)
		}
		again, err := h.v.Reverify(p.Token, p.At)
		if diff := cmp.Diff(p, again); err != nil || diff != "" {
			t.Errorf("%s: again: %v\n%s", name, err, diff)
		}
	}
}

// TestCardNoHandshake: without a card of ours there is no connection at all.
func TestCardNoHandshake(t *testing.T) {
	t.Parallel()
	a := authority(t)
	h := startHost(t, a)
	own := func(c *eidtest.Card) *tls.Certificate { s := c.TLS(); return &s }
	stolen := issue(t, a, ann())
	stolen.Key = issue(t, a, nour()).Key
	below, err := a.Under(issue(t, a, ann()), nour())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		card   *tls.Certificate
		change func(*tls.Config)
	}{
		"none":                    {nil, func(*tls.Config) {}},
		"a stranger's CA":         {own(issue(t, authority(t), ann())), func(*tls.Config) {}},
		"signed with a card":      {own(below), func(*tls.Config) {}},
		"another's certificate":   {own(stolen), func(*tls.Config) {}},
		"expired":                 {own(issue(t, a, ann(), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })), func(*tls.Config) {}},
		"for servers":             {own(issue(t, a, ann(), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), func(*tls.Config) {}},
		"TLS 1.1":                 {own(issue(t, a, ann())), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }},
		"a server's, self-signed": {selfSigned(t), func(*tls.Config) {}},
	} {
		c := h.wait(t)
		if resp, err := h.post(t, h.browser(tc.card, tc.change), c.Key); err == nil {
			t.Errorf("%s: %s", name, resp.Status)
		}
		if h.deposited(c) != nil {
			t.Errorf("%s: something was left", name)
		}
	}
}

func selfSigned(t testing.TB) *tls.Certificate {
	c, _ := serverCertificate(t)
	return &c
}

// TestCardRefused: the person learns on the main host why.
func TestCardRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*x509.Certificate)
		fault  eidtest.Fault
		revoke bool
		want   error
		family error
	}{
		"signing certificate": {eidtest.Policy(eidtest.CitizenSigning), "", false, eid.ErrSigningCertificate, identity.ErrLoginDocument},
		"no policy":           {eidtest.Policy(), "", false, eid.ErrPolicy, identity.ErrLoginDocument},
		"no key usage":        {func(c *x509.Certificate) { c.KeyUsage = 0 }, "", false, eid.ErrPurpose, identity.ErrLoginDocument},
		"an organisation":     {named("Bode NV", 2, 5, 4, 10), "", false, eid.ErrPerson, identity.ErrLoginDocument},
		"revoked":             {nil, "", true, eid.ErrRevoked, identity.ErrLoginDocument},
		"responder is down":   {nil, eidtest.Down, false, eid.ErrResponder, identity.ErrLoginUnavailable},
		"sibling as one":      {nil, eidtest.Sibling, false, eid.ErrResponse, identity.ErrLoginUnusable},
		"stale answer":        {nil, eidtest.Stale, false, eid.ErrResponse, identity.ErrLoginUnusable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHost(t, authority(t))
			h.a.Misbehave(tc.fault)
			if tc.change == nil {
				tc.change = func(*x509.Certificate) {}
			}
			card := issue(t, h.a, ann(), tc.change)
			if tc.revoke {
				h.a.Revoke(card.Certificate)
			}
			own := card.TLS()
			c := h.wait(t)
			resp, err := h.post(t, h.browser(&own), c.Key)
			if err != nil || resp.StatusCode != http.StatusSeeOther {
				t.Fatal(err, resp)
			}
			p, err := h.finish(t, c, time.Now())
			refused(t, p, err, tc.want, tc.family)
			if bytes.Contains(h.deposited(c), []byte(ann().NationalNumber)) {
				t.Error("the number lies in the deposit")
			}
		})
	}
}

// TestCardOnlyFromOurPage: a page of somebody else cannot make the browser of
// somebody with a card show it to the challenge of somebody else.
func TestCardOnlyFromOurPage(t *testing.T) {
	t.Parallel()
	h := startHost(t, authority(t))
	card := issue(t, h.a, ann()).TLS()
	browser := h.browser(&card)
	for name, tc := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"another page":       {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"no origin":          {func(r *http.Request) { r.Header.Del("Origin") }, 403},
		"null":               {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"this host":          {func(r *http.Request) { r.Header.Set("Origin", h.address) }, 403},
		"a host below":       {func(r *http.Request) { r.Header.Set("Origin", "https://x.bode.example") }, 403},
		"a host that begins": {func(r *http.Request) { r.Header.Set("Origin", origin+".evil.example") }, 403},
		"two":                {func(r *http.Request) { r.Header["Origin"] = []string{origin, "https://evil.example"} }, 403},
		"GET":                {func(r *http.Request) { r.Method, r.Body = http.MethodGet, http.NoBody }, 405},
		"another path":       {func(r *http.Request) { r.URL.Path = "/" }, 404},
		"another host":       {func(r *http.Request) { r.Host = "bode.example" }, 421},
		"two keys":           {body("key=a&key=b"), 400},
		"no key":             {body(""), 400},
		"a flood":            {body("key=" + strings.Repeat("a", 5<<10)), 400},
	} {
		c := h.wait(t)
		resp, err := h.post(t, browser, c.Key, tc.change)
		if err != nil || resp.StatusCode != tc.status {
			t.Errorf("%s: %v %v", name, err, resp)
		}
		if h.deposited(c) != nil {
			t.Errorf("%s: something was left", name)
		}
	}
	if h.a.Asked() != 0 {
		t.Errorf("%d questions", h.a.Asked())
	}
}

func body(s string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = http.NoBody, 0
		if s != "" {
			other := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(s))
			r.Body, r.ContentLength = other.Body, int64(len(s))
		}
	}
}

// TestCardHeadersAreNoCard: what a proxy, or anybody, writes into headers.
func TestCardHeadersAreNoCard(t *testing.T) {
	t.Parallel()
	h := startHost(t, authority(t))
	card := issue(t, h.a, ann())
	plain := httptest.NewServer(h.Receive(h.box))
	t.Cleanup(plain.Close)
	ssl := httptest.NewTLSServer(h.Receive(h.box)) // asks for no certificate
	t.Cleanup(ssl.Close)
	pem := url.QueryEscape("-----BEGIN CERTIFICATE-----\n" + string(card.Certificate.Raw) + "\n-----END CERTIFICATE-----\n")
	for _, server := range []*httptest.Server{plain, ssl} {
		for _, header := range []string{"X-SSL-Client-Cert", "X-Client-Cert", "X-Forwarded-Tls-Client-Cert", "Client-Cert", "X-ARR-ClientCert", "SSL_CLIENT_CERT"} {
			c := h.wait(t)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/card", strings.NewReader("key="+c.Key))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = strings.TrimPrefix(h.address, "https://")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Origin", origin)
			req.Header.Set(header, pem)
			req.Header.Set("X-SSL-Client-Verify", "SUCCESS")
			req.Header.Set("X-Forwarded-Proto", "https")
			resp, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden || h.deposited(c) != nil {
				t.Errorf("%s: %s", header, resp.Status)
			}
		}
	}
}

// TestCardOnce: the first card that is shown stays; a challenge that does not
// wait takes none, and asks nobody.
func TestCardOnce(t *testing.T) {
	t.Parallel()
	h := startHost(t, authority(t))
	one, other := issue(t, h.a, ann()).TLS(), issue(t, h.a, nour()).TLS()
	c := h.wait(t)
	for i, card := range []*tls.Certificate{&one, &other} {
		resp, err := h.post(t, h.browser(card), c.Key)
		if err != nil || resp.Header.Get("Location") != []string{origin + "/identify/1", origin + "/"}[i] {
			t.Fatal(i, err, resp)
		}
	}
	p, err := h.finish(t, c, time.Now())
	if err != nil || p.Family != ann().Family {
		t.Error(p.Family, err)
	}
	before := h.a.Asked()
	fresh := issue(t, h.a, ann()).TLS()
	resp, err := h.post(t, h.browser(&fresh), begin(t, h).Key)
	if err != nil || resp.Header.Get("Location") != origin+"/" || h.a.Asked() != before {
		t.Error(err, resp, h.a.Asked()-before)
	}
}

// TestCardConnections: each request is a handshake of its own, and none resumes
// another's.
func TestCardConnections(t *testing.T) {
	t.Parallel()
	h := startHost(t, authority(t))
	card := issue(t, h.a, ann()).TLS()
	shown := 0
	browser := h.browser(&card, func(c *tls.Config) {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { shown++; return &card, nil }
	})
	for i := range 4 {
		resp, err := h.post(t, browser, h.wait(t).Key)
		if err != nil || resp.TLS.DidResume || shown != i+1 || !resp.Close {
			t.Errorf("%d: %v, shown %d times", i, err, shown)
		}
	}
}
