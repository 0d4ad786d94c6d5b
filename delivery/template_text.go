package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A template's subject and body hold variables, ((such as this)). Two brackets
// that are to stand as they are follow a backslash: \((. What is put in is text
// and nothing more: it is not looked at for variables again.

// Bounds of templates.
const (
	MaxTemplates    = 500 // that are not archived, of an account
	MaxTemplateName = 100 // characters
	MaxVariables    = 50
	MaxVariable     = 40   // characters of a name
	MaxValue        = 5000 // characters of a value
)

// piece is some text, or a variable.
type piece struct {
	text string // as it is, or the name as it was written
	name string // of a variable, as variables are compared; empty: text
}

// pieces takes a text apart. bad are the variables whose names are none.
func pieces(s string) (list []piece, bad []string) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			list = append(list, piece{text: text.String()})
			text.Reset()
		}
	}
	for s != "" {
		at := strings.Index(s, "((")
		if at < 0 {
			text.WriteString(s)
			break
		}
		if at > 0 && s[at-1] == '\\' {
			text.WriteString(s[:at-1] + "((")
			s = s[at+2:]
			continue
		}
		text.WriteString(s[:at])
		name, rest, closed := strings.Cut(s[at+2:], "))")
		if !closed {
			text.WriteString(s[at:])
			break
		}
		s = rest
		key := VariableKey(name)
		if !variableName(name) || key == "" {
			bad = append(bad, strings.TrimSpace(name))
			continue
		}
		flush()
		list = append(list, piece{text: strings.TrimSpace(name), name: key})
	}
	flush()
	return list, bad
}

// variableName reports whether a name is of letters, digits, blanks, hyphens and
// underscores.
func variableName(s string) bool {
	return utf8.RuneCountInString(s) <= MaxVariable && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) && r != ' ' && r != '-' && r != '_'
	})
}

// VariableKey is a name as variables are compared: in any case, whatever stands
// between its words.
func VariableKey(name string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// Variables lists the variables of subject and body as they were first written,
// in order.
func (c TemplateContent) Variables() []string {
	var names, seen []string
	for _, text := range []string{c.Subject, c.Body} {
		list, _ := pieces(text)
		for _, p := range list {
			if p.name != "" && !slices.Contains(seen, p.name) {
				names, seen = append(names, p.text), append(seen, p.name)
			}
		}
	}
	return names
}

// check finds what is wrong with a template whatever the values will be.
func (c TemplateContent) check() FieldErrors {
	var f checker
	f.text("/subject", c.Subject, 1, MaxSubject, false)
	f.text("/body", c.Body, 1, MaxBody, true)
	f.text("/reference", c.Reference, 0, MaxReference, false)
	f.text("/cost_centre", c.CostCentre, 0, MaxCostCentre, false)
	f.language("/language", c.Language)
	for pointer, text := range map[string]string{"/subject": c.Subject, "/body": c.Body} {
		if _, bad := pieces(text); len(bad) > 0 {
			f.fault(pointer, "template_variable", "name", bad[0], "max", strconv.Itoa(MaxVariable))
		}
	}
	if n := len(c.Variables()); n > MaxVariables {
		f.fault("/body", "too_many", "max", strconv.Itoa(MaxVariables), "is", strconv.Itoa(n))
	}
	return f.faults
}

// Fill puts values in the place of variables. Errors: FieldErrors at
// /template/values/NAME for one that lacks, is too long, or that the template
// does not have.
func (c TemplateContent) Fill(values map[string]string) (subject, body string, err error) {
	var f checker
	given := map[string]string{}
	known := map[string]bool{}
	for _, name := range c.Variables() {
		known[VariableKey(name)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key, at := VariableKey(name), "/template/values/"+pointerToken(name)
		switch n := utf8.RuneCountInString(values[name]); {
		case !known[key]:
			f.fault(at, "template_value_unknown")
		case n > MaxValue:
			f.fault(at, "length", "min", "0", "max", strconv.Itoa(MaxValue), "is", strconv.Itoa(n))
		}
		given[key] = values[name]
	}
	for _, name := range c.Variables() {
		if strings.TrimSpace(given[VariableKey(name)]) == "" {
			f.fault("/template/values/"+pointerToken(name), "template_value_missing", "name", name)
		}
	}
	if len(f.faults) > 0 {
		return "", "", f.faults
	}
	return filled(c.Subject, given), filled(c.Body, given), nil
}

func filled(text string, given map[string]string) string {
	var b strings.Builder
	list, _ := pieces(text)
	for _, p := range list {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(given[p.name])
		}
	}
	return b.String()
}

// pointerToken escapes a name for a JSON Pointer. RFC 6901 §3
func pointerToken(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

// Submission is what is sent when the template is filled in: the caller adds
// recipients and documents. Errors: as Fill.
func (c TemplateContent) Submission(values map[string]string) (Submission, error) {
	subject, body, err := c.Fill(values)
	if err != nil {
		return Submission{}, fmt.Errorf("delivery: fill in template: %w", err)
	}
	return Submission{Subject: subject, Body: body, Language: c.Language, Policy: c.Policy, Reference: c.Reference, CostCentre: c.CostCentre}, nil
}
