package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestContractMatchesRoutes holds the OpenAPI document against the router, both
// ways, and asks every operation for what a reader needs.
func TestContractMatchesRoutes(t *testing.T) {
	t.Parallel()
	c, err := loadContract()
	if err != nil {
		t.Fatal(err)
	}
	var described, routed []string
	ids := map[string]bool{}
	for path, item := range c.doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
			o := op.(map[string]any)
			id, _ := o["operationId"].(string)
			if id == "" || ids[id] || o["summary"] == nil || o["responses"] == nil || o["tags"] == nil {
				t.Errorf("%s %s: operationId %q missing or double, or no summary, tags or responses", method, path, id)
			}
			ids[id] = true
		}
	}
	for _, r := range (&API{}).routes() {
		routed = append(routed, r.method+" "+r.path)
	}
	slices.Sort(described)
	slices.Sort(routed)
	if got, want := fmt.Sprint(described), fmt.Sprint(routed); got != want {
		t.Errorf("described and routed differ:\n%s\n%s", got, want)
	}
}

// TestWordsComplete demands every key, with the same placeholders, in every
// language.
func TestWordsComplete(t *testing.T) {
	t.Parallel()
	w, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	for key, en := range w.catalogs["en"] {
		for _, l := range w.langs {
			text, ok := w.catalogs[l][key]
			if !ok || text == "" {
				t.Errorf("%s lacks %s", l, key)
			}
			for _, p := range []string{"{min}", "{max}", "{is}", "{allowed}", "{want}", "{country}", "{first}"} {
				if strings.Contains(en, p) != strings.Contains(text, p) {
					t.Errorf("%s: %s: placeholder %s differs", l, key, p)
				}
			}
		}
	}
	for _, l := range w.langs {
		for key := range w.catalogs[l] {
			if _, ok := w.catalogs["en"][key]; !ok {
				t.Errorf("%s has %s, which English has not", l, key)
			}
		}
	}
	for _, s := range sentinels {
		if _, ok := w.catalogs["en"]["problem."+s.code]; !ok {
			t.Errorf("no words for %s", s.code)
		}
	}
}
