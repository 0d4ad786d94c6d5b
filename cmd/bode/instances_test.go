package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault/vaulttest"
)

// takeover is how long leader tasks may rest when their leader dies.
const takeover = 30 * time.Second

// instances are two processes that answer and two that work, on one database and
// one S3 server, behind a balancer that leads each request to the other instance
// than the one before.
type instances struct {
	*estate
	t       *testing.T
	front   *balancer
	pool    *pgxpool.Pool
	secret  string // of the authenticator of who opened the account
	live    []string
	test    string
	serves  [2]*process
	workers [2]*process
	hooks   *hookEnd
}

// TestInstancesEndToEnd holds that it makes no difference which process does what:
// every step goes to another one, everything is done once, leader tasks have one
// leader and get another when it dies, and instances are replaced under load
// without a failed request.
func TestInstancesEndToEnd(t *testing.T) {
	t.Parallel()
	s := newInstances(t)
	s.signsIn()
	s.collects()
	s.sweepsOnce()
	s.pushesOnce()
	s.losesLeader()
	s.rolls()
	for _, p := range slices.Concat(s.serves[:], s.workers[:]) {
		if p != nil {
			p.stop(t, stopWithin)
		}
	}
	s.run(t, nil, "fsck").expect(t, "fsck", 0, "; 0 faults")
}

func newInstances(t *testing.T) *instances {
	t.Helper()
	e := newEstate(t)
	g, err := vaulttest.Start(vaulttest.Config{Dir: e.path("objects")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Kill() })
	delete(e.settings, "BODE_CONTENT_DIR")
	maps.Copy(e.settings, map[string]string{
		"BODE_CONTENT_ENDPOINT": g.Endpoint, "BODE_CONTENT_BUCKET": "content", "BODE_CONTENT_PLAIN": "true",
		"BODE_CONTENT_ACCESS_KEY": writeFile(t, e.path("s3-access"), vaulttest.AccessKey), "BODE_CONTENT_SECRET_KEY": writeFile(t, e.path("s3-secret"), vaulttest.SecretKey),
		"BODE_WEBHOOKS_LOOPBACK": "true", "BODE_TESTS_LEAVE": "true", "BODE_PROXIES": "127.0.0.0/8", "BODE_DRAIN": "2s",
	})
	s := &instances{estate: e, t: t, hooks: newHookEnd(t)}
	e.run(t, nil, "migrate").expect(t, "migrate", 0, `"made":true`)
	opened := e.run(t, nil, opening(writeFile(t, e.path("password"), goodPassword))...)
	s.secret = opened.field(t, "authenticator")
	key := func(mode, name string) string {
		return strings.TrimSpace(e.run(t, nil, "account", "key", opened.field(t, "account"), "--mode", mode, "--name", name,
			"--scopes", "read,send,evidence,webhooks").out)
	}
	s.live, s.test = []string{key("live", "one"), key("live", "two")}, key("test", "trial")
	if s.pool, err = pgxpool.New(t.Context(), e.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	if s.front, err = listenBalancer(t.Context(), e.listen, 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.front.close() })
	for i := range 2 {
		s.workers[i] = e.start(t, "", "worker")
		s.serve(i)
	}
	return s
}

// serve starts instance i, at an address of its own.
func (s *instances) serve(i int) {
	s.t.Helper()
	s.serves[i] = s.start(s.t, freeAddr(s.t), "serve", "--no-work")
	var all []string
	for _, p := range s.serves {
		if p != nil {
			all = append(all, p.addr)
		}
	}
	s.front.lead(all...)
	if err := eventually(s.t.Context(), func() (bool, error) { return s.front.serving() == len(all), nil }); err != nil {
		s.t.Fatal(err)
	}
}

func (s *instances) at(key string) outsider {
	return outsider{info: info{BaseURL: "http://" + s.front.addr(), CatcherURL: s.catcher.URL(), TestKey: key}, client: &http.Client{Timeout: time.Minute}}
}

