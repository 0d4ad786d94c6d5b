package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/bode-erds/bode/delivery/api"
)

// ask is one request. The zero ask is a GET with the test key in English.
type ask struct {
	method, path, key, lang, mediaType string
	body                               any // string, io.Reader, or what becomes JSON
	header                             map[string]string
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	problem problem // of an answer from 400
}

type problem struct {
	Type, Title, Detail, Code, Instance string
	Status                              int
	Errors                              []struct{ Pointer, Code, Detail string }
}

// fault is the first fault of a problem, as "pointer code".
func (p problem) fault() string {
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Pointer + " " + p.Errors[0].Code
}

// do sends a request and holds the answer against the contract.
func (r *rig) do(a ask) answer {
	r.t.Helper()
	req := r.request(a)
	resp, err := http.DefaultClient.Do(req)
	r.must(err)
	defer resp.Body.Close()
	out := answer{status: resp.StatusCode, header: resp.Header}
	out.body, err = io.ReadAll(resp.Body)
	r.must(err)
	if out.status >= 400 && req.Method != http.MethodHead {
		if err := json.Unmarshal(out.body, &out.problem); err != nil {
			r.t.Fatalf("%s %s: no problem document: %v: %.200s", req.Method, req.URL.Path, err, out.body)
		}
	}
	if err := r.contract.check(req, out); err != nil {
		r.t.Errorf("%s %s: %d is not what the contract says: %v\n%.500s", req.Method, req.URL.Path, out.status, err, out.body)
	}
	return out
}

func (r *rig) request(a ask) *http.Request {
	r.t.Helper()
	var body io.Reader
	switch b := a.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case io.Reader:
		body = b
	default:
		text, err := json.Marshal(b)
		r.must(err)
		body = bytes.NewReader(text)
	}
	if a.method == "" {
		a.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(r.ctx(), a.method, r.url+api.Prefix+a.path, body)
	r.must(err)
	switch a.key {
	case "":
		req.Header.Set("Authorization", "Bearer "+r.test)
	case "none":
	default:
		req.Header.Set("Authorization", "Bearer "+a.key)
	}
	if a.mediaType == "" && body != nil {
		a.mediaType = "application/json"
	}
	if a.mediaType != "" {
		req.Header.Set("Content-Type", a.mediaType)
	}
	if a.lang != "" {
		req.Header.Set("Accept-Language", a.lang)
	}
	for k, v := range a.header {
		req.Header.Set(k, v)
	}
	return req
}

// message is a submission to n people, changed by paths such as "recipients".
func submission(n int, change ...func(map[string]any)) map[string]any {
	people := make([]any, n)
	for i := range people {
		people[i] = map[string]any{
			"name": map[string]any{"given": "An", "family": "Peeters"}, "email": fmt.Sprintf("an%d@example.be", i),
			"mobile": "+32470123456", "language": "nl",
			"postal_address": map[string]any{"lines": []any{"Vlasmarkt 7"}, "postcode": "9000", "city": "Gent", "country": "BE"},
		}
	}
	m := map[string]any{"subject": "Opzegging van de huur", "body": "Geachte mevrouw,\n\nwij zeggen op.", "recipients": people}
	for _, c := range change {
		c(m)
	}
	return m
}

// submitted is a message on its way.
type submitted struct {
	ID, Number string
	Deliveries []struct{ ID, State string }
}

func (r *rig) submit(key string, n int, change ...func(map[string]any)) (m submitted) {
	r.t.Helper()
	a := r.do(ask{method: "POST", path: "/messages", key: key, body: submission(n, change...)})
	if a.status != http.StatusCreated {
		r.t.Fatalf("submit: %d %s", a.status, a.body)
	}
	r.must(json.Unmarshal(a.body, &m))
	return m
}

// upload stores a document and returns its id.
func (r *rig) upload(key, content string) string {
	r.t.Helper()
	a := r.do(ask{method: "POST", path: "/documents?filename=akte.pdf", key: key, mediaType: "application/pdf", body: content})
	var d struct{ ID string }
	if r.must(json.Unmarshal(a.body, &d)); a.status != http.StatusCreated {
		r.t.Fatalf("upload: %d %s", a.status, a.body)
	}
	return d.ID
}
