package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

// asked is a provider whose answer the test holds, and who counts.
type asked struct {
	name   string
	mu     sync.Mutex
	answer notify.Result
	times  int
	closed bool
	hold   chan struct{} // when set, Deliver waits for it
}

func (a *asked) Deliver(context.Context, notify.Message) (notify.Result, string) {
	if a.hold != nil {
		<-a.hold
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times++
	return a.answer, a.name
}

func (a *asked) Close() error { a.closed = true; return nil }

func (a *asked) say(r notify.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = r
}

var (
	gone = notify.Result{Outcome: notify.Temporary, Unreached: true, Reply: "(no reply) connection refused", Remote: "127.0.0.1:1"}
	sent = notify.Result{Outcome: notify.Sent, Reply: "250 taken", Trace: json.RawMessage(`{"a":1}`)}
)

func route(t *testing.T, clock *clock, list ...*asked) *notify.Route {
	t.Helper()
	cfg := notify.RouteConfig{Now: func() time.Time { return clock.now("") }, Failures: 2, Pause: time.Minute}
	for _, a := range list {
		cfg.Providers = append(cfg.Providers, notify.NamedTransport{Name: a.name, Transport: a})
	}
	r, err := notify.NewRoute(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Only a provider that could not be asked is followed by the next one: nothing
// is ever handed to two of them.
func TestRouteNeverSendsTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first notify.Result
		next  bool
	}{
		"sent":                    {sent, false},
		"in doubt":                {notify.Result{Outcome: notify.Technical, InDoubt: true}, false},
		"in doubt, and says gone": {notify.Result{Outcome: notify.Technical, InDoubt: true, Unreached: true}, false},
		"sent, and says gone":     {notify.Result{Outcome: notify.Sent, Unreached: true}, false},
		"bad address":             {notify.Result{Outcome: notify.Permanent, Reply: "550 5.1.1"}, false},
		"grey list":               {notify.Result{Outcome: notify.Temporary, Reply: "450 4.2.0"}, false},
		"content refused":         {notify.Result{Outcome: notify.Technical, Reply: "554 5.6.0"}, false},
		"gone":                    {gone, true},
		"not trusted":             {notify.Result{Outcome: notify.Technical, Unreached: true}, true},
	} {
		first, second := &asked{name: "one", answer: c.first}, &asked{name: "two", answer: sent}
		got, digest := route(t, &clock{}, first, second).Deliver(context.Background(), notify.Message{})
		if (second.times == 1) != c.next || (digest == "two") != c.next {
			t.Errorf("%s: the second was asked %d times, answer of %s", name, second.times, digest)
		}
		if !c.next && (got.Outcome != c.first.Outcome || got.InDoubt != c.first.InDoubt) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRouteTrace(t *testing.T) {
	t.Parallel()
	first, second := &asked{name: "one", answer: gone}, &asked{name: "two", answer: sent}
	got, _ := route(t, &clock{}, first, second).Deliver(context.Background(), notify.Message{})
	var trace struct {
		Provider string
		Before   []struct{ Provider, Outcome, Reply, Remote string }
		Trace    struct{ A int }
	}
	if err := json.Unmarshal(got.Trace, &trace); err != nil || trace.Provider != "two" || len(trace.Before) != 1 || trace.Trace.A != 1 ||
		trace.Before[0].Provider != "one" || trace.Before[0].Reply != gone.Reply {
		t.Errorf("%s, %v", got.Trace, err)
	}
	second.say(notify.Result{Outcome: notify.Sent, Trace: json.RawMessage(`broken`)})
	if got, _ := route(t, &clock{}, second).Deliver(context.Background(), notify.Message{}); !json.Valid(got.Trace) || got.Outcome != notify.Sent {
		t.Errorf("%s", got.Trace)
	}
}

// After two failures nobody waits for the dead one any more; after the pause one
// notice tries it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	c := &clock{}
	first, second := &asked{name: "one", answer: gone}, &asked{name: "two", answer: sent}
	r := route(t, c, first, second)
	deliver := func() string { _, who := r.Deliver(context.Background(), notify.Message{}); return who }
	for range 5 {
		if who := deliver(); who != "two" {
			t.Fatal(who)
		}
	}
	if first.times != 2 {
		t.Errorf("the dead one was asked %d times", first.times)
	}
	c.ahead.Add(int64(61 * time.Second)) // the try fails: another pause
	deliver()
	deliver()
	if first.times != 3 {
		t.Errorf("asked %d times after the pause", first.times)
	}
	c.ahead.Add(int64(61 * time.Second))
	first.say(sent)
	if who := deliver() + deliver(); who != "oneone" || first.times != 5 {
		t.Errorf("recovered: %s, asked %d times", who, first.times)
	}
}

// While one notice tries, the others do not.
func TestOneProbe(t *testing.T) {
	t.Parallel()
	c := &clock{}
	first, second := &asked{name: "one", answer: gone}, &asked{name: "two", answer: sent}
	r := route(t, c, first, second)
	r.Deliver(context.Background(), notify.Message{})
	r.Deliver(context.Background(), notify.Message{})
	c.ahead.Add(int64(61 * time.Second))
	first.hold = make(chan struct{})
	done := make(chan struct{})
	go func() { defer close(done); r.Deliver(context.Background(), notify.Message{}) }()
	// The probe may not have begun yet; either way at most one notice is held by the
	// dead provider, and these would block for ever if they were a second.
	var others sync.WaitGroup
	answers := make(chan string, 4)
	for range 4 {
		others.Go(func() { _, who := r.Deliver(context.Background(), notify.Message{}); answers <- who })
	}
	for range 3 {
		if who := <-answers; who != "two" {
			t.Error(who)
		}
	}
	close(first.hold)
	others.Wait()
	<-done
	if first.times != 3 {
		t.Errorf("the dead one was asked %d times", first.times)
	}
}

// With everything dead each is still asked: a notice that nobody tried is worse.
func TestAllDead(t *testing.T) {
	t.Parallel()
	first, second := &asked{name: "one", answer: gone}, &asked{name: "two", answer: gone}
	r := route(t, &clock{}, first, second)
	for range 6 {
		if got, _ := r.Deliver(context.Background(), notify.Message{}); got.Outcome != notify.Temporary || !got.Unreached {
			t.Fatalf("%+v", got)
		}
	}
	if first.times != 6 || second.times != 6 {
		t.Errorf("asked %d and %d times", first.times, second.times)
	}
	first.say(sent)
	if _, who := r.Deliver(context.Background(), notify.Message{}); who != "one" {
		t.Error(who)
	}
}

func TestRouteConfig(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]notify.NamedTransport{nil, {{Name: "one"}}, {{Transport: &asked{}}}} {
		if _, err := notify.NewRoute(notify.RouteConfig{Providers: bad}); !errors.Is(err, notify.ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	list := []*asked{{name: "one"}, {name: "two"}}
	if err := route(t, &clock{}, list...).Close(); err != nil || slices.ContainsFunc(list, func(a *asked) bool { return !a.closed }) {
		t.Errorf("not closed, %v", err)
	}
}

// A caller may go on after more than that: to a second SMS provider for a code.
func TestRouteNext(t *testing.T) {
	t.Parallel()
	first, second := &asked{name: "one", answer: notify.Result{Outcome: notify.Temporary}}, &asked{name: "two", answer: sent}
	r, err := notify.NewRoute(notify.RouteConfig{Providers: []notify.NamedTransport{{Name: "one", Transport: first}, {Name: "two", Transport: second}},
		Next: func(m notify.Message, r notify.Result) bool {
			return m.Notice.Kind.Urgent() && r.Outcome != notify.Permanent
		}})
	if err != nil {
		t.Fatal(err)
	}
	if _, who := r.Deliver(context.Background(), notify.Message{Notice: notify.Notice{Kind: notify.Code}}); who != "two" {
		t.Error(who)
	}
	if _, who := r.Deliver(context.Background(), notify.Message{}); who != "one" {
		t.Error(who)
	}
}
