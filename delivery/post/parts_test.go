package post

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// TestWordsComplete: no empty text in any language, the same placeholders in
// all, and words for every reason and cause.
func TestWordsComplete(t *testing.T) {
	t.Parallel()
	all, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	flat := map[string]map[string]string{}
	for lang, w := range all {
		flat[lang] = map[string]string{}
		v := reflect.ValueOf(w)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			switch f := v.Field(i).Interface().(type) {
			case string:
				flat[lang][name] = f
			case [12]string:
				for _, m := range f {
					flat[lang][name+m] = m
				}
				if len(slices.Compact(slices.Sorted(slices.Values(f[:])))) != 12 || f[0] == "" {
					t.Errorf("%s: months %q", lang, f)
				}
			case map[string]string:
				for k, s := range f {
					flat[lang][name+"."+k] = s
				}
			case map[Cause]string:
				for k, s := range f {
					flat[lang][name+"."+string(k)] = s
				}
			case map[Note]string:
				for k, s := range f {
					flat[lang][name+"."+string(k)] = s
				}
			default:
				t.Fatalf("field %s is not looked at", name)
			}
		}
		for _, c := range Causes {
			if w.Cause[c] == "" {
				t.Errorf("%s: no words for cause %s", lang, c)
			}
		}
		for _, n := range Notes {
			if w.Note[n] == "" {
				t.Errorf("%s: no words for note %s", lang, n)
			}
		}
		for _, r := range []string{"expired", "undeliverable", "rejected"} {
			if w.Why[r] == "" {
				t.Errorf("%s: no words for reason %s", lang, r)
			}
		}
	}
	for key, en := range flat["en"] {
		if strings.HasPrefix(key, "Months") {
			continue
		}
		want := slices.Sorted(slices.Values(placeholder.FindAllString(en, -1)))
		for lang := range all {
			s, ok := flat[lang][key]
			if !ok || strings.TrimSpace(s) == "" {
				t.Errorf("%s: %s is empty", lang, key)
			}
			if got := slices.Sorted(slices.Values(placeholder.FindAllString(s, -1))); !slices.Equal(got, want) {
				t.Errorf("%s: %s has %v, English %v", lang, key, got, want)
			}
		}
	}
	for lang := range all {
		if len(flat[lang]) != len(flat["en"]) {
			t.Errorf("%s has %d texts, English %d", lang, len(flat[lang]), len(flat["en"]))
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	all, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int64]string{0: "0 octets", 1: "1 octet", 999: "999 octets", 1000: "1,0 kB", 999_949: "999,9 kB", 999_950: "1,0 MB", 12_345_678: "12,3 MB"} {
		if got := all["fr"].size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	if got := all["fr"].date(time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)); got != "1er août 2026" {
		t.Errorf("date: %q", got)
	}
}

func TestAddressBlock(t *testing.T) {
	t.Parallel()
	f, err := newFaces()
	if err != nil {
		t.Fatal(err)
	}
	c := newCountries()
	for _, x := range []struct {
		to      []string
		country string
		want    string // lines joined with "/"; "" when refused
	}{
		{[]string{"An", "Dorp 1", "9000 Gent", "België"}, "BE", "An/Dorp 1/9000 GENT"},
		{[]string{" An ", "", "Dorp\t1", "9000  Gent", "BE"}, "BE", "An/Dorp 1/9000 GENT"},
		{[]string{"An", "Dorp 1", "9000 Gent", "belgique"}, "BE", "An/Dorp 1/9000 GENT"},
		{[]string{"An", "Dorp 1", "4700 Eupen", "Belgien"}, "BE", "An/Dorp 1/4700 EUPEN"},
		{[]string{"An", "Dorp 1", "6000 Charleroi"}, "BE", "An/Dorp 1/6000 CHARLEROI"},
		{[]string{"An", "Damrak 1", "1012 LG Amsterdam", "Nederland"}, "NL", "An/Damrak 1/1012 LG Amsterdam/NEDERLAND"},
		{[]string{"An", "Rue 1", "75001 Paris", "FR"}, "FR", "An/Rue 1/75001 Paris/FRANKRIJK"},
		{[]string{"Nguyễn Thị", "Dorp 1", "9000 Gent", "BE"}, "BE", "Nguyen Thi/Dorp 1/9000 GENT"},
		{[]string{"An", "Damrak 1", "1012 LG Amsterdam"}, "", ""},
		{[]string{"An", "Rue 1", "75001 Paris"}, "", ""},
		{[]string{"An", "Dorp 1", "Gent"}, "", ""},
		{[]string{"An", "9000 Gent", "BE"}, "", ""},
		{[]string{"BE"}, "", ""},
		{nil, "", ""},
		{[]string{"", " "}, "", ""},
		{[]string{"An", "a", "b", "c", "d", "e", "f", "9000 Gent", "BE"}, "", ""},
		{[]string{"山田太郎", "Dorp 1", "9000 Gent", "BE"}, "", ""},
		{[]string{"An", "Dorp 1", "9000 Gent", "Atlantis"}, "", ""},
	} {
		a, err := c.block(x.to, "nl", "BE", f)
		if x.want == "" {
			if !errors.Is(err, ErrAddress) {
				t.Errorf("%q: got %q, %v, want ErrAddress", x.to, a.Lines, err)
			}
			continue
		}
		if got := strings.Join(a.Lines, "/"); err != nil || got != x.want || a.Country != x.country {
			t.Errorf("%q: got %q in %s, %v", x.to, got, a.Country, err)
		}
	}
}

