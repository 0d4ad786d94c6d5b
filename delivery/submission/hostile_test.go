package submission

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/identity"
)

// Each of these could be one mail to us and two to somebody else. RFC 5321 §2.3.8
func TestNoSmuggling(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxConnections = 100 })
	const smuggled = "MAIL FROM:<x@example.be>\r\nRCPT TO:<an@example.be>\r\nDATA\r\n" + plainMail + ".\r\n"
	for _, end := range []string{"\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n\x00.\r\n", "\r\r\n.\r\n"} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			r.t = t // one after the other: they share the rig
			x := r.dial()
			x.ready()
			x.do("DATA", "354")
			x.say(plainMail + "x" + end + smuggled + "\r\n.\r\nQUIT\r\n")
			for {
				l := x.line()
				if strings.HasPrefix(l, "250") {
					t.Errorf("answer %q", l)
				}
				if !strings.HasPrefix(l, "554") && !strings.HasPrefix(l, "5") {
					break // 421 or the end
				}
			}
			if n := r.count("message"); n != 0 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// The library swallows ".CR" at the start of a line, which no sender's program
// writes. It stays one mail to us, as it is to the one who sent it.
func TestSwallowedDot(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\r\n.\r\r\n", "\r\n.\r"} {
		r := newRig(t)
		x := r.dial()
		x.ready()
		x.do("DATA", "354")
		x.say(plainMail + "x" + end + "MAIL FROM:<x@example.be>\r\nRCPT TO:<an@example.be>\r\nDATA\r\n" + plainMail + ".\r\n")
		x.expect("250 2.0.0 registered as")
		x.do("QUIT", "221")
		if n := r.count("message"); n != 1 {
			t.Errorf("%q: %d messages, want 1", end, n)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.dial()
	x.do("EHLO c.example", "250")
	x.do("MAIL FROM:<a@example.be>", "530 5.7.0")
	x.do("AUTH LOGIN", "334 VXNlcm5hbWU6")
	x.do(base64Of("anybody"), "334 UGFzc3dvcmQ6")
	x.do(base64Of("bode_test_wrong"), "535 5.7.8")
	x.do("AUTH PLAIN "+base64Of("other\x00u\x00"+r.key), "501 5.5.2")
	x.do("AUTH PLAIN "+base64Of("no separators"), "501 5.5.2")
	x.do("AUTH CRAM-MD5", "504 5.7.4")
	x.do("AUTH PLAIN", "334")
	x.do("*", "501")
	x.do("AUTH LOGIN "+base64Of("anybody"), "334")
	x.do(base64Of(r.key), "235")
	x.do("AUTH PLAIN "+base64Of("\x00u\x00"+r.key), "503")
	x.do("MAIL FROM:<>", "250")
	x.do("RCPT TO:<postmaster@localhost>", "550 5.1.3")
	x.do("DATA", "502")
}

func TestBrake(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.dial()
	wrong := "AUTH PLAIN " + base64Of("\x00u\x00bode_test_x") + "\r\n"
	// All at once, in one packet, and over new greetings: counted all the same.
	x.say("EHLO a\r\n" + wrong + wrong + "EHLO b\r\n" + wrong + wrong + wrong + wrong + "AUTH PLAIN " + base64Of("\x00u\x00"+r.key) + "\r\n")
	var refused, closed int
	for {
		l := x.line()
		switch {
		case strings.HasPrefix(l, "535"):
			refused++
		case strings.HasPrefix(l, "421"):
			closed++
		case strings.HasPrefix(l, "235"):
			t.Fatal("a key was taken after the brake")
		case !strings.HasPrefix(l, "250"):
			if refused != maxWrong-1 || closed == 0 {
				t.Errorf("%d refused, %d told to go", refused, closed)
			}
			return
		}
	}
}

func TestRevokedKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	keys, err := r.people.Keys(t.Context(), identity.System, r.account)
	r.must(err)
	for _, k := range keys {
		r.must(r.people.RevokeKey(t.Context(), identity.System, r.account, k.ID))
	}
	if got := r.send(c, plainMail); got != "535 5.7.8 key_revoked" {
		t.Errorf("answer %q", got)
	}
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxMessage, c.MaxRecipients = 1<<20, 2 })
	c := r.client(r.key)
	if got := r.send(c, mixed(textPart, attachment("a.pdf", make([]byte, 2<<20)))); !strings.HasPrefix(got, "552 5.3.4") {
		t.Errorf("too large: %q", got)
	}
	if got := r.send(c, plainMail+strings.Repeat(strings.Repeat("x", 70)+"\r\n", 6000)); got != "554 5.6.0 invalid body length" {
		t.Errorf("long text: %q", got)
	}
	if got := r.send(c, strings.Replace(plainMail, "From:", strings.Repeat("X-Y: z\r\n", 140000)+"From:", 1)); !strings.HasPrefix(got, "55") {
		t.Errorf("large header: %q", got)
	}
	x := r.dial()
	x.ready()
	x.do("RCPT TO:<b@example.be>", "250")
	x.do("RCPT TO:<c@example.be>", "452 4.5.3")
	x.do("RSET", "250")
	x.do("MAIL FROM:<a@example.be> SIZE=2000000", "552 5.3.4")
	if n := r.count("message"); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxConnections = 2 })
	one, two := r.dial(), r.dial()
	c, err := net.Dial("tcp", r.addr)
	r.must(err)
	defer c.Close()
	if l := (raw{r, c}).line(); l != "421 4.3.2 too_many_connections" {
		t.Errorf("third: %q", l)
	}
	two.do("QUIT", "221")
	_, _ = io.Copy(io.Discard, two)
	one.do("NOOP", "250")
	// The second's place is free once the server has seen it go.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		c, err := net.Dial("tcp", r.addr)
		r.must(err)
		l := (raw{r, c}).line()
		_ = c.Close()
		if strings.HasPrefix(l, "220") {
			return
		}
	}
	t.Error("no place after one left")
}

