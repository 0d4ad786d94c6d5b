package tlog_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/bode-erds/bode/evidence/tlog"
)

func TestKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.key")
	made, err := tlog.GenerateKey(path, origin)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := tlog.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Origin() != origin || loaded.Public() != made.Public() {
		t.Errorf("loaded %s, made %s", loaded.Public(), made.Public())
	}
	// Signing again gives the same octets, whoever loaded the key.
	if a, b := sign(t, made, 1, hash{1}), sign(t, loaded, 1, hash{1}); !bytes.Equal(a, b) {
		t.Errorf("%q and %q", a, b)
	}
	if _, err := tlog.GenerateKey(path, origin); !errors.Is(err, tlog.ErrKey) || !errors.Is(err, os.ErrExist) {
		t.Errorf("overwrites a key: %v", err)
	}
	if again, err := tlog.LoadKey(path); err != nil || again.Public() != made.Public() {
		t.Errorf("the key did not survive: %v", err)
	}
}

func TestKeyFilesRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, vkey, err := note.GenerateKey(nil, origin)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":       "",
		"public":      vkey,
		"other":       "something else",
		"two":         good + "\n" + good + "\n",
		"space after": good + " \n",
		"CRLF":        good + "\r\n",
		"cut":         good[:len(good)-5],
		"renamed":     strings.Replace(good, origin, "x.example", 1),
		"no name":     strings.Replace(good, origin, "", 1),
		"PEM":         "-----BEGIN PRIVATE KEY-----\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := tlog.LoadKey(path)
		if !errors.Is(err, tlog.ErrKey) {
			t.Errorf("%s: %v", name, err)
		} else if secret := good[len(good)-20:]; strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte(good), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{open, filepath.Join(dir, "missing")} {
		if _, err := tlog.LoadKey(path); !errors.Is(err, tlog.ErrKey) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "a\x01b", "a\xffb", "a\u2003b"} {
		path := filepath.Join(dir, "bad")
		if _, err := tlog.GenerateKey(path, bad); !errors.Is(err, tlog.ErrKey) {
			t.Errorf("origin %q: %v", bad, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("origin %q left a file", bad)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	t.Parallel()
	k := newKey(t, origin)
	empty := newLog(t).root
	for _, want := range []tlog.Checkpoint{{origin, 0, empty}, {origin, 1, hash{1}}, {origin, 1 << 48, hash{0xff}}} {
		signed := sign(t, k, want.Size, want.Root)
		got, err := tlog.ParseCheckpoint(signed, k.Public())
		if err != nil || got != want {
			t.Errorf("%+v: %+v, %v", want, got, err)
		}
		other, err := torchwood.ParseCheckpoint(textOf(signed))
		if err != nil || other.Origin != origin || other.N != want.Size || other.Hash != want.Root || other.Extension != "" {
			t.Errorf("torchwood: %+v, %v", other, err)
		}
	}
	for _, size := range []int64{-1, 1<<48 + 1, 1<<63 - 1} {
		if _, err := k.Checkpoint(size, hash{}); !errors.Is(err, tlog.ErrSize) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	if _, err := k.Checkpoint(0, hash{}); !errors.Is(err, tlog.ErrSize) {
		t.Errorf("empty tree with another root: %v", err)
	}
}

func TestCheckpointsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, renamed := newKey(t, origin), newKey(t, "erds.example/lot")
	for name, c := range map[string]struct{ signed, public string }{
		"other key":       {string(sign(t, other, 1000, r.root)), r.key.Public()},
		"other origin":    {string(sign(t, renamed, 1000, r.root)), r.key.Public()},
		"no signature":    {textOf(r.checkpoint), r.key.Public()},
		"witnesses only":  {textOf(r.checkpoint) + "\n" + r.cosignature(0, textOf(r.checkpoint)), r.key.Public()},
		"empty":           {"", r.key.Public()},
		"two gigantic":    {string(r.checkpoint) + strings.Repeat("— x ", 1<<16), r.key.Public()},
		"proof":           {string(r.proof), r.key.Public()},
		"a note of ours":  {string(sign(t, r.key, 1000, r.root))[3:], r.key.Public()},
		"signed by both":  {string(cosign(t, sign(t, other, 1000, r.root), other.Public())), r.key.Public()},
		"with CR":         {strings.ReplaceAll(string(r.checkpoint), "\n", "\r\n"), r.key.Public()},
		"cut":             {string(r.checkpoint[:len(r.checkpoint)-1]), r.key.Public()},
		"text twice":      {textOf(r.checkpoint) + string(r.checkpoint), r.key.Public()},
		"size and spaces": {strings.Replace(string(r.checkpoint), "1000", " 1000", 1), r.key.Public()},
	} {
		if got, err := tlog.ParseCheckpoint([]byte(c.signed), c.public); !errors.Is(err, tlog.ErrCheckpoint) || got != (tlog.Checkpoint{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, public := range []string{"", "x", r.trust.Witnesses[0], r.key.Public() + "A", "PRIVATE+KEY+" + r.key.Public()} {
		if _, err := tlog.ParseCheckpoint(r.checkpoint, public); !errors.Is(err, tlog.ErrKey) {
			t.Errorf("key %q: %v", public, err)
		}
	}
	for _, public := range []string{"", "+", "++", "x", r.key.Public(), r.trust.Witnesses[0][1:], r.trust.Witnesses[0] + "=", " " + r.trust.Witnesses[0]} {
		if _, err := tlog.Cosigner(public); !errors.Is(err, tlog.ErrKey) {
			t.Errorf("witness %q: %v", public, err)
		}
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	r := newRig(f)
	f.Add(r.checkpoint)
	f.Add([]byte(textOf(r.checkpoint)))
	f.Add([]byte(origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— " + origin + " AAAAAAA=\n"))
	v, err := note.NewVerifier(r.key.Public())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, signed []byte) {
		c, err := tlog.ParseCheckpoint(signed, r.key.Public())
		if err != nil {
			if !errors.Is(err, tlog.ErrCheckpoint) {
				t.Fatal(err)
			}
			return
		}
		other, _, err := torchwood.VerifyCheckpoint(signed, torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(v)))
		if err != nil || other.N != c.Size || other.Hash != c.Root {
			t.Fatalf("torchwood: %+v, %v", other, err)
		}
	})
}
