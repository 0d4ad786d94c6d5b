package wallettest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// Every text exists in every language, and the page asks for no other.
func TestTexts(t *testing.T) {
	t.Parallel()
	page, err := files.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range regexp.MustCompile(`\.Text\.(\w+)`).FindAllStringSubmatch(string(page), -1) {
		want = append(want, m[1])
	}
	want = append(want, "wrong_person", "wrong_given_name", "wrong_family_name", "wrong_birthdate", "wrong_national_number", "problem_request", "problem_expired")
	slices.Sort(want)
	want = slices.Compact(want)
	for _, lang := range languages() {
		data, err := files.ReadFile("text/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var text map[string]string
		if err := json.Unmarshal(data, &text); err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(text)); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", lang, got, want)
		}
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	for _, p := range People() {
		if !identity.ValidNationalNumber(p.Number) {
			t.Errorf("%s has number %s", p.ID, p.Number)
		}
	}
	if n := fictitious("2011-02-28"); !identity.ValidNationalNumber(n) {
		t.Errorf("fictitious number %s", n)
	}
}

// A page without a request that can be trusted shares nothing and leads nowhere.
func TestPageRefuses(t *testing.T) {
	t.Parallel()
	issuer, err := NewIssuer("BE", "http://127.0.0.1:1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)
	unsigned := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
		_, _ = w.Write([]byte("eyJhbGciOiJub25lIn0.e30."))
	}))
	t.Cleanup(unsigned.Close)
	page, err := NewPage(PageConfig{Issuer: issuer, Path: "/demo-wallet"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ link string }{
		"no link":      {""},
		"gone":         {gone.URL},
		"unsigned":     {unsigned.URL},
		"not a server": {"file:///etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := url.Values{"client_id": {"x509_hash:x"}, "request_uri": {c.link}, "request_uri_method": {"post"}}
			for _, r := range []*http.Request{
				httptest.NewRequest(http.MethodGet, "/demo-wallet?"+q.Encode(), nil),
				httptest.NewRequest(http.MethodPost, "/demo-wallet/answer", strings.NewReader(url.Values{"link": {"openid4vp://?" + q.Encode()}, "person": {"lotte"}, "decision": {"share"}}.Encode())),
			} {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				page.ServeHTTP(w, r)
				if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || strings.Contains(w.Body.String(), "<form") {
					t.Errorf("%s: %d %s", r.Method, w.Code, w.Body)
				}
			}
		})
	}
}
