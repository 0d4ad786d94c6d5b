package delivery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

func content(subject, body string) delivery.TemplateContent {
	return delivery.TemplateContent{Subject: subject, Body: body, Language: "nl", Policy: delivery.DefaultPolicy()}
}

func TestTemplateFill(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		subject, body string
		values        map[string]string
		want          string // subject|body, or the faults
	}{
		{"Rekening ((nr))", "Dag ((Voor naam))", map[string]string{"nr": "12", "voornaam": "An"}, "Rekening 12|Dag An"},
		{"a", "((naam)) en ((NAAM)) en ((na_am))", map[string]string{"Naam": "x"}, "a|x en x en x"},
		{"a", `\((naam)) staat er`, nil, "a|((naam)) staat er"},
		{"a", "((een)) ((twee))", map[string]string{"een": "((twee))", "twee": "2"}, "a|((twee)) 2"}, // values are text
		{"a", "((een", nil, "a|((een"},
		{"a", "(x) ) ( )) ((", nil, "a|(x) ) ( )) (("},
		{"a", "((naam))", nil, "/template/values/naam template_value_missing"},
		{"a", "((naam))", map[string]string{"naam": "  "}, "/template/values/naam template_value_missing"},
		{"a", "b", map[string]string{"x/y": "1"}, "/template/values/x~1y template_value_unknown"},
		{"a", "((x))", map[string]string{"x": strings.Repeat("é", 5001)}, "/template/values/x length"},
	} {
		subject, body, err := content(c.subject, c.body).Fill(c.values)
		got := subject + "|" + body
		if faults, ok := errors.AsType[delivery.FieldErrors](err); ok {
			got = strings.TrimPrefix(strings.TrimSuffix(faults.Error(), ";"), "delivery: invalid input: ")
		}
		if got != c.want {
			t.Errorf("%q %q with %v: %q, want %q", c.subject, c.body, c.values, got, c.want)
		}
	}
	if got := content("((B)) ((a))", `((A)) \((c)) ((d e))`).Variables(); !slices.Equal(got, []string{"B", "a", "d e"}) {
		t.Errorf("variables %q", got)
	}
}

// TestTemplates makes a template, a second version, and archives it; what was
// said before stays.
func TestTemplates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.sender(r.account).By
	first, replayed, err := r.CreateTemplate(r.ctx(), by, " Huur ", content("Huur ((maand))", "Dag"), once("k", "a"))
	if err != nil || replayed || first.Version != 1 || first.Name != "Huur" {
		t.Fatalf("%+v, %t, %v", first, replayed, err)
	}
	again, replayed, err := r.CreateTemplate(r.ctx(), by, "Huur", content("x", "y"), once("k", "a"))
	if err != nil || !replayed || again.ID != first.ID || again.Subject != first.Subject {
		t.Errorf("again: %+v, %t, %v", again, replayed, err)
	}
	second, err := r.ChangeTemplate(r.ctx(), by, first.ID, 1, "Huur", content("Huur van ((maand))", "Dag"))
	if err != nil || second.Version != 2 {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := r.ChangeTemplate(r.ctx(), by, first.ID, 1, "Huur", content("x", "y")); !errors.Is(err, delivery.ErrTemplateChanged) {
		t.Errorf("a change of an old version: %v", err)
	}
	for version, want := range map[int]string{0: "Huur van ((maand))", 1: "Huur ((maand))", 2: "Huur van ((maand))"} {
		got, err := r.TemplateVersion(r.ctx(), r.account, first.ID, version)
		if err != nil || got.Subject != want || got.Newest != 2 {
			t.Errorf("version %d: %+v, %v", version, got, err)
		}
	}
	history, err := r.TemplateHistory(r.ctx(), r.account, first.ID)
	if err != nil || len(history) != 2 || history[0].Version != 2 || history[0].CreatedBy != by.Subject {
		t.Errorf("history %+v, %v", history, err)
	}
	if n := r.count(`SELECT count(*) FROM template_version WHERE sealed::text LIKE '%Huur%' OR encode(sealed, 'escape') LIKE '%maand%'`); n != 0 {
		t.Error("a template lies open in the database")
	}
	if _, err := r.pool.Exec(r.ctx(), `UPDATE template_version SET version = 3 WHERE version = 2`); err == nil {
		t.Error("a version was changed")
	}
	r.must(r.ArchiveTemplate(r.ctx(), r.account, first.ID))
	r.must(r.ArchiveTemplate(r.ctx(), r.account, first.ID))
	for archived, want := range map[bool]int{false: 0, true: 1} {
		if list, err := r.Templates(r.ctx(), r.account, archived, "", 10); err != nil || len(list) != want {
			t.Errorf("archived %t: %d, %v", archived, len(list), err)
		}
	}
	if _, err := r.ChangeTemplate(r.ctx(), by, first.ID, 2, "Huur", content("x", "y")); !errors.Is(err, delivery.ErrTemplateChanged) {
		t.Errorf("a change of an archived one: %v", err)
	}
	if _, _, err := r.CreateTemplate(r.ctx(), by, "huur", content("x", "y"), delivery.Once{}); err != nil {
		t.Errorf("the name of an archived one: %v", err)
	}
}

func TestTemplatesRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := r.sender(r.account).By
	mine, _, err := r.CreateTemplate(r.ctx(), by, "Huur", content("x", "y"), delivery.Once{})
	r.must(err)
	other := r.sender(r.newAccount()).By
	for name, c := range map[string]struct {
		name string
		in   delivery.TemplateContent
		want string
	}{
		"no name":         {"", content("a", "b"), "/name required"},
		"long name":       {strings.Repeat("n", 101), content("a", "b"), "/name length"},
		"no subject":      {"n", content(" ", "b"), "/subject required"},
		"no body":         {"n", content("a", ""), "/body required"},
		"NUL":             {"n", content("a\x00", "b"), "/subject control_character"},
		"not a name":      {"n", content("a", "((<b>))"), "/body template_variable"},
		"empty variable":  {"n", content("a", "(( ))"), "/body template_variable"},
		"a long variable": {"n", content("(("+strings.Repeat("x", 41)+"))", "b"), "/subject template_variable"},
		"a date of its own": {"n", func() delivery.TemplateContent {
			c := content("a", "b")
			c.Policy.ServeBy = "2026-12-18"
			return c
		}(), "/policy/serve_by template_date"},
		"too many": {"n", content("a", func() (s string) {
			for i := range 51 {
				s += fmt.Sprintf("((v%d))", i)
			}
			return s
		}()), "/body too_many"},
	} {
		_, _, err := r.CreateTemplate(r.ctx(), by, c.name, c.in, delivery.Once{})
		t.Log(name)
		fields(t, err, c.want)
	}
	if _, _, err := r.CreateTemplate(r.ctx(), by, "HUUR", content("a", "b"), delivery.Once{}); !errors.Is(err, delivery.ErrTemplateName) {
		t.Errorf("the same name: %v", err)
	}
	if _, _, err := r.CreateTemplate(r.ctx(), other, "Huur", content("a", "b"), delivery.Once{}); err != nil {
		t.Errorf("the same name in another account: %v", err)
	}
	for _, id := range []delivery.ID{mine.ID, delivery.ID(evidence.NewID()), "x", ""} {
		for what, do := range map[string]func() error{
			"read":    func() error { _, err := r.Template(r.ctx(), other.Account, id); return err },
			"history": func() error { _, err := r.TemplateHistory(r.ctx(), other.Account, id); return err },
			"archive": func() error { return r.ArchiveTemplate(r.ctx(), other.Account, id) },
			"change":  func() error { _, err := r.ChangeTemplate(r.ctx(), other, id, 1, "n", content("a", "b")); return err },
		} {
			if err := do(); !errors.Is(err, delivery.ErrNotFound) {
				t.Errorf("%s %q of another account: %v", what, id, err)
			}
		}
	}
	if got, err := r.Template(r.ctx(), r.account, mine.ID); err != nil || got.Version != 1 || !got.Archived.IsZero() {
		t.Errorf("afterwards %+v, %v", got, err)
	}
}
