package smpp

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

func TestDelivers(t *testing.T) {
	t.Parallel()
	c := startSMSC(t, nil)
	c.onBind = func(system, password string) status {
		if system != "bode" || password != "secret" {
			return statusPassword
		}
		return statusOK
	}
	tr, stop := running(t, c.addr(), newKept())
	r := deliver(t, tr, message("Bode: uw code is 418302 [€]."))
	if r.Outcome != notify.Sent || r.ID != "one/m-0" || r.Remote != c.addr() || r.InDoubt || r.Reply != "0x00000000 m-0" {
		t.Fatalf("%+v", r)
	}
	m := c.taken[0]
	want := []byte("Bode: uw code is 418302 \x1b\x3c\x1be\x1b\x3e.")
	if !bytes.Equal(m.text, want) || m.coding != 0 || m.class != 0 || m.registered != 1 || m.validity != "000000001000000R" ||
		m.from != (address{5, 0, "Bode"}) || m.to != (address{1, 1, "32470123456"}) {
		t.Errorf("%+v", m)
	}
	long := message(strings.Repeat("a", 152) + "€" + strings.Repeat("b", 10))
	long.Notice.Kind = notify.Announcement
	if r := deliver(t, tr, long); r.Outcome != notify.Sent || r.ID != "one/m-2" {
		t.Fatalf("%+v", r)
	}
	first, last := c.taken[1], c.taken[2]
	if first.class != 0x40 || len(first.text) != 6+152 || first.registered != 0 || last.registered != 1 ||
		!bytes.HasPrefix(first.text, []byte{5, 0, 3, 2, 2, 1}) || !bytes.HasPrefix(last.text, []byte{5, 0, 3, 2, 2, 2, 0x1b, 'e'}) ||
		first.validity != "000001000000000R" {
		t.Errorf("%+v\n%+v", first, last)
	}
	if r := deliver(t, tr, message("reçu")); r.Outcome != notify.Sent || c.taken[3].coding != 8 || string(c.taken[3].text) != "\x00r\x00e\x00\xe7\x00u" {
		t.Errorf("%+v %+v", r, c.taken[3])
	}
	stop()
	if c.seen[unbind] != 1 {
		t.Error("left without unbinding")
	}
	if r := deliver(t, tr, message("x")); r.Outcome != notify.Temporary || r.InDoubt {
		t.Errorf("after the end: %+v", r)
	}
}

func TestClassifiesAnswers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		v       verdict
		outcome notify.Outcome
		doubt   bool
	}{
		{verdict{status: statusDestination}, notify.Permanent, false},
		{verdict{status: statusSystem}, notify.Temporary, false},
		{verdict{status: statusLater}, notify.Temporary, false},
		{verdict{status: statusNotBound}, notify.Technical, false},
		{verdict{status: 0x45}, notify.Technical, false},
		{verdict{status: 0x400}, notify.Technical, false},   // the provider's own
		{verdict{id: ""}, notify.Technical, true},           // taken, but as what?
		{verdict{raw: []byte{}}, notify.Technical, true},    // no body at all
		{verdict{raw: []byte("x")}, notify.Technical, true}, // no NUL
		{verdict{raw: bytes.Repeat([]byte("9"), 100)}, notify.Technical, true},
		{verdict{status: statusDestination, raw: []byte("x")}, notify.Permanent, false},
		{verdict{mute: true}, notify.Technical, true},
		{verdict{id: "after"}, notify.Sent, false},
		{verdict{drop: true}, notify.Technical, true},
		{verdict{id: "bound again"}, notify.Sent, false},
	}
	c := startSMSC(t, nil)
	c.decide = func(n int, _ shortMessage) verdict { return cases[n].v }
	tr, _ := running(t, c.addr(), newKept(), func(c *Config) { c.AnswerTimeout = 3 * time.Second })
	for i, want := range cases {
		if r := deliver(t, tr, message("x")); r.Outcome != want.outcome || r.InDoubt != want.doubt || r.Unreached {
			t.Errorf("%d %+v: %+v", i, want.v, r)
		}
	}
}

