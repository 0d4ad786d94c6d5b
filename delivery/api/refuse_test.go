package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// At changes a submission: at("recipients/0/email", "x") sets, with absent
// removes.
type absent struct{}

func at(path string, value any) func(map[string]any) {
	return func(m map[string]any) {
		steps := strings.Split(path, "/")
		var here any = m
		for _, s := range steps[:len(steps)-1] {
			switch x := here.(type) {
			case map[string]any:
				if x[s] == nil {
					x[s] = map[string]any{}
				}
				here = x[s]
			case []any:
				var i int
				fmt.Sscan(s, &i)
				here = x[i]
			}
		}
		last := steps[len(steps)-1]
		switch x := here.(type) {
		case map[string]any:
			if x[last] = value; value == (absent{}) {
				delete(x, last)
			}
		case []any:
			var i int
			fmt.Sscan(last, &i)
			x[i] = value
		}
	}
}

const someID = "0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c11"

// TestRefusesMessage: every fault has its place and its code, and leaves
// nothing.
func TestRefusesMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	unused := r.upload(r.test, "%PDF-1.7 a")
	foreign := r.upload(r.otherTest, "%PDF-1.7 b")
	used := r.upload(r.test, "%PDF-1.7 c")
	r.submit(r.test, 1, at("documents", []any{used}))
	before := r.stored()
	const person, place, ident = "recipients/0/", "recipients/0/postal_address/", "recipients/0/identification"
	langs := map[string]string{"nl": "Sommige velden kloppen niet", "fr": "", "de": "", "en": "Some fields are not right"}
	i := 0
	for _, x := range []struct {
		path  string
		value any
		want  string // pointer and code of the first fault; pointer alone: /path
	}{
		{"surprise", 1, "/surprise unknown_field"},
		{"Subject", "x", "/Subject unknown_field"},
		{person + "surprise", 1, "/recipients/0/surprise unknown_field"},
		{person + "name/middle", "x", "/recipients/0/name/middle unknown_field"},
		{place + "box", "x", "/recipients/0/postal_address/box unknown_field"},
		{ident + "/passport", "x", "/recipients/0/identification/passport unknown_field"},
		{"policy/colour", "x", "/policy/colour unknown_field"},
		{"subject", 1, "/subject type"},
		{"subject", nil, "/subject type"},
		{"body", []any{}, "/body type"},
		{"documents", "x", "/documents type"},
		{"documents", []any{1}, "/documents/0 type"},
		{"recipients", map[string]any{}, "/recipients type"},
		{"recipients/0", "an@example.be", "/recipients/0 type"},
		{person + "name", "An Peeters", "/recipients/0/name type"},
		{place + "lines", "Vlasmarkt 7", "/recipients/0/postal_address/lines type"},
		{"policy", nil, "/policy type"},
		{"policy/collect_days", "15", "/policy/collect_days type"},
		{"policy/reminders", "yes", "/policy/reminders type"},
		{"policy/collect_days", 1.5, "/policy/collect_days whole_number"},
		{"subject", absent{}, "/subject required"},
		{"subject", "", "/subject required"},
		{"subject", "   ", "/subject required"},
		{"subject", strings.Repeat("é", 201), "/subject length"},
		{"subject", "a\nb", "/subject control_character"},
		{"subject", "a\x00b", "/subject control_character"},
		{"subject", "a\u202eb", "/subject control_character"},
		{"body", absent{}, "/body required"},
		{"body", strings.Repeat("a", 100_001), "/body length"},
		{"body", "a\x00b", "/body control_character"},
		{"reference", strings.Repeat("a", 101), "/reference length"},
		{"language", "es", "/language language"},
		{"recipients", absent{}, "/recipients required"},
		{"recipients", []any{}, "/recipients required"},
		{person + "name", absent{}, "/recipients/0/name required"},
		{person + "name/given", absent{}, "/recipients/0/name/given required"},
		{person + "name/family", "", "/recipients/0/name/family required"},
		{person + "name/family", "a\u0007", "/recipients/0/name/family control_character"},
		{person + "email", absent{}, "/recipients/0/email required"},
		{person + "email", "", "/recipients/0/email email"},
		{person + "email", "an", "/recipients/0/email email"},
		{person + "email", "an@localhost", "/recipients/0/email email"},
		{person + "email", "An <an@example.be>", "/recipients/0/email email"},
		{person + "email", "an@example.be, bo@example.be", "/recipients/0/email email"},
		{person + "email", "an@example.be\r\nBcc: x@example.be", "/recipients/0/email email"},
		{person + "email", strings.Repeat("a", 65) + "@example.be", "/recipients/0/email email"},
		{person + "email", "an@" + strings.Repeat("a", 250) + ".be", "/recipients/0/email email"},
		{person + "mobile", absent{}, "/recipients/0/mobile required"},
		{person + "mobile", "0470123456", "/recipients/0/mobile mobile"},
		{person + "mobile", "+3221234567", "/recipients/0/mobile mobile"},
		{person + "mobile", "+3225551234", "/recipients/0/mobile landline"},
		{person + "mobile", "+32470123456789012", "/recipients/0/mobile mobile"},
		{person + "mobile", "+32470abcdef", "/recipients/0/mobile mobile"},
		{person + "language", absent{}, "/recipients/0/language required"},
		{person + "language", "NL", "/recipients/0/language language"},
		{person + "postal_address", absent{}, "/recipients/0/postal_address required_for_post"},
		{place + "lines", absent{}, "/recipients/0/postal_address/lines required"},
		{place + "lines", []any{}, "/recipients/0/postal_address/lines count"},
		{place + "lines", []any{"a", "b", "c", "d"}, "/recipients/0/postal_address/lines count"},
		{place + "lines/0", "a\nb", "/recipients/0/postal_address/lines/0 control_character"},
		{place + "lines/0", strings.Repeat("a", 61), "/recipients/0/postal_address/lines/0 length"},
		{place + "city", "", "/recipients/0/postal_address/city required"},
		{place + "postcode", "900", "/recipients/0/postal_address/postcode postcode"},
		{place + "postcode", "0900", "/recipients/0/postal_address/postcode postcode"},
		{place + "country", "Belgium", "/recipients/0/postal_address/country country"},
		{place + "country", "be", "/recipients/0/postal_address/country country"},
		{ident + "/birth_date", "1985-02-30", "/recipients/0/identification/birth_date date"},
		{ident + "/birth_date", "30/07/1985", "/recipients/0/identification/birth_date date"},
		{ident + "/birth_date", "2026-11-21", "/recipients/0/identification/birth_date date"},
		{ident + "/birth_date", "", "/recipients/0/identification/birth_date malformed"},
		{ident + "/national_number", "85.07.30-033.29", "/recipients/0/identification/national_number national_number"},
		{ident + "/national_number", "x", "/recipients/0/identification/national_number national_number"},
		{"policy/mode", "push", "/policy/mode unsupported"},
		{"policy/collect_days", 0, "/policy/collect_days range"},
		{"policy/collect_days", 61, "/policy/collect_days range"},
		{"policy/collect_days", 999999999999999, "/policy/collect_days range"},
		{"policy/retention_months", -1, "/policy/retention_months range"},
		{"policy/level", "low", "/policy/level unsupported"},
		{"policy/fallback", "pigeon", "/policy/fallback unsupported"},
		{"policy/class", "Human Resources", "/policy/class class"},
		{"recipients/0/organisation", map[string]any{"name": "Acme nv", "enterprise_number": "0403.170.702"}, "/recipients/0/organisation/enterprise_number enterprise_number"},
		{"recipients/0/organisation", map[string]any{"name": "", "enterprise_number": "0403.170.701"}, "/recipients/0/organisation/name required"},
		{"policy/class", strings.Repeat("a", 41), "/policy/class class"},
		{"policy/methods", []any{"a\x00"}, "/policy/methods/0 control_character"},
		{"policy/methods", []any{strings.Repeat("a", 41)}, "/policy/methods/0 length"},
		{"policy/methods", make11(), "/policy/methods too_many"},
		{"documents", []any{"x"}, "/documents/0 document_unknown"},
		{"documents", []any{strings.ToUpper(unused)}, "/documents/0 document_unknown"},
		{"documents", []any{someID}, "/documents/0 document_unknown"},
		{"documents", []any{unused, foreign}, "/documents/1 document_unknown"},
		{"documents", []any{used}, "/documents/0 document_unknown"},
		{"documents", []any{unused, unused}, "/documents/1 duplicate_document"},
	} {
		lang := []string{"nl", "fr", "de", "en"}[i%4]
		i++
		a := r.do(ask{method: "POST", path: "/messages", lang: lang, body: submission(1, at(x.path, x.value)),
			header: map[string]string{"Idempotency-Key": fmt.Sprint("k", i)}})
		if a.status != http.StatusUnprocessableEntity || a.problem.Code != "invalid" || a.problem.fault() != x.want {
			t.Errorf("%s = %.60v: %d %s %q, want %q", x.path, x.value, a.status, a.problem.Code, a.problem.Errors, x.want)
		}
		if got := a.header.Get("Content-Language"); got != lang || langs[lang] != "" && a.problem.Title != langs[lang] {
			t.Errorf("%s asked, %s answered: %s", lang, got, a.problem.Title)
		}
		if after := r.stored(); after != before {
			t.Fatalf("%s = %.60v: left behind:\n%s\nbefore:\n%s", x.path, x.value, after, before)
		}
	}
}

