package eidtest_test

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eidtest"
)

func TestNationalNumber(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"85073003328": eidtest.NationalNumber("850730", 33, false),
		"17073003384": eidtest.NationalNumber("170730", 33, true),
		"40000095579": eidtest.NationalNumber("400000", 955, false),
		"01050399864": eidtest.NationalNumber("010503", 998, true),
	} {
		if got != want || !identity.ValidNationalNumber(got) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func start(t *testing.T) *eidtest.Authority {
	t.Helper()
	a, err := eidtest.Start(eidtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// TestCertificatesOfCards are what x509 makes of them.
func TestCertificatesOfCards(t *testing.T) {
	t.Parallel()
	a := start(t)
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.Root)
	middle.AddCert(a.Citizen)
	middle.AddCert(a.Foreigner)
	for _, foreigner := range []bool{false, true} {
		c, err := a.Issue(eidtest.Person{Given: "Ann", Family: "Peeters", NationalNumber: "85073003328", Foreigner: foreigner})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Certificate.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		if err != nil || c.Certificate.Subject.SerialNumber != "85073003328" {
			t.Error(err, c.Certificate.Subject)
		}
	}
}

// TestExtension speaks as the extension does.
func TestExtension(t *testing.T) {
	t.Parallel()
	c, err := start(t).Issue(eidtest.Person{Given: "Ann", Family: "Peeters", NationalNumber: "85073003328"})
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		`{"nonce":"` + strings.Repeat("n", 44) + `","origin":"https://bode.example"}`: "web-eid:authenticate-success",
		`{"nonce":"short","origin":"https://bode.example"}`:                           "web-eid:authenticate-failure",
	} {
		message, err := c.Answer(request)
		var m map[string]any
		if err != nil || json.Unmarshal([]byte(message), &m) != nil || m["action"] != want {
			t.Errorf("%s: %v %s", request, err, message)
		}
	}
	if _, err := c.Answer("{"); err == nil {
		t.Error("half a request")
	}
	if message, err := eidtest.Refuse(); err != nil || !strings.Contains(message, "ERR_WEBEID_USER_CANCELLED") {
		t.Error(message, err)
	}
	if !strings.Contains(eidtest.Extension, "web-eid:authenticate-ack") {
		t.Error("the script is not there")
	}
}

func TestWriteAnchors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := start(t).WriteAnchors(dir); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Error(files, err)
	}
}
