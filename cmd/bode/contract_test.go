package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// contractTown is the whole service with an integrator in it, who has the
// contract and a test key.
type contractTown struct {
	*town
	out    outsider
	doc    *openapi3.T
	router routers.Router
	kept   map[string]string // objects that are made once, by kind
}

func newContractTown(t *testing.T) *contractTown {
	t.Helper()
	w := newTown(t)
	var err error
	if w.seeds, err = seed(t.Context(), w.app, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	c := &contractTown{town: w, kept: map[string]string{}}
	c.out = outsider{info: info{BaseURL: w.base, CatcherURL: w.stands.catcher.URL(), TestKey: w.seeds.TestKey}, client: &http.Client{Timeout: time.Minute}}
	status, _, text := c.get(t, w.base+"/api/v1/openapi.json")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	if c.doc, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		t.Fatal(err)
	}
	if c.router, err = legacy.NewRouter(c.doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// get fetches what needs no key.
func (c *contractTown) get(t *testing.T, address string) (int, http.Header, []byte) {
	t.Helper()
	resp, err := c.out.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, b
}

// holds says what is wrong with an answer: a status, a media type or a body that
// the contract does not have.
func (c *contractTown) holds(method, path string, status int, header http.Header, body []byte) error {
	req := &http.Request{Method: method, URL: &url.URL{Path: "/api/v1" + path}, Header: http.Header{}}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		return err
	}
	if status >= 500 {
		return fmt.Errorf("status %d", status)
	}
	json := strings.HasPrefix(header.Get("Content-Type"), "application/json") || strings.HasPrefix(header.Get("Content-Type"), "application/problem+json")
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: !json},
	})
	if err != nil || json || status == http.StatusNoContent {
		return err
	}
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	if r := route.Operation.Responses.Status(status); r == nil || r.Value.Content.Get(kind) == nil {
		return fmt.Errorf("media type %q of status %d is not in the contract", kind, status)
	}
	return nil
}

// fresh makes an object of a kind, as the contract's own examples do, and
// returns its identifier. Kinds are named like their collections in the API.
func (c *contractTown) fresh(t *testing.T, kind string, parents map[string]string) string {
	t.Helper()
	id, err := c.make(t.Context(), kind, parents)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return id
}

func (c *contractTown) make(ctx context.Context, kind string, parents map[string]string) (string, error) {
	if special := specials()[kind]; special != nil {
		return special(ctx, c, parents)
	}
	item := c.doc.Paths.Value("/" + kind)
	if item == nil || item.Post == nil {
		return "", fmt.Errorf("nothing makes objects of the kind %q: give it an entry in specials", kind)
	}
	var example any
	if item.Post.RequestBody != nil {
		media := item.Post.RequestBody.Value.Content.Get("application/json")
		if media == nil {
			return "", fmt.Errorf("no JSON makes objects of the kind %q: give it an entry in specials", kind)
		}
		b, err := json.Marshal(media.Example)
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(b, &example); err != nil {
			return "", err
		}
	}
	body, err := c.filled(ctx, example, "")
	if err != nil {
		return "", err
	}
	if m, ok := body.(map[string]any); ok { // names of one's own are unique
		for _, member := range []string{"name", "key"} {
			if _, ok := m[member].(string); ok {
				m[member] = "k-" + rand.Text()
			}
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	resp, err := c.out.do(ctx, http.MethodPost, "/"+kind, "application/json", map[string]string{"Idempotency-Key": rand.Text()}, bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if at := resp.Header.Get("Location"); at != "" {
		return path.Base(at), nil
	}
	var made struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil {
		return "", err
	}
	if made.ID == "" {
		return "", errors.New("the answer has no id")
	}
	return made.ID, nil
}

// filled puts objects that are there in the place of the identifiers of an
// example.
func (c *contractTown) filled(ctx context.Context, v any, member string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			y, err := c.filled(ctx, x, k)
			if err != nil {
				return nil, err
			}
			v[k] = y
		}
	case []any:
		for i, x := range v {
			y, err := c.filled(ctx, x, member)
			if err != nil {
				return nil, err
			}
			v[i] = y
		}
	case string:
		if anyID.MatchString(v) {
			return c.make(ctx, c.kindOf(variableOf(member)), nil)
		}
	}
	return v, nil
}

// kindOf is the collection whose objects a variable of the documentation stands
// for.
func (c *contractTown) kindOf(variable string) string {
	for path := range c.doc.Paths.Map() {
		for step := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			if variableOf(step) == variable {
				return step
			}
		}
	}
	return strings.ToLower(variable)
}
