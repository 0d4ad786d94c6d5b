package pades

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// TestContainers lets openssl judge what each kind of key makes, with and without
// a time-stamp of its own.
func TestContainers(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"P-256", "P-384", "RSA-3072"} {
		a := authority(t, key)
		for _, own := range []bool{false, true} {
			in := besideSample()
			in.Own = own
			pdf, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), in, signingTime)
			if err != nil {
				t.Fatal(err)
			}
			c, der := containerOf(t, pdf)
			if (c.Token != nil) != own || len(c.Certificates) != 2 {
				t.Errorf("%s: token of %d octets, %d certificates", key, len(c.Token), len(c.Certificates))
			}
			f, _, err := take(pdf)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := a.WritePEM(dir); err != nil {
				t.Fatal(err)
			}
			run(t, "openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", write(t, dir, "s.p7s", der),
				"-content", write(t, dir, "content.bin", f.covered()), "-CAfile", filepath.Join(dir, "ca.pem"), "-purpose", "any",
				"-attime", "1796130312", "-out", os.DevNull)
		}
	}
}

func containerOf(t *testing.T, pdf []byte) (*evidence.CMS, []byte) {
	t.Helper()
	_, der, err := take(pdf)
	if err != nil {
		t.Fatal(err)
	}
	c, err := evidence.ParseCMS(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, der
}

// TestSealBeginsWithItsPage: sealing adds to the rendered file and changes nothing.
func TestSealBeginsWithItsPage(t *testing.T) {
	t.Parallel()
	page, err := render(sample("nl"), evidence.Attached{XML: []byte(sampleXML), Own: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	if pdf, _ := sealed(t, "P-256"); !bytes.HasPrefix(pdf, page) {
		t.Error("the sealed file does not begin with the rendered one")
	}
}

// TestRoomGrows: a token that is larger than that of the XML gets a second try
// with all the room there may be, and no third.
func TestRoomGrows(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	in := evidence.Attached{XML: sourceXML(t, a), Own: true}
	short := bytes.Replace(in.XML, []byte("EncapsulatedTimeStamp>MI"), []byte("EncapsulatedTimeStamp>MII=</EncapsulatedTimeStamp><b>"), 1)
	for name, c := range map[string]struct {
		xml   []byte
		calls int
	}{
		"as in the XML":  {in.XML, 1},
		"larger":         {short, 2},
		"unknown before": {[]byte(sampleXML), 1},
	} {
		in.XML = c.xml
		before := a.Requests()
		pdf, err := newSealer(t, a).SealPDF(context.Background(), sample("nl"), in, signingTime)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := a.Requests() - before; n != c.calls {
			t.Errorf("%s: %d time-stamps, want %d", name, n, c.calls)
		}
		if got, _ := containerOf(t, pdf); got.Token == nil {
			t.Errorf("%s: no token", name)
		}
	}
	s, err := New(Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper(), TokenSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SealPDF(context.Background(), sample("nl"), in, signingTime); !errors.Is(err, ErrSeal) {
		t.Errorf("no room: err = %v, want ErrSeal", err)
	}
}

// brokenKey fails, or signs with what is no signature.
type brokenKey struct {
	evidence.SealKey
	signature []byte
	err       error
}

func (k brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return k.signature, k.err
}

func TestBrokenKeys(t *testing.T) {
	t.Parallel()
	a := authority(t, "")
	for name, key := range map[string]brokenKey{
		"fails": {a.SealKey(), nil, errors.New("device removed")},
	} {
		s, err := New(Config{Key: evidence.FixedKey(key), Stamper: a.Stamper()})
		if err != nil {
			t.Fatal(err)
		}
		in := besideSample()
		if pdf, err := s.SealPDF(context.Background(), sample("nl"), in, signingTime); !errors.Is(err, ErrSeal) || pdf != nil {
			t.Errorf("%s: err = %v, want ErrSeal", name, err)
		}
	}
	// A key that signs something else is found by the check that follows.
	s, err := New(Config{Key: evidence.FixedKey(brokenKey{a.SealKey(), []byte{0x30, 6, 2, 1, 1, 2, 1, 1}, nil}), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	pdf, err := s.SealPDF(context.Background(), sample("nl"), evidence.Attached{XML: []byte(sampleXML), Own: true}, signingTime)
	if err != nil {
		t.Fatal(err)
	}
	if (Checker{}).Check(pdf, a.Trust()).OK() {
		t.Error("a wrong signature passes")
	}
}
