package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify/webhook"
)

// receiver is somebody who is told. It repeats challenges, and answers the rest
// as it is told to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	answer string
	got    []got
}

type got struct {
	id, kind string
	body     string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	var b struct {
		Type string
		Data struct{ Challenge string }
	}
	_ = json.Unmarshal(body, &b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, got{q.Header.Get("webhook-id"), b.Type, string(body)})
	w.WriteHeader(r.status)
	io.WriteString(w, r.answer+b.Data.Challenge)
}

func (r *receiver) answers(status int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status, r.answer = status, text
}

// kinds of what came, pings left out.
func (r *receiver) kinds() (kinds []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.got {
		if g.kind != delivery.HookPing {
			kinds = append(kinds, g.kind)
		}
	}
	return kinds
}

// alarms counts who was told.
type alarms struct {
	mu  sync.Mutex
	off []string
}

func (a *alarms) WebhookDisabled(_ context.Context, _ pgx.Tx, account string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off = append(a.off, account)
	return nil
}

// hooked is a rig whose service pushes.
type hooked struct {
	*rig
	s      *delivery.Service
	alarms *alarms
}

func newHooked(t *testing.T) *hooked {
	r := newRig(t)
	sender, err := webhook.New(webhook.Config{Loopback: true, Timeout: 5 * time.Second})
	r.must(err)
	h := &hooked{r, nil, &alarms{}}
	h.s = r.service(func(c *delivery.Config) { c.Hooks, c.HookAlarm = sender, h.alarms })
	return h
}

// register makes a webhook and lets it prove itself.
func (h *hooked) register(url string, types ...string) delivery.Webhook {
	h.t.Helper()
	w, _, _, err := h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: url, Types: types}, delivery.Once{})
	h.must(err)
	try, _, err := h.s.PingWebhook(h.ctx(), h.account, false, w.ID, delivery.Once{})
	h.must(err)
	if !try.Delivered() {
		h.t.Fatalf("ping: %+v", try)
	}
	return h.hook(w.ID)
}

func (h *hooked) hook(id string) delivery.Webhook {
	h.t.Helper()
	w, err := h.s.Webhook(h.ctx(), h.account, false, id)
	h.must(err)
	return w
}

// push dispatches and sends all that is due.
func (h *hooked) push() (sent int) {
	h.t.Helper()
	h.caughtUp()
	_, err := h.s.DispatchWebhooks(h.ctx())
	h.must(err)
	for {
		some, err := h.s.SendWebhook(h.ctx())
		h.must(err)
		if !some {
			return sent
		}
		sent++
	}
}

func (h *hooked) log(id string) []delivery.HookAttempt {
	h.t.Helper()
	list, err := h.s.WebhookAttempts(h.ctx(), h.account, false, id, 0, 100)
	h.must(err)
	return list
}

