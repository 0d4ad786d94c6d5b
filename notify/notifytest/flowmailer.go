package notifytest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Flowmailer is a stand-in for the provider of that name: sign-in, submission,
// messages by tag, and events with their paging. It can fail in each of the ways
// that matter: it took a message or not, and said so or not. Safe for concurrent
// use.
type Flowmailer struct {
	// Account, ClientID and Secret are what it knows.
	Account, ClientID, Secret string
	// TokenLife is how long a token is good.
	TokenLife time.Duration

	server *httptest.Server
	mu     sync.Mutex
	tokens map[string]time.Time // good until
	logins int
	faults []FlowmailerFault
	taken  []FlowmailerMessage
	events []flowmailerEvent
	forgot bool // no reference is known any more
}

// FlowmailerFault is how one submission fails.
type FlowmailerFault struct {
	Lose   bool   // it does not take the message
	Mute   bool   // it does not answer: the connection closes
	Status int    // answered instead of 201
	Body   string // of that answer
}

// FlowmailerMessage is one that it took.
type FlowmailerMessage struct {
	ID       string   `json:"id"`
	Status   string   `json:"status"`
	To       string   `json:"recipientAddress"`
	From     string   `json:"senderAddress"`
	Text     string   `json:"-"`
	Tags     []string `json:"tags"`
	Receipts string   `json:"-"`
}

type flowmailerEvent struct {
	ID       string    `json:"id"`
	Message  string    `json:"messageId"`
	Type     string    `json:"type"`
	SubType  string    `json:"subType,omitempty"`
	Received time.Time `json:"received"`
	Inserted time.Time `json:"inserted"`
	Snippet  string    `json:"snippet,omitempty"`
	Tags     []string  `json:"messageTags,omitempty"`
}

// StartFlowmailer serves on loopback until Close.
func StartFlowmailer() *Flowmailer {
	f := &Flowmailer{Account: "1234", ClientID: "client", Secret: "secret", TokenLife: time.Minute, tokens: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", f.login)
	mux.HandleFunc("POST /1234/messages/submit", f.signedIn(f.submit))
	mux.HandleFunc("GET /1234/tag/{tag}/messages", f.signedIn(f.byTag))
	mux.HandleFunc("GET /1234/", f.signedIn(f.list)) // matrix parameters are part of the path
	f.server = httptest.NewServer(mux)
	return f
}

// URL is the base address of both the API and the sign-in.
func (f *Flowmailer) URL() string { return f.server.URL }

// Close stops it.
func (f *Flowmailer) Close() { f.server.Close() }

// Fail lets the next submissions fail, one fault for each.
func (f *Flowmailer) Fail(faults ...FlowmailerFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

// Expire makes every token worthless, whatever it promised.
func (f *Flowmailer) Expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.tokens)
}

// Logins is how often a token was given out.
func (f *Flowmailer) Logins() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logins
}

// Forget makes every reference to a place among the events unknown.
func (f *Flowmailer) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgot = true
}

// Messages are those that it took.
func (f *Flowmailer) Messages() []FlowmailerMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.taken)
}

// Happen adds an event to a message, or to one of somebody else when there is no
// such message.
func (f *Flowmailer) Happen(message, kind, subtype string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := flowmailerEvent{ID: "e-" + strconv.Itoa(len(f.events)+1), Message: message, Type: kind, SubType: subtype,
		Received: time.Now().UTC().Truncate(time.Millisecond), Inserted: time.Now().UTC(), Snippet: "to +32470123456: uw code is 418302"}
	for i := range f.taken {
		if m := &f.taken[i]; m.ID == message {
			e.Tags, m.Status = m.Tags, kind
		}
	}
	f.events = append(f.events, e)
}

func (f *Flowmailer) login(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("client_id") != f.ClientID || r.FormValue("client_secret") != f.Secret ||
		r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "api" {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "Bad client credentials"})
		return
	}
	token := rand.Text()
	f.mu.Lock()
	f.tokens[token] = time.Now().Add(f.TokenLife)
	f.logins++
	f.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": int(f.TokenLife.Seconds()), "scope": "api"})
}

func (f *Flowmailer) signedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		ends, ok := f.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		f.mu.Unlock()
		switch {
		case !ok || time.Now().After(ends):
			answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token", "error_description": "Access token expired"})
		case !strings.HasPrefix(r.Header.Get("Accept"), "application/vnd.flowmailer.v1.12+json"):
			w.WriteHeader(http.StatusNotAcceptable)
		default:
			next(w, r)
		}
	}
}

