package pay

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{{}, {Key: "secret"}, {Key: "live_x", API: "http://api.mollie.com"}, {Key: "live_x", API: "http://10.0.0.1"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

// TestAnswers refuses what is no payment of ours, in every way that we know.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const ref = "tr_5B8cwPMGnU"
	good := `{"resource":"payment","id":"` + ref + `","mode":"test","status":"paid","amount":{"currency":"EUR","value":"10.00"},"metadata":{"order":"o"},"_links":{}}`
	status, body := http.StatusOK, good
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer test_key" {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	m, err := New(Config{Key: "test_key", API: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := m.Get(t.Context(), ref); err != nil || v.Amount != 1000 || v.Order != "o" || v.Status != delivery.PaymentPaid {
		t.Fatalf("%+v, %v", v, err)
	}
	for name, x := range map[string][2]string{
		"another payment": {ref, "tr_other12345"}, "no payment": {`"resource":"payment"`, `"resource":"order"`}, "another mode": {`"mode":"test"`, `"mode":"live"`},
		"unknown status": {`"paid"`, `"settled"`}, "another currency": {`"EUR"`, `"USD"`}, "no decimals": {`"10.00"`, `"10"`}, "below zero": {`"10.00"`, `"-10.00"`},
		"exponent": {`"10.00"`, `"1e3"`}, "a number": {`"10.00"`, `10.00`}, "cut": {`"_links":{}}`, ``}, "script": {`"_links":{}`, `"_links":{"checkout":{"href":"javascript:alert(1)"}}`},
		"plain page": {`"_links":{}`, `"_links":{"checkout":{"href":"http://evil.example/"}}`},
	} {
		if body = strings.Replace(good, x[0], x[1], 1); body == good {
			t.Fatalf("%s: nothing to spoil", name)
		}
		if _, err := m.Get(t.Context(), ref); err == nil {
			t.Errorf("%s is believed", name)
		}
	}
	body = good
	for _, status = range []int{302, 401, 422, 429, 500, 503} {
		if _, err := m.Get(t.Context(), ref); err == nil || errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	status = http.StatusNotFound
	if _, err := m.Get(t.Context(), ref); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("404: %v", err)
	}
	for _, bad := range []string{"", "tr_", "tr_a/../../x", "ord_12345678", "tr_" + strings.Repeat("a", 50)} {
		if _, err := m.Get(t.Context(), bad); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%q is asked for", bad)
		}
	}
}
