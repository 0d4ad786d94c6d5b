package identitytest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity/identitytest"
)

const redirectURL = "https://bode.example/done?means=itsme"

func start(t *testing.T, cfg identitytest.Config) *identitytest.Provider {
	t.Helper()
	cfg.Clients = []identitytest.Client{{
		ID: "bode", Services: []string{"LOGIN", "IDENT"}, RedirectURLs: []string{redirectURL},
		JWKSURL: "http://127.0.0.1:1/nobody",
	}}
	p, err := identitytest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func request(p *identitytest.Provider, change ...func(url.Values)) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"bode"}, "redirect_uri": {redirectURL},
		"scope": {"openid service:LOGIN"}, "state": {"s1"}, "nonce": {"n1"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}
	for _, c := range change {
		c(q)
	}
	return p.Issuer() + "/authorization?" + q.Encode()
}

func set(name string, values ...string) func(url.Values) {
	return func(q url.Values) { q[name] = values }
}

// get returns the status, the page, and where a redirect points.
func get(t *testing.T, address string) (int, string, *url.URL, http.Header) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	to, _ := resp.Location()
	return resp.StatusCode, string(page), to, resp.Header
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{})
	for _, c := range []identitytest.Choice{
		{Person: "lotte"},
		{As: identitytest.Person{Given: "Zoë", Family: "D’Hondt", BirthDate: "2001-05-03"}},
		{As: identitytest.Person{Family: "Sukarno", BirthDate: "1999-06-04", NationalNumber: "99.06.04-271.81"}},
	} {
		to, err := identitytest.Answer(t.Context(), http.DefaultClient, request(p), c)
		if err != nil {
			t.Fatal(err)
		}
		q := to.Query()
		if !strings.HasPrefix(to.String(), redirectURL+"&") || q.Get("state") != "s1" || q.Get("code") == "" || q.Get("iss") != p.Issuer() {
			t.Errorf("sent to %s", to)
		}
	}
	to, err := identitytest.Answer(t.Context(), http.DefaultClient, request(p), identitytest.Choice{Refuse: true})
	if err != nil || to.Query().Get("error") != "access_denied" || to.Query().Has("code") {
		t.Errorf("refusal: %v, %v", to, err)
	}
}

func TestAnswerRefusesBadFields(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{})
	for name, c := range map[string]identitytest.Choice{
		"unknown citizen": {Person: "nobody"},
		"no family name":  {As: identitytest.Person{Given: "Jan", BirthDate: "1990-01-01"}},
		"spaces":          {As: identitytest.Person{Family: "  ", BirthDate: "1990-01-01"}},
		"long name":       {As: identitytest.Person{Family: strings.Repeat("x", 101), BirthDate: "1990-01-01"}},
		"long given name": {As: identitytest.Person{Given: strings.Repeat("x", 101), Family: "x", BirthDate: "1990-01-01"}},
		"no birth date":   {As: identitytest.Person{Family: "x"}},
		"other form":      {As: identitytest.Person{Family: "x", BirthDate: "01/01/1990"}},
		"not a date":      {As: identitytest.Person{Family: "x", BirthDate: "1990-02-30"}},
		"in the future":   {As: identitytest.Person{Family: "x", BirthDate: "2999-01-01"}},
		"wrong number":    {As: identitytest.Person{Family: "x", BirthDate: "1990-01-01", NationalNumber: "85073003329"}},
		"short number":    {As: identitytest.Person{Family: "x", BirthDate: "1990-01-01", NationalNumber: "8507300332"}},
	} {
		if to, err := identitytest.Answer(t.Context(), http.DefaultClient, request(p), c); err == nil {
			t.Errorf("%s: sent to %s", name, to)
		}
	}
}

