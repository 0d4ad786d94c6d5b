package eid_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/identity/eid"
)

func TestReadAnchors(t *testing.T) {
	t.Parallel()
	a := authority(t)
	dir := t.TempDir()
	if err := a.WriteAnchors(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("where they are from"), 0o600); err != nil {
		t.Fatal(err)
	}
	anchors, err := eid.ReadAnchors(dir)
	if err != nil || len(anchors.Certificates()) != 2 {
		t.Fatal(anchors, err)
	}
	root, err := os.ReadFile(filepath.Join(dir, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty.pem": nil, "text.crt": []byte("hello"), "twice.cer": root, "der.crt": a.Root.Raw,
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}),
		"bad.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := eid.ReadAnchors(dir); err == nil {
			t.Errorf("%s was taken", name)
		}
		os.Remove(path)
	}
	if _, err := eid.ReadAnchors(filepath.Join(dir, "none")); err == nil {
		t.Error("no folder")
	}
	if _, err := eid.ReadAnchors(t.TempDir()); err == nil {
		t.Error("an empty folder")
	}
}

func TestNewAnchorsRefuses(t *testing.T) {
	t.Parallel()
	a, stranger := authority(t), authority(t)
	card := issue(t, a, ann()).Certificate
	for name, tc := range map[string]struct {
		certs []*x509.Certificate
		says  string
	}{
		"nothing":             {nil, "no CA that issues cards"},
		"roots only":          {[]*x509.Certificate{a.Root}, "no CA that issues cards"},
		"no root":             {[]*x509.Certificate{a.Citizen}, "the root that signed it is not there"},
		"twice":               {[]*x509.Certificate{a.Root, a.Citizen, a.Citizen}, "is there twice"},
		"a card":              {[]*x509.Certificate{a.Root, a.Citizen, card}, "is no CA"},
		"two keys of a name":  {[]*x509.Certificate{a.Root, a.Citizen, stranger.Citizen}, "is there with two keys"},
		"root of other key":   {[]*x509.Certificate{stranger.Root, a.Citizen}, "the root that signed it is not there"},
		"two roots of a name": {[]*x509.Certificate{a.Root, stranger.Root, a.Citizen}, "is there with two keys"},
	} {
		if _, err := eid.NewAnchors(tc.certs...); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProlongedRoot: the same name and key in two certificates, as Belgium Root
// CA4 has; the one that is valid serves.
func TestProlongedRoot(t *testing.T) {
	t.Parallel()
	a := authority(t)
	longer, err := a.Prolong(30)
	if err != nil {
		t.Fatal(err)
	}
	for _, certs := range [][]*x509.Certificate{{a.Root, longer, a.Citizen}, {longer, a.Root, a.Citizen}} {
		anchors, err := eid.NewAnchors(certs...)
		if err != nil {
			t.Fatal(err)
		}
		w := webEID(t, verifier(t, a, func(c *eid.Config) { c.Anchors = anchors }))
		if _, err := identify(t, w, issue(t, a, ann()), time.Now()); err != nil {
			t.Error(err)
		}
	}
}
