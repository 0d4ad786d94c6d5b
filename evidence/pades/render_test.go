package pades

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
)

func TestRenderIsDeterministic(t *testing.T) {
	t.Parallel()
	a, err := Render(sample("fr", crowded), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Render(sample("fr", crowded), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the same input gives other bytes")
	}
	c, err := Render(sample("fr", crowded), evidence.Attached{XML: []byte(sampleXML + " ")})
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`/ID \[<(\w+)>`)
	if bytes.Equal(id.Find(a), id.Find(c)) {
		t.Error("another attachment keeps the document ID")
	}
}

// TestEveryEventInEveryLanguage renders all of them, tests and posted ones too.
func TestEveryEventInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, lang := range evidence.Languages() {
		for i, name := range evidence.Names() {
			d := sample(lang, func(d *evidence.Document) {
				d.Event.Name, d.Event.Test = name, i%2 == 0
				d.Event.External = "bpost 123"
			})
			if _, err := Render(d, evidence.Attached{XML: []byte(sampleXML)}); err != nil {
				t.Errorf("%s %s: %v", lang, name, err)
			}
		}
	}
}

// TestPagesAreBounded: a name longer than a page is split, and nothing loops.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*evidence.Document){
		"crowded":     crowded,
		"long word":   func(d *evidence.Document) { d.Event.Subject = strings.Repeat("x", 20000) },
		"long words":  func(d *evidence.Document) { d.Event.Subject = strings.Repeat("woord ", 5000) },
		"long name":   func(d *evidence.Document) { d.Event.Sender.Name = strings.Repeat("Naam ", 3000) },
		"long file":   func(d *evidence.Document) { d.Event.Parts[0].Name = strings.Repeat("a_", 9000) },
		"long detail": func(d *evidence.Document) { d.Event.Details[0].Value = strings.Repeat("z", 9000) },
		"spaces":      func(d *evidence.Document) { d.Event.Subject = strings.Repeat(" ", 3000) },
		"controls":    func(d *evidence.Document) { d.Event.Subject = strings.Repeat("\x00\n\t\u202e", 500) },
		"empty": func(d *evidence.Document) {
			*d = evidence.Document{Event: evidence.Event{Name: d.Event.Name, At: d.Event.At, Language: "nl"}}
		},
		"no link":     func(d *evidence.Document) { d.Issuer.VerifyURL = "" },
		"long link":   func(d *evidence.Document) { d.Issuer.VerifyURL = "https://x.example/" + strings.Repeat("y", 6000) },
		"long issuer": func(d *evidence.Document) { d.Issuer.ServiceName = strings.Repeat("Dienst ", 200) },
		"many events": func(d *evidence.Document) { d.History = slices.Repeat(d.History, 100) },
		"bad numbers": func(d *evidence.Document) { d.Event.Parts[0].Size = -1 },
		"not UTF-8":   func(d *evidence.Document) { d.Event.Subject = "\xff\xfe" },
	} {
		pdf, err := Render(sample("de", change), evidence.Attached{XML: []byte(sampleXML)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := bytes.Count(pdf, []byte("/Type /Page ")); n < 1 || n > 60 {
			t.Errorf("%s: %d pages", name, n)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*evidence.Document){
		"no language":      func(d *evidence.Document) { d.Event.Language = "" },
		"unknown language": func(d *evidence.Document) { d.Event.Language = "es" },
		"no event":         func(d *evidence.Document) { d.Event.Name = "" },
		"no time":          func(d *evidence.Document) { d.Event.At = time.Time{} },
	} {
		if _, err := Render(sample("nl", change), evidence.Attached{XML: []byte(sampleXML)}); !errors.Is(err, ErrRender) {
			t.Errorf("%s: err = %v, want ErrRender", name, err)
		}
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	faces, err := parseFaces()
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"Müller":        "Müller",
		"Mu\u0308ller":  "Müller", // composed
		"Ελλάδα Київ":   "Ελλάδα Київ",
		"a\u202eb":      "a[U+202E]b",
		"a\u200bb":      "a[U+200B]b",
		"a\u00adb":      "a[U+00AD]b",
		"a\nb\tc":       "a[U+000A]b[U+0009]c",
		"中":             "[U+4E2D]",
		"🚀":             "[U+1F680]",
		"\ue000":        "[U+E000]",
		"x\u0301\u0302": "x[U+0301][U+0302]",
		"\xff":          "[U+FFFD]",
		"\x00":          "[U+0000]",
		"\x7f":          "[U+007F]",
		"\u2028":        "[U+2028]",
		"\ufeff":        "[U+FEFF]",
	} {
		got, esc := escape(faces[regular], in)
		if got != want || esc != strings.Contains(want, "[U+") {
			t.Errorf("escape(%q) = %q, %v; want %q", in, got, esc, want)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"an.janssens@post.example": "a•••@post.example",
		"+32470123456":             "+32 •••• 56",
		"a***@b.example":           "a***@b.example",
		"12345":                    "•••",
		"":                         "•••",
	} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	first, summer := time.Date(2026, 12, 1, 23, 30, 0, 0, time.UTC), time.Date(2026, 7, 31, 22, 0, 1, 0, time.UTC)
	for lang, want := range map[string][2]string{
		"nl": {"woensdag 2 december 2026 om 00:30:00 (Brussel, UTC+1)", "zaterdag 1 augustus 2026 om 00:00:01 (Brussel, UTC+2)"},
		"fr": {"mercredi 2 décembre 2026 à 00:30:00 (Bruxelles, UTC+1)", "samedi 1er août 2026 à 00:00:01 (Bruxelles, UTC+2)"},
		"de": {"Mittwoch, 2. Dezember 2026, 00:30:00 Uhr (Brüssel, UTC+1)", "Samstag, 1. August 2026, 00:00:01 Uhr (Brüssel, UTC+2)"},
		"en": {"Wednesday 2 December 2026, 00:30:00 (Brussels, UTC+1)", "Saturday 1 August 2026, 00:00:01 (Brussels, UTC+2)"},
	} {
		w, err := wordsFor(lang)
		if err != nil {
			t.Fatal(err)
		}
		for i, at := range []time.Time{first, summer} {
			if got := w.long(at.In(zone)); got != want[i] {
				t.Errorf("%s: %q, want %q", lang, got, want[i])
			}
		}
	}
}

// TestWordsAreComplete: every language has every word that another has, and
// every word that the code asks for.
func TestWordsAreComplete(t *testing.T) {
	t.Parallel()
	keys := map[string][]string{}
	for _, lang := range evidence.Languages() {
		data, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatalf("%s: %v", lang, err)
		}
		keys[lang] = flatten(t, lang, v)
		if !reflect.DeepEqual(keys[lang], keys["nl"]) {
			t.Errorf("%s and nl have different keys", lang)
		}
		w, _ := wordsFor(lang)
		for _, n := range evidence.Names() {
			if w.Proves[string(n)] == "" || w.title(n) == "" || w.Limit[limitOf(n)] == "" {
				t.Errorf("%s: no words for %s", lang, n)
			}
		}
		if len(w.Months) != 12 || len(w.Days) != 7 || len(w.Steps) != 3 {
			t.Errorf("%s: a list is short", lang)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`(Label|Section)\["(\w+)"\]|(add|both)\("(\w+)",|section\("(\w+)"`)
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(src), -1) {
			w, _ := wordsFor("nl")
			key := m[2] + m[4] + m[5]
			if !strings.HasSuffix(f, "_test.go") && w.Label[key] == "" && w.Section[key] == "" {
				t.Errorf("%s asks for %q, which has no words", f, key)
			}
		}
	}
}

func flatten(t *testing.T, path string, v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			for _, s := range flatten(t, path, x) {
				out = append(out, k+"/"+s)
			}
		}
		slices.Sort(out)
	case []any:
		for _, x := range v {
			out = append(out, flatten(t, path, x)...)
		}
	case string:
		if strings.TrimSpace(v) == "" && v != "\u00a0" {
			t.Errorf("%s: an empty text", path)
		}
		// Placeholders are part of the key: no language may lose one.
		found := regexp.MustCompile(`\{\w+\}`).FindAllString(v, -1)
		slices.Sort(found)
		if slices.Contains(found, "{d}") || len(found) > 3 {
			found = nil // dates are written as each language does
		}
		out = []string{strings.Join(found, "")}
	}
	return out
}

