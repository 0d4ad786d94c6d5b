package notify_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bode-erds/bode/notify"
)

var update = flag.Bool("update", false, "write the golden files")

// facts are complete for every kind.
func facts(change ...func(*notify.Facts)) notify.Facts {
	f := notify.Facts{
		SenderName:    "Notariskantoor Van den Broeck & Zoon",
		SenderProven:  true,
		RecipientName: "An Peeters",
		Number:        "BD-2026-7K3M-Q9",
		Reference:     "F/2026/118",
		Link:          "https://bode.example/c/0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
		NoticeCode:    "7K2PM-4TQ9X",
		SubmittedAt:   time.Date(2026, 12, 1, 9, 5, 0, 0, time.UTC),
		Deadline:      time.Date(2026, 12, 19, 23, 0, 0, 0, time.UTC), // midnight in Brussels
		DecidedAt:     time.Date(2026, 12, 3, 13, 30, 0, 0, time.UTC),
		Fallback:      "post",
		Outcome:       "handed_over",
		Who:           "Jo Maes",
		What:          "email",
		Tracking:      "323299901000000012345678",
		TrackingURL:   "https://track.post.example/?item=323299901000000012345678",
		ExpectedAt:    time.Date(2026, 12, 23, 23, 0, 0, 0, time.UTC),
		GoesByPostAt:  time.Date(2026, 12, 19, 23, 0, 0, 0, time.UTC),
		KeptUntil:     time.Date(2028, 12, 3, 13, 30, 0, 0, time.UTC),
		ServiceName:   "Bode",
		ServiceHost:   "bode.example",
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

// codeFacts are what a code needs; it gets no link.
func codeFacts(f *notify.Facts) { f.Link, f.Code, f.CodeMinutes = "", "418302", 10 }

// accountFacts are what a notice about an account needs; it knows no delivery.
func accountFacts(k notify.Kind) func(*notify.Facts) {
	return func(f *notify.Facts) {
		*f = notify.Facts{RecipientName: f.RecipientName, Link: "https://bode.example/reset/0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
			Account: "Bakkerij Çelik & Søn bv", Who: "Els Claes", What: "password_changed", Reason: "Het nummer bestaat niet.",
			Until: time.Date(2026, 12, 3, 14, 0, 0, 0, time.UTC), ServiceName: f.ServiceName, ServiceHost: f.ServiceHost}
		if k == notify.DailyReport {
			f.Day = []notify.DayCount{{Event: "collected", Count: "12"}, {Event: "refused", Count: "1"}, {Event: "soon", Count: "3"}, {Event: "unheard of", Count: "4"}}
		}
		if k == notify.ContactCode {
			f.Link, f.Code, f.CodeMinutes = "", "418302", 10
		}
	}
}

func notice(k notify.Kind, c notify.Channel, language string) notify.Notice {
	return notify.Notice{Kind: k, Channel: c, Language: language}
}

func factsOf(k notify.Kind) notify.Facts {
	switch {
	case k == notify.Code:
		return facts(codeFacts)
	case slices.Contains(notify.AccountKinds(), k):
		return facts(accountFacts(k))
	}
	return facts()
}

func newRenderer(t *testing.T) *notify.Renderer {
	t.Helper()
	r, err := notify.NewRenderer()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t *testing.T, r *notify.Renderer, n notify.Notice, f notify.Facts) notify.Message {
	t.Helper()
	m, err := r.Render(n, f)
	if err != nil {
		t.Fatalf("%s %s %s: %v", n.Kind, n.Channel, n.Language, err)
	}
	return m
}

// A day's numbers stand in the report of the day and nowhere else.
func TestOnlyTheDailyReportCounts(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, kind := range notify.Kinds() {
		f := factsOf(kind)
		f.Day = []notify.DayCount{{Event: "collected", Count: "4711"}}
		m := render(t, r, notice(kind, notify.Email, "en"), f)
		if got := strings.Contains(m.Text+m.HTML, "4711"); got != (kind == notify.DailyReport) {
			t.Errorf("%s shows a day's numbers: %v", kind, got)
		}
	}
}

// R13, R17: every kind, on both channels, in four languages.
func TestGolden(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		for _, kind := range notify.Kinds() {
			mail := render(t, r, notice(kind, notify.Email, language), factsOf(kind))
			sms := render(t, r, notice(kind, notify.SMS, language), factsOf(kind))
			name := filepath.Join("testdata", "golden", language, string(kind))
			golden(t, name+".mail.txt", "Subject: "+mail.Subject+"\n\n"+mail.Text)
			golden(t, name+".mail.html", mail.HTML)
			golden(t, name+".sms.txt", sms.Text+"\n")
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// A code and something to click never share a message: whoever intercepts one
// must not hold both.
func TestCodeComesWithoutLink(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		for _, channel := range notify.Channels() {
			for _, kind := range []notify.Kind{notify.Code, notify.ContactCode} {
				f := factsOf(kind)
				f.Link, f.NoticeCode = "https://bode.example/c/secret", "7K2PM-4TQ9X"
				m := render(t, r, notice(kind, channel, language), f)
				// The last line of a text message names the page that the code is for, to
				// programs that fill it in; it is no link.
				all := m.Subject + strings.TrimSuffix(m.Text, "\n@bode.example #418302") + m.HTML
				for _, bad := range []string{"http", "href", "bode.example", "secret", "7K2PM-4TQ9X"} {
					if strings.Contains(all, bad) {
						t.Errorf("%s %s: %s holds %q", language, channel, kind, bad)
					}
				}
				if !strings.Contains(m.Text, "418302") || strings.Contains(m.Subject, "418302") {
					t.Errorf("%s %s: the code belongs in the text of %s, not in the subject", language, channel, kind)
				}
			}
		}
		for _, kind := range notify.Kinds() {
			if kind == notify.Code || kind == notify.ContactCode {
				continue
			}
			f := factsOf(kind)
			f.Code, f.CodeMinutes = "418302", 10
			for _, channel := range notify.Channels() {
				m := render(t, r, notice(kind, channel, language), f)
				if strings.Contains(m.Subject+m.Text+m.HTML, "418302") {
					t.Errorf("%s %s %s holds the code", language, kind, channel)
				}
			}
		}
	}
}

// The recipient learns the sender's reference from the sender only.
func TestReferenceIsForTheSender(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, kind := range notify.Kinds() {
		m := render(t, r, notice(kind, notify.Email, "nl"), factsOf(kind))
		if got, want := strings.Contains(m.Text+m.HTML, "F/2026/118"), kind == notify.Receipt || kind == notify.ContactProposed; got != want {
			t.Errorf("%s: reference shown: %v, want %v", kind, got, want)
		}
	}
}

func TestRefusesMissingFacts(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	cases := map[string]struct {
		kind   notify.Kind
		change func(*notify.Facts)
	}{
		"no service name":       {notify.Accepted, func(f *notify.Facts) { f.ServiceName = "" }},
		"no host":               {notify.Accepted, func(f *notify.Facts) { f.ServiceHost = "" }},
		"no number":             {notify.Rejected, func(f *notify.Facts) { f.Number = "" }},
		"no sender":             {notify.Announcement, func(f *notify.Facts) { f.SenderName = "" }},
		"no link":               {notify.Announcement, func(f *notify.Facts) { f.Link = "" }},
		"no notice code":        {notify.Reminder, func(f *notify.Facts) { f.NoticeCode = "" }},
		"no deadline":           {notify.Reminder, func(f *notify.Facts) { f.Deadline = time.Time{} }},
		"unknown fallback":      {notify.Announcement, func(f *notify.Facts) { f.Fallback = "pigeon" }},
		"foreign host":          {notify.Announcement, func(f *notify.Facts) { f.Link = "https://bode.example.evil.test/c/1" }},
		"host as user":          {notify.Announcement, func(f *notify.Facts) { f.Link = "https://bode.example@evil.test/c/1" }},
		"user on our host":      {notify.Announcement, func(f *notify.Facts) { f.Link = "https://x@bode.example/c/1" }},
		"script link":           {notify.Accepted, func(f *notify.Facts) { f.Link = "javascript://bode.example/%0aalert(1)" }},
		"relative link":         {notify.Accepted, func(f *notify.Facts) { f.Link = "/c/1" }},
		"no code":               {notify.Code, func(f *notify.Facts) { f.CodeMinutes = 5 }},
		"code of letters":       {notify.Code, func(f *notify.Facts) { f.Code, f.CodeMinutes = "see http", 5 }},
		"no validity":           {notify.Code, func(f *notify.Facts) { f.Code = "418302" }},
		"receipt about nothing": {notify.Receipt, func(f *notify.Facts) { f.Outcome = "" }},
		"delegate of nobody":    {notify.DelegateNamed, func(f *notify.Facts) { f.RecipientName = "" }},
		"delegate to nothing":   {notify.DelegateNamed, func(f *notify.Facts) { f.Link = "" }},
		"confirmed nobody":      {notify.DelegateConfirmed, func(f *notify.Facts) { f.Who = "" }},
		"address code missing":  {notify.ContactCode, func(f *notify.Facts) { f.Code, f.CodeMinutes = "", 5 }},
		"address code of words": {notify.ContactCode, func(f *notify.Facts) { f.Code, f.CodeMinutes = "call us", 5 }},
		"reset without link":    {notify.PasswordReset, func(f *notify.Facts) { f.Link, f.Until = "", time.Unix(1, 0) }},
		"reset without end":     {notify.PasswordReset, func(f *notify.Facts) {}},
		"reset elsewhere":       {notify.PasswordReset, func(f *notify.Facts) { f.Link, f.Until = "https://evil.test/reset", time.Unix(1, 0) }},
		"invited by nobody":     {notify.Invitation, func(f *notify.Facts) { f.Until = time.Unix(1, 0) }},
		"refused for nothing":   {notify.ApplicationRefused, func(f *notify.Facts) { f.Account = "Acme nv" }},
		"closed for ever":       {notify.AccountClosed, func(f *notify.Facts) {}},
		"nobody can stop it":    {notify.RecoveryStarted, func(f *notify.Facts) { f.Link = "" }},
		"nothing changed":       {notify.SignInChanged, func(f *notify.Facts) { f.What = "" }},
		"contact of nothing":    {notify.ContactNamed, func(f *notify.Facts) { f.What = "" }},
		"proposed to nobody":    {notify.ContactProposed, func(f *notify.Facts) { f.Link = "" }},
		"mandate of nobody":     {notify.MandateGranted, func(f *notify.Facts) {}},
	}
	for name, c := range cases {
		for _, channel := range notify.Channels() {
			if _, err := r.Render(notice(c.kind, channel, "nl"), facts(c.change)); !errors.Is(err, notify.ErrFacts) {
				t.Errorf("%s on %s: %v, want ErrFacts", name, channel, err)
			}
		}
	}
	if _, err := r.Render(notice(notify.Accepted, notify.Email, "es"), facts()); !errors.Is(err, notify.ErrWords) {
		t.Errorf("unknown language: %v, want ErrWords", err)
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	f := facts(func(f *notify.Facts) {
		f.SenderName = "Evil\r\nBcc: x@y.test\u202Etxt <script>alert(1)</script> {{.Code}}"
		f.RecipientName = "\x00\xff\u200b"
	})
	for _, language := range notify.Languages() {
		m := render(t, r, notice(notify.Announcement, notify.Email, language), f)
		if strings.ContainsAny(m.Subject, "\r\n\u202e") {
			t.Errorf("%s: subject %q", language, m.Subject)
		}
		if strings.Contains(m.HTML, "<script") || strings.Contains(m.Text, "\u202e") || strings.Contains(m.Text, "\nBcc") {
			t.Errorf("%s: a name got out of its place", language)
		}
		if !strings.Contains(m.Text, "{{.Code}}") {
			t.Errorf("%s: a name was executed", language)
		}
	}
}

func TestTestMailSaysSo(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		for _, kind := range notify.Kinds() {
			f := factsOf(kind)
			f.Test = true
			m := render(t, r, notice(kind, notify.Email, language), f)
			if !strings.HasPrefix(m.Subject, "[TEST] ") || !strings.HasPrefix(m.Text, "*** ") {
				t.Errorf("%s %s: not marked as a test", language, kind)
			}
			s := render(t, r, notice(kind, notify.SMS, language), f)
			if !strings.HasPrefix(s.Text, "Bode TEST: ") {
				t.Errorf("%s %s: %q", language, kind, s.Text)
			}
		}
	}
}

// Mails load nothing, track nobody and are readable by a screen reader.
func TestMailIsAccessibleAndQuiet(t *testing.T) {
	t.Parallel()
	r := newRenderer(t)
	for _, language := range notify.Languages() {
		for _, kind := range notify.Kinds() {
			html := render(t, r, notice(kind, notify.Email, language), factsOf(kind)).HTML
			for _, bad := range []string{"<img", "<script", "<link", "url(", "@import", "<form", "<iframe", "src="} {
				if strings.Contains(html, bad) {
					t.Errorf("%s %s: holds %s", language, kind, bad)
				}
			}
			for _, want := range []string{`<html lang="` + language + `"`, "<title>", `name="color-scheme"`, "prefers-color-scheme: dark"} {
				if !strings.Contains(html, want) {
					t.Errorf("%s %s: lacks %s", language, kind, want)
				}
			}
			if got := strings.Count(html, "<h1"); got != 1 {
				t.Errorf("%s %s: %d main headings", language, kind, got)
			}
		}
	}
}

func BenchmarkRender(b *testing.B) {
	r, err := notify.NewRenderer()
	if err != nil {
		b.Fatal(err)
	}
	for _, channel := range notify.Channels() {
		b.Run(string(channel), func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Render(notice(notify.Announcement, channel, "fr"), facts()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
