package api_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// listed is a page of a list.
type listed struct {
	Data []struct {
		ID        string `json:"id"`
		MessageID string `json:"message_id"`
		Reference string `json:"reference"`
	}
	Next, Previous string
}

func (r *rig) list(path string) (page listed, ids []string) {
	r.t.Helper()
	got := r.do(ask{path: path})
	if got.status != http.StatusOK {
		r.t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	r.must(json.Unmarshal(got.body, &page))
	for _, d := range page.Data {
		ids = append(ids, d.ID)
	}
	return page, ids
}

// Lists are narrowed by the query, and another account's or another kind's things
// are not in them.
func TestLists(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, reference := range []string{"A-1", "A-2", "A-1"} {
		r.submit(r.test, 1, func(m map[string]any) { m["reference"], m["cost_centre"] = reference, "HR" })
	}
	for query, want := range map[string]int{"": 3, "?reference=a-1": 2, "?cost_centre=hr&reference=A-2": 1, "?status=waiting": 3, "?state=submitted": 3, "?state=notified": 0,
		"?status=refused": 0, "?recipient=an": 3, "?recipient=" + url.QueryEscape("peeters an"): 3, "?recipient=x": 0, "?submitted_from=2000-01-01T00:00:00Z": 3,
		"?submitted_before=2000-01-01T00:00:00%2B01:00": 0, "?number=0000-0000-0000": 0} {
		for _, path := range []string{"/messages", "/deliveries"} {
			if page, _ := r.list(path + query); len(page.Data) != want || page.Next != "" || page.Previous != "" {
				t.Errorf("%s%s: %+v, want %d", path, query, page, want)
			}
		}
		rows := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(r.do(ask{path: "/deliveries.csv" + query}).body), "\ufeff")))
		if list, err := rows.ReadAll(); err != nil || len(list) != 1+want {
			t.Errorf("CSV %s: %v, %v", query, list, err)
		}
	}
	for _, key := range []string{r.live, r.otherTest} {
		for _, path := range []string{"/messages", "/deliveries", "/deliveries?reference=A-1", "/deliveries?recipient=an", "/deliveries?status=waiting"} {
			if got := r.do(ask{path: path, key: key}); !strings.Contains(string(got.body), `"data":[]`) {
				t.Errorf("%s with a foreign key: %s", path, got.body)
			}
		}
		if got := r.do(ask{path: "/overview", key: key}); !strings.Contains(string(got.body), `"waiting":{"count":0,"more":false}`) {
			t.Errorf("a foreign overview: %s", got.body)
		}
	}
	if got := r.do(ask{path: "/overview"}); !strings.Contains(string(got.body), `"waiting":{"count":3,"more":false}`) {
		t.Errorf("overview: %s", got.body)
	}
}

func TestListsInPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 5 {
		r.submit(r.test, 1)
	}
	for _, path := range []string{"/messages?limit=2", "/deliveries?limit=2&status=waiting"} {
		first, a := r.list(path)
		second, b := r.list(path + "&cursor=" + first.Next)
		third, c := r.list(path + "&cursor=" + second.Next)
		all := slices.Concat(a, b, c)
		if first.Previous != "" || third.Next != "" || len(all) != 5 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 5 {
			t.Errorf("%s: %v, %+v, %+v", path, all, first, third)
		}
		if _, back := r.list(path + "&cursor=" + third.Previous); !slices.Equal(back, b) {
			t.Errorf("%s: back from the third page: %v, want %v", path, back, b)
		}
	}
}

func TestListsRefuse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for query, want := range map[string]string{
		"status=lost": "/status unsupported", "state=lost": "/state unsupported", "status=": "", "status=waiting&status=refused": "/status repeated",
		"submitted_from=yesterday": "/submitted_from malformed", "submitted_from=": "/submitted_from malformed", "submitted_before=2026-11-22": "/submitted_before malformed",
		"submitted_from=2026-01-02T00:00:00Z&submitted_before=2026-01-01T00:00:00Z": "/submitted_before before_from",
		"recipient=%00": "/recipient malformed", "reference=%ff": "/reference malformed", "number=" + strings.Repeat("1", 255): "/number malformed",
	} {
		for _, path := range []string{"/messages?", "/deliveries?", "/deliveries.csv?"} {
			got := r.do(ask{path: path + query})
			if want == "" && got.status != http.StatusOK || want != "" && (got.status != http.StatusUnprocessableEntity || got.problem.fault() != want) {
				t.Errorf("%s%s: %d %s", path, query, got.status, got.body)
			}
		}
	}
	for _, cursor := range []string{"x", "%00", "Kw", "Kzx", "eA", strings.Repeat("A", 150)} {
		for _, path := range []string{"/messages?cursor=", "/deliveries?cursor="} {
			if got := r.do(ask{path: path + cursor}); got.status != http.StatusBadRequest || got.problem.Code != "cursor_malformed" {
				t.Errorf("%s%s: %d %s", path, cursor, got.status, got.body)
			}
		}
	}
	if got := r.do(ask{path: "/deliveries", key: "-"}); got.status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", got.status)
	}
}
