package notify_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, text string
		parts      int
		gsm7       bool
	}{
		{"empty", "", 1, true},
		{"160 septets", strings.Repeat("a", 160), 1, true},
		{"161 septets", strings.Repeat("a", 161), 2, true},
		{"306 septets", strings.Repeat("a", 306), 2, true},
		{"307 septets", strings.Repeat("a", 307), 3, true},
		{"extension counts twice", strings.Repeat("€", 80), 1, true},
		{"extension over the edge", strings.Repeat("€", 80) + "a", 2, true},
		{"escape is not split", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3, true},
		{"French letters that exist", "èéùàÉ", 1, true},
		{"a cedilla does not", "reçu", 1, false},
		{"a diaeresis does not", "België", 1, false},
		{"typographic apostrophe", "l’envoi", 1, false},
		{"70 units", strings.Repeat("ë", 70), 1, false},
		{"71 units", strings.Repeat("ë", 71), 2, false},
		{"surrogates count twice", strings.Repeat("😀", 35), 1, false},
		{"surrogates are not split", strings.Repeat("😀", 67), 3, false},
	}
	for _, c := range cases {
		if parts, gsm7 := notify.Segments(c.text); parts != c.parts || gsm7 != c.gsm7 {
			t.Errorf("%s: %d parts, GSM-7 %v; want %d, %v", c.name, parts, gsm7, c.parts, c.gsm7)
		}
	}
}

// Every SMS is one part in the 7-bit alphabet, however long or foreign the names
// are, and starts with the name of the service.
func TestEverySMSIsOneSegment(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	senders := []string{
		"Q", "Société coopérative à responsabilité limitée Œuvres sociales de la Région de Bruxelles-Capitale",
		"Çağrı Łukasz “Frères” – Þórsson’s €{}[]~", "Ağaoğlu İnşaat Şirketi", "株式会社", "Агентство", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
		strings.Repeat("Ä", 300), "W^{}[]~|\\ " + strings.Repeat("€", 40),
	}
	for _, service := range []struct{ name, host string }{{"Bode", "bode.example"}, {"Aangetekend", "aangetekend.vlaanderen"}, {"Été & Cie", "127.0.0.1:45678"}} {
		for _, sender := range senders {
			for _, test := range []bool{false, true} {
				for _, language := range notify.Languages() {
					for _, kind := range notify.Kinds() {
						for _, outcome := range []string{"handed_over", "delivered_by_post", "posting", "surprise"} {
							f := factsOf(kind)
							f.SenderName, f.ServiceName, f.ServiceHost, f.Test, f.Outcome = sender, service.name, service.host, test, outcome
							if f.Link != "" {
								f.Link = "https://" + service.host + "/c/" + strings.Repeat("w", 43)
							}
							m := render(t, r, notice(kind, notify.SMS, language), f)
							if parts, gsm7 := notify.Segments(m.Text); parts != 1 || !gsm7 {
								t.Errorf("%s %s: %d parts, GSM-7 %v: %q", language, kind, parts, gsm7, m.Text)
							}
							if !strings.HasPrefix(m.Text, service.name) {
								t.Errorf("%s %s: %q does not start with the service", language, kind, m.Text)
							}
						}
					}
				}
			}
		}
	}
}

