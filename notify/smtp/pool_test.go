package smtp_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/smtp"
)

func to(addr string) notify.Message { return message(addr) }

func TestKeepsConnections(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	tr := transport(t, r.addr)
	for range 120 {
		if got, _ := tr.Deliver(within(t, time.Minute), to("an@example.be")); got.Outcome != notify.Sent {
			t.Fatalf("%+v", got)
		}
	}
	first, n := r.said(0)
	if n != 3 {
		t.Errorf("%d connections for 120 mails, want 3 of at most 50", n)
	}
	if slices.Contains(first, "RSET") || first[len(first)-1] != "QUIT" {
		t.Errorf("the first connection said %v", first)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if last, _ := r.said(2); last[len(last)-1] != "QUIT" {
		t.Errorf("Close left the kept connection: it said %v", last)
	}
	if got, _ := tr.Deliver(within(t, time.Minute), to("an@example.be")); got.Outcome != notify.Sent {
		t.Errorf("after Close: %+v", got)
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	tr := transport(t, r.addr, func(c *smtp.Config) { c.Idle = 20 * time.Millisecond })
	if got, _ := tr.Deliver(within(t, time.Minute), to("an@example.be")); got.Outcome != notify.Sent {
		t.Fatalf("%+v", got)
	}
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("an idle connection was kept for ever")
	}
	if said, _ := r.said(0); said[len(said)-1] != "QUIT" {
		t.Errorf("it said %v", said)
	}
}

// A kept connection that the relay has closed meanwhile is replaced, once, as
// long as MAIL was not answered; afterwards never: the mail could arrive twice.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer  func(connection, mail int, verb string) string
		outcome notify.Outcome
		doubt   bool
		opened  int
	}{
		"closed before MAIL":   {at(0, 2, "MAIL", "close"), notify.Sent, false, 2},
		"421 to MAIL":          {at(0, 2, "MAIL", "421 4.4.2 idle too long"), notify.Sent, false, 2},
		"closed at RCPT":       {at(0, 2, "RCPT", "close"), notify.Temporary, false, 1},
		"421 to RCPT":          {at(0, 2, "RCPT", "421 4.3.0 going down"), notify.Temporary, false, 1},
		"closed at DATA":       {at(0, 2, "DATA", "close"), notify.Temporary, false, 1},
		"closed after the dot": {at(0, 2, ".", "close"), notify.Technical, true, 1},
		"refuses MAIL":         {at(0, 2, "MAIL", "451 4.3.0 busy"), notify.Temporary, false, 1},
		"the new one is dead too": {func(connection, mail int, verb string) string {
			if verb == "MAIL" && (connection > 0 || mail == 2) {
				return "close"
			}
			return ""
		}, notify.Temporary, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, c.answer)
			tr := transport(t, r.addr)
			if got, _ := tr.Deliver(within(t, time.Minute), to("an@example.be")); got.Outcome != notify.Sent {
				t.Fatalf("first: %+v", got)
			}
			got, _ := tr.Deliver(within(t, time.Minute), to("bo@example.be"))
			if _, n := r.said(0); got.Outcome != c.outcome || got.InDoubt != c.doubt || n != c.opened {
				t.Errorf("%+v over %d connections, want %d", got, n, c.opened)
			}
			if next, _ := tr.Deliver(within(t, time.Minute), to("cy@example.be")); name != "the new one is dead too" && next.Outcome != notify.Sent {
				t.Errorf("the next mail: %+v", next)
			}
		})
	}
}

// at answers one verb of one mail of one connection.
func at(connection, mail int, verb, reply string) func(int, int, string) string {
	return func(c, m int, v string) string {
		if c == connection && m == mail && v == verb {
			return reply
		}
		return ""
	}
}

