package post

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestSFTPFull: a server without room keeps nothing, and later there is one letter.
func TestSFTPFull(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 8)
	h := newSFTPFolder(t, s, nil)
	l := newLetter("fr")
	if _, err := h.HandOver(t.Context(), l); err == nil || Permanent(err) {
		t.Fatalf("no room: %v", err)
	}
	if got := append(namesIn(t, s.folder), namesIn(t, filepath.Join(s.folder, "tmp"))...); len(got) != 0 {
		t.Errorf("left there: %v", got)
	}
	roomy := startSSHD(t, 0)
	later := newSFTPFolder(t, roomy, func(c *SFTPConfig) { c.Dir = h.cfg.Dir })
	handOver(t, later, l)
}

// TestSFTPPermission: a folder in which we may not write is an error that goes
// away when it is mended.
func TestSFTPPermission(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Log("as root every folder can be written to: this shows a folder that is a file instead")
	}
	s := startSSHD(t, 0)
	h := newSFTPFolder(t, s, nil)
	if err := h.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	tmp := filepath.Join(s.folder, "tmp")
	spoil := func() error { return os.Chmod(tmp, 0o500) }
	mend := func() error { return os.Chmod(tmp, 0o755) }
	if os.Getuid() == 0 {
		spoil = func() error { return errors.Join(os.Remove(tmp), os.WriteFile(tmp, nil, 0o600)) }
		mend = func() error { return errors.Join(os.Remove(tmp), os.Mkdir(tmp, 0o755)) }
	}
	if err := spoil(); err != nil {
		t.Fatal(err)
	}
	l := newLetter("en")
	if _, err := h.HandOver(t.Context(), l); err == nil || Permanent(err) {
		t.Errorf("no right to write: %v", err)
	}
	if err := h.Check(t.Context()); err == nil {
		t.Error("check found nothing")
	}
	if err := mend(); err != nil {
		t.Fatal(err)
	}
	handOver(t, h, l)
}

// TestSFTPConflict: what lies under the name of a letter and is not the letter
// is never replaced, and not taken for it.
func TestSFTPConflict(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, 0)
	h := newSFTPFolder(t, s, nil)
	l := newLetter("en")
	path := filepath.Join(s.folder, itemID(l)+".pdf")
	if err := os.WriteFile(path, []byte("somebody else's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.HandOver(t.Context(), l); !errors.Is(err, ErrConflict) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "somebody else's" {
		t.Errorf("replaced: %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(s.folder, itemID(l)+".json")); err == nil {
		t.Error("there is a manifest")
	}
}

func TestParseHostKeys(t *testing.T) {
	t.Parallel()
	key := string(ssh.MarshalAuthorizedKey(newKey(t, filepath.Join(t.TempDir(), "k")).PublicKey()))
	for text, n := range map[string]int{
		key: 1, "# ours\n" + key + key: 2, "sftp.example " + key: 1, "[sftp.example]:2222 " + key + "@revoked sftp.example " + key: 1,
		"": 0, "ssh-ed25519 AAAA": 0, "@revoked sftp.example " + key: 0, "@cert-authority *.example " + key: 0, "-----BEGIN OPENSSH PRIVATE KEY-----": 0,
	} {
		keys, err := ParseHostKeys([]byte(text))
		if len(keys) != n || (err == nil) != (n > 0) {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	}
}

func TestSFTPConfiguration(t *testing.T) {
	t.Parallel()
	s := newKey(t, filepath.Join(t.TempDir(), "k"))
	for name, spoil := range map[string]func(*SFTPConfig){
		"server": func(c *SFTPConfig) { c.Addr = "" }, "user": func(c *SFTPConfig) { c.User = "" },
		"host key": func(c *SFTPConfig) { c.HostKeys = nil }, "key": func(c *SFTPConfig) { c.Auth = nil },
		"partner": func(c *SFTPConfig) { c.Partner = "" }, "own folder": func(c *SFTPConfig) { c.Dir = "" },
	} {
		cfg := SFTPConfig{Config: Config{Dir: t.TempDir(), Partner: "p"}, Addr: "127.0.0.1:1", User: "u",
			HostKeys: []ssh.PublicKey{s.PublicKey()}, Auth: []ssh.AuthMethod{ssh.PublicKeys(s)}}
		spoil(&cfg)
		if _, err := NewSFTP(cfg); err == nil {
			t.Errorf("without %s: no error", name)
		}
	}
}
