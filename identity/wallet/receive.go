package wallet

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/bode-erds/bode/identity"
)

// Where wallets come; the rest of the path is the state of the request.
const (
	pathRequest  = "/wallet/request/"
	pathResponse = "/wallet/response/"
)

// maxForm bounds a posted form: a percent-encoded answer and a little.
const maxForm = maxResponse + maxResponse/8

// deposit is what waits in the mailbox for Finish. Code is known to whoever
// follows the wallet's redirect, and to nobody else.
type deposit struct {
	Code string
	presented
}

// Receive implements identity.Receiver. A wallet fetches our request, posts its
// answer, and is told where the person goes on. Nothing is decided here but that
// the answer is one to this request; the same answer posted again is refused.
//
// OpenID4VP 1.0 §5.10, §8.2, §13.3, §14.4
func (w *Wallet) Receive(box identity.Mailbox) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathRequest+"{state}", func(rw http.ResponseWriter, r *http.Request) { w.giveRequest(rw, r, box, "") })
	mux.HandleFunc("POST "+pathRequest+"{state}", func(rw http.ResponseWriter, r *http.Request) {
		form, ok := readForm(rw, r, 64<<10)
		nonce := form.Get("wallet_nonce")
		if !ok || len(nonce) > 500 {
			refuse(rw, http.StatusBadRequest)
			return
		}
		w.giveRequest(rw, r, box, nonce)
	})
	mux.HandleFunc("POST "+pathResponse+"{state}", func(rw http.ResponseWriter, r *http.Request) { w.takeResponse(rw, r, box) })
	return mux
}

func (w *Wallet) giveRequest(rw http.ResponseWriter, r *http.Request, box identity.Mailbox, nonce string) {
	b, err := w.waiting(r, box)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	signed, err := w.signedRequest(b, nonce)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	headers(rw, "application/oauth-authz-req+jwt")
	_, _ = io.WriteString(rw, signed)
}

// takeResponse opens an answer before anything is kept, so that nobody fills the
// mailbox of a request with what cannot be one.
func (w *Wallet) takeResponse(rw http.ResponseWriter, r *http.Request, box identity.Mailbox) {
	b, err := w.waiting(r, box)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	form, ok := readForm(rw, r, maxForm)
	if !ok {
		refuse(rw, http.StatusBadRequest)
		return
	}
	got, err := read(b, form)
	if err != nil {
		w.log.InfoContext(r.Context(), "wallet's answer is not readable", "error", err)
		refuse(rw, http.StatusBadRequest)
		return
	}
	d := deposit{Code: rand.Text() + rand.Text(), presented: got}
	answer, err := json.Marshal(d)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	path, err := box.Deposit(r.Context(), b.State, answer)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	headers(rw, "application/json")
	// HAIP's examples put the code in the fragment; in the query it also reaches a
	// page without script, and it is worth nothing without the browser's cookie.
	_ = json.NewEncoder(rw).Encode(map[string]string{"redirect_uri": w.cfg.Origin + path + separator + "response_code=" + url.QueryEscape(d.Code)})
}

// read opens the form of an answer. Only an error may come unencrypted.
//
// OpenID4VP 1.0 §8.3.1
func read(b begun, form url.Values) (presented, error) {
	for _, name := range []string{"response", "error", "state"} {
		if len(form[name]) > 1 {
			return presented{}, errors.New("a parameter stands twice")
		}
	}
	switch {
	case form.Has("response") == form.Has("error"):
		return presented{}, errors.New("neither answer nor error, or both")
	case form.Has("error"):
		return readAnswer(b, map[string]any{"error": form.Get("error"), "state": form.Get("state")})
	}
	return decrypt(b, form.Get("response"))
}

func (w *Wallet) waiting(r *http.Request, box identity.Mailbox) (begun, error) {
	state := r.PathValue("state")
	if len(state) > 100 {
		return begun{}, identity.ErrLoginStale
	}
	saved, err := box.Saved(r.Context(), state)
	if err != nil {
		return begun{}, err
	}
	b, err := readBegun(saved)
	if err == nil && b.State != state {
		err = ErrSession
	}
	return b, err
}

func readForm(rw http.ResponseWriter, r *http.Request, limit int64) (url.Values, bool) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, limit))
	if err != nil {
		return nil, false
	}
	form, err := url.ParseQuery(string(body))
	return form, err == nil
}

// fail answers that nothing waits here, whatever was wrong; an error of ours is
// told apart for the operator.
func (w *Wallet) fail(rw http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, identity.ErrLoginStale) {
		refuse(rw, http.StatusNotFound)
		return
	}
	w.log.ErrorContext(r.Context(), "wallet request failed", "error", err)
	refuse(rw, http.StatusInternalServerError)
}

func refuse(rw http.ResponseWriter, status int) {
	headers(rw, "application/json")
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, `{"error":"invalid_request"}`)
}

func headers(rw http.ResponseWriter, kind string) {
	rw.Header().Set("Content-Type", kind)
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("X-Content-Type-Options", "nosniff")
}