func TestWebhookPushes(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	h.submit(1) // before there was a webhook
	h.caughtUp()
	w := h.register(to.URL, "all")
	d := h.notified()
	if n := h.push(); n != 3 {
		t.Errorf("%d pushes, want 3", n)
	}
	want := []string{"delivery.submitted.v1", "delivery.notified.v1", "delivery.notified.v1"}
	if got := to.kinds(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var body struct {
		Data struct {
			Delivery string `json:"delivery_id"`
			State    string
			Status   string
			Test     bool
		}
	}
	last := to.got[len(to.got)-1]
	h.must(json.Unmarshal([]byte(last.body), &body))
	if body.Data.Delivery != string(d.ID) || body.Data.State != "notified" || body.Data.Status != "waiting" || body.Data.Test {
		t.Errorf("%+v", body)
	}
	for _, secret := range []string{"Janssens", "example.be", "Opzegging", "Kerkstraat", "12/345", "Zilverlinde"} {
		if strings.Contains(last.body, secret) {
			t.Errorf("a push holds %q", secret)
		}
	}
	if n := h.push(); n != 0 {
		t.Errorf("%d pushes without anything new", n)
	}
	if log := h.log(w.ID); len(log) != 4 || log[0].Number != 4 || log[0].Status != 200 || !log[0].Delivered() {
		t.Errorf("log %+v", log)
	}
	if other, err := h.s.Webhooks(h.ctx(), h.account, true); err != nil || len(other) != 0 {
		t.Errorf("test webhooks: %v, %v", other, err)
	}
}

func TestWebhookFilter(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	h.register(to.URL) // the default preset
	d := h.notified()
	_, err := h.s.Cancel(h.ctx(), h.sender(h.account).By, d.Message.ID, delivery.Once{})
	h.must(err)
	h.push()
	want := []string{"delivery.notified.v1", "delivery.notified.v1", "delivery.cancelled.v1"}
	if got := to.kinds(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWebhookRefused(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	for _, bad := range []delivery.NewHook{
		{URL: ""}, {URL: "ftp://a.example"}, {URL: "http://a.example/x"}, {URL: "https://10.0.0.1/"}, {URL: "https://[::ffff:10.0.0.1]/"},
		{URL: "https://169.254.169.254/latest"}, {URL: "https://user:pass@a.example/"}, {URL: "https://a.example:22/"},
		{URL: "https://a.example/#x"}, {URL: "https://a.example/" + strings.Repeat("x", 500)}, {URL: "https://a.example/\r\nX: y"},
		{URL: "https://a.example", Types: []string{"delivery.invented.v1"}}, {URL: "https://a.example", Description: strings.Repeat("x", 201)},
	} {
		_, _, _, err := h.s.CreateWebhook(h.ctx(), h.account, false, bad, delivery.Once{})
		var faults delivery.FieldErrors
		if !errors.As(err, &faults) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for i := range delivery.MaxHooks {
		_, _, _, err := h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: fmt.Sprintf("https://a.example/%d", i)}, delivery.Once{})
		h.must(err)
	}
	if _, _, _, err := h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: "https://a.example/11"}, delivery.Once{}); !errors.Is(err, delivery.ErrTooManyHooks) {
		t.Errorf("the eleventh: %v", err)
	}
	if _, _, _, err := h.Service.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: "https://a.example"}, delivery.Once{}); !errors.Is(err, delivery.ErrNoHooks) {
		t.Errorf("where nothing is pushed: %v", err)
	}
}

// TestWebhookUnproven: what does not repeat the challenge gets nothing.
func TestWebhookUnproven(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	t.Cleanup(deaf.Close)
	w, _, _, err := h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: deaf.URL, Types: []string{"all"}}, delivery.Once{})
	h.must(err)
	try, _, err := h.s.PingWebhook(h.ctx(), h.account, false, w.ID, delivery.Once{})
	h.must(err)
	if try.Delivered() || try.Fault != delivery.FaultChallenge {
		t.Errorf("ping %+v", try)
	}
	if w = h.hook(w.ID); w.State != delivery.HookPending {
		t.Errorf("state %s", w.State)
	}
	on := true
	if _, err := h.s.ChangeWebhook(h.ctx(), h.account, false, w.ID, delivery.HookChange{Enabled: &on}); !errors.Is(err, delivery.ErrHookUnproven) {
		t.Errorf("enabled without proof: %v", err)
	}
	h.notified()
	if n := h.push(); n != 0 {
		t.Errorf("%d pushes to an unproven address", n)
	}
	to := newReceiver(t)
	proven := h.register(to.URL)
	if w, err = h.s.ChangeWebhook(h.ctx(), h.account, false, proven.ID, delivery.HookChange{URL: &deaf.URL}); err != nil || w.State != delivery.HookPending {
		t.Errorf("a new address: %s, %v", w.State, err)
	}
}

