package post

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fault is a way in which the stand-in for Pingen fails.
type fault string

const (
	failBefore fault = "500 and nothing was done"
	failAfter  fault = "done, but the line is cut before the answer"
	failTalk   fault = "done, but the answer is nonsense"
	failSlow   fault = "429, nothing was done"
)

// pingenPeer plays Pingen: tokens, uploads at addresses with a signature, letters
// under keys that make asking twice the same as once, states, history, and a list.
type pingenPeer struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	tokens  map[string]bool
	uploads map[string][]byte // by address
	keys    map[string]string // letter by key, with the body's digest
	letters []*peerLetter
	fail    map[string]fault // by method and last part of the path; once
	calls   map[string]int
	now     time.Time
}

type peerLetter struct {
	id, file, state, tracking string
	product, position         string
	pdf                       []byte
	recipient                 map[string]string
	created, updated          time.Time
	events                    []string
}

const (
	peerOrg    = "2017973a-6403-444d-af05-eb4b2b7f5e2f"
	peerSecret = "not-for-production"
)

func startPingen(t *testing.T) *pingenPeer {
	t.Helper()
	p := &pingenPeer{t: t, tokens: map[string]bool{}, uploads: map[string][]byte{}, keys: map[string]string{},
		fail: map[string]fault{}, calls: map[string]int{}, now: clock}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// open makes an adapter that speaks with p.
func (p *pingenPeer) open(change func(*PingenConfig)) *Pingen {
	p.t.Helper()
	cfg := PingenConfig{
		Config: Config{Dir: p.t.TempDir(), Partner: "Pingen", Product: "registered", Logger: discard(), TrackEvery: time.Minute,
			Now: func() time.Time { p.mu.Lock(); defer p.mu.Unlock(); return p.now }},
		API: p.URL, Identity: p.URL, Organisation: peerOrg, ClientID: "us", ClientSecret: peerSecret, HookSecret: "hook", HTTP: p.Client(),
	}
	if change != nil {
		change(&cfg)
	}
	a, err := NewPingen(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *pingenPeer) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// set puts the only letter into a state.
func (p *pingenPeer) set(state string, events ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.letters[0]
	l.state, l.updated, l.events = state, p.now, append(l.events, events...)
	if state == "sent" {
		l.tracking = "98.1234.11"
	}
}

func (p *pingenPeer) failOnce(call string, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail[call] = f
}

func (p *pingenPeer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.letters)
}

// ServeHTTP implements [http.Handler].
func (p *pingenPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	call := r.Method + " " + parts[len(parts)-1]
	if len(parts) == 4 && parts[2] == "letters" {
		call = r.Method + " letter"
	}
	if parts[0] == "upload" {
		call = r.Method + " upload"
	}
	p.calls[call]++
	f := p.fail[call]
	delete(p.fail, call)
	switch f {
	case failBefore:
		w.WriteHeader(http.StatusInternalServerError)
		return
	case failSlow:
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	var b bytes.Buffer
	status := p.answer(&b, r, parts, call, body)
	switch f {
	case failAfter:
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
			c.Close()
		}
		return
	case failTalk:
		b.Reset()
		b.WriteString("<html>")
	}
	w.Header().Set("Content-Type", jsonAPI)
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

func (p *pingenPeer) answer(w io.Writer, r *http.Request, parts []string, call string, body []byte) int {
	if call == "POST access-tokens" {
		if !strings.Contains(string(body), "client_secret="+peerSecret) || !strings.Contains(string(body), "grant_type=client_credentials") {
			return http.StatusBadRequest
		}
		token := fmt.Sprintf("token-%d", len(p.tokens))
		p.tokens[token] = true
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":43200,"access_token":%q}`, token)
		return http.StatusOK
	}
	if call == "PUT upload" {
		p.uploads[p.URL+r.URL.String()] = body
		return http.StatusOK
	}
	if !p.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")] {
		return http.StatusUnauthorized
	}
	switch {
	case call == "GET file-upload":
		fmt.Fprintf(w, `{"data":{"attributes":{"url":"%s/upload/%d?signature=x","url_signature":"$2y$10$x"}}}`, p.URL, p.calls[call])
	case call == "POST letters":
		return p.create(w, r, body)
	case call == "GET letters":
		var all []any
		for i := range p.letters {
			all = append(all, p.letters[len(p.letters)-1-i].json())
		}
		json.NewEncoder(w).Encode(map[string]any{"data": all, "meta": map[string]int{"last_page": 1}})
	default:
		l := p.letter(parts)
		if l == nil {
			return http.StatusNotFound
		}
		return p.about(w, l, call)
	}
	return http.StatusOK
}

func (p *pingenPeer) letter(parts []string) *peerLetter {
	for _, l := range p.letters {
		if len(parts) > 3 && parts[1] == peerOrg && parts[3] == l.id {
			return l
		}
	}
	return nil
}

func (p *pingenPeer) about(w io.Writer, l *peerLetter, call string) int {
	switch call {
	case "PATCH cancel":
		if l.state == "printing" || l.state == "sent" || l.state == "delivered" {
			return http.StatusConflict
		}
		l.state, l.updated = "cancelled", p.now
		return http.StatusAccepted
	case "GET events":
		var all []any
		for i, code := range l.events {
			all = append(all, map[string]any{"attributes": map[string]any{"code": code, "name": "Name of " + code,
				"emitted_at": l.updated.Add(time.Duration(i) * time.Second).Format(pingenTime), "data": []string{}}})
		}
		json.NewEncoder(w).Encode(map[string]any{"data": all})
	default:
		json.NewEncoder(w).Encode(map[string]any{"data": l.json()})
	}
	return http.StatusOK
}

func (p *pingenPeer) create(w io.Writer, r *http.Request, body []byte) int {
	key := r.Header.Get("Idempotency-Key")
	if len(key) < 1 || len(key) > 64 || r.Header.Get("Content-Type") != jsonAPI {
		return http.StatusBadRequest
	}
	sum := sha256.Sum256(body)
	if before, ok := p.keys[key]; ok {
		id, digest, _ := strings.Cut(before, " ")
		if digest != hex.EncodeToString(sum[:]) {
			return http.StatusConflict
		}
		for _, l := range p.letters {
			if l.id == id {
				json.NewEncoder(w).Encode(map[string]any{"data": l.json()})
			}
		}
		return http.StatusCreated
	}
	var in struct {
		Data struct {
			Type       string `json:"type"`
			Attributes struct {
				File      string                       `json:"file_original_name"`
				URL       string                       `json:"file_url"`
				Signature string                       `json:"file_url_signature"`
				Position  string                       `json:"address_position"`
				Product   string                       `json:"delivery_product"`
				Send      bool                         `json:"auto_send"`
				Meta      map[string]map[string]string `json:"meta_data"`
			} `json:"attributes"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &in) != nil || in.Data.Type != "letters" || !in.Data.Attributes.Send {
		return http.StatusBadRequest
	}
	a := in.Data.Attributes
	pdf, ok := p.uploads[a.URL]
	if !ok || a.Signature == "" {
		io.WriteString(w, `{"errors":[{"source":{"pointer":"data/attributes/file_url"}}]}`)
		return http.StatusUnprocessableEntity
	}
	if a.Product == "registered" && (a.Meta["recipient"]["zip"] == "" || a.Meta["recipient"]["street"] == "") {
		io.WriteString(w, `{"errors":[{"source":{"pointer":"data/attributes/meta_data"}}]}`)
		return http.StatusUnprocessableEntity
	}
	l := &peerLetter{id: fmt.Sprintf("4f31cdb2-bc0d-4db5-a13d-%012d", len(p.letters)), file: a.File, state: "validating", pdf: pdf,
		product: a.Product, position: a.Position, recipient: a.Meta["recipient"], created: p.now, updated: p.now}
	p.letters = append(p.letters, l)
	p.keys[key] = l.id + " " + hex.EncodeToString(sum[:])
	json.NewEncoder(w).Encode(map[string]any{"data": l.json()})
	return http.StatusCreated
}

func (l *peerLetter) json() map[string]any {
	return map[string]any{"id": l.id, "type": "letters", "attributes": map[string]any{"status": l.state, "file_original_name": l.file,
		"tracking_number": l.tracking, "created_at": l.created.Format(pingenTime), "updated_at": l.updated.Format(pingenTime)}}
}

// signed is a webhook with its signature.
func signed(t *testing.T, secret, body string) *http.Request {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r := httptest.NewRequest(http.MethodPost, "/hooks/post/pingen", strings.NewReader(body))
	r.Header.Set("Signature", hex.EncodeToString(mac.Sum(nil)))
	return r
}
