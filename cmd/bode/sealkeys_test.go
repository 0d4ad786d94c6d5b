package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/seal"
)

// ends is an authority whose certificates end when said.
func ends(t *testing.T, at time.Time) *evidencetest.Authority {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return at.AddDate(-10, 0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestEndings holds that an operator hears of a certificate 90, 30 and 7 days
// before it ends, and of nothing that no longer matters.
func TestEndings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return now.AddDate(0, 0, days) }
	long := ends(t, in(3000))
	key := func(a *evidencetest.Authority) sealKeys { return oneKey{a.SealKey()} }
	ring := func(all ...*evidencetest.Authority) sealKeys {
		dir := t.TempDir()
		for i, a := range all {
			fileKey(t, dir, fmt.Sprint(i), a)
		}
		r, err := seal.OpenRing(seal.RingConfig{Dir: dir, AllowFileKey: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	for name, c := range map[string]struct {
		keys    sealKeys
		anchors []*x509.Certificate
		want    string // levels and days left
	}{
		"nothing ends":                  {key(long), long.Roots(), ""},
		"91 days":                       {key(ends(t, in(91))), nil, ""},
		"90 days: key and issuer":       {key(ends(t, in(90))), nil, "WARN 90 WARN 90"},
		"31 days":                       {key(ends(t, in(31))), nil, "WARN 31 WARN 31"},
		"30 days":                       {key(ends(t, in(30))), nil, "ERROR 30 ERROR 30"},
		"7 days":                        {key(ends(t, in(7))), nil, "ERROR 7 ERROR 7"},
		"the last hour":                 {key(ends(t, now.Add(time.Hour))), nil, "ERROR 0 ERROR 0"},
		"ended, and no other key":       {key(ends(t, in(-1))), nil, "ERROR -1 ERROR -1"},
		"ended, anchors too":            {key(ends(t, in(-1))), ends(t, in(-2)).Roots(), "ERROR -2 ERROR -2 ERROR -1 ERROR -1"},
		"anchors end":                   {key(long), ends(t, in(29)).Roots(), "ERROR 29 ERROR 29"},
		"anchors end later":             {key(long), ends(t, in(60)).Roots(), "WARN 60 WARN 60"},
		"anchors of old evidence":       {key(long), ends(t, in(-100)).Roots(), "INFO -100 INFO -100"},
		"another key has followed":      {ring(ends(t, in(20)), long), nil, "INFO 20 INFO 20"},
		"has followed and ends as well": {ring(ends(t, in(20)), ends(t, in(25))), nil, "INFO 20 INFO 20 ERROR 25 ERROR 25"},
	} {
		var got []string
		for _, e := range (outside{sealKeys: c.keys, anchors: c.anchors}).endings(now) {
			got = append(got, fmt.Sprint(e.level, e.left))
			if s := e.String(); !strings.Contains(s, e.Serial) || !strings.Contains(s, e.NotAfter.Format(time.DateOnly)) {
				t.Errorf("%s: says %q", name, s)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", name, s, c.want)
		}
	}
}

func TestOneKey(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	k := oneKey{ends(t, end).SealKey()}
	for at, want := range map[time.Time]error{
		end.AddDate(-10, 0, -2): seal.ErrNoKey, end.AddDate(-5, 0, 0): nil, end: nil, end.Add(time.Second): seal.ErrNoKey,
	} {
		if got, err := k.Key(at); !errors.Is(err, want) || (err == nil) != (got != nil) {
			t.Errorf("at %s: %v, want %v", at, err, want)
		}
		if err := k.Health(t.Context(), at); !errors.Is(err, want) {
			t.Errorf("health at %s: %v, want %v", at, err, want)
		}
	}
}

// fileKey puts a key in a file into the folder of a ring.
func fileKey(t *testing.T, ring, name string, a *evidencetest.Authority) {
	t.Helper()
	dir := t.TempDir()
	if err := a.WriteSealPEM(dir); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(seal.Config{KeyFile: filepath.Join(dir, "key.pem"), CertFile: filepath.Join(dir, "cert.pem")})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(ring, name+".json"), string(b))
}

// TestFollowKeys changes the folder of keys under processes that run: they take up
// what is good on SIGHUP, and stay with what they have when nothing is.
func TestFollowKeys(t *testing.T) {
	t.Parallel()
	e := newEstateOn(t, false)
	keys := e.path("ring")
	writeFile(t, filepath.Join(keys, "a.json"), fmt.Sprintf(`{"key_file": %q, "cert_file": %q}`, e.settings["BODE_SEAL_KEY"], e.settings["BODE_SEAL_CERT"]))
	file, cert := e.settings["BODE_SEAL_KEY"], e.settings["BODE_SEAL_CERT"]
	e.settings["BODE_SEAL_KEYS"], e.settings["BODE_SEAL_KEY"], e.settings["BODE_SEAL_CERT"] = keys, "", ""
	e.run(t, nil, "migrate").expect(t, "migrate", 0)
	e.run(t, nil, "doctor").expect(t, "doctor", 0, "ok       sealing keys can seal", "ok       no certificate in use ends")
	strangers := e.path("strangers")
	if err := ends(t, time.Now().AddDate(9, 0, 0)).WritePEM(strangers); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change map[string]string
		want   string
	}{
		"neither":            {map[string]string{"BODE_SEAL_KEYS": ""}, "--seal-keys"},
		"both":               {map[string]string{"BODE_SEAL_KEY": file, "BODE_SEAL_CERT": cert}, "--seal-keys"},
		"a lone certificate": {map[string]string{"BODE_SEAL_CERT": cert}, "--seal-cert"},
		"no such folder":     {map[string]string{"BODE_SEAL_KEYS": e.path("nowhere")}, "no key in"},
		"a stranger":         {map[string]string{"BODE_SEAL_TRUST": strangers}, "not under our anchors"},
		"files not allowed":  {map[string]string{"BODE_SEAL_ALLOW_FILE_KEY": ""}, "not allowed"},
		"a qualified file":   {map[string]string{"BODE_ISSUER_QUALIFIED": "true"}, "--seal-allow-file-key"},
	} {
		e.run(t, c.change, "doctor").expect(t, name, 1, "MISSING", c.want)
		e.run(t, c.change, "serve").expect(t, name+": serve", 1, c.want)
	}

	next := ends(t, time.Now().AddDate(9, 0, 0))
	if err := appendAnchors(next, e.path("trust")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*process{e.start(t, e.listen, "serve", "--no-work"), e.start(t, "", "worker")} {
		told := 0
		hears := func(what string, want ...string) {
			t.Helper()
			if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			err := eventually(t.Context(), func() (bool, error) {
				said := p.log.String()[told:]
				for _, w := range want {
					if !strings.Contains(said, w) {
						return false, nil
					}
				}
				told += len(said)
				return true, nil
			})
			if err != nil {
				t.Errorf("%s: %s: %v", p.name, what, err)
			}
		}
		fileKey(t, keys, "stranger", ends(t, time.Now().AddDate(9, 0, 0)))
		hears("a key that is not under our anchors", "key not opened", "not under our anchors", "as they were")
		e.run(t, nil, "doctor").expect(t, "doctor", 1, "MISSING  sealing keys can seal: stranger")
		if err := os.Remove(filepath.Join(keys, "stranger.json")); err != nil {
			t.Fatal(err)
		}
		fileKey(t, keys, "b", next)
		hears("a new key", "key opened", `"name":"b"`)
		writeFile(t, filepath.Join(keys, "b.json"), `{"key_file": "/nowhere"}`)
		hears("a bad file", slog.LevelError.String(), `"name":"b"`, "as they were")
		e.run(t, nil, "doctor").expect(t, "doctor", 1, "MISSING  sealing keys can seal: b")
		if err := os.Rename(keys, keys+".gone"); err != nil {
			t.Fatal(err)
		}
		hears("an empty folder", "as they were", "no key in")
		if ok, err := p.ready(); !ok || err != nil {
			t.Errorf("%s: not ready: %v", p.name, err)
		}
		if err := errors.Join(os.Rename(keys+".gone", keys), os.Remove(filepath.Join(keys, "b.json"))); err != nil {
			t.Fatal(err)
		}
		hears("the first one again", "key taken out", `"name":"b"`)
		p.stop(t, stopWithin)
	}
}