type flowmailerErrors struct {
	AllErrors []map[string]any `json:"allErrors"`
}

func (f *Flowmailer) submit(w http.ResponseWriter, r *http.Request) {
	var o struct {
		Type      string   `json:"messageType"`
		From      string   `json:"senderAddress"`
		To        string   `json:"recipientAddress"`
		Text      string   `json:"text"`
		Receipts  string   `json:"deliveryNotificationType"`
		Scheduled string   `json:"scheduleAt"`
		Tags      []string `json:"tags"`
	}
	bad := func(field, code string, rejected any) {
		answer(w, http.StatusBadRequest, flowmailerErrors{[]map[string]any{{"code": code, "field": field, "objectName": "restSubmitMessage",
			"rejectedValue": rejected, "defaultMessage": fmt.Sprintf("%v is not good", rejected)}}})
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&o); err != nil {
		bad("", "HttpMessageNotReadable", nil)
		return
	}
	switch {
	case o.Type != "SMS":
		bad("messageType", "NotNull", o.Type)
		return
	case !strings.HasPrefix(o.To, "+") || strings.HasSuffix(o.To, "0000"):
		bad("recipientAddress", "InvalidRecipient", o.To)
		return
	case o.Text == "":
		bad("text", "NotBlank", o.Text)
		return
	}
	id, fault := f.take(FlowmailerMessage{Status: "SUBMITTED", To: o.To, From: o.From, Text: o.Text, Tags: o.Tags, Receipts: o.Receipts})
	switch {
	case fault.Mute:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
		_, _ = w.Write([]byte(fault.Body)) // the client left
	default:
		w.Header().Set("Location", f.URL()+"/"+f.Account+"/messages/"+id)
		w.WriteHeader(http.StatusCreated)
	}
}

// take keeps a message, unless the next fault says otherwise.
func (f *Flowmailer) take(m FlowmailerMessage) (string, FlowmailerFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var fault FlowmailerFault
	if len(f.faults) > 0 {
		fault, f.faults = f.faults[0], f.faults[1:]
	}
	m.ID = fmt.Sprintf("%d%s", len(f.taken)+1, rand.Text()[:8])
	if !fault.Lose {
		f.taken = append(f.taken, m)
	}
	return m.ID, fault
}

func (f *Flowmailer) byTag(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []FlowmailerMessage{}
	for _, m := range f.taken {
		if slices.Contains(m.Tags, r.PathValue("tag")) {
			found = append(found, m)
		}
	}
	answer(w, http.StatusPartialContent, found)
}

// list is GET message_events, one page: those after the reference.
func (f *Flowmailer) list(w http.ResponseWriter, r *http.Request) {
	kind, matrix, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/1234/"), ";")
	var after string
	var count int
	rest, ok := strings.CutPrefix(r.Header.Get("Range"), "items=")
	after, size, _ := strings.Cut(rest, ":")
	count, err := strconv.Atoi(size)
	from, to, spanned := strings.Cut(strings.TrimPrefix(matrix, "receivedrange="), ",")
	begin, e1 := time.Parse(time.RFC3339, from)
	end, e2 := time.Parse(time.RFC3339, to)
	if kind != "message_events" || !ok || err != nil || count < 1 || !spanned || e1 != nil || e2 != nil || r.FormValue("sortorder") != "ASC" {
		answer(w, http.StatusBadRequest, flowmailerErrors{})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	start := 0
	if after != "" {
		if start, err = strconv.Atoi(strings.TrimPrefix(after, "ref")); err != nil || f.forgot || start > len(f.events) {
			f.forgot = false
			answer(w, http.StatusNotFound, flowmailerErrors{})
			return
		}
	}
	page := []flowmailerEvent{}
	for start < len(f.events) && len(page) < count {
		if e := f.events[start]; !e.Received.Before(begin) && e.Received.Before(end) {
			if r.FormValue("addmessagetags") != "true" {
				e.Tags = nil
			}
			page = append(page, e)
		}
		start++
	}
	w.Header().Set("Next-Range", fmt.Sprintf("items=ref%d:%d", start, count))
	answer(w, http.StatusPartialContent, page)
}
