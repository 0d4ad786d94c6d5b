package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api"
)

// TestConforms calls every operation once well and once badly; the rig holds
// each answer against the contract, and nothing may be left out.
func TestConforms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.contract.doc.Validate(r.ctx()); err != nil {
		t.Errorf("the contract itself: %v", err)
	}
	doc := r.upload(r.test, "%PDF-1.7")
	m := r.submit(r.test, 3, at("documents", []any{doc}), at("reference", "dossier 12"), at("policy", map[string]any{"methods": []any{"itsme"}}))
	d := m.Deliveries[0].ID
	r.fill()
	pending := r.do(ask{path: "/deliveries/" + d + "/evidence"})
	if !strings.Contains(string(pending.body), `"pending"`) {
		t.Errorf("evidence: %s", pending.body)
	}
	r.seal()
	r.posted(d, strings.NewReader("%PDF letter"))
	answer := "/deliveries/" + d + "/proposals/" + r.proposed(d)
	r.dossiers.content = strings.NewReader("PK")
	e := r.event(m)
	for _, path := range append(reads(m, e), "/documents/"+doc, "/messages?limit=1", "/events?limit=1", "/openapi.json") {
		if a := r.do(ask{path: path}); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range append(reads(submitted{ID: "x", Deliveries: []struct{ ID, State string }{{ID: "x"}}}, "x"), "/documents/x", "/messages?limit=x", "/events?after=x") {
		if a := r.do(ask{path: path}); a.status/100 != 4 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for _, a := range []ask{{path: answer, body: `{"agree":true}`}, {path: answer, body: `{"agree":false}`}, {path: answer, body: `{"agree":"x"}`}, {path: "/documents", body: "x"}, {path: "/messages", body: "{}"}, {path: "/previews", body: "{}"}, {path: "/previews", body: submission(2)}, {path: "/messages/x/cancel"}, {path: "/test-clock/advance", body: "{}"},
		{path: "/test-clock/advance", body: `{"by":"P20D"}`}, {path: "/messages/" + r.submit(r.test, 1).ID + "/cancel"}} {
		a.method = http.MethodPost
		r.do(a)
	}
	own, err := os.ReadFile(filepath.Join("openapi", "openapi.yaml")) // what the other files add, cmd/bode calls with curl
	r.must(err)
	for path, item := range r.contract.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !strings.Contains(string(own), "operationId: "+op.OperationID+"\n") {
				continue
			}
			want := []string{op.OperationID + " 2xx", op.OperationID + " 4xx"}
			if path == "/openapi.json" {
				want = want[:1]
			}
			for _, w := range want {
				if !r.contract.seen[w] {
					t.Errorf("%s %s: no answer %s was seen", method, path, w)
				}
			}
		}
	}
}

// fill puts something into every column that a view may show.
func (r *rig) fill() {
	r.t.Helper()
	at := r.clock.now().Add(time.Second)
	r.exec(`UPDATE delivery SET email = 'sent', sms = 'failed', notified_at = $1, respond_by = $1, decided_at = $1, handed_over_at = $1,
		identified = '{"given":"An","family":"Peeters","method":"itsme","provider":"x","level":"high","at":"2026-11-20T09:00:00Z","record":"r"}',
		post = '{"partner":"p","item":"i","pages":2,"sha256":"ab","at":"2026-11-20T09:00:00Z"}' WHERE position = 1`, at)
}

// TestPages: pages hang together without gap or repetition, for messages,
// deliveries and events.
func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var want []string
	for range 5 {
		want = append(want, r.submit(r.test, 1).ID)
	}
	many := r.submit(r.test, 7)
	want = append(want, many.ID)
	r.submit(r.live, 1) // not in lists of a test key
	slices.Reverse(want)
	if got := r.pages("/messages?limit=2", 3); !slices.Equal(got, want) {
		t.Errorf("messages %v, want %v", got, want)
	}
	want = nil
	for _, d := range many.Deliveries {
		want = append(want, d.ID)
	}
	if got := r.pages("/messages/"+many.ID+"/deliveries?limit=3", 3); !slices.Equal(got, want) {
		t.Errorf("deliveries %v, want %v", got, want)
	}
	seen, after := map[string]bool{}, ""
	for i := 0; ; i++ {
		a := r.do(ask{path: "/events?limit=5&after=" + after})
		var p struct {
			Data  []struct{ ID string }
			After string
		}
		r.must(json.Unmarshal(a.body, &p))
		for _, e := range p.Data {
			if seen[e.ID] {
				t.Errorf("event %s twice", e.ID)
			}
			seen[e.ID] = true
		}
		if len(p.Data) == 0 {
			if p.After != after || i != 3 {
				t.Errorf("the end after %d pages is %q, want %q", i, p.After, after)
			}
			break
		}
		after = p.After
	}
	if len(seen) != 12 {
		t.Errorf("%d events, want 12", len(seen))
	}
}

// pages follows Link from path and returns every id; at most so many full pages.
func (r *rig) pages(path string, most int) (ids []string) {
	r.t.Helper()
	for n := 0; path != ""; n++ {
		if n > most {
			r.t.Fatalf("no end after %d pages", n)
		}
		a := r.do(ask{path: path})
		var p struct {
			Data []struct{ ID string }
			Next string
		}
		r.must(json.Unmarshal(a.body, &p))
		for _, d := range p.Data {
			ids = append(ids, d.ID)
		}
		path = ""
		for _, link := range a.header.Values("Link") {
			if target, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				path = strings.TrimPrefix(strings.TrimPrefix(target, "<"), api.Prefix)
			}
		}
		if (path == "") != (p.Next == "") {
			r.t.Fatalf("Link %q, next %q", a.header.Values("Link"), p.Next)
		}
	}
	return ids
}