func TestWindowDefinitions(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"be-right", "din-5008-b"} {
		if _, err := WindowNamed(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := WindowNamed("nowhere"); err == nil {
		t.Error("an unknown window was found")
	}
	good, err := WindowNamed("be-right")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Window){
		"zero":              func(w *Window) { *w = Window{} },
		"off the sheet":     func(w *Window) { w.Window.X = 150 },
		"address too near":  func(w *Window) { w.Address.X = 111 },
		"sender slides in":  func(w *Window) { w.Sender.W = 88 },
		"return slides in":  func(w *Window) { w.Return.W = 95 },
		"return on sender":  func(w *Window) { w.Return.Y = 50 },
		"return not inside": func(w *Window) { w.ReturnInWindow = true },
		"mark in window":    func(w *Window) { w.Mark = Point{110, 70} },
		"mark off sheet":    func(w *Window) { w.Mark = Point{-2, 262} },
		"window too low":    func(w *Window) { w.Window.Y, w.Address.Y = 120, 125 },
		"negative slack":    func(w *Window) { w.Slack = -1 },
	} {
		w := good
		change(&w)
		if w.validate() == nil {
			t.Errorf("%s: %+v passes", name, w)
		}
	}
	for _, raw := range []string{``, `[]`, `{"windw":{}}`, `{"window":{"x":"a"}}`} {
		if _, err := ParseWindow([]byte(raw)); err == nil {
			t.Errorf("%s passes", raw)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"no folder":    {Partner: "p"},
		"no partner":   {Dir: t.TempDir()},
		"few pages":    {Dir: t.TempDir(), Partner: "p", MaxPages: 1},
		"many pages":   {Dir: t.TempDir(), Partner: "p", MaxPages: 5000},
		"bad window":   {Dir: t.TempDir(), Partner: "p", Window: Window{Window: Box{0, 0, 10, 10}}},
		"not a folder": {Dir: "/dev/null/x", Partner: "p"},
	} {
		if _, err := NewHotFolder(cfg); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestWeigh(t *testing.T) {
	t.Parallel()
	m := newFolder(t, nil).setter.mailing
	for sheets, want := range map[int]string{1: "C5/6", 5: "C5/6", 6: "C4", 45: "C4", 200: "C4-gusset"} {
		if got, g, err := m.weigh(sheets); got != want || g <= sheets*5 || err != nil {
			t.Errorf("%d sheets: %s, %d g, %v", sheets, got, g, err)
		}
	}
	if _, _, err := m.weigh(201); !errors.Is(err, ErrWeight) {
		t.Errorf("201 sheets: %v", err)
	}
	m.MaxGrams = 100
	if _, _, err := m.weigh(40); !errors.Is(err, ErrWeight) {
		t.Errorf("too heavy: %v", err)
	}
}

// TestAddressNotes: what is unusual in Belgium is noted, what is usual is not,
// and other countries have their own ways.
func TestAddressNotes(t *testing.T) {
	t.Parallel()
	p := newPreviewer(t, nil)
	for line, want := range map[string][]string{
		"Kerkstraat 12 bus 4": nil, "Rue du 11 Novembre 3": nil, "12 Rue Haute": {"number_first"}, "12a, Kerkstraat": {"number_first"},
		"Kerkstraat 12/4": {"box_sign"}, "Kerkstraat 12 #4": {"box_sign"}, "12 Rue Haute / 3": {"number_first"}, "7e Liniestraat 4": nil,
		"1 Meistraat 5 / b2": {"number_first", "box_sign"},
	} {
		l := newLetter("nl")
		l.To[1] = line
		got, err := p.Preview(t.Context(), l)
		if err != nil || !slices.Equal(got.Notes, want) {
			t.Errorf("%s: %v, %v", line, got.Notes, err)
		}
	}
	l := newLetter("fr")
	l.To = []string{"Jean Dupont", "26 rue de la Paix", "75002 PARIS", "FR"}
	if got, err := p.Preview(t.Context(), l); err != nil || len(got.Notes) != 0 {
		t.Errorf("abroad: %v, %v", got.Notes, err)
	}
}
