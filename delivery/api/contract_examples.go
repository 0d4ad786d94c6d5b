package api

import (
	"maps"
	"slices"
	"strings"
)

// exemplify gives every JSON body of the contract an example. What an operation
// says itself stays; otherwise one is put together from what its schema says of
// each value: example, const, default, the first of an enum, or its format.
func exemplify(doc map[string]any) {
	e := examples{doc}
	for _, o := range operations(doc) {
		e.content(within(o.op, "requestBody", "content"), false)
		responses, _ := o.op["responses"].(map[string]any)
		for status, r := range responses {
			if ref, _ := within(r, "$ref").(string); ref != "" {
				r = e.follow(ref)
			}
			e.content(within(r, "content"), status != "default")
		}
	}
}

// operation is one entry of the contract's paths.
type operation struct {
	method, path string
	op           map[string]any
}

// operations are all of the contract, in the order of their paths.
func operations(doc map[string]any) (list []operation) {
	paths, _ := doc["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			if op, ok := item[method].(map[string]any); ok && op["operationId"] != nil {
				list = append(list, operation{method, path, op})
			}
		}
	}
	return list
}

type examples struct{ doc map[string]any }

// content completes a body. Of an answer everything is shown, of a request only
// what it needs or has examples of.
func (e examples) content(content any, all bool) {
	media, ok := within(content, "application/json").(map[string]any)
	if !ok || media["example"] != nil || media["examples"] != nil {
		return
	}
	if schema, ok := media["schema"].(map[string]any); ok && len(schema) > 0 {
		media["example"] = e.of(schema, all, 0)
	}
}

// follow finds what a reference of this document points to.
func (e examples) follow(ref string) map[string]any {
	var at any = e.doc
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = within(at, step)
	}
	m, _ := at.(map[string]any)
	return m
}

// deepest is how far objects are shown in each other.
const deepest = 8

func (e examples) of(schema map[string]any, all bool, depth int) any {
	for _, key := range []string{"example", "const", "default"} {
		if v, ok := schema[key]; ok {
			return v
		}
	}
	if list, _ := schema["examples"].([]any); len(list) > 0 {
		return list[0]
	}
	if list, _ := schema["enum"].([]any); len(list) > 0 {
		return list[0]
	}
	if ref, ok := schema["$ref"].(string); ok {
		return e.of(e.follow(ref), all, depth+1)
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list, _ := schema[key].([]any); len(list) > 0 {
			first, _ := list[0].(map[string]any)
			return e.of(first, all, depth)
		}
	}
	if list, _ := schema["allOf"].([]any); len(list) > 0 {
		return e.together(list, all, depth)
	}
	kind, _ := schema["type"].(string)
	if kinds, _ := schema["type"].([]any); len(kinds) > 0 {
		kind, _ = kinds[0].(string)
	}
	switch kind {
	case "array":
		items, _ := schema["items"].(map[string]any)
		if items == nil || depth > deepest {
			return []any{}
		}
		return []any{e.of(items, all, depth+1)}
	case "integer", "number":
		if least, ok := schema["minimum"]; ok {
			return least
		}
		return 1
	case "boolean":
		return false
	case "string":
		return plain(schema)
	}
	return e.object(schema, all, depth)
}

// object shows what an object must have and, of an answer, what it may have.
func (e examples) object(schema map[string]any, all bool, depth int) any {
	out := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for name, p := range properties {
		property, _ := p.(map[string]any)
		needed := slices.Contains(required, any(name))
		if needed || depth < deepest && (all || property["example"] != nil) {
			out[name] = e.of(property, all, depth+1)
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok && len(properties) == 0 {
		out["notified"] = e.of(more, all, depth+1)
	}
	return out
}

// together is an object of all parts.
func (e examples) together(list []any, all bool, depth int) any {
	out := map[string]any{}
	for _, part := range list {
		schema, _ := part.(map[string]any)
		if m, ok := e.of(schema, all, depth).(map[string]any); ok {
			maps.Copy(out, m)
		}
	}
	return out
}

// plain is a text of a format or a known pattern.
func plain(schema map[string]any) string {
	switch schema["format"] {
	case "uuid":
		return "0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c11"
	case "date-time":
		return "2026-11-20T09:00:00.000000Z"
	case "date":
		return "2026-11-20"
	case "email":
		return "an@example.be"
	case "uri":
		return "https://zilverlinde.example/bode"
	}
	if schema["pattern"] == "^[0-9a-f]{64}$" {
		return "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	}
	return "text"
}
