package notify

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func rawWords(t *testing.T, language string) map[string]string {
	t.Helper()
	raw, err := translations.ReadFile("translations/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	flat, err := flatten(raw)
	if err != nil {
		t.Fatal(err)
	}
	return flat
}

// The four files say the same things with the same facts.
func TestTranslationsAreComplete(t *testing.T) {
	t.Parallel()
	field := regexp.MustCompile(`\{\{\.[A-Za-z]+\}\}`)
	want := rawWords(t, "nl")
	for _, language := range Languages() {
		got := rawWords(t, language)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s (-nl +%s):\n%s", language, language, diff)
		}
		for key, text := range got {
			if strings.TrimSpace(text) != text || text == "" || strings.Contains(text, "  ") {
				t.Errorf("%s %s: stray spaces in %q", language, key, text)
			}
			if strings.HasPrefix(key, "date.") {
				continue
			}
			wantFields, gotFields := field.FindAllString(want[key], -1), field.FindAllString(text, -1)
			slices.Sort(wantFields)
			slices.Sort(gotFields)
			if !slices.Equal(wantFields, gotFields) {
				t.Errorf("%s %s names %v, nl %v", language, key, gotFields, wantFields)
			}
		}
	}
}

func TestEveryOutlineHasItsWords(t *testing.T) {
	t.Parallel()
	for _, language := range Languages() {
		w, err := loadWords(language)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range Kinds() {
			for _, f := range []Facts{{Fallback: "post", Outcome: "other"}, {Fallback: "none", Outcome: "expired"}} {
				o := outlineOf(k, f)
				keys := append(o.paragraphs, string(k)+".subject", string(k)+".headline", string(k)+".sms")
				for _, p := range o.parts {
					if keys = slices.Concat(keys, p.steps, p.paragraphs); p.title != "" {
						keys = append(keys, p.title)
					}
				}
				for _, key := range keys {
					if !w.has(key) {
						t.Errorf("%s: no %q", language, key)
					}
				}
			}
		}
	}
}

// Whatever changed in an account, a text message says it in one part.
func TestEveryChangeFitsAnSMS(t *testing.T) {
	t.Parallel()
	r, err := NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range Languages() {
		for key := range rawWords(t, language) {
			what, ok := strings.CutPrefix(key, "what.")
			if !ok {
				continue
			}
			for _, k := range []Kind{SignInChanged, ContactChanged, ContactNamed} {
				m, err := r.Render(Notice{Kind: k, Channel: SMS, Language: language}, Facts{Number: "XXXX-XXXX-XXXX", SenderName: strings.Repeat("Ä", 99), What: what,
					Test: true, ServiceName: "Aangetekend", ServiceHost: "aangetekend.vlaanderen"})
				if err != nil {
					t.Fatal(err)
				}
				if parts, gsm7 := Segments(m.Text); parts != 1 || !gsm7 {
					t.Errorf("%s %s %s: %d parts, GSM-7 %v: %q", language, k, what, parts, gsm7, m.Text)
				}
			}
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	brussels, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2027, 5, 1, 9, 7, 0, 0, brussels)
	midnight := time.Date(2026, 10, 25, 0, 0, 0, 0, brussels)
	lastSecond := time.Date(2026, 12, 19, 22, 59, 59, 0, time.UTC)
	cases := []struct{ language, moment, until, short string }{
		{"nl", "zaterdag 1 mei 2027 om 9.07 uur (Brusselse tijd)", "zaterdag 24 oktober 2026 om 23.59 uur (Brusselse tijd)", "19/12"},
		{"fr", "samedi 1er mai 2027 à 9 h 07 (heure de Bruxelles)", "samedi 24 octobre 2026 à 23 h 59 (heure de Bruxelles)", "19/12"},
		{"de", "Samstag, 1. Mai 2027, 9:07 Uhr (Brüsseler Zeit)", "Samstag, 24. Oktober 2026, 23:59 Uhr (Brüsseler Zeit)", "19.12."},
		{"en", "Saturday 1 May 2027 at 9:07 (Brussels time)", "Saturday 24 October 2026 at 23:59 (Brussels time)", "19 Dec"},
	}
	for _, c := range cases {
		w, err := loadWords(c.language)
		if err != nil {
			t.Fatal(err)
		}
		for _, check := range []struct {
			write func(time.Time) (string, error)
			at    time.Time
			want  string
		}{
			{w.calendar.Moment, first, c.moment}, {w.calendar.Until, midnight, c.until},
			{w.calendar.UntilShort, lastSecond, c.short}, {w.calendar.Moment, time.Time{}, ""},
		} {
			if got, err := check.write(check.at); err != nil || got != check.want {
				t.Errorf("%s: %q, %v, want %q", c.language, got, err, check.want)
			}
		}
	}
}
