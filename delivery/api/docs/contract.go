package docs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// contract is what the OpenAPI document says, in the order in which it is shown.
type contract struct {
	Tags    []tag
	Schemas []schema
}

// tag is a group of operations.
type tag struct {
	Name       string
	Text       prose
	Operations []operation
}

// operation is one thing that can be done.
type operation struct {
	ID, Method, Path string
	Tag              string
	Summary          string
	Text             prose
	Open             bool // needs no key
	Parameters       []parameter
	Body             *body
	Answers          []answer
	Problems         []string
	Variables        []string // of the call for curl, to be filled in
}

type parameter struct {
	Name, In, Type string
	Text           prose
	Required       bool
	Example        any
	word           bool // a text, in a path an identifier
}

// body is what a request carries.
type body struct {
	Required bool
	Media    []media
}

// answer is what comes back.
type answer struct {
	Status string
	Text   prose
	Media  []media
}

type media struct {
	Type    string
	Fields  []field // of an object
	Schema  string  // its name; "" when it has none
	Binary  bool
	Example any
}

// readContract takes the document apart.
func readContract(text []byte) (*contract, error) {
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	r := reader{doc}
	c := &contract{}
	place := map[string]int{}
	for i, t := range list(doc["tags"]) {
		place[words(t, "name")] = i
		c.Tags = append(c.Tags, tag{Name: words(t, "name"), Text: prose(words(t, "description"))})
	}
	paths, _ := doc["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods, _ := paths[path].(map[string]any)
		for method, o := range methods {
			op := r.operation(method, path, o)
			i, ok := place[op.Tag]
			if !ok {
				return nil, fmt.Errorf("%s %s: no tag %q", method, path, op.Tag)
			}
			c.Tags[i].Operations = append(c.Tags[i].Operations, op)
		}
	}
	for _, t := range c.Tags {
		slices.SortFunc(t.Operations, func(a, b operation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
		})
	}
	named, _ := within(doc, "components", "schemas").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(named)) {
		c.Schemas = append(c.Schemas, r.schema(name, named[name]))
	}
	return c, nil
}

// reader follows references within the document.
type reader struct{ doc map[string]any }

func (r reader) operation(method, path string, o any) operation {
	op := operation{ID: words(o, "operationId"), Method: strings.ToUpper(method), Path: path, Summary: words(o, "summary"), Text: prose(words(o, "description"))}
	if tags := list(within(o, "tags")); len(tags) > 0 {
		op.Tag, _ = tags[0].(string)
	}
	security, said := within(o, "security").([]any)
	op.Open = said && len(security) == 0
	for _, p := range list(within(o, "parameters")) {
		op.Parameters = append(op.Parameters, r.parameter(p))
	}
	if b := within(o, "requestBody"); b != nil {
		b = r.follow(b)
		required, _ := within(b, "required").(bool)
		op.Body = &body{required, r.media(within(b, "content"))}
	}
	answers, _ := within(o, "responses").(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		if status == "default" { // the problems
			continue
		}
		a := r.follow(answers[status])
		op.Answers = append(op.Answers, answer{status, prose(words(a, "description")), r.media(within(a, "content"))})
	}
	for _, code := range list(within(o, "x-problems")) {
		op.Problems = append(op.Problems, fmt.Sprint(code))
	}
	op.Variables = op.variables()
	return op
}

func (r reader) parameter(p any) parameter {
	p = r.follow(p)
	out := parameter{Name: words(p, "name"), In: words(p, "in"), Text: prose(words(p, "description")), Example: within(p, "example")}
	out.Required, _ = within(p, "required").(bool)
	out.Type = r.kind(within(p, "schema"))
	out.word = words(r.follow(within(p, "schema")), "type") == "string"
	if out.Example == nil {
		out.Example = within(p, "schema", "example")
	}
	return out
}

func (r reader) media(content any) (all []media) {
	types, _ := content.(map[string]any)
	for _, t := range slices.Sorted(maps.Keys(types)) {
		s := within(types[t], "schema")
		m := media{Type: t, Schema: name(s), Example: within(types[t], "example")}
		m.Fields = r.fields(s, "", 0)
		m.Binary = words(r.follow(s), "format") == "binary"
		all = append(all, m)
	}
	return all
}

// follow is v, or what it refers to.
func (r reader) follow(v any) any {
	for range 8 {
		ref, _ := within(v, "$ref").(string)
		if ref == "" {
			return v
		}
		v = any(r.doc)
		for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			v = within(v, step)
		}
	}
	return v
}

// name is the last step of a reference to a schema.
func name(v any) string {
	ref, _ := within(v, "$ref").(string)
	return ref[strings.LastIndex(ref, "/")+1:]
}

func within(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func words(v any, key string) string {
	s, _ := within(v, key).(string)
	return strings.TrimSpace(s)
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
