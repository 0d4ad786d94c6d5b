package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/bode-erds/bode/delivery/api"
)

// spec is our contract as somebody else reads it.
type spec struct {
	doc    *openapi3.T
	router routers.Router

	mu   sync.Mutex
	seen map[string]bool // "operationId 2xx" and "operationId 4xx" that were checked
}

func newSpec(t testing.TB, base string) *spec {
	t.Helper()
	resp, err := http.Get(base + api.Prefix + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &spec{doc: doc, router: router, seen: map[string]bool{}}
}

// check holds an answer against the contract. What no operation describes must
// be a problem.
func (s *spec) check(req *http.Request, a answer) error {
	if a.status >= 400 {
		if err := s.checkProblem(a); err != nil && req.Method != http.MethodHead {
			return err
		}
	}
	plain := req.Clone(req.Context())
	plain.URL = &url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath}
	plain.Host = ""
	route, params, err := s.router.FindRoute(plain)
	if unknown := (*routers.RouteError)(nil); errors.As(err, &unknown) {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			return fmt.Errorf("status %d of what is not described", a.status)
		}
		return nil
	}
	if err != nil {
		return err
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: plain, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		// A download is held against its status and type; there is nothing to decode.
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true,
			ExcludeResponseBody: a.status < 300 && !strings.HasPrefix(a.header.Get("Content-Type"), "application/json")},
	}
	if err := openapi3filter.ValidateResponse(req.Context(), in); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[fmt.Sprintf("%s %dxx", route.Operation.OperationID, a.status/100)] = true
	return nil
}

// checkProblem asks of a problem what RFC 9457 §3 and our own rules ask.
func (s *spec) checkProblem(a answer) error {
	p := a.problem
	switch {
	case a.header.Get("Content-Type") != "application/problem+json":
		return fmt.Errorf("a problem as %q", a.header.Get("Content-Type"))
	case p.Status != a.status || p.Code == "" || p.Type != "urn:bode-erds:problem:"+p.Code:
		return fmt.Errorf("problem %+v", p)
	case p.Title == "" || p.Title == "problem."+p.Code:
		return fmt.Errorf("no words for %s", p.Code)
	case a.header.Get("Content-Language") == "":
		return errors.New("no Content-Language")
	}
	for _, f := range p.Errors {
		if f.Detail == "" || f.Detail == "field."+f.Code || strings.ContainsAny(f.Detail, "{}") {
			return fmt.Errorf("no words for the fault %s: %q", f.Code, f.Detail)
		}
	}
	return nil
}