// TestWebhookFails: it is tried with longer and longer waits, and after three
// days of nothing but failures nobody tries any more, and people are told.
func TestWebhookFails(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	w := h.register(to.URL)
	to.answers(http.StatusInternalServerError, "secret=hunter2 an@example.be Bearer abc \x00")
	h.notified()
	h.push()
	if n := h.push(); n != 0 {
		t.Errorf("%d tries without a wait", n)
	}
	tries := 2
	for range 100 {
		if h.hook(w.ID).State != delivery.HookEnabled {
			break
		}
		h.clock.pass(2 * time.Hour)
		tries += h.push()
	}
	w = h.hook(w.ID)
	if w.State != delivery.HookDisabled || w.Reason != delivery.HookFailing || !slices.Equal(h.alarms.off, []string{h.account}) {
		t.Errorf("%s, %s, told %v", w.State, w.Reason, h.alarms.off)
	}
	if tries < 20 || tries > 60 {
		t.Errorf("%d tries of two pushes in three days", tries)
	}
	log := h.log(w.ID)
	if a := string(log[0].Answer); strings.Contains(a, "hunter2") || strings.Contains(a, "example.be") || strings.Contains(a, "abc") || strings.Contains(a, "\x00") {
		t.Errorf("the log keeps %q", a)
	}
	to.answers(http.StatusOK, "")
	on := true
	_, err := h.s.ChangeWebhook(h.ctx(), h.account, false, w.ID, delivery.HookChange{Enabled: &on})
	h.must(err)
	before := len(to.kinds())
	_, err = h.s.ResendWebhook(h.ctx(), h.account, false, w.ID, "", delivery.Once{})
	h.must(err)
	h.push()
	if n := len(to.kinds()) - before; n != 2 {
		t.Errorf("%d came when all was sent again, want 2", n)
	}
	if w = h.hook(w.ID); !w.FailingSince.IsZero() || w.Waiting != 0 {
		t.Errorf("%+v", w)
	}
}

func TestWebhookGone(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	w := h.register(to.URL)
	to.answers(http.StatusGone, "")
	h.notified()
	h.push()
	if w = h.hook(w.ID); w.State != delivery.HookDisabled || w.Reason != delivery.HookGone || len(h.alarms.off) != 1 {
		t.Errorf("%s, %s, told %v", w.State, w.Reason, h.alarms.off)
	}
	before := len(to.kinds())
	h.clock.pass(48 * time.Hour)
	if h.push(); len(to.kinds()) != before {
		t.Error("somebody who is gone was told")
	}
}

