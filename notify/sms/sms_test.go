package sms_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/sms"
)

func transport(t *testing.T, url string, change ...func(*sms.Config)) *sms.Transport {
	t.Helper()
	cfg := sms.Config{URL: url, Token: "secret-token", From: "Bode", CallTimeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	tr, err := sms.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func message(to string, attempt int) notify.Message {
	return notify.Message{
		Notice:  notify.Notice{ID: "tag-" + to, Kind: notify.Code, Channel: notify.SMS, To: to, Language: "nl"},
		Attempt: attempt, Text: "Bode: uw code is 418302.",
	}
}

func deliver(t *testing.T, tr *sms.Transport, m notify.Message) notify.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, digest := tr.Deliver(ctx, m)
	if len(digest) != 64 {
		t.Errorf("digest %q", digest)
	}
	return r
}

func TestDelivers(t *testing.T) {
	t.Parallel()
	box, err := notifytest.StartCatcher(notifytest.Config{SMSToken: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	tr := transport(t, box.SMSURL())
	r := deliver(t, tr, message("+32470123456", 1))
	if r.Outcome != notify.Sent || r.ID != "sms-1" || r.Remote != strings.TrimPrefix(box.URL(), "http://") || !strings.HasPrefix(r.Reply, "202 ") {
		t.Fatalf("%+v", r)
	}
	got := box.Messages()
	if len(got) != 1 || got[0].Text != "Bode: uw code is 418302." || got[0].To != "+32470123456" || got[0].From != "Bode" || got[0].Kind != "code" {
		t.Fatalf("%+v", got)
	}

	cases := []struct {
		to      string
		attempt int
		outcome notify.Outcome
		doubt   bool
	}{
		{"+32470120000", 1, notify.Permanent, false},
		{"+32470120003", 1, notify.Temporary, false},
		{"+32470120003", 2, notify.Sent, false},
		{"+32470120004", 1, notify.Technical, false},
		{"+32470120001", 1, notify.Sent, false},
		{"+32470120002", 1, notify.Technical, true},
		{"+32470120002", 2, notify.Sent, false}, // found, not sent again
		{"+32470123456", 1, notify.Sent, false}, // the same tag is the same message
	}
	for _, c := range cases {
		if r := deliver(t, tr, message(c.to, c.attempt)); r.Outcome != c.outcome || r.InDoubt != c.doubt {
			t.Errorf("%s attempt %d: %+v", c.to, c.attempt, r)
		}
	}
	count := map[string]int{}
	for _, m := range box.Messages() {
		count[m.To]++
	}
	if count["+32470120002"] != 1 || count["+32470123456"] != 1 || len(count) != 3 {
		t.Errorf("arrived: %v", count)
	}
	if r := deliver(t, transport(t, box.SMSURL(), func(c *sms.Config) { c.Token = "other" }), message("+32470123457", 1)); r.Outcome != notify.Technical {
		t.Errorf("wrong token: %+v", r)
	}
}

func TestClassifiesAnswers(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		body    string
		outcome notify.Outcome
		doubt   bool
	}{
		"taken":                 {200, `{"id":"7","status":"accepted"}`, notify.Sent, false},
		"created":               {201, `{"id":"7"}`, notify.Sent, false},
		"failed at once":        {200, `{"id":"7","status":"failed"}`, notify.Permanent, false},
		"a page":                {200, `<html>maintenance</html>`, notify.Technical, true},
		"taken without id":      {202, `{}`, notify.Technical, true},
		"id of a wrong type":    {202, `{"id":7}`, notify.Technical, true},
		"no content":            {204, ``, notify.Technical, true},
		"redirect":              {302, `{"id":"7"}`, notify.Technical, true},
		"bad request":           {400, `{"code":"bad_request"}`, notify.Technical, false},
		"bad number":            {400, `{"code":"invalid_number"}`, notify.Permanent, false},
		"a landline":            {422, `{"code":"not_mobile"}`, notify.Permanent, false},
		"opted out":             {403, `{"code":"opted_out"}`, notify.Permanent, false},
		"no credit":             {402, `{"code":"no_credit"}`, notify.Technical, false},
		"not there":             {404, `not found`, notify.Technical, false},
		"timeout":               {408, ``, notify.Temporary, false},
		"too many":              {429, `{"code":"invalid_number"}`, notify.Temporary, false},
		"broken":                {500, `{"code":"invalid_number"}`, notify.Temporary, false},
		"bad gateway":           {502, `<html>`, notify.Temporary, false},
		"an answer without end": {200, `{"id":"` + strings.Repeat("x", 1<<17) + `"}`, notify.Technical, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if c.status == 302 {
					w.Header().Set("Location", "http://127.0.0.1:9/elsewhere")
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			if r := deliver(t, transport(t, s.URL), message("+32470123456", 1)); r.Outcome != c.outcome || r.InDoubt != c.doubt {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Before a second attempt the gateway is asked; only a clear no sends again.
func TestLooksUpBeforeSendingAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status  int
		body    string
		outcome notify.Outcome
		posts   int
	}{
		"it has it":             {200, `{"id":"7","status":"delivered"}`, notify.Sent, 0},
		"it failed":             {200, `{"id":"7","status":"failed"}`, notify.Permanent, 0},
		"it never had it":       {404, `{"code":"unknown_tag"}`, notify.Sent, 1},
		"there is no such call": {404, `<html>404</html>`, notify.Technical, 0},
		"not allowed":           {401, `{"code":"unauthorized"}`, notify.Technical, 0},
		"not now":               {503, ``, notify.Temporary, 0},
		"too often":             {429, ``, notify.Temporary, 0},
		"nonsense":              {200, `{}`, notify.Temporary, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			posts := make(chan struct{}, 10)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					posts <- struct{}{}
					io.WriteString(w, `{"id":"8","status":"accepted"}`)
					return
				}
				if r.URL.Path != "/status" || r.FormValue("tag") != "tag-+32470123456" || r.Header.Get("Authorization") != "Bearer secret-token" {
					t.Errorf("asked %s", r.URL)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			if r := deliver(t, transport(t, s.URL), message("+32470123456", 2)); r.Outcome != c.outcome || r.InDoubt || len(posts) != c.posts {
				t.Errorf("%+v after %d posts", r, len(posts))
			}
		})
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
		if r := deliver(t, transport(t, "http://"+l.Addr().String()), message("+32470123456", 1)); r.Outcome != notify.Temporary || r.InDoubt || !r.Unreached || strings.Contains(r.Reply, "messages") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		release := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
		defer s.Close()
		defer close(release)
		r := deliver(t, transport(t, s.URL, func(c *sms.Config) { c.CallTimeout = 200 * time.Millisecond }), message("+32470123456", 1))
		if r.Outcome != notify.Technical || !r.InDoubt || r.Unreached {
			t.Errorf("%+v", r)
		}
	})
	t.Run("verified TLS", func(t *testing.T) {
		t.Parallel()
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"id":"7"}`) }))
		defer s.Close()
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		good := transport(t, s.URL, func(c *sms.Config) { c.TLS = &tls.Config{RootCAs: roots} })
		if r := deliver(t, good, message("+32470123456", 1)); r.Outcome != notify.Sent || r.TLS != "TLS 1.3" {
			t.Errorf("trusted: %+v", r)
		}
		if r := deliver(t, transport(t, s.URL), message("+32470123456", 1)); r.Outcome != notify.Technical || r.InDoubt || !r.Unreached {
			t.Errorf("stranger: %+v", r)
		}
	})
}

// What a gateway echoes must not carry a code into the evidence.
func TestReplyHoldsNoText(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id":"7","status":"accepted","text":"Bode: uw code is 418302."}`)
	}))
	defer s.Close()
	if r := deliver(t, transport(t, s.URL), message("+32470123456", 1)); strings.Contains(r.Reply, "418302") || r.Reply != "200 accepted 7" {
		t.Errorf("reply %q", r.Reply)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sms.Config{
		"nothing":            {},
		"in clear":           {URL: "http://gateway.example/v1"},
		"in clear to a name": {URL: "http://localhost/v1"},
		"other scheme":       {URL: "ftp://127.0.0.1/"},
		"password in it":     {URL: "https://a:b@gateway.example/"},
		"query":              {URL: "https://gateway.example/?x=1"},
		"header in token":    {URL: "https://gateway.example/", Token: "a\r\nX: y"},
		"unverified":         {URL: "https://gateway.example/", TLS: &tls.Config{InsecureSkipVerify: true}},
	} {
		if _, err := sms.New(cfg); !errors.Is(err, sms.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
}