// What our own sentences are made of fits the 7-bit alphabet, whatever is put into
// them.
func TestSentencesOfSMSAreGSM7(t *testing.T) {
	t.Parallel()
	for _, language := range notify.Languages() {
		raw, err := os.ReadFile("translations/" + language + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var sections map[string]map[string]string
		if err := json.Unmarshal(raw, &sections); err != nil {
			t.Fatal(err)
		}
		for _, kind := range notify.Kinds() {
			sentence := sections[string(kind)]["sms"]
			if _, gsm7 := notify.Segments(sentence); !gsm7 || sentence == "" {
				t.Errorf("%s %s: %q is not in the 7-bit alphabet", language, kind, sentence)
			}
			if !strings.HasPrefix(sentence, "{{.Service}}") {
				t.Errorf("%s %s does not begin with who it is from", language, kind)
			}
		}
		for _, section := range []string{"status", "what", "sender"} {
			for key, words := range sections[section] {
				if _, gsm7 := notify.Segments(words); !gsm7 && section == "status" { // the others are transliterated
					t.Errorf("%s %s.%s: %q is not in the 7-bit alphabet", language, section, key, words)
				}
			}
		}
	}
}

// Twenty letters of the sender's name are shown by every SMS that names it, with
// the longest host name that we support.
func TestSMSShowsTwentyLettersOfTheSender(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	const longest = "aangetekend.vlaanderen"
	name := "Intercommunale voor Afvalbeheer"
	for _, language := range notify.Languages() {
		for _, kind := range notify.Kinds() {
			f := factsOf(kind)
			f.SenderName, f.ServiceName, f.ServiceHost, f.Test = name, "Bode", longest, false
			f.Deadline = time.Date(2026, 12, 28, 22, 59, 0, 0, time.UTC)
			if f.Link != "" {
				f.Link = "https://" + longest + "/c/" + strings.Repeat("w", 43)
			}
			m := render(t, r, notice(kind, notify.SMS, language), f)
			if strings.Contains(m.Text, "Interc") && !strings.Contains(m.Text, name[:20]) {
				t.Errorf("%s %s shows too little of the sender: %q", language, kind, m.Text)
			}
		}
	}
}

// A code ends with the line that binds it to our site, and no other text does.
func TestCodeIsBoundToItsSite(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		for _, kind := range notify.Kinds() {
			isCode := kind == notify.Code || kind == notify.ContactCode
			for host, bound := range map[string]bool{"bode.example": true, "aangetekend.vlaanderen": true, "127.0.0.1:8080": false, "[::1]": false, "localhost": false,
				"10.0.0.1": false, "BODE.example": false, "bode.example:8443": false, "-a.example": false, "a..example": false,
				strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + ".example": false} {
				f := factsOf(kind)
				f.ServiceHost, f.Link = host, ""
				if !isCode {
					if f = factsOf(kind); f.ServiceHost != host {
						continue
					}
				}
				m := render(t, r, notice(kind, notify.SMS, language), f)
				if got := strings.HasSuffix(m.Text, "\n@"+host+" #418302"); got != (bound && isCode) {
					t.Errorf("%s %s on %s: %q", language, kind, host, m.Text)
				}
				if parts, gsm7 := notify.Segments(m.Text); parts != 1 || !gsm7 {
					t.Errorf("%s %s on %s: %d parts", language, kind, host, parts)
				}
			}
		}
	}
}

func TestNamesInTheSevenBitAlphabet(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for name, want := range map[string]string{
		"François Lecœur": "Francois Lecoeur", "Zoë Moës": "Zoe Moes", "Benoît Hôtel": "Benoit Hotel", "Ağaoğlu": "Agaoglu", "Łukasz Żółć": "Lukasz Zolc",
		"Børge Åse": "Børge Åse", "Jürgen Groß": "Jürgen Groß", "Æbelø ß": "Æbelø ß", "O’Brien – Söhne": "O'Brien - Söhne", "«Été»": "\"Été\"", "Þór": "Thor", "İstanbul": "Istanbul",
		"Ǆ": "", "é́": "é", "N\u0303": "Ñ", "A\u00a0B": "A B", "Đỗ": "Do", "ĲSBOER": "IJSBOER", "ẞ": "SS", "a\u202eb": "ab", "x😀y": "xy",
	} {
		f := factsOf(notify.Accepted)
		f.SenderName = name
		m := render(t, r, notice(notify.Accepted, notify.SMS, "en"), f)
		if want != "" && !strings.HasSuffix(m.Text, " from "+want+".") {
			t.Errorf("%q: %q, want %q", name, m.Text, want)
		}
		if _, gsm7 := notify.Segments(m.Text); !gsm7 {
			t.Errorf("%q: %q", name, m.Text)
		}
	}
}

// GSM7 is held against the counting, and against places in the table of the
// standard.
func TestGSM7Octets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"@": "\x00", "Δ_": "\x10\x11", "Ξ": "\x1a", "Æ": "\x1c", "É": "\x1f", " ": "\x20", "¤": "\x24", "¡": "\x40", "A": "\x41", "§": "\x5f", "¿": "\x60", "a": "\x61", "à": "\x7f",
		"\f^{}\\[~]|€": "\x1b\x0a\x1b\x14\x1b\x28\x1b\x29\x1b\x2f\x1b\x3c\x1b\x3d\x1b\x3e\x1b\x40\x1b\x65", "": "",
	} {
		if got, ok := notify.GSM7(text); !ok || string(got) != want {
			t.Errorf("%q: %x, %v; want %x", text, got, ok, want)
		}
	}
	for _, text := range []string{"ç", "ë", "’", "\t", "\x1b", "\xff", "\ufffd", "😀"} {
		if got, ok := notify.GSM7(text); ok {
			t.Errorf("%q: %x", text, got)
		}
	}
}
