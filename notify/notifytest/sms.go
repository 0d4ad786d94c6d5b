package notifytest

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
)

// smsState is what the gateway knows of a tag.
type smsState struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

type smsProblem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type smsOrder struct {
	To   string `json:"to"`
	From string `json:"from"`
	Text string `json:"text"`
	Tag  string `json:"tag"`
	Kind string `json:"kind"`
}

// signedIn answers 401 itself when the token is wrong.
func (c *Catcher) signedIn(w http.ResponseWriter, r *http.Request) bool {
	want := "Bearer " + c.cfg.SMSToken
	if c.cfg.SMSToken == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(want)) == 1 {
		return true
	}
	answer(w, http.StatusUnauthorized, smsProblem{"unauthorized", "Unknown token"})
	return false
}

// sendSMS is POST /sms/messages.
func (c *Catcher) sendSMS(w http.ResponseWriter, r *http.Request) {
	if !c.signedIn(w, r) {
		return
	}
	var o smsOrder
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&o); err != nil || o.To == "" || o.Text == "" || o.Tag == "" {
		answer(w, http.StatusBadRequest, smsProblem{"bad_request", "to, text and tag are needed"})
		return
	}
	if known, ok := c.tag(o.Tag); ok {
		answer(w, http.StatusOK, known)
		return
	}
	lose, mute := false, false
	switch {
	case strings.HasSuffix(o.To, "0000"):
		answer(w, http.StatusUnprocessableEntity, smsProblem{"invalid_number", "No such number"})
		return
	case strings.HasSuffix(o.To, "0003") && c.try(o.To) == 0:
		answer(w, http.StatusServiceUnavailable, smsProblem{"overloaded", "Please try again later"})
		return
	case strings.HasSuffix(o.To, "0004"):
		answer(w, http.StatusUnauthorized, smsProblem{"account_blocked", "Refused by policy"})
		return
	case strings.HasSuffix(o.To, "0001"):
		lose = true
	case strings.HasSuffix(o.To, "0002"):
		mute = c.try(o.To) == 0
	}
	id := "lost-" + o.Tag
	if !lose {
		id = c.store(Message{Channel: "sms", Kind: o.Kind, To: o.To, From: o.From, Text: o.Text,
			Headers: map[string]string{"Tag": o.Tag}, Envelope: map[string]string{}})
	}
	state := c.setTag(o.Tag, smsState{ID: "sms-" + id, Status: "accepted"})
	if mute {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	answer(w, http.StatusAccepted, state)
}

// smsStatus is GET /sms/status?tag=…
func (c *Catcher) smsStatus(w http.ResponseWriter, r *http.Request) {
	if !c.signedIn(w, r) {
		return
	}
	if known, ok := c.tag(r.FormValue("tag")); ok {
		answer(w, http.StatusOK, known)
		return
	}
	answer(w, http.StatusNotFound, smsProblem{"unknown_tag", "No message with this tag"})
}

func (c *Catcher) tag(tag string) (smsState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.tags[tag]
	return s, ok
}

func (c *Catcher) setTag(tag string, s smsState) smsState {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tags[tag] = s
	return s
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client left
}
