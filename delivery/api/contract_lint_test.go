package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestOperationsAreDocumented asks every operation for what a reader needs, and
// holds each example against its own schema.
func TestOperationsAreDocumented(t *testing.T) {
	t.Parallel()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	titles, err := ProblemTexts("en")
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]bool{}
	for _, tag := range c.doc["tags"].([]any) {
		name, _ := within(tag, "name").(string)
		if text, _ := within(tag, "description").(string); text == "" {
			t.Errorf("tag %s: no description", name)
		}
		tags[name] = true
	}
	if strings.Contains(string(c.json), ":null") {
		t.Error("something in the contract is null, which OpenAPI knows nowhere")
	}
	for _, o := range operations(c.doc) {
		id, _ := o.op["operationId"].(string)
		for _, key := range []string{"summary", "description"} {
			if text, _ := o.op[key].(string); strings.TrimSpace(text) == "" {
				t.Errorf("%s: no %s", id, key)
			}
		}
		list, _ := o.op["tags"].([]any)
		if len(list) != 1 || !tags[list[0].(string)] {
			t.Errorf("%s: tags %v", id, list)
		}
		for _, code := range o.op["x-problems"].([]any) {
			if titles[code.(string)] == "" {
				t.Errorf("%s: no words for the problem %v", id, code)
			}
		}
		checkExamples(t, c, o)
	}
}

// checkExamples holds the example of a request and of every answer against its
// schema.
func checkExamples(t *testing.T, c *contract, o operation) {
	t.Helper()
	id := o.op["operationId"].(string)
	at := "/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(o.path) + "/" + o.method
	if body := within(o.op, "requestBody", "content"); body != nil {
		holdContent(t, c, id+" request", at+"/requestBody/content", body)
	}
	good := 0
	for status, r := range o.op["responses"].(map[string]any) {
		where := at + "/responses/" + status
		if ref, _ := within(r, "$ref").(string); ref != "" {
			where, r = strings.TrimPrefix(ref, "#"), examples{c.doc}.follow(ref)
		}
		if text, _ := within(r, "description").(string); text == "" {
			t.Errorf("%s %s: no description", id, status)
		}
		holdContent(t, c, id+" "+status, where+"/content", within(r, "content"))
		if status[0] == '2' {
			good++
		}
	}
	if good == 0 || within(o.op, "responses", "default") == nil {
		t.Errorf("%s: %d good answers, default %v", id, good, within(o.op, "responses", "default"))
	}
}

// holdContent holds the example of a JSON body against its schema.
func holdContent(t *testing.T, c *contract, name, at string, content any) {
	t.Helper()
	media, _ := within(content, "application/json").(map[string]any)
	if schema, _ := media["schema"].(map[string]any); len(schema) == 0 {
		return
	}
	example, ok := media["example"]
	if !ok {
		t.Errorf("%s: no example", name)
		return
	}
	var doc, value any
	plain, err := json.Marshal(example)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(c.json, &doc); err != nil {
		t.Fatal(err)
	}
	if value, err = jsonschema.UnmarshalJSON(strings.NewReader(string(plain))); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json#" + strings.ReplaceAll(at, "*/*", "*~1*") + "/application~1json/schema")
	if err != nil {
		t.Fatal(name, err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: the example is not what the schema says: %v\n%s", name, err, plain)
	}
}

// TestExamplesFromSchemas: what an example is put together from.
func TestExamplesFromSchemas(t *testing.T) {
	t.Parallel()
	const doc = `{"components":{"schemas":{
		"Tree":{"type":"object","required":["name"],"properties":{"name":{"type":"string","example":"oak"},"branches":{"type":"array","items":{"$ref":"#/components/schemas/Tree"}}}}}}}`
	for schema, want := range map[string]string{
		`{"type":"string","format":"date"}`:                                             `"2026-11-20"`,
		`{"type":["string","null"],"format":"uuid"}`:                                    `"0193c5d2-7b1e-7c3a-9a41-0d6f1e5b2c11"`,
		`{"enum":["a","b"]}`:                                                            `"a"`,
		`{"const":5}`:                                                                   `5`,
		`{"type":"integer","minimum":3}`:                                                `3`,
		`{"type":"boolean","default":true}`:                                             `true`,
		`{"oneOf":[{"type":"boolean"},{"type":"string"}]}`:                              `false`,
		`{"type":"object","additionalProperties":{"type":"integer"}}`:                   `{"notified":1}`,
		`{"allOf":[{"properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}}}]}`: `{"a":1,"b":2}`,
	} {
		var d, s map[string]any
		if json.Unmarshal([]byte(doc), &d) != nil || json.Unmarshal([]byte(schema), &s) != nil {
			t.Fatal(schema)
		}
		if got, err := json.Marshal(examples{d}.of(s, true, 0)); string(got) != want || err != nil {
			t.Errorf("%s: %s, want %s", schema, got, want)
		}
		tree := examples{d}.of(map[string]any{"$ref": "#/components/schemas/Tree"}, true, 0)
		if b, err := json.Marshal(tree); err != nil || len(b) > 1000 {
			t.Errorf("a tree that holds itself: %d octets, %v", len(b), err)
		}
	}
}
