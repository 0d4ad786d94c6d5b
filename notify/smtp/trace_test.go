package smtp_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/smtp"
)

type trace struct {
	Connection struct {
		Relay, Peer, Hello string
		Capabilities       []string
		TLS                *struct{ Version, Cipher, Leaf, Verified, Name string }
		Stages             []struct{ Stage, Reply string }
	}
	Mail       int
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at"`
	Stages     []struct{ Stage, Reply string }
	Octets     int
	MessageID  string `json:"message_id"`
	EnvelopeID string `json:"envelope_id"`
	Signatures []string
	Error      string
}

func traceOf(t *testing.T, r notify.Result) (x trace) {
	t.Helper()
	if err := json.Unmarshal(r.Trace, &x); err != nil || r.TraceDigest() == "" {
		t.Fatalf("trace %q, digest %q: %v", r.Trace, r.TraceDigest(), err)
	}
	return x
}

func secretMessage() notify.Message {
	m := message("an@example.be")
	m.Notice.Kind, m.Subject = notify.Code, "Votre code"
	m.Text = "Votre code est 418 302.\nhttps://bode.example/c/Zx81kQ-token\n"
	return m
}

// Everything that others need to judge the dialogue is there, for every way to
// protect it, and nothing that is a secret.
func TestTrace(t *testing.T) {
	t.Parallel()
	server, roots := certificate(t)
	const user, password = "bode-user", "geheim-9981"
	for name, c := range map[string]struct {
		catcher  notifytest.Config
		security smtp.Security
		before   string
	}{
		"starttls": {notifytest.Config{TLS: server, Username: user, Password: password}, smtp.StartTLS, "greeting EHLO STARTTLS EHLO AUTH"},
		"implicit": {notifytest.Config{TLS: server, ImplicitTLS: true, Username: user, Password: password}, smtp.ImplicitTLS, "greeting EHLO AUTH"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := catcher(t, c.catcher)
			tr := transport(t, box.SMTPAddr(), func(s *smtp.Config) {
				s.Security, s.TLS, s.Username, s.Password = c.security, &tls.Config{RootCAs: roots}, user, password
				s.BounceDomain, s.BounceKey = "bounce.bode.example", []byte(strings.Repeat("k", 32))
			})
			for mail := 1; mail <= 2; mail++ {
				r, _ := tr.Deliver(within(t, time.Minute), secretMessage())
				if r.Outcome != notify.Sent {
					t.Fatalf("%+v", r)
				}
				x := traceOf(t, r)
				var before, stages []string
				for _, s := range x.Connection.Stages {
					before = append(before, s.Stage)
				}
				for _, s := range x.Stages {
					stages = append(stages, s.Stage+" "+s.Reply[:3])
				}
				if strings.Join(before, " ") != c.before || strings.Join(stages, ", ") != "MAIL 250, RCPT 250, DATA 354, end 250" {
					t.Errorf("mail %d: stages %v, then %v", mail, before, stages)
				}
				if x.Connection.TLS == nil || x.Connection.TLS.Version != "TLS 1.3" || x.Connection.TLS.Name != "127.0.0.1" || x.Connection.Relay != box.SMTPAddr() ||
					x.Mail != mail || x.Octets == 0 || x.EnvelopeID != secretMessage().Notice.ID+"-2" || x.EndedAt.Before(x.StartedAt) || x.StartedAt.IsZero() {
					t.Errorf("mail %d: %s", mail, r.Trace)
				}
				if all := strings.Join(x.Connection.Capabilities, " "); !strings.Contains(all, "DSN") || !strings.Contains(all, "SIZE") {
					t.Errorf("capabilities %q", all)
				}
				noSecret(t, r, user, password)
			}
		})
	}
}

// noSecret looks for what must never be written down.
func noSecret(t *testing.T, r notify.Result, user, password string) {
	t.Helper()
	all := string(r.Trace) + r.Reply + r.Remote + r.ID
	for _, secret := range []string{password, base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password)),
		"418302", "418 302", "418-302", "Zx81kQ", "b+", "Votre code"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in %s, reply %q", secret, r.Trace, r.Reply)
		}
	}
}

// A relay that repeats what it was told gives nothing away through us.
func TestTraceOfATalkativeRelay(t *testing.T) {
	t.Parallel()
	auth := base64.StdEncoding.EncodeToString([]byte("\x00bode-user\x00geheim-9981"))
	ehlo := "250-talkative.test\r\n250-AUTH PLAIN\r\n250 SIZE 1000"
	for name, replies := range map[string]map[string]string{
		"in refusing the sign-in": {"EHLO": ehlo, "AUTH": "535 5.7.8 user bode-user password geheim-9981 (" + auth + ") is wrong"},
		"in taking the sign-in":   {"EHLO": ehlo, "AUTH": "235 2.7.0 welcome bode-user, geheim-9981, " + auth},
		"in taking the mail":      {"EHLO": ehlo, "AUTH": "235 ok", ".": "250 taken, with 418302 and 418-302 in it"},
		"in refusing the mail":    {"EHLO": ehlo, "AUTH": "235 ok", ".": "554 5.7.1 Your code 418 302 and link https://bode.example/c/Zx81kQ-token look like spam"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := transport(t, peer(t, replies), func(c *smtp.Config) { c.Username, c.Password = "bode-user", "geheim-9981" })
			r, _ := tr.Deliver(within(t, time.Minute), secretMessage())
			traceOf(t, r)
			noSecret(t, r, "bode-user", "geheim-9981")
			if strings.HasPrefix(name, "in refusing the mail") && !strings.Contains(r.Reply, "look like spam") {
				t.Errorf("too much was hidden: %q", r.Reply)
			}
		})
	}
}

// Foreign words cannot make a trace too long, or break it.
func TestTraceOfAHostileRelay(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(`"\é`+"\x01\xff", 300)
	var ehlo strings.Builder
	for i := range 500 {
		fmt.Fprintf(&ehlo, "250-X%d %s\r\n", i, strings.Repeat(`"\`, 60))
	}
	for name, replies := range map[string]map[string]string{
		"many capabilities": {"EHLO": ehlo.String() + "250 SIZE 1"},
		"long refusal":      {"RCPT": "550 5.1.1 " + long},
		"long greeting":     {"": "220 " + long},
		"long success":      {".": "250 " + long},
	} {
		r, _ := transport(t, peer(t, replies)).Deliver(within(t, time.Minute), message("an@example.be"))
		if traceOf(t, r); len(r.Trace) > 12<<10 {
			t.Errorf("%s: %d octets", name, len(r.Trace))
		}
	}
}

func TestTraceOfNothing(t *testing.T) {
	t.Parallel()
	r, _ := transport(t, "127.0.0.1:1").Deliver(within(t, time.Minute), message("an@example.be"))
	if x := traceOf(t, r); x.Error == "" || len(x.Stages) != 0 || !r.Unreached {
		t.Errorf("%s", r.Trace)
	}
}