// A message centre that is full is left alone for a while, by all messages.
func TestHoldsBackWhenThrottled(t *testing.T) {
	t.Parallel()
	c := startSMSC(t, nil)
	c.decide = func(n int, _ shortMessage) verdict {
		if n < 2 {
			return verdict{status: []status{statusThrottled, statusQueueFull}[n]}
		}
		return verdict{id: "x"}
	}
	tr, _ := running(t, c.addr(), newKept())
	began := time.Now()
	for _, want := range []notify.Outcome{notify.Temporary, notify.Temporary, notify.Sent} {
		if r := deliver(t, tr, message("x")); r.Outcome != want || r.InDoubt {
			t.Errorf("%+v", r)
		}
	}
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("went on after %s; want 1 s and then 2 s", took)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	c := startSMSC(t, nil)
	c.decide = func(n int, _ shortMessage) verdict { return verdict{id: "x", mute: n < 3} }
	tr, _ := running(t, c.addr(), newKept(), func(c *Config) { c.Window, c.AnswerTimeout = 3, time.Minute })
	var all sync.WaitGroup
	var doubts, sent atomic.Int32
	for range 5 {
		all.Go(func() {
			switch r := deliver(t, tr, message("x")); {
			case r.InDoubt:
				doubts.Add(1)
			case r.Outcome == notify.Sent:
				sent.Add(1)
			}
		})
	}
	c.until("three submitted", func() bool { return len(c.taken) == 3 })
	c.raw(enquireLink, nil) // it still reads and answers, and has sent no fourth
	c.until("enquire_link_resp", func() bool { return c.seen[enquireLink|response] == 1 })
	c.mu.Lock()
	n := len(c.taken)
	c.mu.Unlock()
	if n != 3 {
		t.Errorf("%d outstanding", n)
	}
	c.disconnect() // those three are in doubt, the others go out on the next connection
	all.Wait()
	if doubts.Load() != 3 || sent.Load() != 2 {
		t.Errorf("%d in doubt, %d sent", doubts.Load(), sent.Load())
	}
}

