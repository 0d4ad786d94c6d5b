package delivery_test

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// sheet is one as programs read it.
func sheet() delivery.Sheet {
	return delivery.Sheet{Title: func(c string) string { return c }, Status: func(s delivery.Status) string { return string(s) },
		State: func(s delivery.State) string { return string(s) }, Time: func(t time.Time) string { return t.UTC().Format(time.RFC3339) }, Comma: ','}
}

// An export holds every row once, whatever people typed, and no spreadsheet
// computes any of it.
func TestExport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hostile := []string{"=HYPERLINK(1)", "+1+1", "-2", "@SUM(1)", "＝1+1", `a "quoted", one; more`, "Zoë 𝄞", "'apostrophe"}
	for _, text := range hostile {
		r.submit(1, func(s *delivery.Submission) { s.Subject, s.Reference, s.CostCentre = text, text, text })
	}
	r.submit(230)
	r.submit(1, func(s *delivery.Submission) { s.Policy.Fallback = delivery.FallbackNone })
	var b strings.Builder
	r.must(r.Export(t.Context(), r.account, delivery.Find{}, sheet(), &b))
	text, ok := strings.CutPrefix(b.String(), "\ufeff")
	if !ok {
		t.Error("no byte order mark")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	r.must(err)
	if len(rows) != 1+len(hostile)+231 || strings.Join(rows[0], " ") != strings.Join(delivery.Columns, " ") {
		t.Errorf("%d rows, titles %v", len(rows), rows[0])
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		if seen[row[19]] {
			t.Errorf("delivery %s twice", row[19])
		}
		seen[row[19]] = true
		for i, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") || strings.HasPrefix(cell, "＝") {
				t.Errorf("%s: %q is computed", rows[0][i], cell)
			}
		}
	}
	for i, want := range hostile {
		got := rows[len(rows)-1-i][4]
		if i < 5 {
			want = "'" + want
		}
		if got != want {
			t.Errorf("%q became %q", want, got)
		}
	}
	if got := rows[1][10]; !strings.HasPrefix(got, "'+32") {
		t.Errorf("telephone number %q", got)
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.submit(1)
	var b strings.Builder
	if _, ok := errors.AsType[delivery.FieldErrors](r.Export(t.Context(), r.account, delivery.Find{Status: "x"}, sheet(), &b)); !ok || b.Len() > 0 {
		t.Errorf("an unknown status, and %q was written", b.String())
	}
	if err := r.Export(t.Context(), r.newAccount(), delivery.Find{}, sheet(), &b); err != nil || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("another account gets %q, %v", b.String(), err)
	}
	if err := r.Export(t.Context(), r.account, delivery.Find{}, sheet(), full{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("nobody reads, and the error is %v", err)
	}
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
