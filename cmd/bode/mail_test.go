package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bode-erds/bode/notify/smtp"
)

func TestParseRelay(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]smtp.Config{
		"smtps://bode@relay.example:465?password=" + secret: {Addr: "relay.example:465", Security: smtp.ImplicitTLS, Username: "bode", Password: "geheim"},
		"smtp://relay.example:587":                          {Addr: "relay.example:587", Security: smtp.StartTLS},
		"smtp+plain://127.0.0.1:25":                         {Addr: "127.0.0.1:25", Security: smtp.Plain},
		"smtps://[::1]:465":                                 {Addr: "[::1]:465", Security: smtp.ImplicitTLS},
	} {
		got, err := parseRelay(text, smtp.Config{Connections: 3})
		if err != nil || got.Addr != want.Addr || got.Security != want.Security || got.Username != want.Username || got.Password != want.Password || got.Connections != 3 {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "relay.example:465", "relay.example", "https://relay.example:465", "smtps://relay.example", "smtps://bode:geheim@relay.example:465",
		"smtps://relay.example:465/path", "smtps://relay.example:465#x", "smtps://relay.example:port", "smtps://bode:@relay.example:465"} {
		if _, err := parseRelay(text, smtp.Config{}); !errors.Is(err, errRelay) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := parseRelay("smtps://relay.example:465?password=/absent", smtp.Config{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// The records that doctor prints are those that others look for, no string of
// them over 255 octets.
func TestSayMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, small, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var c config
	c.SMTP.From, c.Bounce.Domain = "Bode <no-reply@bode.example>", "bounce.bode.example"
	for selector, key := range map[string]any{"r1": big, "e1": small} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, selector)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		c.SMTP.DKIM = append(c.SMTP.DKIM, selector+"="+path)
	}
	var b bytes.Buffer
	if err := c.sayMail(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"r1._domainkey.bode.example. TXT \"v=DKIM1; k=rsa; h=sha256; s=email; p=", "e1._domainkey.bode.example. TXT \"v=DKIM1; k=ed25519; h=sha256; s=email; p=",
		"_dmarc.bode.example. TXT", "bounce.bode.example. TXT"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	for i, part := range strings.Split(b.String(), `"`) {
		if i%2 == 1 && len(part) > 255 {
			t.Errorf("a string of %d octets", len(part))
		}
	}
	c.SMTP.DKIM = []string{"r1"}
	if err := c.sayMail(&b); err == nil {
		t.Error("a key without a file")
	}
}