// A connection that died without a word is found, what was on it is in doubt, and
// the next message goes out on a new one.
func TestFindsDeadPeer(t *testing.T) {
	t.Parallel()
	c := startSMSC(t, nil)
	c.deaf = true
	c.decide = func(n int, _ shortMessage) verdict { return verdict{id: "x", mute: n == 0} }
	tr, _ := running(t, c.addr(), newKept(), func(c *Config) { c.Idle, c.AnswerTimeout = 300*time.Millisecond, 2*time.Second })
	if r := deliver(t, tr, message("x")); !r.InDoubt {
		t.Errorf("%+v", r)
	}
	c.until("bound again", func() bool { return c.accepted >= 2 })
	c.update(func() { c.deaf = false })
	c.until("alive", func() bool { return c.seen[enquireLink] > 2 })
	if r := deliver(t, tr, message("x")); r.Outcome != notify.Sent {
		t.Errorf("%+v", r)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		tr, _ := running(t, "127.0.0.1:1", newKept())
		if r := deliver(t, tr, message("x")); r.Outcome != notify.Temporary || r.InDoubt || !r.Unreached || !strings.HasPrefix(r.Reply, "(no reply) ") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		t.Parallel()
		c := startSMSC(t, nil)
		c.onBind = func(string, string) status { return statusPassword }
		tr, _ := running(t, c.addr(), newKept())
		c.until("tried", func() bool { return c.seen[bindTransceiver] > 0 })
		if r := deliver(t, tr, message("x")); r.Outcome != notify.Temporary || !strings.Contains(r.Reply, "ESME_RINVPASWD") || strings.Contains(r.Reply, "secret") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("rubbish", func(t *testing.T) {
		t.Parallel()
		c := startSMSC(t, nil)
		tr, _ := running(t, c.addr(), newKept())
		if r := deliver(t, tr, message("x")); r.Outcome != notify.Sent {
			t.Fatalf("%+v", r)
		}
		c.raw(0x77, []byte("?"))
		c.until("generic_nack", func() bool { return c.seen[genericNack] == 1 && c.answers[0].status == statusBadCommand })
		c.raw(deliverSM, []byte{1, 2, 3})
		c.until("answered", func() bool { return c.seen[deliverSM|response] == 1 })
		c.raw(submitSM|response, nil) // to nothing we asked
		c.raw(alertNotice, nil)
		c.mu.Lock()
		for _, x := range c.clients { // a PDU that says it is a gigabyte
			_, _ = x.conn.Write([]byte{0x40, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9})
		}
		c.mu.Unlock()
		c.until("bound again", func() bool { return c.accepted == 2 })
		if r := deliver(t, tr, message("x")); r.Outcome != notify.Sent {
			t.Errorf("%+v", r)
		}
	})
	t.Run("unbound by the other side", func(t *testing.T) {
		t.Parallel()
		c := startSMSC(t, nil)
		tr, _ := running(t, c.addr(), newKept())
		c.until("bound", func() bool { return c.accepted == 1 })
		c.raw(unbind, nil)
		c.until("bound again", func() bool { return c.accepted == 2 && c.seen[unbind|response] == 1 })
		if r := deliver(t, tr, message("x")); r.Outcome != notify.Sent {
			t.Errorf("%+v", r)
		}
	})
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	c := startSMSC(t, nil)
	k := newKept()
	_, _ = running(t, c.addr(), k)
	c.until("bound", func() bool { return c.accepted == 1 })

	c.tell(receiptFor("m-7", "DELIVRD"))
	k.wait(t, 1)
	got := k.of("one/m-7")
	if len(got) != 1 || got[0].Fact != notify.Delivered || got[0].Rung != notify.RungFarSide || got[0].Cause != "" || got[0].Notice != "" {
		t.Fatalf("%+v", got)
	}
	if strings.Contains(got[0].Reply, "418") || bytes.Contains(got[0].Raw, []byte("418")) {
		t.Errorf("the code is in the report: %+v", got[0])
	}
	c.until("acknowledged", func() bool { return len(c.answers) == 1 && c.answers[0].status == statusOK })

	// One that cannot be stored is refused for now; said again, it is the same.
	k.mu.Lock()
	k.fail = errors.New("database away")
	k.mu.Unlock()
	c.tell(receiptFor("m-7", "DELIVRD"))
	c.until("refused", func() bool { return len(c.answers) == 2 && c.answers[1].status == statusLater })
	k.mu.Lock()
	k.fail = nil
	k.mu.Unlock()
	k.wait(t, 1)
	c.tell(receiptFor("m-7", "DELIVRD"))
	k.wait(t, 1)
	if again := k.of("one/m-7"); len(again) != 2 || again[1].ID != again[0].ID {
		t.Errorf("%+v", again)
	}

	// What decides nothing, and what is no receipt, is acknowledged and goes nowhere.
	c.tell(receiptFor("m-8", "ENROUTE"))
	c.tell(shortMessage{from: address{1, 1, "32470123456"}, to: address{5, 0, "Bode"}, text: []byte("id:m-8 stat:DELIVRD")})
	c.tell(shortMessage{class: classReceipt, text: []byte("hello")})
	c.until("acknowledged", func() bool { return len(c.answers) == 6 && c.answers[5].status == statusOK })
	if len(k.reports) != 1 {
		t.Errorf("%+v", k.reports)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Name: "one", Addr: "127.0.0.1:2775", Plain: true, SystemID: "bode", Password: "secret"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no name":           func(c *Config) { c.Name = "" },
		"a slash in it":     func(c *Config) { c.Name = "a/b" },
		"no address":        func(c *Config) { c.Addr = "" },
		"no port":           func(c *Config) { c.Addr = "127.0.0.1" },
		"in clear far away": func(c *Config) { c.Addr = "smsc.example:2775" },
		"localhost":         func(c *Config) { c.Addr = "localhost:2775" },
		"no system id":      func(c *Config) { c.SystemID = "" },
		"long password":     func(c *Config) { c.Password = "123456789" },
		"NUL":               func(c *Config) { c.Password = "a\x00b" },
		"numbering":         func(c *Config) { c.Numbering = "octal" },
		"window":            func(c *Config) { c.Window = -1 },
		"long sender":       func(c *Config) { c.From = "Aangetekend.be" },
		"foreign sender":    func(c *Config) { c.From = "Aşk" },
		"short number":      func(c *Config) { c.From = "123456789" + strings.Repeat("0", 9) },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	tr, _ := New(good)
	if r, _ := tr.Deliver(ctx, message("x")); r.Outcome != notify.Temporary {
		t.Errorf("context over: %+v", r)
	}
}