// TestWebhookResend: the same push again has the same id and the same body.
func TestWebhookResend(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	w := h.register(to.URL)
	h.notified()
	h.push()
	once := delivery.Once{Key: "again", Digest: make([]byte, 32)}
	for _, want := range []bool{false, true} {
		if replayed, err := h.s.ResendWebhookAttempt(h.ctx(), h.account, false, w.ID, 2, once); err != nil || replayed != want {
			t.Errorf("replayed %t, %v", replayed, err)
		}
	}
	h.push()
	var same []got
	for _, g := range to.got {
		if g.id == to.got[1].id {
			same = append(same, g)
		}
	}
	if len(same) != 2 || same[0] != same[1] {
		t.Errorf("%+v", same)
	}
	stranger := h.newAccount()
	resend := func(account string, test bool, n int) error {
		_, err := h.s.ResendWebhookAttempt(h.ctx(), account, test, w.ID, n, delivery.Once{})
		return err
	}
	_, all := h.s.ResendWebhook(h.ctx(), stranger, false, w.ID, "", delivery.Once{})
	for what, err := range map[string]error{
		"a ping": resend(h.account, false, 1), "no such attempt": resend(h.account, false, 99), "another's": resend(stranger, false, 2),
		"by a test key": resend(h.account, true, 2), "all of another's": all, "another's to go": h.s.DeleteWebhook(h.ctx(), stranger, false, w.ID),
	} {
		if !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.s.ResendWebhook(h.ctx(), h.account, false, w.ID, "x", delivery.Once{}); !errors.Is(err, delivery.ErrCursor) {
		t.Errorf("a bad cursor: %v", err)
	}
	h.must(h.s.DeleteWebhook(h.ctx(), h.account, false, w.ID))
	if n := h.count(`SELECT count(*) FROM webhook_post`) + h.count(`SELECT count(*) FROM webhook_attempt`) + h.count(`SELECT count(*) FROM webhook_key`); n != 0 {
		t.Errorf("%d rows left", n)
	}
}

// TestWebhookDies: who dies between the answer and writing it down has sent it
// twice, with one id; and nothing is lost.
func TestWebhookDies(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	w := h.register(to.URL, "delivery.submitted.v1")
	h.submit(1)
	h.caughtUp()
	_, err := h.s.DispatchWebhooks(h.ctx())
	h.must(err)
	h.exec(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'dead'; END $$`)
	h.exec(`CREATE TRIGGER die BEFORE INSERT ON webhook_attempt FOR EACH ROW EXECUTE FUNCTION die()`)
	if some, err := h.s.SendWebhook(h.ctx()); !some || err == nil {
		t.Fatalf("%t, %v", some, err)
	}
	h.exec(`DROP TRIGGER die ON webhook_attempt`)
	if n := h.push(); n != 0 {
		t.Errorf("%d pushes while another may still be sending", n)
	}
	h.clock.pass(2 * time.Minute)
	if n := h.push(); n != 1 {
		t.Errorf("%d pushes after the lease", n)
	}
	if len(to.got) != 3 || to.got[1].id != to.got[2].id || h.hook(w.ID).Waiting != 0 {
		t.Errorf("%+v", to.got)
	}
}

// TestWebhookTogether: any number of processes push, and each push once.
func TestWebhookTogether(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	h.register(to.URL, "delivery.submitted.v1")
	h.submit(40)
	h.caughtUp()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := h.s.DispatchWebhooks(h.ctx()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for range 4 {
		all.Go(func() {
			for {
				some, err := h.s.SendWebhook(h.ctx())
				if err != nil {
					t.Error(err)
				}
				if !some || err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	h.push()
	seen := map[string]int{}
	for _, g := range to.got[1:] {
		seen[g.id]++
	}
	if len(seen) != 40 || len(to.got) != 41 {
		t.Errorf("%d different of %d pushes, want 40", len(seen), len(to.got)-1)
	}
}

// TestWebhookKeys: a rotated key signs beside the new one until its time is over,
// and the first answer is given again while nothing changed.
func TestWebhookKeys(t *testing.T) {
	t.Parallel()
	h, to := newHooked(t), newReceiver(t)
	once := delivery.Once{Key: "k", Digest: make([]byte, 32)}
	w, first, _, err := h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: to.URL}, once)
	h.must(err)
	again, same, replayed, err := h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: to.URL}, once)
	if err != nil || !replayed || again.ID != w.ID || same.Shared() != first.Shared() {
		t.Errorf("again: %v, %t", err, replayed)
	}
	if _, _, _, err := h.s.RotateWebhook(h.ctx(), h.account, false, w.ID, 8*24*time.Hour, delivery.Once{}); err == nil {
		t.Error("an overlap of eight days")
	}
	rotate := delivery.Once{Key: "r", Digest: make([]byte, 32)}
	w, second, _, err := h.s.RotateWebhook(h.ctx(), h.account, false, w.ID, time.Hour, rotate)
	h.must(err)
	if _, same, replayed, err := h.s.RotateWebhook(h.ctx(), h.account, false, w.ID, time.Hour, rotate); err != nil || !replayed || same.Shared() != second.Shared() {
		t.Errorf("rotated again: %v, %t", err, replayed)
	}
	if second.Shared() == first.Shared() || len(w.Keys) != 2 || w.Keys[0].Public != second.Public() || w.Keys[1].Public != first.Public() {
		t.Errorf("%+v", w.Keys)
	}
	_, same, _, err = h.s.CreateWebhook(h.ctx(), h.account, false, delivery.NewHook{URL: to.URL}, once)
	if err != nil || same.Secret != nil {
		t.Errorf("the first key after a rotation: %v", err)
	}
	h.clock.pass(2 * time.Hour)
	if w = h.hook(w.ID); len(w.Keys) != 1 {
		t.Errorf("%d keys after the overlap", len(w.Keys))
	}
	var plain int
	h.must(h.pool.QueryRow(h.ctx(), `SELECT count(*) FROM webhook_key WHERE position($1::bytea IN sealed) > 0`, second.Secret).Scan(&plain))
	if plain != 0 {
		t.Error("a key lies open in the database")
	}
}
