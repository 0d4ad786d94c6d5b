package smtp_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/mtatest"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/smtp"
)

// saslServer answers the questions that Postfix asks Dovecot about sign-ins: the
// one user is "bode" with the password "geheim".
func saslServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	right := base64.StdEncoding.EncodeToString([]byte("\x00bode\x00geheim"))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					f := strings.Split(lines.Text(), "\t")
					if f[0] != "AUTH" {
						continue
					}
					if strings.Contains(lines.Text(), "resp="+right) {
						fmt.Fprintf(conn, "OK\t%s\tuser=bode\n", f[1])
					} else {
						fmt.Fprintf(conn, "FAIL\t%s\n", f[1])
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// relay is a Postfix that wants STARTTLS and a sign-in, and the roots that trust it.
func relay(t *testing.T, routes map[string]string) (*mtatest.Server, *x509.CertPool) {
	t.Helper()
	server, roots := certificate(t)
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(server.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"key": {Type: "PRIVATE KEY", Bytes: key}, "cert": {Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return mtatest.Postfix(t, mtatest.Config{Routes: routes, Settings: map[string]string{
		"smtpd_tls_security_level": "encrypt", "smtpd_tls_auth_only": "yes", "smtpd_tls_cert_file": filepath.Join(dir, "cert"), "smtpd_tls_key_file": filepath.Join(dir, "key"),
		"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "inet:" + saslServer(t), "smtputf8_enable": "yes",
		"smtpd_delay_reject":           "yes",
		"smtpd_recipient_restrictions": "check_recipient_access inline:{ { later@a.example = 450 4.2.0 come back later }, { nobody@a.example = 550 5.1.1 no such user } }, permit_sasl_authenticated, reject",
	}}), roots
}

func throughRelay(t *testing.T, s *mtatest.Server, roots *x509.CertPool, change ...func(*smtp.Config)) *smtp.Transport {
	t.Helper()
	return transport(t, s.Addr, append([]func(*smtp.Config){func(c *smtp.Config) {
		c.Security, c.TLS, c.Username, c.Password = smtp.StartTLS, &tls.Config{RootCAs: roots}, "bode", "geheim"
		c.CommandTimeout = 20 * time.Second
	}}, change...)...)
}

// A real relay: what it takes, puts off and refuses is told as such, over
// connections that are kept.
func TestPostfix(t *testing.T) {
	t.Parallel()
	box := catcher(t, notifytest.Config{})
	s, roots := relay(t, map[string]string{"a.example": box.SMTPAddr(), "b.example": box.SMTPAddr(), "xn--mnchen-3ya.example": box.SMTPAddr(), "c.example": mtatest.Sink(t)})
	tr := throughRelay(t, s, roots)
	for to, want := range map[string]struct {
		outcome notify.Outcome
		reply   string
	}{
		"an@a.example":       {notify.Sent, "250 2.0.0 Ok: queued as "},
		"later@a.example":    {notify.Temporary, "450 4.2.0"},
		"nobody@a.example":   {notify.Permanent, "550 5.1.1"},
		"jo@münchen.example": {notify.Sent, "250 2.0.0 Ok: queued as "},
		"jörg@b.example":     {notify.Sent, "250 2.0.0 Ok: queued as "},
	} {
		r, _ := tr.Deliver(within(t, time.Minute), message(to))
		if r.Outcome != want.outcome || !strings.HasPrefix(r.Reply, want.reply) || r.TLS != "TLS 1.3" || !r.DSN || r.Unreached {
			t.Errorf("%s: %+v", to, r)
		}
		if r.Outcome == notify.Sent && !strings.Contains(s.Log(), r.ID) {
			t.Errorf("%s: the relay knows no %q", to, r.ID)
		}
		if x := traceOf(t, r); x.Connection.TLS == nil || x.Connection.TLS.Name != "127.0.0.1" || !strings.Contains(strings.Join(x.Connection.Capabilities, " "), "SMTPUTF8") ||
			strings.Contains(string(r.Trace), "geheim") {
			t.Errorf("%s: %s", to, r.Trace)
		}
	}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			if r, _ := tr.Deliver(within(t, time.Minute), message(fmt.Sprintf("an%d@c.example", i))); r.Outcome != notify.Sent {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	if n := strings.Count(s.Log(), ": connect from"); n > 6 {
		t.Errorf("%d connections for 65 mails, of which 60 to one domain", n)
	}
	for _, to := range []string{"an@a.example", "jo@xn--mnchen-3ya.example", "jörg@b.example"} {
		if _, err := box.Wait(within(t, 30*time.Second), 1, func(m notifytest.Message) bool {
			return m.Envelope["orcpt"] == to || strings.Contains(string(m.Raw), to)
		}); err != nil {
			t.Errorf("%s never arrived: %v", to, err)
		}
	}
}

// Without sign-in, with a wrong one, or not trusted: nothing is sent, and another
// relay may be asked where this one could not be.
func TestPostfixRefusesUs(t *testing.T) {
	t.Parallel()
	s, roots := relay(t, map[string]string{"a.example": mtatest.Sink(t)})
	for name, c := range map[string]struct {
		change    func(*smtp.Config)
		unreached bool
	}{
		"wrong password": {func(c *smtp.Config) { c.Password = "falsch" }, true},
		"no sign-in":     {func(c *smtp.Config) { c.Username, c.Password = "", "" }, false}, // Postfix says so at RCPT
		"not trusted":    {func(c *smtp.Config) { c.TLS = &tls.Config{RootCAs: x509.NewCertPool()} }, true},
		"another name":   {func(c *smtp.Config) { c.TLS.ServerName = "relay.bode.example" }, true},
		"no TLS":         {func(c *smtp.Config) { c.Security, c.TLS, c.Username = smtp.Plain, nil, "" }, true},
	} {
		r, _ := throughRelay(t, s, roots, c.change).Deliver(within(t, time.Minute), message("an@a.example"))
		if r.Outcome != notify.Technical || r.InDoubt || r.Unreached != c.unreached || r.ID != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if strings.Contains(s.Log(), "queued") || strings.Contains(s.Log(), "from=<bericht@") && strings.Contains(s.Log(), "size=") {
		t.Error("the relay took a mail")
	}
}

// What smtp-sink does to a mail at each stage, and what it is taken for.
func TestSinkThatFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags   []string
		outcome notify.Outcome
		doubt   bool
		next    bool // another relay may be asked
	}{
		{[]string{"-r", "MAIL"}, notify.Temporary, false, true},
		{[]string{"-f", "MAIL"}, notify.Technical, false, true},
		{[]string{"-r", "RCPT"}, notify.Temporary, false, false},
		{[]string{"-f", "RCPT"}, notify.Technical, false, false},
		{[]string{"-r", "."}, notify.Temporary, false, false},
		{[]string{"-f", "."}, notify.Technical, false, false},
		{[]string{"-q", "MAIL"}, notify.Temporary, false, true},
		{[]string{"-q", "RCPT"}, notify.Temporary, false, false},
		{[]string{"-q", "DATA"}, notify.Temporary, false, false},
		{[]string{"-q", "."}, notify.Technical, true, false},
		{[]string{"-Q", "RCPT"}, notify.Temporary, false, false},
	} {
		t.Run(strings.Join(c.flags, " "), func(t *testing.T) {
			t.Parallel()
			first := transport(t, mtatest.Sink(t, c.flags...))
			second := receive(t, nil)
			route, err := notify.NewRoute(notify.RouteConfig{Providers: []notify.NamedTransport{
				{Name: "dead", Transport: transport(t, "127.0.0.1:1")}, {Name: "failing", Transport: first}, {Name: "good", Transport: transport(t, second.addr)}}})
			if err != nil {
				t.Fatal(err)
			}
			r, _ := first.Deliver(within(t, time.Minute), message("an@example.be"))
			if r.Outcome != c.outcome || r.InDoubt != c.doubt || r.Unreached != c.next {
				t.Errorf("%+v", r)
			}
			r, _ = route.Deliver(within(t, time.Minute), message("an@example.be"))
			_, asked := second.said(0)
			if (asked == 1) != c.next || (r.Outcome == notify.Sent) != c.next {
				t.Errorf("by the route: %+v; the good relay was asked %d times", r, asked)
			}
		})
	}
}
