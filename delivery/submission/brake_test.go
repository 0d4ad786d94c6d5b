package submission

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPauses(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	b := brake{now: func() time.Time { return at }, tallies: map[string]tally{}}
	who := names("192.0.2.1", "k")
	for range freeTries - 1 {
		b.wrong(who)
	}
	if b.pausing(who) {
		t.Error("pauses before the tenth")
	}
	for i := range 12 {
		b.wrong(who)
		want := min(longestPause, firstPause<<i)
		if !b.pausing(who) {
			t.Errorf("%d: no pause", i)
		}
		at = at.Add(want - time.Second)
		if !b.pausing(who) {
			t.Errorf("%d: over before %s", i, want)
		}
		if at = at.Add(time.Second); b.pausing(who) {
			t.Errorf("%d: longer than %s", i, want)
		}
	}
	b.wrong(who)
	for name, c := range map[string]struct {
		ip, secret string
		want       bool
	}{
		"another key from there":     {"192.0.2.1", "other", true},
		"the key from elsewhere":     {"192.0.2.2", "k", true},
		"another key from elsewhere": {"192.0.2.2", "other", false},
	} {
		if got := b.pausing(names(c.ip, c.secret)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	at = at.Add(tallyTime + longestPause + time.Second)
	if b.wrong(who); b.pausing(who) {
		t.Error("what is long ago counts")
	}
}

// One subscriber has a whole network of IPv6 addresses.
func TestPausesNetwork(t *testing.T) {
	t.Parallel()
	if a, b := names("2001:db8::1", "k")[0], names("2001:db8::ffff:1", "k")[0]; a != b {
		t.Errorf("%q and %q", a, b)
	}
	if a, b := names("2001:db8::1", "k")[0], names("2001:db8:0:1::1", "k")[0]; a == b {
		t.Errorf("%q is another network", a)
	}
	if got := names("::ffff:192.0.2.1", "k")[0]; got == names("::ffff:192.0.2.2", "k")[0] {
		t.Errorf("%q stands for every IPv4 address", got)
	}
}

func TestBrakeIsBounded(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	b := brake{now: func() time.Time { return at }, tallies: map[string]tally{}}
	fast := names("192.0.2.1", "guessed")
	for range freeTries {
		b.wrong(fast)
	}
	for i := range 3 * maxTallies {
		b.wrong(names(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprint(i)))
		if len(b.tallies) > maxTallies {
			t.Fatalf("%d tallies", len(b.tallies))
		}
	}
	if !b.pausing(fast) {
		t.Error("who pauses went before those who do not")
	}
	for i := range maxTallies {
		for range freeTries {
			b.wrong(names("10.9.9.9", fmt.Sprint("p", i)))
		}
	}
	if len(b.tallies) > maxTallies {
		t.Errorf("%d tallies, all of which pause", len(b.tallies))
	}
}

// TestBrakeOverConnections holds that new connections do not start anew, that a
// good key is not looked at during a pause either, and that a pause ends.
func TestBrakeOverConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	try := func(key string) string {
		x := r.dial()
		defer x.Close()
		x.do("EHLO c.example", "250")
		x.say("AUTH PLAIN " + base64Of("\x00u\x00"+key) + "\r\n")
		return x.line()
	}
	for i := range freeTries {
		if got := try(fmt.Sprint("bode_test_", i)); !strings.HasPrefix(got, "535 5.7.8") {
			t.Fatalf("%d: %q", i, got)
		}
	}
	for _, key := range []string{"bode_test_x", r.key} {
		if got := try(key); got != "421 4.7.0 too_many_attempts" {
			t.Errorf("during the pause: %q", got)
		}
	}
	r.server.brake.mu.Lock()
	for n, y := range r.server.brake.tallies {
		y.paused = time.Time{}
		r.server.brake.tallies[n] = y
	}
	r.server.brake.mu.Unlock()
	if got := try(r.key); !strings.HasPrefix(got, "235") {
		t.Errorf("after the pause: %q", got)
	}
}
