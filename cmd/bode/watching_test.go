package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// blind is a vault that takes and does not give back.
type blind struct{ delivery.Vault }

func (blind) Open(context.Context, delivery.Stored) (io.ReadCloser, error) {
	return nil, errors.New("vault: gone")
}

// What does not work is seen, and once it works again there is a certificate that
// others can check.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := newWorks(t) // its pages are served nowhere
	if w.out.viewer == nil {
		t.Fatal("pages of PDF are not shown: that needs poppler-utils and user namespaces")
	}
	w.submitted(t)
	if _, err := w.pool.Exec(t.Context(), `UPDATE notice SET not_before = now() - interval '11 minutes'`); err != nil {
		t.Fatal(err)
	}
	sound := w.out.vault
	w.out.vault = blind{sound}
	working := func() (list []string) {
		t.Helper()
		if err := w.watch(t.Context()); err != nil {
			t.Fatal(err)
		}
		levels, err := w.deliveries.Levels(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range levels {
			if l.Working {
				list = append(list, l.Part)
			}
		}
		return list
	}
	if got := strings.Join(working(), " "); got != "evidence" {
		t.Errorf("work: %q", got)
	}
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	w.out.baseURL, w.out.vault = server.URL, sound
	if _, err := w.pool.Exec(t.Context(), `UPDATE notice SET not_before = now()`); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(working(), " "); got != "evidence notices pages store" {
		t.Errorf("work again: %q", got)
	}
	list, err := w.deliveries.Outages(t.Context(), "", 10)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d outages, %v", len(list), err)
	}
	for _, o := range list {
		resp, err := http.Get(server.URL + "/status/outages/" + string(o.ID))
		if err != nil {
			t.Fatal(err)
		}
		pdf, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		file := filepath.Join(t.TempDir(), "certificate.pdf")
		if err := errors.Join(err, os.WriteFile(file, pdf, 0o600)); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "pdfsig", "-nocert", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Signature is Valid") || !strings.Contains(string(out), "Total document signed") {
			t.Errorf("%s: %v\n%s", o.Part, err, out)
		}
		// The demonstration shows recipients the pages of such a PDF.
		if pages, err := w.out.viewer.View(t.Context(), bytes.NewReader(pdf)); err != nil || len(pages) != 1 || !strings.Contains(pages[0].Text, "Attest van storing") {
			t.Errorf("%s: %d pages, %v", o.Part, len(pages), err)
		}
		// It is no evidence of a delivery, and passes for none.
		if r, err := w.verifier.Verify(t.Context(), "certificate.pdf", strings.NewReader(string(pdf))); err == nil && r.OK() {
			t.Errorf("%s: taken for evidence", o.Part)
		}
	}
}
