package outage_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/outage"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func began() time.Time { return time.Date(2026, 11, 22, 22, 58, 30, 0, time.UTC) }

func lasted(d time.Duration) delivery.Outage {
	o := delivery.Outage{ID: "0199f0a4-0000-7000-8000-000000000001", Part: "pages", Began: began()}
	if d > 0 {
		o.Ended = o.Began.Add(d)
	}
	return o
}

func certifier(t *testing.T, seal outage.Sealer) *outage.Certifier {
	t.Helper()
	c, err := outage.New(outage.Config{Issuer: evidencetest.Issuer(), Seal: seal, Page: "https://bode.example/status", Now: began})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// text is what poppler reads in a PDF.
func text(t *testing.T, pdf []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "certificate.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-layout", file, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("pdftotext: %v: %s", err, out)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// One page says it in every language, in the time of Brussels and in UTC.
func TestCertificate(t *testing.T) {
	t.Parallel()
	reason := ""
	c := certifier(t, func(_ context.Context, pdf []byte, why string, _ time.Time) ([]byte, error) {
		reason = why
		return pdf, nil
	})
	for _, part := range []string{"pages", "store", "evidence", "notices"} {
		for _, unwatched := range []bool{false, true} {
			o := lasted(90 * time.Minute)
			o.Part, o.Unwatched = part, unwatched
			pdf, err := c.Certificate(t.Context(), o)
			if err != nil {
				t.Fatalf("%s: %v", part, err)
			}
			got := text(t, pdf)
			for _, want := range []string{"Attest van storing", "Attestation de panne", "Bescheinigung einer Störung", "Certificate of an outage", string(o.ID), evidencetest.Issuer().Name,
				"2026-11-22 23:58:30 +01:00 (22:58:30 UTC)", "2026-11-23 01:28:30 +01:00 (00:28:30 UTC)", "https://bode.example/status"} {
				if !strings.Contains(got, want) {
					t.Errorf("%s: lacks %q:\n%s", part, want, got)
				}
			}
			if strings.ContainsAny(got, "{}") || strings.Contains(got, ": .") || strings.Contains(got, "\f\f") {
				t.Errorf("%s: unfinished:\n%s", part, got)
			}
			if reason != string(o.ID) {
				t.Errorf("sealed for %q", reason)
			}
		}
	}
}

func TestNoCertificate(t *testing.T) {
	t.Parallel()
	broken := errors.New("no key")
	c := certifier(t, func(context.Context, []byte, string, time.Time) ([]byte, error) { return nil, broken })
	if _, err := c.Certificate(t.Context(), lasted(0)); !errors.Is(err, outage.ErrLasting) {
		t.Errorf("while it lasts: %v", err)
	}
	if pdf, err := c.Certificate(t.Context(), lasted(time.Minute)); !errors.Is(err, broken) || pdf != nil {
		t.Errorf("%v", err)
	}
	for name, cfg := range map[string]outage.Config{"nothing": {}, "no seal": {Issuer: evidencetest.Issuer(), Page: "x"},
		"no issuer": {Page: "x", Seal: func(context.Context, []byte, string, time.Time) ([]byte, error) { return nil, nil }}} {
		if _, err := outage.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
