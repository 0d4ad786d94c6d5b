package smtp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/smtp"
)

// certificate makes a server certificate for 127.0.0.1 and localhost, and the
// pool that trusts it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func catcher(t *testing.T, cfg notifytest.Config) *notifytest.Catcher {
	t.Helper()
	c, err := notifytest.StartCatcher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func transport(t *testing.T, addr string, change ...func(*smtp.Config)) *smtp.Transport {
	t.Helper()
	cfg := smtp.Config{Addr: addr, Security: smtp.Plain, From: mail.Address{Name: "Bode", Address: "bericht@bode.example"}, CommandTimeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	tr, err := smtp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func message(to string) notify.Message {
	return notify.Message{
		Notice:  notify.Notice{ID: "0198f0c2-0000-7000-8000-000000000001", Kind: notify.Announcement, Channel: notify.Email, To: to, Language: "fr"},
		Attempt: 2, Subject: "Un message recommandé vous attend", Text: "Bonjour,\n.\nligne après un point\n", HTML: "<!DOCTYPE html><p>Été</p>",
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// R40: what arrives is what was meant, over every kind of connection.
func TestDelivers(t *testing.T) {
	t.Parallel()
	server, roots := certificate(t)
	cases := map[string]struct {
		catcher notifytest.Config
		change  func(*smtp.Config)
		tls     string
	}{
		"plain on loopback": {notifytest.Config{}, func(*smtp.Config) {}, ""},
		"starttls": {notifytest.Config{TLS: server, Username: "u", Password: "p"}, func(c *smtp.Config) {
			c.Security, c.TLS, c.Username, c.Password = smtp.StartTLS, &tls.Config{RootCAs: roots}, "u", "p"
		}, "TLS 1.3"},
		"implicit": {notifytest.Config{TLS: server, ImplicitTLS: true, Username: "u", Password: "p"}, func(c *smtp.Config) {
			c.Security, c.TLS, c.Username, c.Password = "", &tls.Config{RootCAs: roots}, "u", "p"
		}, "TLS 1.3"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := catcher(t, c.catcher)
			r, digest := transport(t, box.SMTPAddr(), c.change, func(c *smtp.Config) { c.SuccessReports = true }).Deliver(within(t, time.Minute), message("an@example.be"))
			if r.Outcome != notify.Sent || r.Reply != "250 2.0.0 Ok: queued as 1" || r.ID != "1" || r.TLS != c.tls || !r.DSN || r.Remote != box.SMTPAddr() {
				t.Fatalf("result %+v", r)
			}
			got := box.Messages()
			if len(got) != 1 {
				t.Fatalf("%d mails arrived", len(got))
			}
			m := got[0]
			if m.Subject != message("").Subject || m.Text != message("").Text || m.HTML != message("").HTML || m.To != "an@example.be" || m.Kind != "announcement" {
				t.Errorf("mail %+v", m)
			}
			for key, want := range map[string]string{
				"Auto-Submitted": "auto-generated", "Content-Language": "fr", "From": `"Bode" <bericht@bode.example>`,
				"Message-Id": "<0198f0c2-0000-7000-8000-000000000001@bode.example>", "Mime-Version": "1.0", "To": "<an@example.be>",
			} {
				if m.Headers[key] != want {
					t.Errorf("%s: %q, want %q", key, m.Headers[key], want)
				}
			}
			if !strings.HasPrefix(m.Headers["Content-Type"], "multipart/alternative") || m.Headers["List-Unsubscribe"] != "" {
				t.Errorf("headers %v", m.Headers)
			}
			for key, want := range map[string]string{
				"return_path": "bericht@bode.example", "envid": "0198f0c2-0000-7000-8000-000000000001-2", "orcpt": "an@example.be",
				"notify": "FAILURE,DELAY,SUCCESS", "tls": c.tls,
			} {
				if m.Envelope[key] != want {
					t.Errorf("%s: %q, want %q", key, m.Envelope[key], want)
				}
			}
			if sum := sha256.Sum256(m.Raw); digest != hex.EncodeToString(sum[:]) {
				t.Error("the digest is not of the octets that arrived")
			}
		})
	}
}

func TestClassifies(t *testing.T) {
	t.Parallel()
	box := catcher(t, notifytest.Config{})
	tr := transport(t, box.SMTPAddr())
	cases := []struct {
		to      string
		outcome notify.Outcome
		doubt   bool
		reply   string
	}{
		{"bounce@example.be", notify.Permanent, false, "550 5.1.1 No such user here"},
		{"later@example.be", notify.Temporary, false, "451 4.7.1 Please try again later"},
		{"later@example.be", notify.Sent, false, "250 2.0.0"},
		{"full@example.be", notify.Temporary, false, "552 5.2.2 Mailbox full"},
		{"policy@example.be", notify.Technical, false, "550 5.7.1 Refused by policy"},
		{"mute@example.be", notify.Technical, true, "(no reply)"},
		{"lost@example.be", notify.Sent, false, "250 2.0.0"},
		{"not an address", notify.Permanent, false, "(no reply)"},
		{"a@b>\r\nRCPT TO:<c@d", notify.Permanent, false, "(no reply)"},
		{"@example.be", notify.Permanent, false, "(no reply)"},
		{"an@", notify.Permanent, false, "(no reply)"},
		{"an@exa mple.be", notify.Permanent, false, "(no reply)"},
	}
	for _, c := range cases {
		r, digest := tr.Deliver(within(t, time.Minute), message(c.to))
		if r.Outcome != c.outcome || r.InDoubt != c.doubt || !strings.HasPrefix(r.Reply, c.reply) || len(digest) != 64 {
			t.Errorf("%q: %+v", c.to, r)
		}
	}
	for _, m := range box.Messages() {
		if !strings.HasPrefix(m.To, "mute") && !strings.HasPrefix(m.To, "later") {
			t.Errorf("something arrived at %q", m.To)
		}
	}
}

func TestInternationalAddresses(t *testing.T) {
	t.Parallel()
	box := catcher(t, notifytest.Config{})
	tr := transport(t, box.SMTPAddr())
	for to, want := range map[string]string{"an@bücher.example": "an@xn--bcher-kva.example", "ångström@bücher.example": "ångström@xn--bcher-kva.example"} {
		if r, _ := tr.Deliver(within(t, time.Minute), message(to)); r.Outcome != notify.Sent {
			t.Errorf("%s: %+v", to, r)
			continue
		}
		if got := box.Messages(); got[len(got)-1].To != want {
			t.Errorf("%s went to %s", to, got[len(got)-1].To)
		}
	}
}

// Nothing is sent to a relay that cannot prove who it is, or in clear.
func TestInsists(t *testing.T) {
	t.Parallel()
	server, roots := certificate(t)
	_, strangers := certificate(t)
	cases := map[string]struct {
		catcher notifytest.Config
		change  func(*smtp.Config)
		outcome notify.Outcome
	}{
		"starttls not offered": {notifytest.Config{}, func(c *smtp.Config) { c.Security, c.TLS = smtp.StartTLS, &tls.Config{RootCAs: roots} }, notify.Technical},
		"starttls by a stranger": {notifytest.Config{TLS: server}, func(c *smtp.Config) {
			c.Security, c.TLS = smtp.StartTLS, &tls.Config{RootCAs: strangers}
		}, notify.Technical},
		"implicit by a stranger": {notifytest.Config{TLS: server, ImplicitTLS: true}, func(c *smtp.Config) {
			c.Security, c.TLS = smtp.ImplicitTLS, &tls.Config{RootCAs: strangers}
		}, notify.Technical},
		"another name": {notifytest.Config{TLS: server, ImplicitTLS: true}, func(c *smtp.Config) {
			c.Security, c.TLS = smtp.ImplicitTLS, &tls.Config{RootCAs: roots, ServerName: "relay.example"}
		}, notify.Technical},
		"no TLS on the TLS port": {notifytest.Config{}, func(c *smtp.Config) {
			c.Security, c.TLS = smtp.ImplicitTLS, &tls.Config{RootCAs: roots}
		}, notify.Technical},
		"wrong password": {notifytest.Config{TLS: server, Username: "u", Password: "p"}, func(c *smtp.Config) {
			c.Security, c.TLS, c.Username, c.Password = smtp.StartTLS, &tls.Config{RootCAs: roots}, "u", "wrong"
		}, notify.Technical},
		"no sign-in": {notifytest.Config{TLS: server, Username: "u", Password: "p"}, func(c *smtp.Config) {
			c.Security, c.TLS = smtp.StartTLS, &tls.Config{RootCAs: roots}
		}, notify.Technical},
		"sign-in not offered": {notifytest.Config{TLS: server}, func(c *smtp.Config) {
			c.Security, c.TLS, c.Username, c.Password = smtp.StartTLS, &tls.Config{RootCAs: roots}, "u", "p"
		}, notify.Technical},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := catcher(t, c.catcher)
			r, _ := transport(t, box.SMTPAddr(), c.change).Deliver(within(t, time.Minute), message("an@example.be"))
			if r.Outcome != c.outcome || r.InDoubt || len(box.Messages()) != 0 {
				t.Errorf("%+v, %d mails", r, len(box.Messages()))
			}
			if strings.Contains(r.Reply, "wrong") {
				t.Error("the reply holds the password")
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := smtp.Config{Addr: "127.0.0.1:25", Security: smtp.Plain, From: mail.Address{Address: "a@b.example"}}
	if _, err := smtp.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*smtp.Config){
		"plain to the world":      func(c *smtp.Config) { c.Addr = "192.0.2.1:25" },
		"plain to a name":         func(c *smtp.Config) { c.Addr = "localhost:25" },
		"no port":                 func(c *smtp.Config) { c.Addr = "127.0.0.1" },
		"no sender":               func(c *smtp.Config) { c.From = mail.Address{} },
		"a sender without domain": func(c *smtp.Config) { c.From.Address = "a@" },
		"a header in the name":    func(c *smtp.Config) { c.From.Name = "x\r\nBcc: y" },
		"a command in EHLO":       func(c *smtp.Config) { c.Hostname = "x\r\nMAIL" },
		"unknown security":        func(c *smtp.Config) { c.Security = "opportunistic" },
		"unverified":              func(c *smtp.Config) { c.Security, c.TLS = smtp.StartTLS, &tls.Config{InsecureSkipVerify: true} },
	} {
		c := good
		change(&c)
		if _, err := smtp.New(c); !errors.Is(err, smtp.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
}