func TestAuthorizationRefusals(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{})
	for name, c := range map[string]struct {
		change func(url.Values)
		want   string // error on the redirect; empty: nothing is sent anywhere
	}{
		"unknown client":          {set("client_id", "other"), ""},
		"no client":               {set("client_id"), ""},
		"other address":           {set("redirect_uri", redirectURL+"x"), ""},
		"address without query":   {set("redirect_uri", "https://bode.example/done"), ""},
		"address in capitals":     {set("redirect_uri", strings.ToUpper(redirectURL)), ""},
		"implicit":                {set("response_type", "id_token"), "unsupported_response_type"},
		"hybrid":                  {set("response_type", "code id_token"), "unsupported_response_type"},
		"not openid":              {set("scope", "service:LOGIN"), "invalid_scope"},
		"no service":              {set("scope", "openid"), "invalid_scope"},
		"somebody else's service": {set("scope", "openid service:OTHER"), "invalid_scope"},
		"two services":            {set("scope", "openid service:LOGIN service:IDENT"), "invalid_scope"},
		"no nonce":                {set("nonce"), "invalid_request"},
		"no state":                {set("state"), "invalid_request"},
		"state twice":             {set("state", "a", "b"), "invalid_request"},
		"no challenge":            {set("code_challenge"), "invalid_request"},
		"plain challenge":         {set("code_challenge_method", "plain"), "invalid_request"},
		"short challenge":         {set("code_challenge", "AAAA"), "invalid_request"},
		"popup":                   {set("display", "popup"), "unsupported_display"},
		"silent":                  {set("prompt", "none"), "interaction_required"},
		"claims not JSON":         {set("claims", "{"), "invalid_request"},
	} {
		status, _, to, _ := get(t, request(p, c.change))
		switch {
		case c.want == "" && (status != http.StatusBadRequest || to != nil):
			t.Errorf("%s: %d %v, want 400 and no redirect", name, status, to)
		case c.want != "" && (to == nil || to.Query().Get("error") != c.want || to.Query().Has("code")):
			t.Errorf("%s: %d %v, want %s", name, status, to, c.want)
		}
	}
}

func TestPageEscapesAndProtects(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{People: []identitytest.Person{{ID: "x", Given: "<script>", Family: `"'><b>`, BirthDate: "1990-01-01"}}})
	status, page, _, header := get(t, request(p))
	if status != http.StatusOK || strings.Contains(page, "<script>") || strings.Contains(page, "><b>\"") {
		t.Errorf("%d %s", status, page)
	}
	csp := header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.HasSuffix(csp, "form-action 'self' https://bode.example") ||
		header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", header)
	}
}

func TestPageSpeaksFourLanguages(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{})
	for locales, want := range map[string]string{
		"nl": "Wie bent u?", "fr-BE": "Qui êtes-vous", "de": "Wer sind Sie?", "en": "Who are you?",
		"": "Who are you?", "tlh": "Who are you?", "it fr": "Qui êtes-vous",
	} {
		if _, page, _, _ := get(t, request(p, set("ui_locales", locales))); !strings.Contains(page, want) {
			t.Errorf("ui_locales %q: no %q", locales, want)
		}
	}
}

// Two clicks on the button are one approval.
func TestRequestServesOnce(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{})
	_, page, _, _ := get(t, request(p))
	_, rest, _ := strings.Cut(page, `name="request" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var sent atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			resp, err := client.PostForm(p.Issuer()+"/answer", url.Values{"request": {id}, "person": {"jan"}, "decision": {"approve"}})
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusSeeOther {
				sent.Add(1)
			}
		})
	}
	all.Wait()
	if sent.Load() != 1 {
		t.Errorf("%d approvals, want 1", sent.Load())
	}
}

func TestFormGrowsOld(t *testing.T) {
	t.Parallel()
	var minutes atomic.Int64
	began := time.Now()
	p := start(t, identitytest.Config{Now: func() time.Time { return began.Add(time.Duration(minutes.Load()) * time.Minute) }})
	_, page, _, _ := get(t, request(p))
	_, rest, _ := strings.Cut(page, `name="request" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	minutes.Store(10)
	for _, form := range []url.Values{
		{"request": {id}, "person": {"jan"}, "decision": {"approve"}},
		{"request": {id}, "decision": {"refuse"}},
		{"request": {"made up"}, "decision": {"refuse"}},
		{},
	} {
		resp, err := http.PostForm(p.Issuer()+"/answer", form)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %s", form, resp.Status)
		}
	}
}

// A page opened is nothing approved: only the form gives a code.
func TestGetApprovesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, identitytest.Config{})
	for _, path := range []string{"/answer?decision=approve&person=jan", "/token", "/"} {
		if status, _, to, _ := get(t, p.Issuer()+path); status < 400 || to != nil {
			t.Errorf("GET %s: %d %v", path, status, to)
		}
	}
	resp, err := http.Get(p.Issuer() + "/userinfo")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("userinfo without token: %s", resp.Status)
	}
}