// signsIn signs in through one and goes on through the other; who signs out is out
// everywhere.
func (s *instances) signsIn() {
	s.t.Helper()
	b, err := newBrowser()
	if err != nil {
		s.t.Fatal(err)
	}
	base, ctx := "http://"+s.front.addr(), s.t.Context()
	code, err := totp.GenerateCode(s.secret, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	posts := [2]int{s.front.took(s.serves[0].addr, http.MethodPost), s.front.took(s.serves[1].addr, http.MethodPost)}
	if err := b.open(ctx, base+"/portal/sign-in"); err != nil {
		s.t.Fatal(err)
	}
	if err := b.submit(ctx, "/portal/sign-in", url.Values{"login": {"lotte"}, "password": {goodPassword}, "code": {code}}); err != nil {
		s.t.Fatal(err)
	}
	for range 2 { // each in turn
		if err := b.open(ctx, base+"/portal/account"); err != nil || !strings.Contains(b.text(), "Peeters") {
			s.t.Fatalf("signed in, yet at %s: %v", b.at, err)
		}
	}
	if err := b.submit(ctx, "/sign-out", nil); err != nil {
		s.t.Fatal(err)
	}
	for range 2 {
		if err := b.open(ctx, base+"/portal/account"); err != nil || !strings.HasSuffix(b.at.Path, "/sign-in") {
			s.t.Errorf("signed out, yet at %s: %v", b.at, err)
		}
	}
	for i, p := range s.serves {
		s.t.Logf("instance %d took %d forms", i, s.front.took(p.addr, http.MethodPost)-posts[i])
	}
}

// collects submits through one, reads through the other, and collects with every
// request at another instance than the one before.
func (s *instances) collects() {
	s.t.Helper()
	p := &player{outsider: s.at(s.live[0]), files: map[string][]byte{"groot.bin": make([]byte, 12<<20)}}
	rand.Read(p.files["groot.bin"]) // in parts, on S3
	if err := p.register(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	for range 2 {
		var seen struct{ Number string }
		if err := p.call(s.t.Context(), http.MethodGet, "/messages/"+p.message, nil, &seen); err != nil || seen.Number != p.number {
			s.t.Errorf("read %+v, %v; want number %s", seen, err, p.number)
		}
	}
	if err := p.state(s.t.Context(), 0, delivery.Notified); err != nil {
		s.t.Fatal(err)
	}
	if err := p.collect(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	for i, x := range s.serves {
		if s.front.took(x.addr, http.MethodGet) < 3 || s.front.took(x.addr, http.MethodPost) < 1 {
			s.t.Errorf("instance %d took %d GET and %d POST: nothing was shared", i, s.front.took(x.addr, http.MethodGet), s.front.took(x.addr, http.MethodPost))
		}
	}
}

// sweepsOnce lets test messages fall due while both workers sweep: no reminder and
// no expiry happens twice.
func (s *instances) sweepsOnce() {
	s.t.Helper()
	const messages = 6
	ctx, o := s.t.Context(), s.at(s.test)
	s.registerHook(ctx, o)
	for i := range messages {
		if _, err := o.post(ctx, "SWEEP-"+string(rune('a'+i))); err != nil {
			s.t.Fatal(err)
		}
	}
	s.until("all are told", `SELECT count(*) = 0 FROM delivery WHERE state = 'submitted'`)
	for range 4 {
		if err := o.call(ctx, http.MethodPost, "/test-clock/advance", map[string]string{"by": "P5D"}, nil); err != nil {
			s.t.Fatal(err)
		}
	}
	s.until("all have expired", `SELECT count(*) = 6 FROM delivery WHERE state = 'expired'`)
	s.until("nothing is left to do", `SELECT count(*) = 0 FROM river_job WHERE state IN ('available', 'running')`)
	for what, sql := range map[string]string{
		"expired twice": `SELECT count(*) FROM (SELECT delivery_id FROM erds_event WHERE name = 'AcceptanceRejectionExpiry' GROUP BY 1 HAVING count(*) > 1) x`,
		"sent twice":    sqlTwice,
	} {
		if n := count1(s.t, s.pool, sql); n != 0 {
			s.t.Errorf("%d %s", n, what)
		}
	}
	seen := map[string]bool{}
	for _, m := range s.catcher.Messages() {
		id := m.Headers["Message-Id"]
		if m.Channel == "email" && (id == "" || seen[id]) {
			s.t.Errorf("mail %q to %s came twice", id, m.To)
		}
		seen[id] = true
	}
	s.t.Logf("%d mails and SMS", len(seen))
}

func (s *instances) until(what, sql string) {
	s.t.Helper()
	if err := eventually(s.t.Context(), func() (yes bool, err error) {
		return yes, s.pool.QueryRow(s.t.Context(), sql).Scan(&yes)
	}); err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// hookEnd is where pushes go. Safe for concurrent use.
type hookEnd struct {
	url string

	mu   sync.Mutex
	came map[string]int // by webhook-id; guarded by mu
}

func newHookEnd(t *testing.T) *hookEnd {
	h := &hookEnd{came: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "webhook.ping") {
			h.mu.Lock()
			h.came[r.Header.Get("Webhook-Id")]++
			h.mu.Unlock()
		}
		w.Write(body) // with the challenge of a ping
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hookEnd) counts() (pushes, twice int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.came {
		if n > 1 {
			twice++
		}
	}
	return len(h.came), twice
}

func (s *instances) registerHook(ctx context.Context, o outsider) {
	s.t.Helper()
	var hook struct{ ID string }
	if err := o.call(ctx, http.MethodPost, "/webhooks", map[string]any{"url": s.hooks.url, "types": []string{"all"}}, &hook); err != nil {
		s.t.Fatal(err)
	}
	var proof struct{ Delivered bool }
	if err := o.call(ctx, http.MethodPost, "/webhooks/"+hook.ID+"/test", nil, &proof); err != nil || !proof.Delivered {
		s.t.Fatalf("the address is not proven: %+v, %v", proof, err)
	}
}

// pushesOnce holds that every event of the feed was pushed, by whichever worker, and
// none twice.
func (s *instances) pushesOnce() {
	s.t.Helper()
	var pushes, twice, events int
	if err := eventually(s.t.Context(), func() (_ bool, err error) {
		if events, err = s.fed(); err != nil {
			return false, err
		}
		pushes, twice = s.hooks.counts()
		return pushes == events && pushes > 0, nil
	}); err != nil || twice > 0 {
		s.t.Errorf("%d pushes for %d events, %d of them twice: %v", pushes, events, twice, err)
	}
	s.t.Logf("%d events, each pushed once", pushes)
}

// fed counts the events of the feed of tests.
func (s *instances) fed() (n int, err error) {
	const page = 100
	for after := ""; ; {
		var feed struct {
			Data  []struct{ ID string }
			After string
		}
		if err := s.at(s.test).call(s.t.Context(), http.MethodGet, fmt.Sprintf("/events?limit=%d&after=%s", page, after), nil, &feed); err != nil {
			return 0, err
		}
		if n += len(feed.Data); len(feed.Data) < page {
			return n, nil
		}
		after = feed.After
	}
}

// losesLeader kills the process that leads in the midst of its work: another takes
// over, that work too.
func (s *instances) losesLeader() {
	s.t.Helper()
	const leads = `SELECT leader_id FROM river_leader`
	var old, now string
	if err := s.pool.QueryRow(s.t.Context(), leads).Scan(&old); err != nil {
		s.t.Fatal(err)
	}
	dead := slices.IndexFunc(s.workers[:], func(p *process) bool { return strings.Contains(old, instanceMark(p.cmd.Process.Pid)) })
	if dead < 0 {
		s.t.Fatalf("%q leads, which is neither worker", old)
	}
	pid := s.workers[dead].cmd.Process.Pid
	rest := s.busy(old)
	s.workers[dead].cmd.Process.Kill()
	<-s.workers[dead].over
	rest()
	s.workers[dead] = nil
	died := time.Now()
	if err := eventually(s.t.Context(), func() (bool, error) {
		err := s.pool.QueryRow(s.t.Context(), `SELECT coalesce(max(leader_id), '') FROM river_leader WHERE expires_at > now()`).Scan(&now)
		return now != "" && now != old, err
	}); err != nil || time.Since(died) > takeover {
		s.t.Errorf("%q leads %s after the death of %q: %v", now, time.Since(died), old, err)
	}
	s.t.Logf("another leads after %s", time.Since(died).Round(time.Millisecond))
	inherit(s.t, s.pool, pid)
	for i := range 4 {
		if _, err := s.at(s.live[i%2]).post(s.t.Context(), ""); err != nil {
			s.t.Fatal(err)
		}
	}
	sealedOnce(s.t, s.pool)
}

// busy submits until the worker of that name seals. What it returns
// waits for what was submitted meanwhile.
func (s *instances) busy(worker string) (rest func()) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	var posting sync.WaitGroup
	for i := range 4 {
		posting.Go(func() {
			for n := 0; n < 10 && ctx.Err() == nil; n++ {
				if _, err := s.at(s.live[i%2]).post(s.t.Context(), ""); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	s.until("the leader seals", fmt.Sprintf(`SELECT EXISTS (SELECT FROM river_job WHERE queue = 'evidence' AND state = 'running' AND attempted_by[array_length(attempted_by, 1)] = '%s')`, worker))
	return func() { stop(); posting.Wait() }
}

// rolls replaces both instances under load.
func (s *instances) rolls() {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	load := visitAll(ctx, "http://"+s.front.addr(), s.live, 2)
	for i := range s.serves {
		old := s.serves[i]
		old.stop(s.t, stopWithin)
		s.serves[i] = nil
		s.serve(i)
	}
	stop()
	load.clients.Wait()
	if load.failures() > 0 || load.answered() == 0 || load.uploads() == 0 {
		s.t.Errorf("%d requests answered, %d slow uploads, %d failed: %v", load.answered(), load.uploads(), load.failures(), load.first)
	}
	s.t.Logf("%d requests answered, %d slow uploads, none failed", load.answered(), load.uploads())
	sealedOnce(s.t, s.pool)
}
