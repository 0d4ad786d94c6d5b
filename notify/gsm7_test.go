package notify_test

import (
	"strings"
	"testing"

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
