package notify_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
)

// outcomes is everything that a receipt is sent about.
var outcomes = []string{"submitted", "notified", "accepted", "consigned", "handed_over", "rejected", "expired", "cancelled",
	"posting", "posted", "delivered_by_post", "returned", "undeliverable", "letter_cancelled", "late"}

// A receipt says what happened, what comes next, and where the evidence is. None
// is told in the general words that are for what we do not know.
func TestReceiptOfEveryOutcome(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		seen := map[string]string{}
		for _, outcome := range append(slices.Clone(outcomes), "unheard of") {
			for _, fallback := range []string{"post", "none"} {
				f := facts(func(f *notify.Facts) { f.Outcome, f.Fallback = outcome, fallback })
				m := render(t, r, notice(notify.Receipt, notify.Email, language), f)
				if other, twice := seen[m.Subject]; twice && other != outcome {
					t.Errorf("%s: %s and %s have one subject: %s", language, outcome, other, m.Subject)
				}
				seen[m.Subject] = outcome
				if n := strings.Count(m.HTML, "<h2"); n != 3 {
					t.Errorf("%s %s: %d headings, want what comes next, where the proof is, and whether it is genuine", language, outcome, n)
				}
				if !strings.Contains(m.Text, "2028") {
					t.Errorf("%s %s: does not say how long the proof is kept", language, outcome)
				}
				s := render(t, r, notice(notify.Receipt, notify.SMS, language), f)
				if parts, gsm := notify.Segments(s.Text); parts != 1 || !gsm {
					t.Errorf("%s %s: %d parts, 7-bit %v: %s", language, outcome, parts, gsm, s.Text)
				}
			}
		}
	}
}

// A letter that follows is announced with its day, and only where one follows.
func TestMailSaysWhenItGoesByPost(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	posted := time.Date(2026, 12, 20, 23, 0, 0, 0, time.UTC) // midnight in Brussels, a Monday
	want := map[string]string{"nl": "maandag 21 december 2026", "fr": "lundi 21 décembre 2026", "de": "Montag, 21. Dezember 2026", "en": "Monday 21 December 2026"}
	for language, day := range want {
		for _, kind := range []notify.Kind{notify.Announcement, notify.Reminder} {
			for fallback, says := range map[string]bool{"post": true, "none": false} {
				m := render(t, r, notice(kind, notify.Email, language), facts(func(f *notify.Facts) { f.Fallback, f.GoesByPostAt = fallback, posted }))
				if got := strings.Contains(strings.Join(strings.Fields(m.Text), " "), day) && strings.Contains(m.HTML, day); got != says {
					t.Errorf("%s %s, fallback %s: names %q: %v, want %v", language, kind, fallback, day, got, says)
				}
			}
		}
	}
}

// Only a name that somebody vouched for is called checked.
func TestMailVouchesOnlyForProvenNames(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for language, word := range map[string]string{"nl": "gecontroleerd door Bode", "fr": "contrôlé par Bode", "de": "von Bode geprüft", "en": "checked by Bode"} {
		for _, kind := range []notify.Kind{notify.Announcement, notify.Reminder, notify.Accepted, notify.GoesByPost, notify.LetterPosted} {
			for _, proven := range []bool{true, false} {
				m := render(t, r, notice(kind, notify.Email, language), facts(func(f *notify.Facts) { f.SenderProven = proven }))
				if got := strings.Contains(m.Text, word) && strings.Contains(m.HTML, word); got != proven {
					t.Errorf("%s %s, proven %v: called checked: %v", language, kind, proven, got)
				}
			}
		}
	}
}

var (
	addressShape = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s"'<>)]*`)
	loaderShape  = regexp.MustCompile(`(?i)<(img|link|script|iframe|object|embed|video|audio|svg|form|base|meta http-equiv)|\b(src|srcset|background|poster|action|onclick|onload)\s*=|url\(|@import|expression\(`)
	attrShape    = regexp.MustCompile(`(?i)href="([^"]*)"`)
)

// Every address in a mail is on our one host, nothing is loaded from anywhere,
// and where a parcel can be followed stands as text that no link hides behind.
func TestMailNamesOneHostOnly(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		for _, kind := range notify.Kinds() {
			f := factsOf(kind)
			f.Tracking, f.TrackingURL = "3232999", "https://track.post.example/?item=3232999"
			m := render(t, r, notice(kind, notify.Email, language), f)
			s := render(t, r, notice(kind, notify.SMS, language), f)
			for _, form := range []string{m.Subject, m.Text, m.HTML, s.Text} {
				for _, a := range addressShape.FindAllString(form, -1) {
					if !strings.HasPrefix(a, "https://bode.example/") {
						t.Errorf("%s %s: leads to %s", language, kind, a)
					}
				}
			}
			for _, a := range attrShape.FindAllStringSubmatch(m.HTML, -1) {
				if a[1] != f.Link {
					t.Errorf("%s %s: links to %s", language, kind, a[1])
				}
			}
			if bad := loaderShape.FindString(m.HTML); bad != "" {
				t.Errorf("%s %s: holds %s", language, kind, bad)
			}
			if n := len(addressShape.FindAllString(s.Text, -1)); n > 1 {
				t.Errorf("%s %s: %d addresses in a text message: %s", language, kind, n, s.Text)
			}
		}
	}
}

// Where a letter can be followed is no link, and nothing but a web address.
func TestMailShowsTrackingAsText(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for address, want := range map[string]string{
		"https://track.post.example/?item=1": "track.post.example/?item=1",
		"javascript:alert(1)":                "",
		"https://bode.example@evil.test/":    "",
		"//evil.test/x":                      "",
		"see evil.test":                      "",
		"https://evil.test/\r\nBcc: x@y.z":   "",
	} {
		m := render(t, r, notice(notify.LetterPosted, notify.Email, "en"), facts(func(f *notify.Facts) { f.TrackingURL = address }))
		if strings.Contains(m.HTML, `href="https://track`) || strings.Contains(m.Text, "evil.test") || strings.Contains(m.Text, "alert") {
			t.Errorf("%q came through:\n%s", address, m.Text)
		}
		if want != "" && (!strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want)) {
			t.Errorf("%q is not shown", want)
		}
	}
}
