package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDoctorFiles: a secret that others can read is named, whichever setting it
// belongs to and however deep it lies; what is closed, public or absent is not.
func TestDoctorFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("secrets/box.key", 0o600)
	put("secrets/log.pub", 0o644)
	for name, c := range map[string]struct {
		conf config
		want string
	}{
		"nothing set":         {config{}, ""},
		"closed":              {config{store: store{Secrets: filepath.Join(dir, "secrets")}}, ""},
		"absent":              {config{Keys: filepath.Join(dir, "none")}, ""},
		"the group reads":     {config{Keys: filepath.Dir(put("keys/2026-11.json", 0o640))}, "--keys"},
		"all read":            {config{Seal: sealConfig{Key: put("seal.pem", 0o644)}}, "--seal-key"},
		"others write":        {config{Seal: sealConfig{LogKey: put("log.key", 0o602)}}, "--seal-log-key"},
		"a token":             {config{Trace: traceConfig{Token: put("token", 0o604)}}, "--trace-token"},
		"one of several":      {config{Login: loginConfig{Decrypt: []string{put("one.pem", 0o600), put("two.pem", 0o644)}}}, "--login-decrypt 2"},
		"a key behind a name": {config{SMTP: smtpConfig{DKIM: []string{"s1=" + put("dkim.pem", 0o644)}}}, "--smtp-dkim 1"},
	} {
		err := c.conf.closed()
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (config{Content: contentConfig{Dir: filepath.Join(dir, "none")}}).roomy(); err != nil {
		t.Logf("this machine: %v", err) // of its own disks
	}
}

// TestDatabaseFindings: each setting that loses what was confirmed, or ends the
// service, is named by itself.
func TestDatabaseFindings(t *testing.T) {
	t.Parallel()
	good := databaseState{version: 150000, fsync: "on", pages: "on", commit: "on", vacuum: "on", exact: time.Millisecond}
	if err := errors.Join(good.durable(), good.punctual()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*databaseState){
		"older than 15":       func(s *databaseState) { s.version = 140012 },
		"fsync":               func(s *databaseState) { s.fsync = "off" },
		"full_page_writes":    func(s *databaseState) { s.pages = "off" },
		"commit is off":       func(s *databaseState) { s.commit = "off" },
		"commit is local":     func(s *databaseState) { s.commit = "local" },
		"autovacuum":          func(s *databaseState) { s.vacuum = "off" },
		"standby":             func(s *databaseState) { s.standby = true },
		"holds back vacuum":   func(s *databaseState) { s.age = 1_600_000_000 },
		"they differ by 3s":   func(s *databaseState) { s.skew = 3 * time.Second },
		"they differ by -2.5": func(s *databaseState) { s.skew = -2500 * time.Millisecond },
	} {
		s := good
		change(&s)
		err := errors.Join(s.durable(), s.punctual())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", want, err)
		}
	}
	late := good // an answer that took ten seconds says little of the clock
	late.skew, late.exact = 9*time.Second, 10*time.Second
	if err := late.punctual(); err != nil {
		t.Error(err)
	}
}

// TestFindings: what is wrong is counted once, with each of its lines and what to
// do; what is right says nothing more.
func TestFindings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := &findings{w: &out}
	r.say("a", nil, "rest")
	r.say("b", errors.Join(errors.New("one"), errors.New("two")), "mend both")
	r.note("%d things", 3)
	if want := "ok       a\nMISSING  b: one\nMISSING  b: two\ndo       mend both\nnote     3 things\n"; out.String() != want || r.sick != 1 {
		t.Errorf("%d: %q", r.sick, out.String())
	}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for days, soon := range map[int]bool{-1: true, 0: true, 29: true, 30: false, 400: false} {
		chain := []*x509.Certificate{{NotAfter: now.AddDate(1, 0, 0)}, {NotAfter: now.AddDate(0, 0, days)}}
		if err := endsSoon("mails-cert", chain, now); (err != nil) != soon {
			t.Errorf("%d days: %v", days, err)
		}
	}
}
