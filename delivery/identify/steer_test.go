package identify_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bode-erds/bode/identity"
)

// means is one that tests steer.
type means struct {
	method             string
	form               identity.Form
	base               string
	approves, receives bool

	mu       sync.Mutex
	level    identity.Level
	fails    error // of Finish
	down     error // of Begin
	finished []identity.Answer
	began    []identity.Ask
	key      string // of what was begun last
}

func (m *means) set(change func(*means)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// secretNumber is what no log and no page may hold.
const secretNumber = "85073099734"

// as is m with the abilities that it has.
func (m *means) as() identity.Means {
	switch {
	case m.approves:
		return approver{m}
	case m.receives:
		return receiver{m}
	}
	return m
}

func (m *means) Method() string { return m.method }

func (m *means) Begin(_ context.Context, a identity.Ask) (identity.Challenge, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.began = append(m.began, a)
	if m.down != nil {
		return identity.Challenge{}, m.down
	}
	key := rand.Text()
	m.key = key
	c := identity.Challenge{Form: m.form, Key: key, Saved: []byte(key), Life: 10 * time.Minute}
	switch m.form {
	case identity.FormRedirect:
		c.URL = m.base + "/idp/" + m.method + "?state=" + key
	case identity.FormScript:
		c.Nonce = "bm9uY2Ugb2YgYXQgbGVhc3QgZm9ydHktZm91ciBjaGFycw=="
	case identity.FormCertificate:
		c.URL = m.base + "/receive/" + m.method + "/"
	case identity.FormWallet:
		c.URL = "openid4vp://?client_id=x&request_uri=" + m.base
	case identity.FormDocument:
		c.Document = []byte("%PDF-1.7 statement " + key)
	}
	return c, nil
}

// Finish checks what such a means checks: that the answer is to what was begun.
func (m *means) Finish(_ context.Context, saved []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished = append(m.finished, a)
	if m.fails != nil {
		return identity.Proof{}, m.fails
	}
	own := map[identity.Form]string{
		identity.FormRedirect: a.Values.Get("state"), identity.FormScript: string(saved),
		identity.FormCertificate: string(a.Direct), identity.FormWallet: string(a.Direct) + a.Values.Get("response_code"), identity.FormDocument: string(saved),
	}[m.form]
	if m.form == identity.FormWallet {
		saved = append(bytes.Clone(saved), "right"...)
	}
	if own != string(saved) {
		return identity.Proof{}, fmt.Errorf("%w: somebody else's", identity.ErrLoginStale)
	}
	return identity.Proof{Method: m.method, Provider: "https://idp.example", Subject: "s", Given: "Lotte", Family: "Peeters",
		NationalNumber: secretNumber, Level: m.level, At: at, Token: []byte("secret artefact")}, nil
}

type approver struct{ *means }

func (approver) Approves(text string) bool { return text != "unspeakable" }

type receiver struct{ *means }

// Receive deposits the key itself as the answer.
func (v receiver) Receive(box identity.Mailbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.FormValue("key")
		path, err := box.Deposit(r.Context(), key, []byte(key))
		switch {
		case errors.Is(err, identity.ErrLoginStale):
			http.Error(w, "nothing waits", http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			http.Redirect(w, r, path, http.StatusSeeOther)
		}
	})
}
