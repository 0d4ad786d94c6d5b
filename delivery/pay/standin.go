package pay

import (
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

//go:embed standin.html.tmpl
var standInPage string

// StandIn is Mollie for demonstrations and tests: the same calls, and a page on
// which to pay, or not to. It can fail so that nothing is left behind, and so
// that everything is. Make one with [NewStandIn]; safe for concurrent use.
type StandIn struct {
	Key    string // that it asks for
	Base   string // where it answers
	Client *http.Client

	page *template.Template
	mu   sync.Mutex
	all  map[string]*standing // by id
	keys map[string]string    // id by key of idempotency
	fail Failure
	mute bool
	asks int
}

// Failure is how the next creation of a payment fails.
type Failure int

// The two ways in which an outside fails, and none.
const (
	FailNot   Failure = iota
	FailLost          // before anything is kept
	FailAfter         // the payment is there, its answer is lost
)

type standing struct {
	order
	ID, Status     string
	refunded, back string
}

// NewStandIn makes one that answers at base.
func NewStandIn(base, key string) (*StandIn, error) {
	page, err := template.New("pay").Parse(standInPage)
	return &StandIn{Key: key, Base: base, Client: &http.Client{Timeout: 10 * time.Second}, page: page,
		all: map[string]*standing{}, keys: map[string]string{}}, err
}

// FailNext makes the next creation fail.
func (s *StandIn) FailNext(f Failure) { s.mu.Lock(); defer s.mu.Unlock(); s.fail = f }

// Mute stops telling of changes, as when our address cannot be reached.
func (s *StandIn) Mute(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.mute = on }

// Asked is how often somebody asked how a payment is.
func (s *StandIn) Asked() int { s.mu.Lock(); defer s.mu.Unlock(); return s.asks }

// Payments is how many there are.
func (s *StandIn) Payments() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.all) }

// ServeHTTP implements http.Handler.
func (s *StandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/payments", s.keyed(s.create))
	mux.HandleFunc("GET /v2/payments/{id}", s.keyed(s.get))
	mux.HandleFunc("GET /checkout/{id}", s.show)
	mux.HandleFunc("POST /checkout/{id}", s.choose)
	mux.ServeHTTP(w, r)
}

func (s *StandIn) keyed(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.Key)) != 1 {
			problem(w, http.StatusUnauthorized, "Unauthorized Request")
			return
		}
		next(w, r)
	}
}

func problem(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "application/hal+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": title})
}

func (s *StandIn) create(w http.ResponseWriter, r *http.Request) {
	var o order
	d := json.NewDecoder(io.LimitReader(r.Body, maxAnswer))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil || !valueForm.MatchString(o.Amount.Value) || o.Amount.Currency != "EUR" || o.Description == "" || o.RedirectURL == "" {
		problem(w, http.StatusUnprocessableEntity, "Unprocessable Entity")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	how := s.fail
	s.fail = FailNot
	if how == FailLost {
		problem(w, http.StatusServiceUnavailable, "Service Unavailable")
		return
	}
	once := r.Header.Get("Idempotency-Key")
	id, again := s.keys[once]
	if !again || once == "" {
		id = "tr_" + rand.Text()[:10]
		s.keys[once], s.all[id] = id, &standing{order: o, ID: id, Status: "open"}
	}
	if how == FailAfter {
		problem(w, http.StatusBadGateway, "Bad Gateway")
		return
	}
	s.answer(w, http.StatusCreated, s.all[id])
}

func (s *StandIn) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	p, ok := s.all[r.PathValue("id")]
	if !ok {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	s.answer(w, http.StatusOK, p)
}

func (s *StandIn) answer(w http.ResponseWriter, status int, p *standing) {
	mode, _, _ := strings.Cut(s.Key, "_")
	out := map[string]any{"resource": "payment", "id": p.ID, "mode": mode, "status": p.Status, "amount": p.Amount, "metadata": p.Metadata,
		"description": p.Description, "redirectUrl": p.RedirectURL, "webhookUrl": p.WebhookURL, "_links": map[string]any{}}
	if p.Status == "open" {
		out["_links"] = map[string]any{"checkout": map[string]string{"href": s.Base + "/checkout/" + p.ID, "type": "text/html"}}
	}
	if p.refunded != "" {
		out["amountRefunded"] = money{"EUR", p.refunded}
	}
	if p.back != "" {
		out["amountChargedBack"] = money{"EUR", p.back}
	}
	w.Header().Set("Content-Type", "application/hal+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

// Change makes a payment what it was not, and tells of it.
func (s *StandIn) Change(id, status string) { s.change(id, func(p *standing) { p.Status = status }) }

// Refund gives so much of a payment back, by now; ChargeBack lets the payer's bank
// take it.
func (s *StandIn) Refund(id, value string)     { s.change(id, func(p *standing) { p.refunded = value }) }
func (s *StandIn) ChargeBack(id, value string) { s.change(id, func(p *standing) { p.back = value }) }

// Alter changes the amount of a payment, as Mollie never would.
func (s *StandIn) Alter(id, value string) { s.change(id, func(p *standing) { p.Amount.Value = value }) }

func (s *StandIn) change(id string, do func(*standing)) {
	s.mu.Lock()
	p, ok := s.all[id]
	hook := ""
	if ok {
		do(p)
		hook = p.WebhookURL
	}
	mute := s.mute
	s.mu.Unlock()
	if hook == "" || mute {
		return
	}
	res, err := s.Client.PostForm(hook, url.Values{"id": {id}})
	if err == nil {
		res.Body.Close()
	}
}

func (s *StandIn) show(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	p, ok := s.all[r.PathValue("id")]
	var copied standing
	if ok {
		copied = *p
	}
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = s.page.Execute(w, copied)
}

func (s *StandIn) choose(w http.ResponseWriter, r *http.Request) {
	status := r.PostFormValue("status")
	switch status {
	case "paid", "failed", "canceled", "expired", "pending":
	default:
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	p, ok := s.all[r.PathValue("id")]
	back, open := "", false
	if ok {
		back, open = p.RedirectURL, p.Status == "open" || p.Status == "pending"
	}
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	if open {
		s.Change(r.PathValue("id"), status)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}
