package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// schema is an object with a name.
type schema struct {
	Name, Type string
	Text       prose
	Fields     []field
}

// field is one member of an object, also of one inside it.
type field struct {
	Name, Type string
	Text       prose
	Schema     string // its own name, when it has one
	Required   bool
}

func (r reader) schema(name string, v any) schema {
	return schema{Name: name, Text: prose(words(v, "description")), Type: r.kind(v), Fields: r.fields(v, "", 0)}
}

// deepest is how far objects without a name are shown in each other.
const deepest = 3

// fields are the members of an object. What has a name of its own is shown
// there.
func (r reader) fields(v any, under string, depth int) (all []field) {
	v = r.follow(v)
	for _, part := range list(within(v, "allOf")) {
		all = append(all, r.fields(part, under, depth)...)
	}
	if words(v, "type") == "array" {
		if item := within(v, "items"); name(item) == "" {
			return r.fields(item, under, depth)
		}
		return all
	}
	properties, _ := within(v, "properties").(map[string]any)
	required := list(within(v, "required"))
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		p := properties[key]
		f := field{Name: under + key, Type: r.kind(p), Text: prose(r.text(p)), Schema: name(p), Required: slices.Contains(required, any(key))}
		if item := within(p, "items"); f.Schema == "" {
			f.Schema = name(item)
		}
		all = append(all, f)
		if f.Schema == "" && depth < deepest {
			all = append(all, r.fields(p, f.Name+".", depth+1)...)
		}
	}
	return all
}

// text is what a schema says of itself.
func (r reader) text(v any) string {
	if t := words(v, "description"); t != "" {
		return t
	}
	return words(r.follow(v), "description")
}

// kind is the type of a schema and its bounds, in one line.
func (r reader) kind(v any) string {
	v = r.follow(v)
	var parts []string
	switch t := within(v, "type").(type) {
	case string:
		parts = append(parts, t)
	case []any:
		var kinds []string
		for _, k := range t {
			kinds = append(kinds, fmt.Sprint(k))
		}
		parts = append(parts, strings.Join(kinds, " or "))
	}
	if items := within(v, "items"); items != nil {
		parts = append(parts, "of "+r.kind(items))
	}
	for key, word := range map[string]string{"format": "", "const": "", "pattern": "pattern"} {
		if x := within(v, key); x != nil {
			parts = append(parts, strings.TrimSpace(word+" "+fmt.Sprint(x)))
		}
	}
	if all := list(within(v, "enum")); len(all) > 0 {
		var words []string
		for _, e := range all {
			words = append(words, fmt.Sprint(e))
		}
		parts = append(parts, "one of "+strings.Join(words, ", "))
	}
	parts = append(parts, bounds(v)...)
	if d := within(v, "default"); d != nil {
		parts = append(parts, fmt.Sprintf("default %v", d))
	}
	return strings.Join(parts, ", ")
}

// bounds are how many characters, entries or how much there may be.
func bounds(v any) (parts []string) {
	for _, b := range []struct{ least, most, unit string }{
		{"minLength", "maxLength", "characters"}, {"minItems", "maxItems", "entries"}, {"minimum", "maximum", ""},
	} {
		least, most := within(v, b.least), within(v, b.most)
		switch {
		case least != nil && most != nil:
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("%v to %v %s", number(least), number(most), b.unit)))
		case most != nil:
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("at most %v %s", number(most), b.unit)))
		case least != nil:
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("at least %v %s", number(least), b.unit)))
		}
	}
	return parts
}

// number writes a number of JSON without an exponent.
func number(v any) string {
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		return fmt.Sprint(int64(f))
	}
	return fmt.Sprint(v)
}

// JSON is an example as it is shown.
func (m media) JSON() (string, error) {
	if s, ok := m.Example.(string); ok {
		return s, nil
	}
	b, err := json.MarshalIndent(m.Example, "", "  ")
	return string(b), err
}
