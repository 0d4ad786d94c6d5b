package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// previewer prints PDF and text, one page each, for a euro a letter. Addresses
// at "Nowhere" do not fit.
type previewer struct{}

func (previewer) Fits(to []string, _ string) error {
	if strings.Contains(strings.Join(to, " "), "Nowhere") {
		return delivery.ErrUnpostable
	}
	return nil
}

func (previewer) Preview(ctx context.Context, l delivery.Letter) (delivery.LetterPreview, error) {
	p := delivery.LetterPreview{Sheets: 1, Envelope: "C5/6", Country: l.To[len(l.To)-1], Product: "registered", Price: 100, Online: 50}
	for _, part := range l.Parts {
		v := delivery.PartPreview{Name: part.Name, SHA256: part.SHA256, Cause: "media_type"}
		if strings.HasPrefix(part.MediaType, "text/plain") || part.MediaType == "application/pdf" {
			v.Cause, v.Pages = "", 1
			p.Sheets++
		}
		r, err := part.Open(ctx)
		if err != nil {
			return p, err
		}
		_, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return p, err
		}
		p.Parts = append(p.Parts, v)
	}
	p.Pages, p.Grams = 2*p.Sheets, 5*p.Sheets+5
	return p, nil
}

type previewed struct {
	Recipients []struct {
		Position int
		Paper    bool
		Letter   *struct {
			Pages, Sheets, Grams int
			Country              string
			PricePosted          *int `json:"price_posted"`
			Parts                []struct {
				Name, Cause string
				Printed     bool
			}
		}
	}
	Total struct {
		Recipients, Letters, Sheets int
		PriceOnline                 *int `json:"price_online"`
		PricePosted                 *int `json:"price_posted"`
	}
	Plan struct{ Steps []struct{ Kind string } }
}

// TestPreview: a preview says what each would get and leaves nothing behind;
// the documents can be sent afterwards.
func TestPreview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.upload(r.test, "%PDF-1.7")
	body := submission(120, at("documents", []any{doc}))
	a := r.do(ask{method: http.MethodPost, path: "/previews", body: body})
	var p previewed
	if r.must(json.Unmarshal(a.body, &p)); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if len(p.Recipients) != 100 || p.Total.Recipients != 120 || p.Total.Letters != 120 || p.Total.Sheets != 360 ||
		p.Total.PriceOnline == nil || *p.Total.PriceOnline != 6000 || *p.Total.PricePosted != 12000 {
		t.Errorf("%d recipients, total %+v", len(p.Recipients), p.Total)
	}
	l := p.Recipients[0].Letter
	if l == nil || l.Sheets != 3 || l.Grams != 20 || l.Country != "BE" || len(l.Parts) != 2 || !l.Parts[1].Printed || l.Parts[1].Name != "akte.pdf" {
		t.Errorf("letter %+v", l)
	}
	kinds := ""
	for _, s := range p.Plan.Steps {
		kinds += s.Kind + " "
	}
	if !strings.HasPrefix(kinds, "notify") || !strings.Contains(kinds, "hand_over") {
		t.Errorf("plan %s", kinds)
	}
	for _, table := range []string{"message", "delivery", "erds_event", "idempotency", "notify_intent"} {
		if table == "idempotency" {
			continue // the upload's own key may be there
		}
		var n int
		if err := r.pool.QueryRow(r.ctx(), "SELECT count(*) FROM "+table).Scan(&n); err != nil && table != "notify_intent" || n != 0 {
			t.Errorf("%s has %d rows, %v", table, n, err)
		}
	}
	r.submit(r.test, 1, at("documents", []any{doc})) // is still free
}

// TestPreviewRefuses: faults are those of submitting, and more; others' and used
// documents are unknown.
func TestPreviewRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	used := r.upload(r.test, "%PDF-1.7")
	r.submit(r.test, 1, at("documents", []any{used}))
	foreign := r.upload(r.otherTest, "%PDF-1.7")
	for name, c := range map[string]struct {
		change  func(map[string]any)
		pointer string
		code    string
	}{
		"no subject":  {at("subject", ""), "/subject", "required"},
		"used":        {at("documents", []any{used}), "/documents/0", "document_unknown"},
		"foreign":     {at("documents", []any{foreign}), "/documents/0", "document_unknown"},
		"not there":   {at("documents", []any{"0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c11"}), "/documents/0", "document_unknown"},
		"unprintable": {at("recipients/0/postal_address/city", "Nowhere"), "/recipients/0/postal_address", "unprintable"},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.do(ask{method: http.MethodPost, path: "/previews", body: submission(1, c.change)})
			if a.status != http.StatusUnprocessableEntity || len(a.problem.Errors) != 1 || a.problem.Errors[0].Pointer != c.pointer || a.problem.Errors[0].Code != c.code {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	if a := r.do(ask{method: http.MethodPost, path: "/messages", body: submission(1, at("recipients/0/postal_address/city", "Nowhere"))}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a message to an address that cannot be printed: %d", a.status)
	}
	a := r.do(ask{method: http.MethodPost, path: "/previews", body: submission(1, at("policy/fallback", "none"))})
	var p previewed
	if r.must(json.Unmarshal(a.body, &p)); a.status != http.StatusOK || p.Recipients[0].Paper || p.Recipients[0].Letter != nil || p.Total.PricePosted != nil {
		t.Errorf("without paper: %d %s", a.status, a.body)
	}
}