func make11() (list []any) {
	for i := range 11 {
		list = append(list, fmt.Sprint("m", i))
	}
	return list
}

// TestRefusesManyFaults: all of them at once, bounded, each once.
func TestRefusesManyFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.stored()
	several := r.do(ask{method: "POST", path: "/messages", body: submission(2, at("subject", absent{}), at("recipients/0/email", "x"),
		at("recipients/1/mobile", "x"), at("policy/level", "low"))})
	got := map[string]bool{}
	for _, f := range several.problem.Errors {
		if got[f.Pointer] {
			t.Errorf("%s is there twice", f.Pointer)
		}
		got[f.Pointer] = true
	}
	want := map[string]bool{"/subject": true, "/recipients/0/email": true, "/recipients/1/mobile": true, "/policy/level": true}
	if !maps.Equal(got, want) {
		t.Errorf("faults %v, want %v", got, want)
	}
	twice := r.do(ask{method: "POST", path: "/messages", body: submission(3, at("recipients/2/email", "AN0@example.be"))})
	if twice.status != http.StatusUnprocessableEntity || twice.problem.fault() != "/recipients/2 duplicate_recipient" ||
		!strings.Contains(twice.problem.Errors[0].Detail, "1") {
		t.Errorf("recipient twice: %d %v", twice.status, twice.problem.Errors)
	}
	for n, want := range map[int]string{10_001: "/recipients too_many", 20_001: " json_entries"} {
		a := r.do(ask{method: "POST", path: "/messages", body: submission(n)})
		if a.status/100 != 4 || !strings.HasSuffix(a.problem.fault(), want) {
			t.Errorf("%d recipients: %d %.300v, want %s", n, a.status, a.problem.Errors, want)
		}
	}
	empty := make([]any, 10_000)
	for i := range empty {
		empty[i] = map[string]any{"a": 1, "b": 2}
	}
	if a := r.do(ask{method: "POST", path: "/messages", body: submission(0, at("recipients", empty))}); len(a.problem.Errors) != 100 {
		t.Errorf("10000 bad recipients: %d, %d faults, want 100", a.status, len(a.problem.Errors))
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s", after)
	}
}