// TestClaimsOnlyWhatIsTrue looks for words of qualification on the page.
func TestClaimsOnlyWhatIsTrue(t *testing.T) {
	t.Parallel()
	says := regexp.MustCompile(`(?i)(geen bewijs van een |not come from a |pas d’un service |nicht von einem )?(service )?(gekwalificeerd|qualified|qualifié|qualifiziert)|43\(2\)|art\. 43`)
	plain := regexp.MustCompile(`(?i)^(geen bewijs van een |not come from a |pas d’un service |nicht von einem )`)
	for _, lang := range evidence.Languages() {
		for name, d := range map[string]evidence.Document{"test": sample(lang, test), "live": sample(lang), "posted": sample(lang, relayed)} {
			pdf, err := Render(d, evidence.Attached{XML: []byte(sampleXML)})
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(run(t, "pdftotext", write(t, t.TempDir(), "x.pdf", pdf), "-")), " ")
			for _, hit := range says.FindAllString(text, -1) {
				if !plain.MatchString(hit) {
					t.Errorf("%s %s: page says %q", lang, name, hit)
				}
			}
			w, _ := wordsFor(lang)
			pages := bytes.Count(pdf, []byte("/Type /Page "))
			if n := strings.Count(text, w.Label["test"]); d.Event.Test && n != pages || !d.Event.Test && n != 0 {
				t.Errorf("%s %s: the test banner stands %d times on %d pages", lang, name, n, pages)
			}
		}
	}
}

func TestQualifiedSaysSo(t *testing.T) {
	t.Parallel()
	qualify := func(d *evidence.Document) {
		d.Issuer.Qualified, d.Issuer.TrustedListEntry = true, "https://tl.example/be#4"
		d.Issuer.QualifiedSeal, d.Issuer.QualifiedTimeStamp = "CN=Seal", "TSA"
	}
	pdf, err := Render(sample("en", qualify), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(run(t, "pdftotext", write(t, t.TempDir(), "q.pdf", pdf), "-")), " ")
	for _, want := range []string{evidence.ClaimQualified.Words("en"), "https://tl.example/be#4"} {
		if !strings.Contains(text, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	unshown, err := Render(sample("en", qualify, test), evidence.Attached{XML: []byte(sampleXML)})
	if err != nil {
		t.Fatal(err)
	}
	text = run(t, "pdftotext", write(t, t.TempDir(), "t.pdf", unshown), "-")
	if strings.Contains(text, "qualified") {
		t.Error("a test claims to be qualified")
	}
}
