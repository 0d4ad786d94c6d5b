package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/bode-erds/bode/delivery/post"
)

// sshKeys makes a private key and a public one, in files.
func sshKeys(t *testing.T, dir string) (private, public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	private, public = filepath.Join(dir, "key"), filepath.Join(dir, "key.pub")
	for path, b := range map[string][]byte{private: pem.EncodeToMemory(block), public: ssh.MarshalAuthorizedKey(shown)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return private, public
}

// TestPartnerSettings holds that a partner is one thing, and names what is
// missing by its setting.
func TestPartnerSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*postConfig)
		missing string
	}{
		"none":             {func(c *postConfig) { c.Dir = "" }, ""},
		"folder":           {func(*postConfig) {}, ""},
		"no name":          {func(c *postConfig) { c.Partner = "" }, "post-partner"},
		"server":           {func(c *postConfig) { c.SFTP = sftpConfig{Addr: "a:22", User: "u", HostKey: "h", Key: "k"} }, ""},
		"server, password": {func(c *postConfig) { c.SFTP = sftpConfig{Addr: "a:22", User: "u", HostKey: "h", Password: "k"} }, ""},
		"no user":          {func(c *postConfig) { c.SFTP = sftpConfig{Addr: "a:22", HostKey: "h", Key: "k"} }, "post-sftp-user"},
		"no host key":      {func(c *postConfig) { c.SFTP = sftpConfig{Addr: "a:22", User: "u", Key: "k"} }, "post-sftp-host-key"},
		"no key":           {func(c *postConfig) { c.SFTP = sftpConfig{Addr: "a:22", User: "u", HostKey: "h"} }, "post-sftp-key"},
		"key and password": {func(c *postConfig) {
			c.SFTP = sftpConfig{Addr: "a:22", User: "u", HostKey: "h", Key: "k", Password: "p"}
		}, "post-sftp-key"},
		"no memory": {func(c *postConfig) { c.Dir = ""; c.SFTP = sftpConfig{Addr: "a:22", User: "u", HostKey: "h", Key: "k"} }, "post-dir"},
		"pingen":    {func(c *postConfig) { c.Pingen = pingenConfig{Organisation: "o", Client: "c", Secret: "s"} }, ""},
		"no client": {func(c *postConfig) { c.Pingen = pingenConfig{Organisation: "o", Secret: "s"} }, "post-pingen-client"},
		"no secret": {func(c *postConfig) { c.Pingen = pingenConfig{Organisation: "o", Client: "c"} }, "post-pingen-secret"},
		"two partners": {func(c *postConfig) {
			c.Pingen = pingenConfig{Organisation: "o", Client: "c", Secret: "s"}
			c.SFTP = sftpConfig{Addr: "a:22", User: "u", HostKey: "h", Key: "k"}
		}, "post-sftp-addr"},
		"bpost":        {func(c *postConfig) { c.Bpost = bpostConfig{Account: 1, Key: "k"} }, ""},
		"no bpost key": {func(c *postConfig) { c.Bpost = bpostConfig{Account: 1} }, "post-bpost-key"},
		"bpost beside pingen": {func(c *postConfig) {
			c.Bpost = bpostConfig{Account: 1, Key: "k"}
			c.Pingen = pingenConfig{Organisation: "o", Client: "c", Secret: "s"}
		}, "post-bpost-account"},
	} {
		conf := postConfig{Dir: "d", Partner: "p", Window: "be-right", printConfig: printConfig{Cutoff: 10 * time.Hour}}
		c.change(&conf)
		var missing []string
		conf.validate(func(ok bool, setting, why string) {
			if !ok {
				missing = append(missing, setting)
			}
		})
		if got := strings.Join(missing, " "); got != c.missing {
			t.Errorf("%s: missing %q, want %q", name, got, c.missing)
		}
	}
}

// TestPartnerOpens reads the files that settings name, and refuses secrets that
// others can read.
func TestPartnerOpens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, host := sshKeys(t, dir)
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	server := func(change func(*sftpConfig)) partnerConfig {
		c := sftpConfig{Addr: "127.0.0.1:1", User: "u", HostKey: host, Key: key}
		change(&c)
		return partnerConfig{SFTP: c}
	}
	for name, c := range map[string]struct {
		conf partnerConfig
		ok   bool
	}{
		"folder":         {partnerConfig{NoAck: true}, true},
		"server":         {server(func(*sftpConfig) {}), true},
		"password":       {server(func(c *sftpConfig) { c.Key, c.Password = "", key }), true},
		"no host key":    {server(func(c *sftpConfig) { c.HostKey = filepath.Join(dir, "none") }), false},
		"not a host key": {server(func(c *sftpConfig) { c.HostKey = open }), false},
		"not a key":      {server(func(c *sftpConfig) { c.Key = host }), false},
		"open password":  {server(func(c *sftpConfig) { c.Key, c.Password = "", open }), false},
		"pingen":         {partnerConfig{Pingen: pingenConfig{Organisation: "o", Client: "c", Secret: key}}, true},
		"open secret":    {partnerConfig{Pingen: pingenConfig{Organisation: "o", Client: "c", Secret: open}}, false},
		"open hook":      {partnerConfig{Pingen: pingenConfig{Organisation: "o", Client: "c", Secret: key, Hook: open}}, false},
		"no tls":         {partnerConfig{Pingen: pingenConfig{Organisation: "o", Client: "c", Secret: key, API: "http://x"}}, false},
		"bpost":          {partnerConfig{Bpost: bpostConfig{Account: 1, Key: key, Product: "registeredmail"}}, true},
		"open bpost key": {partnerConfig{Bpost: bpostConfig{Account: 1, Key: open, Product: "registeredmail"}}, false},
	} {
		conf := postConfig{Dir: t.TempDir(), Partner: "p", partnerConfig: c.conf}
		p, err := conf.open(post.Config{Dir: conf.Dir, Partner: conf.Partner})
		if (err == nil) != c.ok || c.ok && p == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWorkdays: a partner in Belgium does not answer on 11 November.
func TestWorkdays(t *testing.T) {
	t.Parallel()
	work, err := workdays()
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]bool{"2026-11-10": true, "2026-11-11": false, "2026-11-14": false, "2026-11-15": false, "2026-05-25": false, "2026-05-26": true} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if work(at) != want {
			t.Errorf("%s: %v", day, !want)
		}
	}
}