// A refused address does not cost the connection, and the next mail begins
// afresh on it.
func TestKeepsAfterRefusal(t *testing.T) {
	t.Parallel()
	r := receive(t, at(0, 1, "RCPT", "550 5.1.1 unknown"))
	tr := transport(t, r.addr)
	if got, _ := tr.Deliver(within(t, time.Minute), to("an@example.be")); got.Outcome != notify.Permanent {
		t.Fatalf("%+v", got)
	}
	if got, _ := tr.Deliver(within(t, time.Minute), to("bo@example.be")); got.Outcome != notify.Sent {
		t.Fatalf("%+v", got)
	}
	said, n := r.said(0)
	if i := slices.Index(said, "RSET"); n != 1 || i < 0 || slices.Index(said[i:], "MAIL") < 0 {
		t.Errorf("%d connections; the first said %v", n, said)
	}
}

// At most so many connections, and mails to one domain, at once.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*smtp.Config)
		domain func(i int) string
		most   int
	}{
		"connections": {func(c *smtp.Config) { c.Connections = 3 }, func(i int) string { return fmt.Sprintf("d%d.example", i) }, 3},
		"one domain":  {func(c *smtp.Config) { c.PerDomain = 2 }, func(int) string { return "slow.example" }, 2},
		"its case":    {func(c *smtp.Config) { c.PerDomain = 2 }, func(i int) string { return []string{"slow.example", "Slow.EXAMPLE"}[i%2] }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, func(_, _ int, verb string) string {
				if verb == "." { // a relay that takes its time
					<-time.After(30 * time.Millisecond)
				}
				return ""
			})
			tr := transport(t, r.addr, c.change)
			var all sync.WaitGroup
			for i := range 12 {
				all.Go(func() {
					if got, _ := tr.Deliver(within(t, time.Minute), to("an@"+c.domain(i))); got.Outcome != notify.Sent {
						t.Errorf("%+v", got)
					}
				})
			}
			all.Wait()
			if r.most != c.most {
				t.Errorf("%d mails at once, want %d", r.most, c.most)
			}
		})
	}
}

// Who cannot get a connection in time was not tried: nothing is in doubt.
func TestNoRoomInTime(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	r := receive(t, func(_, _ int, verb string) string {
		if verb == "." {
			<-hold
		}
		return ""
	})
	tr := transport(t, r.addr, func(c *smtp.Config) { c.Connections = 1 })
	first := make(chan notify.Result)
	go func() { got, _ := tr.Deliver(context.Background(), to("an@a.example")); first <- got }()
	for said, _ := r.said(0); !slices.Contains(said, "."); said, _ = r.said(0) {
		<-time.After(time.Millisecond)
	}
	if got, _ := tr.Deliver(within(t, 50*time.Millisecond), to("bo@b.example")); got.Outcome != notify.Temporary || got.InDoubt || !got.Unreached {
		t.Errorf("%+v", got)
	}
	close(hold)
	if got := <-first; got.Outcome != notify.Sent {
		t.Errorf("%+v", got)
	}
	if got, _ := tr.Deliver(within(t, time.Minute), to("bo@b.example")); got.Outcome != notify.Sent {
		t.Errorf("room was lost: %+v", got)
	}
}

// A context that ends leaves no half-used connection for the next mail.
func TestCancelledMail(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	r := receive(t, func(connection, mail int, verb string) string {
		if connection == 0 && mail == 2 && verb == "RCPT" {
			<-hold
		}
		return ""
	})
	tr := transport(t, r.addr)
	tr.Deliver(within(t, time.Minute), to("an@example.be"))
	if got, _ := tr.Deliver(within(t, 50*time.Millisecond), to("bo@example.be")); got.Outcome != notify.Temporary || got.InDoubt || got.Unreached {
		t.Errorf("%+v", got)
	}
	if got, _ := tr.Deliver(within(t, time.Minute), to("cy@example.be")); got.Outcome != notify.Sent {
		t.Errorf("%+v", got)
	}
	if _, n := r.said(0); n != 2 {
		t.Errorf("%d connections", n)
	}
}
