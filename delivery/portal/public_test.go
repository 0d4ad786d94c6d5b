package portal_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/web"
)

const processorFile = `[
 {"since": "2020-01-01", "processors": [{"name": "Maildrop", "country": "Ireland", "task": {"nl": "e-mail", "fr": "e-mail", "de": "E-Mail", "en": "e-mail"}, "data": {"nl": "adres", "fr": "adresse", "de": "Adresse", "en": "address"}}]},
 {"since": "2021-01-01", "processors": [{"name": "Textdrop", "country": "Belgium", "task": {"nl": "sms", "fr": "SMS", "de": "SMS", "en": "text messages"}, "data": {"nl": "nummer", "fr": "numéro", "de": "Nummer", "en": "number"}}]},
 {"since": "2099-01-01", "processors": []}]`

// told is a provider that says everything of itself.
func told(t testing.TB) func(*portal.Config) {
	t.Helper()
	lists, err := portal.ParseProcessors([]byte(processorFile))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *portal.Config) {
		c.About = portal.About{Provider: "Bode Example nv", Number: "0123.456.749", Address: []string{"Kaai 1", "9000 Gent"}, Email: "help@bode.example",
			Phone: "+32 9 000 00 00", Security: "mailto:security@bode.example", Processors: lists}
	}
}

// broken has every part watched, one outage with a certificate, one that nobody
// saw, and one that lasts.
func (r *rig) broken() (certified delivery.ID) {
	r.t.Helper()
	look := func(working bool) {
		for _, part := range []string{"pages", "store", "evidence", "notices"} {
			r.must(r.deliveries.Watched(r.t.Context(), delivery.Look{Part: part, Working: working || part != "evidence", Took: time.Millisecond}))
		}
	}
	for _, working := range []bool{true, false, true, true} {
		look(working)
		r.pass(time.Minute)
	}
	r.must(r.deliveries.Certify(r.t.Context(), 10, func(context.Context, delivery.Outage) ([]byte, error) { return []byte("%PDF-1.7 certificate"), nil }))
	list, err := r.deliveries.Outages(r.t.Context(), "", 10)
	r.must(err)
	r.pass(time.Hour)
	look(true)
	r.pass(time.Minute)
	look(false)
	return list[0].ID
}