// A connection that says one octet now and then is over in the end, and one that
// says nothing at once.
func TestSlow(t *testing.T) {
	t.Parallel()
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *Config) { c.IdleTimeout = 50 * time.Millisecond })
		x := r.dial()
		x.expect("421 4.4.2")
	})
	t.Run("no key", func(t *testing.T) {
		t.Parallel()
		// The clock of this server's sockets runs ahead of the bound.
		r := newRig(t, func(c *Config) { c.wall = func() time.Time { return time.Now().Add(50*time.Millisecond - signInTime) } })
		x := r.dial()
		x.expect("421 4.4.2")
	})
	t.Run("in the content", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(c *Config) { c.IdleTimeout = 300 * time.Millisecond })
		x := r.dial()
		x.ready()
		x.do("DATA", "354")
		x.say(plainMail)
		x.expect("451 4.4.2 transfer_interrupted")
		if n := r.count("message"); n != 0 {
			t.Errorf("%d messages", n)
		}
	})
}

// The protocol library takes the end of a connection inside the last chunk for
// the end of that chunk. Half a mail must not be registered.
func TestCutChunk(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	for name, secure := range map[string]bool{"clear": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) {
				if secure {
					c.TLS, c.ImplicitTLS = server, true
				}
			})
			open := func() raw {
				if !secure {
					return r.dial()
				}
				c, err := tls.Dial("tcp", r.addr, client)
				r.must(err)
				t.Cleanup(func() { _ = c.Close() })
				x := raw{r, c}
				x.expect("220")
				return x
			}
			x := open()
			x.ready()
			x.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(plainMail), plainMail[:len(plainMail)-5]))
			if secure {
				r.must(x.Conn.(*tls.Conn).CloseWrite())
			} else {
				r.must(x.Conn.(*net.TCPConn).CloseWrite())
			}
			if l := x.line(); !strings.HasPrefix(l, "451 4.4.2") {
				t.Errorf("cut: %q", l)
			}
			if n := r.count("message"); n != 0 {
				t.Errorf("%d messages of half a mail", n)
			}
			x = open()
			x.ready()
			half := len(plainMail) / 2
			x.say(fmt.Sprintf("BDAT %d\r\n%s", half, plainMail[:half]))
			x.expect("250")
			x.say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(plainMail)-half, plainMail[half:]))
			x.expect("250 2.0.0 registered as")
			x.do("QUIT", "221")
			// A reset in the middle leaves nothing behind.
			x = open()
			x.ready()
			x.say(fmt.Sprintf("BDAT %d\r\n%s", half, plainMail[:half]))
			x.expect("250")
			x.do("RSET", "250")
			x.envelope()
			x.say("DATA\r\n")
			x.expect("354")
			x.say(plainMail + ".\r\n")
			x.expect("250 2.0.0 registered as")
			if n := r.count("message"); n != 1 {
				t.Errorf("%d messages, want 1", n)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	r := newRig(t, func(c *Config) { c.TLS = server })
	x := r.dial()
	x.say("EHLO c.example\r\n")
	for l := ""; !strings.HasPrefix(l, "250 "); {
		if l = x.line(); strings.Contains(l, "AUTH") {
			t.Errorf("a key is asked in the clear: %q", l)
		}
	}
	x.do("AUTH PLAIN "+base64Of("\x00u\x00"+r.key), "523")
	c, err := smtp.DialStartTLS(r.addr, client)
	r.must(err)
	defer c.Close()
	r.must(c.Auth(sasl.NewLoginClient("u", r.key)))
	number(t, r.send(c, plainMail))
	// What was said before the handshake does not count after it.
	x = r.dial()
	x.do("EHLO c.example", "250")
	x.say("STARTTLS\r\nNOOP\r\n")
	x.expect("220")
	secure := tls.Client(x.Conn, client)
	r.must(secure.HandshakeContext(t.Context()))
	y := raw{r, secure}
	y.do("MAIL FROM:<a@example.be>", "502")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := Config{Deliveries: r.server.Deliveries, Identity: r.people, Domain: "d"}
	for name, change := range map[string]func(*Config){
		"no deliveries": func(c *Config) { c.Deliveries = nil },
		"no identity":   func(c *Config) { c.Identity = nil },
		"no domain":     func(c *Config) { c.Domain = "" },
		"clear":         func(c *Config) { c.Addr = "192.0.2.1:587" },
		"clear, any":    func(c *Config) { c.Addr = ":587" },
		"implicit":      func(c *Config) { c.ImplicitTLS = true },
		"negative":      func(c *Config) { c.MaxMessage = -1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := New(good)
	r.must(err)
	if err := s.Serve(strangers{}); err == nil {
		t.Error("serves in the clear on any address")
	}
}

// strangers is a listener that is not on loopback.
type strangers struct{ net.Listener }

func (strangers) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero} }
func (strangers) Close() error   { return nil }
