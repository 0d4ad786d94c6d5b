package flowmailer_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/flowmailer"
	"github.com/bode-erds/bode/notify/notifytest"
)

const notice = "018f0000-0000-7000-8000-000000000001"

func start(t *testing.T, change ...func(*flowmailer.Config)) (*notifytest.Flowmailer, *flowmailer.Transport) {
	t.Helper()
	f := notifytest.StartFlowmailer()
	t.Cleanup(f.Close)
	return f, transport(t, f.URL(), change...)
}

func transport(t *testing.T, url string, change ...func(*flowmailer.Config)) *flowmailer.Transport {
	t.Helper()
	cfg := flowmailer.Config{Account: "1234", ClientID: "client", ClientSecret: "secret", From: "Bode", API: url, Login: url, CallTimeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	tr, err := flowmailer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func message(attempt int) notify.Message {
	return notify.Message{Text: "Bode: uw code is 418302.", Attempt: attempt,
		Notice: notify.Notice{ID: notice, Kind: notify.Code, Channel: notify.SMS, To: "+32470123456", Language: "nl"}}
}

func deliver(t *testing.T, tr *flowmailer.Transport, m notify.Message) notify.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, digest := tr.Deliver(ctx, m)
	if len(digest) != 64 {
		t.Errorf("digest %q", digest)
	}
	if s := r.Reply + r.Remote; strings.Contains(s, "418302") || strings.Contains(s, "470123456") || strings.Contains(s, "oauth") {
		t.Errorf("the reply says too much: %q", s)
	}
	return r
}

func TestDelivers(t *testing.T) {
	t.Parallel()
	f, tr := start(t)
	r := deliver(t, tr, message(1))
	got := f.Messages()
	if len(got) != 1 || r.Outcome != notify.Sent || r.ID != got[0].ID || r.Reply != "201 "+r.ID || r.Unreached {
		t.Fatalf("%+v %+v", r, got)
	}
	if m := got[0]; m.To != "+32470123456" || m.From != "Bode" || m.Text != "Bode: uw code is 418302." || m.Receipts != "DELIVERY_AND_FAILURE" ||
		!slices.Equal(m.Tags, []string{"bode-" + notice, "bode-" + notice + ".1"}) {
		t.Errorf("%+v", m)
	}
}

// What it took or did not, and said or did not, crossed: after the second attempt
// there is one message, however the first ended.
func TestTookItAndSaidSo(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fault         notifytest.FlowmailerFault
		first, second notify.Outcome
		doubt         bool
		messages      int
	}{
		"took it, said so":              {notifytest.FlowmailerFault{}, notify.Sent, notify.Sent, false, 1},
		"took it, said nothing":         {notifytest.FlowmailerFault{Mute: true}, notify.Technical, notify.Sent, true, 1},
		"lost it, said it took it":      {notifytest.FlowmailerFault{Lose: true}, notify.Sent, notify.Sent, false, 1},
		"lost it, said nothing":         {notifytest.FlowmailerFault{Lose: true, Mute: true}, notify.Technical, notify.Sent, true, 1},
		"took it, broke":                {notifytest.FlowmailerFault{Status: 500, Body: "oops"}, notify.Technical, notify.Sent, true, 1},
		"took it, a proxy broke":        {notifytest.FlowmailerFault{Status: 502, Body: "<html>"}, notify.Technical, notify.Sent, true, 1},
		"too many":                      {notifytest.FlowmailerFault{Lose: true, Status: 429}, notify.Temporary, notify.Sent, false, 1},
		"not now":                       {notifytest.FlowmailerFault{Lose: true, Status: 503}, notify.Temporary, notify.Sent, false, 1},
		"forbidden":                     {notifytest.FlowmailerFault{Lose: true, Status: 403, Body: `{"allErrors":[{"code":"Denied"}]}`}, notify.Technical, notify.Sent, false, 1},
		"a redirect":                    {notifytest.FlowmailerFault{Lose: true, Status: 302}, notify.Technical, notify.Sent, true, 1},
		"an answer that is no creation": {notifytest.FlowmailerFault{Lose: true, Status: 200, Body: "{}"}, notify.Technical, notify.Sent, true, 1},
		"no location":                   {notifytest.FlowmailerFault{Status: 201}, notify.Technical, notify.Sent, true, 1},
		"the text is refused":           {notifytest.FlowmailerFault{Lose: true, Status: 400, Body: `{"allErrors":[{"code":"Size","field":"text","rejectedValue":"418302"}]}`}, notify.Technical, notify.Sent, false, 1},
		"the number is refused":         {notifytest.FlowmailerFault{Lose: true, Status: 400, Body: `{"allErrors":[{"code":"Size","field":"text"},{"code":"Bad","field":"recipientAddress","rejectedValue":"+32470123456","defaultMessage":"+32470123456"}]}`}, notify.Permanent, notify.Sent, false, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, tr := start(t)
			f.Fail(c.fault)
			if r := deliver(t, tr, message(1)); r.Outcome != c.first || r.InDoubt != c.doubt || r.Unreached {
				t.Errorf("first: %+v", r)
			}
			if r := deliver(t, tr, message(2)); r.Outcome != c.second || r.InDoubt {
				t.Errorf("second: %+v", r)
			}
			if n := len(f.Messages()); n != c.messages {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// Only a clear no lets a message be sent again.
func TestLooksUpBeforeSendingAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		body    string
		outcome notify.Outcome
		posts   int
	}{
		"it has it":                {206, `[{"id":"7","status":"DELIVERED","tags":["bode-` + notice + `"]}]`, notify.Sent, 0},
		"it gave it up":            {206, `[{"id":"7","status":"HARDBOUNCE","tags":["bode-` + notice + `"]}]`, notify.Permanent, 0},
		"it refused it":            {200, `[{"id":"7","status":"REJECT","tags":["bode-` + notice + `"]}]`, notify.Technical, 0},
		"no":                       {206, `[]`, notify.Sent, 1},
		"unknown tag":              {404, `{"allErrors":[]}`, notify.Sent, 1},
		"messages of others":       {206, `[{"id":"7","status":"DELIVERED","tags":["bode-other"]},{"id":"8"}]`, notify.Sent, 1},
		"a page of a proxy":        {200, `<html>`, notify.Technical, 0},
		"null":                     {200, `null`, notify.Technical, 0},
		"not now":                  {503, ``, notify.Temporary, 0},
		"too many":                 {429, ``, notify.Temporary, 0},
		"we may not":               {403, ``, notify.Technical, 0},
		"an answer without an end": {206, `[{"id":"` + strings.Repeat("x", 5<<20), notify.Technical, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			posts := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				switch {
				case r.URL.Path == "/oauth/token":
					letIn(w)
				case r.Method == http.MethodPost:
					mu.Lock()
					posts++
					mu.Unlock()
					w.Header().Set("Location", "/1234/messages/9")
					w.WriteHeader(http.StatusCreated)
				default:
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.body)
				}
			}))
			defer s.Close()
			r := deliver(t, transport(t, s.URL), message(2))
			mu.Lock()
			defer mu.Unlock()
			if r.Outcome != c.outcome || r.InDoubt || posts != c.posts {
				t.Errorf("%+v after %d submissions", r, posts)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	f, tr := start(t, func(c *flowmailer.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	send := func(want notify.Outcome) {
		t.Helper()
		if r := deliver(t, tr, message(1)); r.Outcome != want {
			t.Errorf("%+v", r)
		}
	}
	send(notify.Sent)
	send(notify.Sent)
	if n := f.Logins(); n != 1 {
		t.Errorf("%d tokens for two messages", n)
	}
	mu.Lock()
	now = now.Add(51 * time.Second) // ten seconds before its end it is not used any more
	mu.Unlock()
	send(notify.Sent)
	if n := f.Logins(); n != 2 {
		t.Errorf("%d tokens", n)
	}
	f.Expire()
	send(notify.Sent)
	if n := f.Logins(); n != 3 {
		t.Errorf("%d tokens", n)
	}
	f.TokenLife = -time.Second // each is worthless at once; and it is not asked for without end
	f.Expire()
	if r := deliver(t, tr, message(1)); r.Outcome == notify.Sent || r.InDoubt {
		t.Errorf("%+v", r)
	}
	if n := f.Logins(); n > 5 {
		t.Errorf("%d tokens", n)
	}
	wrong := transport(t, f.URL(), func(c *flowmailer.Config) { c.ClientSecret = "other" })
	if r := deliver(t, wrong, message(1)); r.Outcome != notify.Technical || r.InDoubt || !r.Unreached || strings.Contains(r.Reply, "other") {
		t.Errorf("wrong secret: %+v", r)
	}
	if n := len(f.Messages()); n != 4 {
		t.Errorf("%d messages", n)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		r := deliver(t, transport(t, "http://"+l.Addr().String()), message(1))
		if r.Outcome != notify.Temporary || r.InDoubt || !r.Unreached {
			t.Errorf("%+v", r)
		}
	})
	t.Run("a stranger", func(t *testing.T) {
		t.Parallel()
		s := httptest.NewTLSServer(http.NotFoundHandler())
		defer s.Close()
		if r := deliver(t, transport(t, s.URL), message(1)); r.Outcome != notify.Technical || r.InDoubt {
			t.Errorf("%+v", r)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		release := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/oauth/token" {
				<-release
			}
			letIn(w)
		}))
		defer s.Close()
		defer close(release)
		r := deliver(t, transport(t, s.URL, func(c *flowmailer.Config) { c.CallTimeout = 300 * time.Millisecond }), message(1))
		if r.Outcome != notify.Technical || !r.InDoubt || r.Unreached {
			t.Errorf("%+v", r)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := flowmailer.Config{Account: "1234", ClientID: "a", ClientSecret: "b", From: "Bode"}
	if _, err := flowmailer.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*flowmailer.Config){
		"no account":         func(c *flowmailer.Config) { c.Account = "" },
		"a path in it":       func(c *flowmailer.Config) { c.Account = "1/../2" },
		"no client":          func(c *flowmailer.Config) { c.ClientID = "" },
		"no secret":          func(c *flowmailer.Config) { c.ClientSecret = "" },
		"no sender":          func(c *flowmailer.Config) { c.From = "" },
		"long sender":        func(c *flowmailer.Config) { c.From = "Aangetekende" },
		"in clear":           func(c *flowmailer.Config) { c.API = "http://api.example" },
		"in clear to a name": func(c *flowmailer.Config) { c.Login = "http://localhost" },
		"password in it":     func(c *flowmailer.Config) { c.API = "https://a:b@api.example" },
		"unverified":         func(c *flowmailer.Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} },
	} {
		cfg := good
		change(&cfg)
		if _, err := flowmailer.New(cfg); !errors.Is(err, flowmailer.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
}

// letIn gives a token for a minute.
func letIn(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"x","token_type":"bearer","expires_in":60}`)
}