// What everybody may read, in every language, with everything known and with
// nothing.
func TestPublicPages(t *testing.T) {
	t.Parallel()
	bare, full := newRig(t), newRig(t, told(t))
	full.broken()
	for _, r := range []*rig{bare, full} {
		b := r.browser()
		for _, lang := range web.Languages() {
			for _, path := range []string{"/", "/status", "/accessibility", "/contact", "/sub-processors", "/privacy", "/notice", "/verify"} {
				b.to(path+"?lang="+lang).want(http.StatusOK, path).hides("{{", "<no value>", "%!", "style=")
				if listed := !strings.Contains(b.body, `content="noindex"`); listed != (path != "/notice" && path != "/verify") {
					t.Errorf("%s: listed %v", path, listed)
				}
				for _, to := range []string{"/status", "/accessibility", "/contact", "/sub-processors", "/privacy"} {
					if !strings.Contains(b.body, `href="`+to+`"`) {
						t.Errorf("%s does not lead to %s", path, to)
					}
				}
			}
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser().to("/status?lang=en").shows("There are no measurements yet.", "There has been no outage yet.", "We show figures from 50 messages on")
	id := r.broken()
	b.to("/status").shows("Not everything works.", "Still going on", "(not measured)", "When it is over", "Being made")
	r.pass(time.Hour)
	b.to("/status").shows("nothing was measured for more than 5 minutes", "Not measured")
	b.to("/status/outages/"+string(id)).want(http.StatusOK, string(id))
	if b.body != "%PDF-1.7 certificate" || b.header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(b.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%q %v", b.body, b.header)
	}
	for _, path := range []string{"/status/outages/x", "/status/outages/00000000-0000-0000-0000-000000000000", "/status?before=x", "/status?before=00000000-0000-0000-0000-000000000000", "/status/outages/"} {
		b.to(path).want(http.StatusNotFound, "")
	}
	_, err := r.pool.Exec(t.Context(), `INSERT INTO public_figure VALUES ($1::timestamptz::date, 1200, 900, 5400, $1)`, r.now().Truncate(24*time.Hour))
	r.must(err)
	b.to("/status").shows("1,200 messages", "75%", "1 hour and 30 minutes")
	_, err = r.pool.Exec(t.Context(), `UPDATE public_figure SET ended = 49, collected = 49`)
	r.must(err)
	b.to("/status").shows("We show figures from 50 messages on").hides("1 hour and 30 minutes", ">49<")
}

// A long list of outages goes on, and no page of it leads back to itself.
func TestManyOutages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 23 {
		for _, working := range []bool{false, true} {
			r.must(r.deliveries.Watched(t.Context(), delivery.Look{Part: "pages", Working: working}))
			r.pass(time.Minute)
		}
	}
	b := r.browser().to("/status?lang=en")
	if n := strings.Count(b.body, "<tr>") - 1; n != 20 {
		t.Errorf("%d outages on the first page", n)
	}
	_, rest, _ := strings.Cut(b.body, "/status?before=")
	b.to("/status?before=" + rest[:36])
	if n := strings.Count(b.body, "<tr>") - 1; n != 3 || strings.Contains(b.body, "?before=") && strings.Contains(b.body, "#outages") {
		t.Errorf("%d outages on the second page", n)
	}
}

func TestProcessors(t *testing.T) {
	t.Parallel()
	b := newRig(t, told(t)).browser()
	b.to("/sub-processors?lang=en").shows("Textdrop", "text messages", "This list holds since 1 January 2021", "From then on", "No longer: Textdrop", "New: Textdrop", "No longer: Maildrop", "New: Maildrop")
	if strings.Contains(b.body, "Ireland") {
		t.Error("shows what held before")
	}
	newRig(t).browser().to("/sub-processors?lang=en").shows("No list is published yet.")
	ok := `{"name": "A", "country": "B", "task": {"nl": "a", "fr": "a", "de": "a", "en": "a"}, "data": {"nl": "a", "fr": "a", "de": "a", "en": "a"}}`
	for name, raw := range map[string]string{
		"no JSON": `x`, "an object": `{}`, "unknown field": `[{"since": "2026-01-01", "processors": [], "x": 1}]`, "no day": `[{"since": "soon", "processors": []}]`,
		"two of a day": `[{"since": "2026-01-01", "processors": []}, {"since": "2026-01-01", "processors": []}]`,
		"twice":        `[{"since": "2026-01-01", "processors": [` + ok + `,` + ok + `]}]`,
		"no name":      `[{"since": "2026-01-01", "processors": [` + strings.Replace(ok, `"A"`, `""`, 1) + `]}]`,
		"no country":   `[{"since": "2026-01-01", "processors": [` + strings.Replace(ok, `"B"`, `""`, 1) + `]}]`,
		"no German":    `[{"since": "2026-01-01", "processors": [` + strings.Replace(ok, `"de": "a", `, ``, 1) + `]}]`,
	} {
		if _, err := portal.ParseProcessors([]byte(raw)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Text for programs: search engines, and who found a weakness.
func TestForPrograms(t *testing.T) {
	t.Parallel()
	r := newRig(t, told(t))
	b := r.browser().to("/robots.txt").want(http.StatusOK, "/robots.txt")
	for _, want := range []string{"Disallow: /c/\n", "Disallow: /portal\n", "Disallow: /api/\n"} {
		if !strings.Contains(b.body, want) {
			t.Errorf("robots.txt lacks %q", want)
		}
	}
	b.to("/.well-known/security.txt").want(http.StatusOK, "/security.txt")
	fields := map[string]string{}
	for line := range strings.Lines(b.body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if fields[name] != "" {
			t.Errorf("%s is there twice", name)
		}
		fields[name] = value
	}
	expires, err := time.Parse(time.RFC3339, fields["Expires"])
	if left := expires.Sub(r.now()); err != nil || left < 90*24*time.Hour || left > 365*24*time.Hour {
		t.Errorf("expires %q", fields["Expires"])
	}
	if fields["Contact"] != "mailto:security@bode.example" || fields["Canonical"] != r.server.URL+"/.well-known/security.txt" || !strings.HasPrefix(b.header.Get("Content-Type"), "text/plain; charset=") {
		t.Errorf("%v", fields)
	}
	newRig(t).browser().to("/.well-known/security.txt").want(http.StatusNotFound, "")
	for name, about := range map[string]portal.About{"no address": {Email: "nobody"}, "a script": {Security: "javascript:alert(1)"}, "a word": {Security: "us"}} {
		cfg := r.config
		cfg.About = about
		if _, err := portal.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
