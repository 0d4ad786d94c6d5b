package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api/client"
)

// service answers as it is told, one answer after the other, and keeps what it
// was asked.
type service struct {
	mu      sync.Mutex
	answers []func(http.ResponseWriter)
	asked   []*http.Request
	bodies  []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	answer := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked, s.bodies = append(s.asked, r), append(s.bodies, string(body))
	s.mu.Unlock()
	answer(w)
}

func newClient(t *testing.T, answers ...func(http.ResponseWriter)) (*client.Client, *service) {
	t.Helper()
	s := &service{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{BaseURL: server.URL + "/", Key: "bode_test_x", MaxWait: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func says(status int, text string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		kind := "application/json"
		if status >= 400 {
			kind = "application/problem+json"
		}
		w.Header().Set("Content-Type", kind)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

const slower = `{"type":"x","title":"Slower","status":429,"code":"too_many_requests"}`

func TestConfig(t *testing.T) {
	t.Parallel()
	token := func(context.Context) (string, error) { return "", nil }
	for name, cfg := range map[string]client.Config{
		"nothing": {}, "no key": {BaseURL: "https://x.example"}, "no address": {Key: "k"}, "other scheme": {BaseURL: "ftp://x.example", Key: "k"},
		"path only": {BaseURL: "/x", Key: "k"}, "query": {BaseURL: "https://x.example?a", Key: "k"},
		"both": {BaseURL: "https://x.example", Key: "k", Token: token}, "attempts": {BaseURL: "https://x.example", Key: "k", Attempts: -1},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What is refused for the moment is tried again with the same key and body.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	c, s := newClient(t, says(429, slower, "Retry-After", "1"), func(w http.ResponseWriter) { panic(http.ErrAbortHandler) },
		says(201, `{"id":"m","subject":"s"}`))
	began := time.Now()
	m, err := c.CreateMessage(t.Context(), client.CreateMessageParams{}, client.NewMessage{Subject: new("s")})
	if err != nil || m.ID != "m" {
		t.Fatal(m, err)
	}
	if d := time.Since(began); d < time.Second {
		t.Errorf("again after %s", d)
	}
	key := s.asked[0].Header.Get("Idempotency-Key")
	for i, r := range s.asked {
		if r.Header.Get("Idempotency-Key") != key || key == "" || s.bodies[i] != s.bodies[0] || s.bodies[i] == "" {
			t.Errorf("attempt %d: key %q, body %q", i, r.Header.Get("Idempotency-Key"), s.bodies[i])
		}
		if r.Header.Get("Authorization") != "Bearer bode_test_x" || r.URL.Path != "/api/v1/messages" {
			t.Errorf("attempt %d: %v", i, r)
		}
	}
	if _, err = c.CreateMessage(t.Context(), client.CreateMessageParams{}, client.NewMessage{}); err != nil ||
		s.asked[len(s.asked)-1].Header.Get("Idempotency-Key") == key {
		t.Errorf("the key of another call: %v", err)
	}
}

// TestGivesUp: what trying again does not mend is not tried again.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	refused := `{"type":"x","title":"Some fields are not right","status":422,"code":"invalid","errors":[{"pointer":"/subject","code":"required","detail":"missing"}]}`
	for name, x := range map[string]struct {
		answer func(http.ResponseWriter)
		code   string
		tries  int
	}{
		"refused":               {says(422, refused), "invalid", 1},
		"a longer wait":         {says(429, slower, "Retry-After", "3600"), "too_many_requests", 1},
		"no problem":            {says(404, "<html>", "Content-Type", "text/html"), "no_problem_document", 1},
		"a problem that is not": {says(400, "[", "Content-Type", "application/problem+json"), "no_problem_document", 1},
	} {
		c, s := newClient(t, x.answer)
		_, err := c.GetMessage(t.Context(), "m")
		e, ok := errors.AsType[*client.Error](err)
		if !ok || e.Code != x.code || len(s.asked) != x.tries {
			t.Errorf("%s: %v after %d tries", name, err, len(s.asked))
		}
		if x.code == "invalid" && !strings.Contains(err.Error(), "/subject: missing") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, s := newClient(t, says(503, slower))
	stream := struct{ io.Reader }{strings.NewReader("x")}
	if _, err := c.CreateDocument(t.Context(), client.CreateDocumentParams{Filename: "a"}, "text/plain", stream); err == nil || len(s.asked) != 1 {
		t.Errorf("a stream that is gone was sent %d times: %v", len(s.asked), err)
	}
	if _, err := c.GetDelivery(t.Context(), ".."); err == nil || len(s.asked) != 1 {
		t.Errorf("another address: %v", err)
	}
	if _, err := c.GetDelivery(t.Context(), "a/b?c"); err == nil || s.asked[1].URL.EscapedPath() != "/api/v1/deliveries/a%2Fb%3Fc" {
		t.Errorf("%s", s.asked[1].URL.EscapedPath())
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.GetDelivery(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestPagesAndFeed(t *testing.T) {
	t.Parallel()
	c, s := newClient(t, says(200, `{"data":[{"id":"a"},{"id":"b"}],"next":"n1"}`), says(200, `{"data":[{"id":"c"}]}`), says(500, "{}"))
	var ids []string
	for m, err := range c.Messages(t.Context(), client.ListMessagesParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if !slices.Equal(ids, []string{"a", "b", "c"}) || s.asked[1].URL.RawQuery != "cursor=n1" {
		t.Errorf("%v, %s", ids, s.asked[1].URL)
	}
	n := 0
	for _, err := range c.Messages(t.Context(), client.ListMessagesParams{}) {
		if n++; err == nil || n > 1 {
			t.Errorf("%d: %v", n, err)
		}
	}
	c, s = newClient(t, says(200, `{"data":[{"id":"a"}],"after":"1"}`), says(200, `{"data":[],"after":"1"}`))
	n = 0
	after, err := c.Feed(t.Context(), "0", func(client.Event) error { n++; return nil })
	if after != "1" || err != nil || n != 1 || s.asked[1].URL.RawQuery != "after=1" {
		t.Errorf("%d events, then %q, %v", n, after, err)
	}
	c, _ = newClient(t, says(200, `{"data":[{"id":"a"}],"after":"1"}`))
	if after, err = c.Feed(t.Context(), "0", func(client.Event) error { return io.ErrUnexpectedEOF }); after != "0" || err == nil {
		t.Errorf("an event that was not dealt with: %q, %v", after, err)
	}
}

// TestUnknownFieldsPass: clients live longer than contracts.
func TestUnknownFieldsPass(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t, says(200, `{"id":"d","state":"lost_in_space","surprise":{"a":[1]}}`))
	d, err := c.GetDelivery(t.Context(), "d")
	if err != nil || d.State != "lost_in_space" {
		t.Errorf("%+v, %v", d, err)
	}
	if b, err := json.Marshal(client.NewMessage{Subject: new("s")}); err != nil || strings.Contains(string(b), "policy") {
		t.Errorf("%s, %v", b, err)
	}
}
