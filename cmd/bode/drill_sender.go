package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"time"
)

// senders submit by REST and by mail and repeat what was not answered, as the
// documentation tells integrators to. Safe for concurrent use.
type senders struct {
	base, mails string // of the service; mails may be empty
	keys        []string
	prefix      string // of references
	documents   bool   // one message in two has a document
	forget      bool   // repeat without the key that makes it once: the wrong way
	once        bool   // end at the first request without an answer
	client      *http.Client

	clients sync.WaitGroup

	mu        sync.Mutex
	told      map[string]string // number by reference; guarded by mu
	at        []time.Time       // of each acknowledgement; guarded by mu
	codes     map[int]int       // answers by status, of REST and SMTP; 0: no answer; guarded by mu
	replayed  int               // answers that say that it was done before; guarded by mu
	unhelpful int               // refusals that do not say when to try again; guarded by mu
}

// answered is one answer.
type answered struct {
	code     int // 0: there was none
	number   string
	replayed bool
	retry    string
}

// start lets n clients submit until ctx ends; what has begun is finished. One in
// four writes mails, if there is an address for them.
func (s *senders) start(ctx context.Context, n int) {
	s.told, s.codes = map[string]string{}, map[int]int{}
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: 15 * time.Second}
	for c := range n {
		s.clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if !s.insist(context.WithoutCancel(ctx), fmt.Sprintf("%s-%d-%d", s.prefix, c, i), s.keys[(c+i)%len(s.keys)], s.mails != "" && c%4 == 3) {
					return
				}
			}
		})
	}
}

// insist repeats until it is acknowledged, at most for five minutes. False: it
// never was.
func (s *senders) insist(ctx context.Context, reference, key string, mail bool) bool {
	began, wait := time.Now(), 50*time.Millisecond
	for try := 0; time.Since(began) < 5*time.Minute; try++ {
		once := reference
		if s.forget {
			once = fmt.Sprintf("%s-%d", reference, try)
		}
		var a answered
		if mail {
			a = mailOne(s.mails, reference, once)
		} else {
			a = s.post(ctx, reference, once, key)
		}
		if s.note(reference, a) {
			return true
		}
		if s.once {
			return false
		}
		_ = pause(ctx, wait)
		wait = min(2*wait, time.Second)
	}
	return false
}

// note keeps an answer and reports whether it acknowledges.
func (s *senders) note(reference string, a answered) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[a.code]++
	if a.replayed {
		s.replayed++
	}
	if (a.code == http.StatusServiceUnavailable || a.code == http.StatusTooManyRequests) && a.retry == "" {
		s.unhelpful++
	}
	if a.number == "" {
		return false
	}
	s.told[reference] = a.number
	s.at = append(s.at, time.Now())
	return true
}

// post submits one message, and its document first.
func (s *senders) post(ctx context.Context, reference, once, key string) answered {
	body := strings.Replace(fmt.Sprintf(benchBody, 1, 1), `"reference":"AV-1"`, `"reference":"`+reference+`"`, 1)
	if s.documents && strings.HasSuffix(reference, "1") {
		text := "Bijlage van " + reference + "\n" + strings.Repeat("Lorem ipsum.\n", 2000)
		a := s.call(ctx, "/documents?filename=bijlage.txt", key, "text/plain", once+"-d", text)
		if a.code != http.StatusCreated {
			return a
		}
		body = strings.TrimSuffix(body, "}") + `,"documents":["` + a.number + `"]}`
	}
	return s.call(ctx, "/messages", key, "application/json", once, body)
}

// call makes one request. The number of a document is its id.
func (s *senders) call(ctx context.Context, path, key, media, once, body string) (a answered) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return a
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", media)
	r.Header.Set("Idempotency-Key", once)
	resp, err := s.client.Do(r)
	if err != nil {
		return a
	}
	defer resp.Body.Close()
	var m struct{ ID, Number string }
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return a // half an answer is none
	}
	a.code, a.retry, a.replayed = resp.StatusCode, resp.Header.Get("Retry-After"), resp.Header.Get("Idempotency-Replayed") != ""
	if a.code != http.StatusCreated || json.Unmarshal(text, &m) != nil {
		return a
	}
	if a.number = m.Number; a.number == "" {
		a.number = m.ID
	}
	return a
}

const drillMail = "From: Immo Zilverlinde <post@zilverlinde.example>\r\nTo: an@mail.example\r\nSubject: Opzegging\r\nMessage-ID: <%s@zilverlinde.example>\r\n" +
	"X-Bode-Recipient: an@mail.example; given=An; family=Janssens; mobile=+32470000001; language=nl\r\n" +
	"X-Bode-Language: nl\r\nX-Bode-Fallback: none\r\nX-Bode-Reference: %s\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nWe zeggen op.\r\n.\r\n"

var registeredAs = regexp.MustCompile(`registered as (\S+)`)

// mailOne submits one mail where connections show a key by themselves.
func mailOne(addr, reference, once string) (a answered) {
	c, err := textproto.Dial("tcp", addr)
	if err != nil {
		return a
	}
	defer c.Close()
	for _, step := range []struct {
		say  string
		want int
	}{{"", 220}, {"EHLO drill.example\r\n", 250}, {"MAIL FROM:<post@zilverlinde.example>\r\n", 250}, {"RCPT TO:<an@mail.example>\r\n", 250},
		{"DATA\r\n", 354}, {fmt.Sprintf(drillMail, once, reference), 250}} {
		if _, err := c.W.WriteString(step.say); err != nil {
			return answered{}
		}
		if err := c.W.Flush(); err != nil {
			return answered{}
		}
		code, text, err := c.ReadResponse(0)
		if err != nil && code == 0 {
			return answered{}
		}
		a = answered{code: code}
		if code != step.want {
			return a
		}
		if m := registeredAs.FindStringSubmatch(text); m != nil {
			a.number = m[1]
		}
	}
	return a
}

// gap is the longest time without an acknowledgement from a moment on, in which
// one came.
func (s *senders) gap(from time.Time) (longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := from
	for _, at := range s.at {
		if at.Before(from) {
			continue
		}
		longest, last = max(longest, at.Sub(last)), at
	}
	return longest
}

// count is how many were acknowledged so far.
func (s *senders) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.told)
}

// answers are the answers so far, by status.
func (s *senders) answers() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[int]int, len(s.codes))
	for code, n := range s.codes {
		all[code] = n
	}
	return all
}
