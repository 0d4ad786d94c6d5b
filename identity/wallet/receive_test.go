package wallet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/wallettest"
)

// What comes to the two addresses and is no answer: refused at the door, and the
// request still waits.
func TestReceiveRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, w := r.begin(t), r.wallet(wallettest.FormatSDJWT, "")
	request, err := w.Open(t.Context(), c.URL)
	if err != nil {
		t.Fatal(err)
	}
	content, err := w.Content(request)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.Encrypt(request, content)
	if err != nil {
		t.Fatal(err)
	}
	other := r.begin(t)
	const form = "application/x-www-form-urlencoded"
	to := func(kind, state string) string { return r.origin + "/wallet/" + kind + "/" + state }
	for name, v := range map[string]struct {
		method, address, kind, body string
		status                      int
	}{
		"answer to another's request":    {http.MethodPost, to("response", other.Key), form, "response=" + answer, 400},
		"answer to nothing":              {http.MethodPost, to("response", "nothing"), form, "response=" + answer, 404},
		"answer to a long name":          {http.MethodPost, to("response", strings.Repeat("A", 2000)), form, "response=" + answer, 404},
		"answer as JSON":                 {http.MethodPost, to("response", c.Key), "application/json", `{"response":"` + answer + `"}`, 400},
		"answer as text":                 {http.MethodPost, to("response", c.Key), "text/plain", "response=" + answer, 400},
		"answer twice":                   {http.MethodPost, to("response", c.Key), form, "response=" + answer + "&response=" + answer, 400},
		"answer and error":               {http.MethodPost, to("response", c.Key), form, "response=" + answer + "&error=access_denied&state=" + c.Key, 400},
		"answer too long":                {http.MethodPost, to("response", c.Key), form, "response=" + strings.Repeat("A", maxForm), 400},
		"answer cut off":                 {http.MethodPost, to("response", c.Key), form, "response=" + answer[:len(answer)-20], 400},
		"answer in another JWE form":     {http.MethodPost, to("response", c.Key), form, "response=" + url.QueryEscape(`{"ciphertext":"AA"}`), 400},
		"nothing":                        {http.MethodPost, to("response", c.Key), form, "", 400},
		"error without state":            {http.MethodPost, to("response", c.Key), form, "error=access_denied", 400},
		"error with another state":       {http.MethodPost, to("response", c.Key), form, "error=access_denied&state=" + other.Key, 400},
		"answer by GET":                  {http.MethodGet, to("response", c.Key) + "?response=" + answer, "", "", 405},
		"request of nothing":             {http.MethodGet, to("request", "nothing"), "", "", 404},
		"request with a long nonce":      {http.MethodPost, to("request", c.Key), form, "wallet_nonce=" + strings.Repeat("A", 501), 400},
		"request with a long metadata":   {http.MethodPost, to("request", c.Key), form, "wallet_metadata=" + strings.Repeat("A", 70<<10), 400},
		"request by PUT":                 {http.MethodPut, to("request", c.Key), form, "", 405},
		"path that leads somewhere else": {http.MethodGet, to("request", c.Key+"/x"), "", "", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), v.method, v.address, strings.NewReader(v.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", v.kind)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != v.status || bytes.Contains(body, []byte("redirect_uri")) {
			t.Errorf("%s: %d %s, want %d", name, resp.StatusCode, body, v.status)
		}
	}
	if r.box.answer(c.Key) != nil || r.box.answer(other.Key) != nil {
		t.Error("something was deposited")
	}
	redirect, err := w.Post(t.Context(), request, url.Values{"response": {answer}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.finish(t, c, redirect); err != nil {
		t.Errorf("the genuine answer after all that: %v", err)
	}
}

// What a wallet says instead of a presentation.
func TestWalletSaysNo(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"access_denied": identity.ErrLoginRefused, "wallet_unavailable": identity.ErrLoginRefused,
		"invalid_request": identity.ErrLoginUnusable, "vp_formats_not_supported": identity.ErrLoginUnusable, "<script>": identity.ErrLoginUnusable,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			c, w := r.begin(t), r.wallet(wallettest.FormatSDJWT, "")
			request, err := w.Open(t.Context(), c.URL)
			if err != nil {
				t.Fatal(err)
			}
			redirect, err := w.Refuse(t.Context(), request, code)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.finish(t, c, redirect); !errors.Is(err, want) {
				t.Errorf("error = %v, want %v", err, want)
			}
		})
	}
}

// A wallet may fetch the request with either method, and finds in it what it is
// asked and under whose name.
func TestRequest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"hash":           nil,
		"without number": func(c *Config) { c.WithoutNumber = true },
		"attested":       func(c *Config) { c.VerifierInfo = []VerifierInfo{{"registration_cert", json.RawMessage(`"eyJ"`)}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, change)
			c, w := r.begin(t), r.wallet(wallettest.FormatSDJWT, "")
			first, err := w.Open(t.Context(), c.URL)
			if err != nil {
				t.Fatal(err)
			}
			w.GetRequest = true
			second, err := w.Open(t.Context(), c.URL)
			if err != nil || second.Payload["nonce"] != first.Payload["nonce"] || second.Payload["wallet_nonce"] != nil {
				t.Errorf("by GET: %v, %v", second, err)
			}
			if first.Verifier != "Bode" || strings.Contains(strings.Join(first.Asked, " "), "administrative") == (name == "without number") {
				t.Errorf("%s asks %v", first.Verifier, first.Asked)
			}
			if _, sent := first.Payload["verifier_info"]; sent != (name == "attested") {
				t.Errorf("verifier_info %v", first.Payload["verifier_info"])
			}
			if _, signs := first.Payload["transaction_data"]; signs {
				t.Error("a PID is asked to sign")
			}
			if p, err := r.identify(t, r.wallet(wallettest.FormatMDoc, "")); err != nil || (p.NationalNumber == "") != (name == "without number") {
				t.Errorf("number %q, %v", p.NationalNumber, err)
			}
		})
	}
}

// No two requests share anything that has to be fresh.
func TestBeginIsFresh(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	a, err := readBegun(r.begin(t).Saved)
	if err != nil {
		t.Fatal(err)
	}
	b, err := readBegun(r.begin(t).Saved)
	if err != nil {
		t.Fatal(err)
	}
	if a.Nonce == b.Nonce || a.State == b.State || bytes.Equal(a.Key, b.Key) || a.Nonce == a.State || len(a.Nonce) < 40 {
		t.Errorf("requests %+v and %+v", a, b)
	}
	if _, err := r.means.Begin(t.Context(), identity.Ask{Text: "I agree"}); !errors.Is(err, identity.ErrLoginUnusable) {
		t.Errorf("a text to approve: %v", err)
	}
	var means identity.Means = r.means
	if _, approves := means.(identity.Approver); approves {
		t.Error("a PID approves texts")
	}
}

// What is logged says nothing about anybody.
func TestLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newRig(t, func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, f := range []wallettest.Fault{wallettest.None, wallettest.OtherState, wallettest.WrongKey, wallettest.NotAString, wallettest.Revoked} {
		_, err := r.identify(t, r.wallet(wallettest.FormatSDJWT, f))
		if err != nil {
			log.WriteString(err.Error())
		}
	}
	for _, secret := range []string{"Peeters", "85073099734", "1985-07-30", "eyJ"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %s: %s", secret, &log)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
}
