package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxNaming bounds how deep in a body an object is looked for.
const maxNaming = 8

// naming are the places of a body of this schema that name an object: the steps to
// each, "0" for an entry of a list.
func naming(ref *openapi3.SchemaRef, at []string) (places [][]string) {
	if ref == nil || ref.Value == nil || len(at) > maxNaming {
		return nil
	}
	s := ref.Value
	if s.Format == "uuid" {
		return [][]string{slices.Clone(at)}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		places = append(places, naming(s.Properties[name], append(slices.Clone(at), name))...)
	}
	places = append(places, naming(s.Items, append(slices.Clone(at), "0"))...)
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		places = append(places, naming(part, at)...)
	}
	return places
}

// put is v with x at a place, and what is missing on the way.
func put(v any, place []string, x any) any {
	if len(place) == 0 {
		return x
	}
	if n, err := strconv.Atoi(place[0]); err == nil {
		list, _ := v.([]any)
		for len(list) <= n {
			list = append(list, nil)
		}
		list[n] = put(list[n], place[1:], x)
		return list
	}
	m, _ := v.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	m[place[0]] = put(m[place[0]], place[1:], x)
	if place[0] == "template" { // it gives both
		delete(m, "subject")
		delete(m, "body")
	}
	return m
}

// named is the collection of what a place names: that of the last step with a name,
// or, where it is only called id, of the step before.
func (c *contractTown) named(place []string) string {
	for i := len(place) - 1; i >= 0; i-- {
		if place[i] != "id" && place[i] != "0" {
			return c.kindOf(variableOf(place[i]))
		}
	}
	return ""
}

// claim is one call of a stranger that names somebody else's object outside the
// path.
type claim struct {
	method, path, target, pointer string
	body                          []byte
	kind                          string // of the body
}

// claims are all of an operation whose path names the stranger's own objects.
func (c *contractTown) claims(t *testing.T, account, method, path, target string, op *openapi3.Operation) (all []claim) {
	t.Helper()
	foreign := func(place []string) string {
		id, err := c.belonging(t.Context(), account, c.named(place))
		if err != nil {
			t.Errorf("%s %s %v: %v", method, path, place, err)
		}
		return id
	}
	own := url.Values{}
	var named []string
	for _, p := range op.Parameters {
		switch s := p.Value.Schema.Value; {
		case p.Value.In != "query":
		case len(naming(p.Value.Schema, nil)) > 0:
			named = append(named, p.Value.Name)
		case p.Value.Required && s != nil:
			own.Set(p.Value.Name, strings.TrimSpace(strings.Trim(string(mustJSON(t, p.Value.Example)), `"`)))
		}
	}
	if op.RequestBody != nil {
		for kind, media := range op.RequestBody.Value.Content {
			example, _ := media.Example.(string)
			for _, name := range named {
				q := maps.Clone(own)
				q.Set(name, foreign([]string{name}))
				all = append(all, claim{method, path, target + "?" + q.Encode(), "", []byte(example), kind})
			}
			if !strings.Contains(kind, "json") {
				continue
			}
			for _, place := range naming(media.Schema, nil) {
				var body any
				if err := json.Unmarshal(mustJSON(t, media.Example), &body); err != nil {
					t.Fatal(err)
				}
				all = append(all, claim{method, path, target, "/" + strings.Join(place, "/"), mustJSON(t, put(body, place, foreign(place))), kind})
			}
		}
	}
	return all
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestStrangersNameNothing sends, wherever a body or a query of the contract names an
// object, one of another account: each is refused as one that is not there, at that
// very place, and no row changes.
func TestStrangersNameNothing(t *testing.T) {
	t.Parallel()
	c := newStillTown(t)
	account := c.possessions(t)
	keys, _ := c.stranger(t)
	stranger := &contractTown{town: c.town, out: c.out, doc: c.doc, kept: map[string]string{}}
	var all []claim
	for _, key := range keys {
		stranger.out.info.TestKey = key
		for _, o := range c.inOrder() {
			target, known := o.path, map[string]string{}
			all = slices.Concat(all, func() []claim {
				found := c.claims(t, account, o.method, o.path, target, o.op)
				if len(found) == 0 || !strings.Contains(target, "{") {
					return found
				}
				kind, _, _ := strings.Cut(strings.TrimPrefix(target, "/"), "/")
				own := stranger.fresh(t, kind, known)
				for i := range found {
					found[i].target = strings.Replace(found[i].target, "{id}", own, 1)
				}
				return found
			}())
		}
		before := c.rows(t)
		for _, x := range all {
			if x.path != "/batches" {
				c.claimed(t, key, x)
			}
		}
		before["daily_use"] = c.rows(t)["daily_use"] // the stranger's own count of the day
		c.unchanged(t, before)
		for _, x := range all { // a batch is kept with what became of each
			if x.path == "/batches" {
				c.claimed(t, key, x)
			}
		}
		if now := c.rows(t); now["message"] != before["message"] {
			t.Errorf("messages: %s, were %s", now["message"], before["message"])
		}
		t.Logf("%d places", len(all))
		if len(all) < 6 {
			t.Errorf("only %d places name an object", len(all))
		}
		all = nil
	}
}

// claimed makes a claim and holds that it is refused for what it claims.
func (c *contractTown) claimed(t *testing.T, key string, x claim) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), x.method, c.base+"/api/v1"+x.target, bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", x.kind)
	r.Header.Set("Idempotency-Key", rand.Text())
	resp, err := c.out.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	type problem struct {
		Status int
		Code   string
		Errors []struct{ Pointer, Code string }
	}
	var p struct {
		problem
		Problem problem // of the first of a batch
	}
	_ = json.Unmarshal(b, &p) // what is no problem has no code
	said, at := p.problem, x.pointer
	if resp.StatusCode == http.StatusOK {
		said, at = p.Problem, strings.TrimPrefix(at, "/0")
	}
	refused := said.Status == http.StatusNotFound && said.Code == "not_found"
	for _, e := range said.Errors {
		refused = refused || said.Status == http.StatusUnprocessableEntity && (at == "" || strings.HasPrefix(at, e.Pointer) && e.Pointer != "")
	}
	if !refused {
		t.Errorf("%s %s %s: %d %.600s", x.method, x.path, x.pointer, resp.StatusCode, b)
	}
}
