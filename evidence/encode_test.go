package evidence_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func encode(t testing.TB, e evidence.Event) []byte {
	t.Helper()
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncodeRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range evidence.Names() {
		e := evidencetest.Event(name)
		e.Subject = `<b>&"'` + "\r\n\t\u2028 𝔅"
		body := encode(t, e)
		again, err := evidence.ParseEvent(body)
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%s: got %+v, %v", name, again, err)
		}
		if !bytes.Contains(body, []byte("<b>&")) {
			t.Errorf("%s: HTML was escaped", name)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	brussels := time.FixedZone("CET", 3600)
	for what, change := range map[string]func(*evidence.Event){
		"no id":           func(e *evidence.Event) { e.ID = "" },
		"no delivery":     func(e *evidence.Event) { e.Delivery = "" },
		"unknown name":    func(e *evidence.Event) { e.Name = "Delivered" },
		"sequence 0":      func(e *evidence.Event) { e.Seq = 0 },
		"gap":             func(e *evidence.Event) { e.Seq = 2 },
		"first with prev": func(e *evidence.Event) { e.Prev = strings.Repeat("0", 64) },
		"bad prev":        func(e *evidence.Event) { e.Seq, e.Prev = 2, strings.Repeat("G", 64) },
		"no time":         func(e *evidence.Event) { e.At = time.Time{} },
		"zone":            func(e *evidence.Event) { e.At = e.At.In(brussels) },
		"nanoseconds":     func(e *evidence.Event) { e.At = e.At.Add(1) },
		"zone elsewhere":  func(e *evidence.Event) { e.Submitted = e.Submitted.In(brussels) },
		"zone in a proof": func(e *evidence.Event) { e.SentBy.Proof.At = e.SentBy.Proof.At.In(brussels) },
	} {
		e := evidencetest.Event(evidence.ContentHandover)
		change(&e)
		if _, err := e.Encode(); !errors.Is(err, evidence.ErrEvent) {
			t.Errorf("%s: got %v, want ErrEvent", what, err)
		}
	}
}

// No string of an event may hold what a document cannot carry. The walk finds
// every field, so that a new one cannot be forgotten.
func TestEveryTextIsChecked(t *testing.T) {
	t.Parallel()
	e := evidencetest.Event(evidence.ContentHandover)
	e.Recipient.Identifier = evidence.Identifier{Scheme: "s", Value: "v"}
	e.Reasons = []evidence.Reason{{Code: "technical", Text: "t"}}
	e.ReceivedBy = &evidence.Party{Address: []string{"x"}, Proof: &evidence.Proof{At: e.At}}
	count := 0
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.String:
			old := v.String()
			for _, bad := range []string{"a\x00b", "\x1b", "\xff", "\ufffe"} {
				v.SetString(old + bad)
				if _, err := e.Encode(); !errors.Is(err, evidence.ErrEvent) {
					t.Errorf("%s: %q accepted", path, bad)
				}
			}
			v.SetString(old)
			count++
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), path)
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), path)
			}
		}
	}
	walk(reflect.ValueOf(&e).Elem(), "Event")
	if count < 50 {
		t.Errorf("walked over %d strings only", count)
	}
	encode(t, e)
}

func TestParseEventRefuses(t *testing.T) {
	t.Parallel()
	good := string(encode(t, evidencetest.Event(evidence.ContentHandover)))
	for what, body := range map[string]string{
		"empty":         "",
		"space":         strings.Replace(good, ":", ": ", 1),
		"unknown field": strings.Replace(good, "{", `{"x":1,`, 1),
		"twice":         strings.Replace(good, "{", `{"seq":1,`, 1),
		"case":          strings.Replace(good, `"id"`, `"ID"`, 1),
		"trailing":      good + "\n",
		"two":           good + good,
		"escaped":       strings.Replace(good, "Immo", `\u0049mmo`, 1),
		"other zone":    strings.Replace(good, `123456Z"`, `123456+00:00"`, 1),
	} {
		if _, err := evidence.ParseEvent([]byte(body)); !errors.Is(err, evidence.ErrEvent) {
			t.Errorf("%s: got %v, want ErrEvent", what, err)
		}
	}
}

func TestVerifyChain(t *testing.T) {
	t.Parallel()
	if err := evidence.VerifyChain(evidencetest.History()); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func([]evidence.Event) []evidence.Event{
		"first missing":  func(h []evidence.Event) []evidence.Event { return h[1:] },
		"middle missing": func(h []evidence.Event) []evidence.Event { return append(h[:1:1], h[2:]...) },
		"swapped":        func(h []evidence.Event) []evidence.Event { h[1], h[2] = h[2], h[1]; return h },
		"changed":        func(h []evidence.Event) []evidence.Event { h[1].Subject += "."; return h },
		"other delivery": func(h []evidence.Event) []evidence.Event { h[4].Delivery = evidence.NewID(); return h },
		"back in time":   func(h []evidence.Event) []evidence.Event { h[4].At = h[3].At.Add(-time.Hour); return h },
		"unlinked":       func(h []evidence.Event) []evidence.Event { h[4].Prev = strings.Repeat("0", 64); return h },
	} {
		if err := evidence.VerifyChain(change(evidencetest.History())); !errors.Is(err, evidence.ErrEvent) {
			t.Errorf("%s: got %v, want ErrEvent", what, err)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, n := range evidence.Names() {
		if evidence.NameOf(n.URI()) != n || !n.Valid() {
			t.Errorf("%s: URI %q does not lead back", n, n.URI())
		}
	}
	if got := evidence.ContentHandover.URI(); got != "http://uri.etsi.org/19522/Event/ContentHandover" {
		t.Errorf("got %q", got)
	}
	if got := evidence.PostalItemReturned.URI(); got != "urn:bode-erds:event:PostalItemReturned" {
		t.Errorf("got %q", got)
	}
	for _, n := range []evidence.Name{"", "x", "contenthandover"} {
		if n.Valid() || n.URI() != "" || evidence.NameOf(string(n)) != "" {
			t.Errorf("%q is taken for an event", n)
		}
	}
	if a, b := evidence.NewID(), evidence.NewID(); a == b || a[14] != '7' || len(a) != 36 {
		t.Errorf("got %s, %s", a, b)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"250 ok", 100, "250 ok"}, {"a\x00b\x1b", 100, "a\ufffdb\ufffd"}, {"\xff", 9, "\ufffd"},
		{"ééééé", 6, "é…"}, {"abcdef", 5, "ab…"}, {"abc", 2, ""}, {"", 0, ""},
	} {
		if got := evidence.Text(c.in, c.max); got != c.want || len(got) > c.max {
			t.Errorf("Text(%q, %d): got %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, n := range evidence.Names() {
		f.Add(encode(f, evidencetest.Event(n)))
	}
	for _, e := range evidencetest.History()[1:] {
		f.Add(encode(f, e))
	}
	for _, s := range []string{"", "{}", `{"id":"x","id":"y"}`, `{"seq":1e3}`, `{"at":"2026-11-20T09:30:15+01:00"}`, strings.Repeat("[", 20000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := evidence.ParseEvent(body)
		if err != nil {
			return
		}
		if !bytes.Equal(encode(t, e), body) {
			t.Fatal("does not encode to what it was parsed from")
		}
	})
}
