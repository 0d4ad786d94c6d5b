package submission

import (
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	for response, want := range map[string]string{
		"n,,\x01auth=Bearer k\x01\x01": "k",
		"n,a=u@example.be,\x01host=mail.example\x01port=587\x01auth=Bearer k.1\x01\x01": "k.1",
		"y,,\x01auth=bearer  k\x01\x01": "k",
		"":                              "",
		"k":                             "",
		"n,,\x01\x01":                   "",
		"n,,\x01auth=Bearer k":          "",
		"n,,\x01auth=Bearer k\x01":      "",
		"n,,\x01auth=Bearer k\x01x\x01": "",
		"n,,\x01auth=Basic k\x01\x01":   "",
		"n,,\x01auth=Bearer\x01\x01":    "",
		"n,,\x01auth=Bearer \x01\x01":   "",
		"n,,\x01auth=Bearer k\x01auth=Bearer l\x01\x01":      "",
		"n,,\x01host\x01auth=Bearer k\x01\x01":               "",
		"p=tls-unique,,\x01auth=Bearer k\x01\x01":            "",
		"n,b=u,\x01auth=Bearer k\x01\x01":                    "",
		"n,a=u,x\x01auth=Bearer k\x01\x01":                   "",
		"n\x01auth=Bearer k\x01\x01":                         "",
		"n,,\x01user=u\x01auth=Bearer k\x01\x01":             "k",
		"user=u\x01auth=Bearer k\x01\x01":                    "", // XOAUTH2 is another mechanism
		"n,a=" + strings.Repeat("x", 4000) + ",\x01\x01\x01": "",
	} {
		if got, ok := bearer([]byte(response)); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t", response, got, ok)
		}
	}
}

// What a wrong token is answered with, and that its client may not go on.
// RFC 7628 §3.2.2, §3.2.3
func TestWrongToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.dial()
	x.do("EHLO c.example", "250")
	wrong := "AUTH OAUTHBEARER " + base64Of("n,,\x01auth=Bearer bode_test_x\x01\x01")
	if got := x.do(wrong, "334"); got != "334 "+base64Of(invalidToken) {
		t.Errorf("answer %q", got)
	}
	x.do("AQ==", "535 5.7.8")
	x.do(wrong, "334")
	x.do(base64Of("n,,\x01auth=Bearer "+r.key+"\x01\x01"), "535 5.7.8") // not a second try
	x.do("AUTH OAUTHBEARER "+base64Of("nonsense"), "501 5.5.2")
	x.do("MAIL FROM:<a@example.be>", "530 5.7.0")
	x.do("AUTH OAUTHBEARER", "334")
	x.do(base64Of("n,,\x01auth=Bearer "+r.key+"\x01\x01"), "235")
	x.do("MAIL FROM:<a@example.be>", "250")
	// Wrong tokens count like other wrong keys.
	y := r.dial()
	y.do("EHLO c.example", "250")
	for range maxWrong - 1 {
		y.do(wrong, "334")
		y.do("AQ==", "535")
	}
	y.do(wrong, "421 4.7.0")
}

func TestTokenOfLibrary(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, err := smtp.Dial(r.addr)
	r.must(err)
	defer c.Close()
	r.must(c.Auth(sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: "u", Token: r.key, Host: "mail.example", Port: 587})))
	number(t, r.send(c, plainMail))
}

// TestMsmtp lets somebody else's program show the key as a token, over TLS both
// ways, and makes sure that it does not in the clear.
func TestMsmtp(t *testing.T) {
	t.Parallel()
	server, _ := certificate(t)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, implicit := range []bool{false, true} {
		t.Run(fmt.Sprint("tls from the start ", implicit), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) { c.TLS, c.ImplicitTLS = server, implicit })
			host, port, _ := strings.Cut(r.addr, ":")
			starttls := map[bool]string{true: "off", false: "on"}[implicit]
			conf := filepath.Join(t.TempDir(), "msmtprc")
			r.must(os.WriteFile(conf, []byte("account default\nhost "+host+"\nport "+port+"\nfrom post@zilverlinde.example\nauth oauthbearer\nuser u\n"+
				"passwordeval cat "+conf+".key\ntls on\ntls_starttls "+starttls+"\ntls_trust_file "+ca+"\n"), 0o600))
			r.must(os.WriteFile(conf+".key", []byte(r.key+"\n"), 0o600))
			mail := filepath.Join(t.TempDir(), "mail")
			r.must(os.WriteFile(mail, []byte(strings.ReplaceAll(plainMail, "\r\n", "\n")), 0o600))
			out := outside(t, "sh", "-c", `exec msmtp --debug -C "$0" an@example.be <"$1"`, conf, mail)
			if !strings.Contains(out, "AUTH OAUTHBEARER") || !strings.Contains(out, "250 2.0.0 registered as ") {
				t.Error(out)
			}
			if n := r.count("message"); n != 1 {
				t.Errorf("%d messages", n)
			}
		})
	}
}
