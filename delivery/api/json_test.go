package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRefusesJSON: what is no JSON, or JSON made to hurt, is refused quickly and
// leaves nothing.
func TestRefusesJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.stored()
	good := `{"subject":"a","body":"b","recipients":[]}`
	deep := strings.Repeat("[", 100_000)
	for _, x := range []struct {
		name, body, code, fault string
		status                  int
	}{
		{"empty", "", "malformed_json", " json_syntax", 400},
		{"white space", " \n", "malformed_json", " json_syntax", 400},
		{"text", "hello", "malformed_json", " json_syntax", 400},
		{"cut", `{"subject":"a`, "malformed_json", "/subject json_syntax", 400},
		{"unclosed", `{"subject":"a"`, "malformed_json", " json_syntax", 400},
		{"comma", `{"subject":"a",}`, "malformed_json", " json_syntax", 400},
		{"byte order mark", "\ufeff" + good, "malformed_json", " json_syntax", 400},
		{"NUL", good + "\x00", "malformed_json", " json_trailing", 400},
		{"NUL in a string", "{\"subject\":\"a\x00\"}", "malformed_json", "/subject json_syntax", 400},
		{"two documents", good + good, "malformed_json", " json_trailing", 400},
		{"garbage after", good + " x", "malformed_json", " json_trailing", 400},
		{"not UTF-8", "{\"subject\":\"\xff\"}", "malformed_json", " not_utf8", 400},
		{"UTF-16", "\xff\xfe{\x00}\x00", "malformed_json", " not_utf8", 400},
		{"twice", `{"subject":"a","body":"b","subject":"c"}`, "malformed_json", "/subject json_duplicate", 400},
		{"twice, escaped", `{"subject":"a","\u0073ubject":"c"}`, "malformed_json", "/subject json_duplicate", 400},
		{"twice below", `{"policy":{"mode":"consent","mode":"x"}}`, "malformed_json", "/policy/mode json_duplicate", 400},
		{"deep arrays", deep, "malformed_json", strings.Repeat("/0", 13) + " json_depth", 400},
		{"deep objects", strings.Repeat(`{"a":`, 100_000), "malformed_json", strings.Repeat("/a", 13) + " json_depth", 400},
		{"wide array", `{"recipients":[` + strings.Repeat("0,", 1_000_000) + "0]}", "malformed_json", "/recipients json_entries", 400},
		{"wide objects", `{"recipients":[` + strings.Repeat(`[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],`, 19_999) + "0]}", "malformed_json", "", 400},
		{"many members", `{"a":1` + strings.Repeat(`,"b":2`, 2) + `}`, "malformed_json", "/b json_duplicate", 400},
		{"huge exponent", `{"policy":{"collect_days":1e999999999}}`, "invalid", "/policy/collect_days whole_number", 422},
		{"large exponent", `{"policy":{"collect_days":1e1000000}}`, "invalid", "/policy/collect_days whole_number", 422},
		{"small exponent", `{"policy":{"collect_days":15e-1000000}}`, "invalid", "/policy/collect_days whole_number", 422},
		{"long number", `{"policy":{"collect_days":` + strings.Repeat("9", 1_000_000) + `}}`, "invalid", "/policy/collect_days whole_number", 422},
		{"fraction of nothing", `{"policy":{"collect_days":15.0}}`, "invalid", "/policy/collect_days whole_number", 422},
		{"null", "null", "invalid", " type", 422},
		{"array", "[]", "invalid", " type", 422},
		{"string", `"x"`, "invalid", " type", 422},
		{"hostile name", `{"a/b~c\u202e` + strings.Repeat("x", 1000) + `":1}`, "invalid", "", 422},
	} {
		began := time.Now() // a bound with room for a busy machine: the bombs take hours where they work
		a := r.do(ask{method: "POST", path: "/messages", body: x.body})
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s: took %s", x.name, took)
		}
		if a.status != x.status || a.problem.Code != x.code || x.fault != "" && a.problem.fault() != x.fault {
			t.Errorf("%s: %d %s %.200v, want %d %s %q", x.name, a.status, a.problem.Code, a.problem.Errors, x.status, x.code, x.fault)
		}
		if len(a.body) > 4<<10 {
			t.Errorf("%s: an answer of %d octets", x.name, len(a.body))
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// TestRefusesJSONBodies: the body's size and kind are refused before its content
// is looked at.
func TestRefusesJSONBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.stored()
	long := `{"subject":"` + strings.Repeat("a", 8<<20) + `"}`
	for _, x := range []struct {
		name   string
		a      ask
		status int
		code   string
	}{
		{"announced too long", ask{body: long}, 413, "body_too_large"},
		{"found too long", ask{body: io.MultiReader(strings.NewReader(long))}, 413, "body_too_large"},
		{"form", ask{body: "a=b", mediaType: "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"},
		{"text", ask{body: "{}", mediaType: "text/plain"}, 415, "unsupported_media_type"},
		{"nonsense", ask{body: "{}", mediaType: ";;"}, 415, "unsupported_media_type"},
		{"no type", ask{}, 415, "unsupported_media_type"},
		{"compressed", ask{body: "{}", header: map[string]string{"Content-Encoding": "gzip"}}, 415, "content_encoding_unsupported"},
	} {
		for _, path := range []string{"/messages", "/test-clock/advance"} {
			x.a.method, x.a.path = http.MethodPost, path
			if s, ok := x.a.body.(io.Reader); ok && path != "/messages" {
				_ = s // a stream can be sent once
				continue
			}
			if a := r.do(x.a); a.status != x.status || a.problem.Code != x.code {
				t.Errorf("%s %s: %d %s, want %d %s", path, x.name, a.status, a.problem.Code, x.status, x.code)
			}
		}
	}
	if after := r.stored(); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}
