package portal_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Forget has nothing to forget: see codes.
func (codes) Forget(context.Context, pgx.Tx, string) error { return nil }

// entry writes a new entry as the operator, and gives its id.
func (r *rig) entry(register identity.Register, state string, fields ...string) string {
	r.t.Helper()
	e := identity.Entry{State: state, Fields: map[string]string{}}
	for i := 0; i+1 < len(fields); i += 2 {
		e.Fields[fields[i]] = fields[i+1]
	}
	by := identity.Actor{Kind: identity.ActorPerson, Subject: r.person, Account: r.account}
	id, err := r.people.WriteEntry(r.t.Context(), by, register, e, 0, "test")
	r.must(err)
	return id
}

// unzipped are the files of the answer.
func (b *browser) unzipped() map[string]string {
	b.r.t.Helper()
	z, err := zip.NewReader(bytes.NewReader([]byte(b.body)), int64(len(b.body)))
	b.r.must(err)
	files := map[string]string{}
	for _, f := range z.File {
		in, err := f.Open()
		b.r.must(err)
		raw, err := io.ReadAll(in)
		b.r.must(err)
		files[f.Name] = string(raw)
	}
	return files
}

// TestAnswerPackage (R22): everything about the one who asks, and nothing about
// anybody else; nobody who was not identified gets anything.
func TestAnswerPackage(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	mine := r.message(r.account)[0]
	r.attempt(mine, notify.Email, notify.Sent)
	other := r.message(r.account, func(s *delivery.Submission) { // the same address, somebody else
		s.Recipients[0].Given, s.Recipients[0].Family, s.Subject = "Zeger", "Vandermeulen", "Aanmaning"
	})[0]
	asked := []string{"kind", "inspect", "name", "An Janssens", "address", "an@example.be", "asked", "alles"}
	known := append(asked, "means", "eid", "identity", "Kaart gelezen aan het loket.", "given", "An", "family", "Janssens", "emails", "an@example.be", "mobiles", "+32470123456", "language", "de")
	b := r.lotte()
	take := func(id, reason string) *browser {
		return b.post(r.server.URL+"/operator/registers/request/"+id+"/package", url.Values{"package_reason": {reason}})
	}
	for name, id := range map[string]string{
		"nobody knows who asks":      r.entry(identity.Requests, "received", asked...),
		"written down, not decided":  r.entry(identity.Requests, "received", known...),
		"no name that was checked":   r.entry(identity.Requests, "identified", append(asked, "means", "eid", "identity", "x")...),
		"answered before, no reason": "",
	} {
		reason := "antwoord"
		if id == "" {
			id, reason = r.entry(identity.Requests, "identified", known...), " "
		}
		if take(id, reason); b.status != http.StatusUnprocessableEntity || strings.HasPrefix(b.body, "PK") {
			t.Errorf("%s: %d", name, b.status)
		}
	}
	take(r.account, "x").want(http.StatusNotFound, "/package")
	id := r.entry(identity.Requests, "identified", known...)
	if take(id, "antwoord"); b.status != http.StatusOK {
		t.Fatalf("%d %s", b.status, b.text())
	}
	files := b.unzipped()
	if len(files) != 3 || !strings.Contains(files["data.html"], `<html lang="de">`) || !strings.Contains(files["data.html"], "Was wir über Sie aufbewahren") {
		t.Errorf("%d files, %.300s", len(files), files["data.html"])
	}
	for name, raw := range files {
		for _, want := range []string{mine.Message.Number, "an@example.be", "Immo Zilverlinde bv", "Kerkstraat 1"} {
			if !strings.Contains(raw, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		for _, never := range []string{other.Message.Number, "Zeger", "Vandermeulen", "Aanmaning", "Opzegging van de huur", "wij zeggen op", "Lotte"} {
			if strings.Contains(raw, never) {
				t.Errorf("%s says %q", name, never)
			}
		}
	}
	var all struct {
		Deliveries delivery.Held `json:"deliveries"`
	}
	r.must(json.Unmarshal([]byte(files["data.json"]), &all))
	if got := all.Deliveries.Received; len(got) != 1 || len(got[0].Events) < 2 || got[0].Recipient.Address.City != "Antwerpen" {
		t.Errorf("%+v", got)
	}
	if n := r.count(`SELECT count(*) FROM operator_act WHERE act = 'request_packed' AND subject = $1`, "request "+id); n != 1 {
		t.Errorf("%d acts", n)
	}
	// An account holder, by login: the account is in it, with messages sent.
	id = r.entry(identity.Requests, "identified", append(asked, "means", "account", "identity", "x", "login", "lotte")...)
	take(id, "antwoord")
	if files = b.unzipped(); !strings.Contains(files["data.json"], "lotte") || !strings.Contains(files["data.json"], mine.Message.Number) || strings.Contains(files["data.json"], "Zeger") {
		t.Errorf("%.2000s", files["data.json"])
	}
	stranger := r.browser()
	if stranger.post(r.server.URL+"/operator/registers/request/"+id+"/package", url.Values{"package_reason": {"x"}}); strings.HasPrefix(stranger.body, "PK") {
		t.Error("a stranger takes the package")
	}
}

// TestIncidentReports (R20): a notification for each, in every language, from what
// the register says, with marks where it says nothing.
func TestIncidentReports(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	id := r.entry(identity.Incidents, "open", "what", "Sleutel <gelekt>", "known_at", "2026-03-01T09:30", "people", "12")
	b := r.lotte()
	path := "/operator/registers/incident/" + id
	b.to(path).want(http.StatusOK, id).shows("Supervisory body: within 24 hours", "Data protection authority: within 72 hours", "late")
	gaps := map[string]string{"nl": "[nog in te vullen]", "fr": "[à compléter]", "de": "[noch auszufüllen]", "en": "[to be completed]"}
	for _, lang := range web.Languages() {
		for _, to := range []string{"supervisor", "authority", "people"} {
			b.to(path+"/report?to="+to+"&lang="+lang).want(http.StatusOK, "/report")
			if !strings.Contains(b.body, "Sleutel <gelekt>") || !strings.Contains(b.body, gaps[lang]) || strings.Contains(b.body, "no value") {
				t.Errorf("%s %s: %s", to, lang, b.body)
			}
		}
	}
	b.to(path + "/report?to=supervisor&lang=en")
	if !strings.Contains(b.body, "due by: 2026-03-02 09:30 UTC") {
		t.Error(b.body)
	}
	b.to(path + "/report?to=authority&lang=nl")
	if !strings.Contains(b.body, "vóór: 2026-03-04 09:30 UTC") {
		t.Error(b.body)
	}
	for _, q := range []string{"?to=court&lang=en", "?to=people&lang=xx", "?to=../supervisor&lang=en", ""} {
		b.to(path+"/report"+q).want(http.StatusNotFound, "/report")
	}
	b.to("/operator/registers/incident/"+r.account+"/report?to=people&lang=nl").want(http.StatusNotFound, "/report")
}

// TestDuties (R23): what concerns the sender, on a page and as a file; nothing of
// another, for administrators only, and the log tells who took it.
func TestDuties(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	other, _ := r.company("piet", "Andere bv")
	r.entry(identity.Incidents, "open", "what", "Onze storing", "known_at", "2026-03-01T09:30", "accounts", r.account)
	r.entry(identity.Incidents, "open", "what", "Hun storing", "known_at", "2026-03-01T09:30", "accounts", other)
	r.entry(identity.Disclosures, "disclosed", "authority", "Parket", "order", "KN 1", "law", "Sv.", "what", "geheim", "decided_by", "An", "accounts", r.account, "secret", "yes")
	r.entry(identity.Hosting, "active", "what", "databank", "where", "Antwerpen", "who", "Datahuis nv", "safeguard", "geen doorgifte")
	m := r.message(r.account)[0].Message
	r.pass(time.Until(m.RetainUntil) + 100*24*time.Hour)
	n, err := r.deliveries.Retain(t.Context(), 10)
	r.must(err)
	r.pass(-time.Until(m.RetainUntil) - 100*24*time.Hour)
	if n != 1 {
		t.Fatalf("%d removed", n)
	}
	b := r.lotte()
	b.to("/portal/duties?lang=en").want(http.StatusOK, "/duties").shows("Onze storing", "Datahuis nv", string(m.ID), "Content is encrypted").hides("Hun storing", "geheim", "Parket", "KN 1")
	b.to("/portal/account").shows("Processor report")
	b.post(r.server.URL+"/portal/duties", nil)
	files := b.unzipped()
	for name, raw := range files {
		if !strings.Contains(raw, "Onze storing") || !strings.Contains(raw, string(m.ID)) || strings.Contains(raw, "Hun storing") || strings.Contains(raw, "geheim") {
			t.Errorf("%s: %.800s", name, raw)
		}
	}
	var report struct {
		Removals []delivery.Removal `json:"removals"`
	}
	r.must(json.Unmarshal([]byte(files["data.json"]), &report))
	if x := report.Removals; len(x) != 1 || x[0].Pieces < 1 || len(x[0].Heads) != 64 || x[0].ErasedAt.Before(x[0].DueAt) {
		t.Errorf("%+v", x)
	}
	if n := r.count(`SELECT count(*) FROM access_log WHERE action = 'duties_taken' AND account_id = $1`, r.account); n != 1 {
		t.Errorf("%d in the log", n)
	}
	for _, tests := range []bool{false, true} {
		if x, err := r.deliveries.Removals(t.Context(), other, tests, delivery.Removal{}, 10); len(x) != 0 || err != nil {
			t.Errorf("another account sees removals: %v %v", x, err)
		}
	}
	r.browser().to("/portal/duties").hides("Onze storing")
}

// TestRetentionPage (R29): shown and changed by operators, with a reason.
func TestRetentionPage(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	b := r.lotte()
	b.to("/operator/retention?lang=en").want(http.StatusOK, "/retention").shows("Log of uses", "default", "7 years or more")
	set := func(class, months, reason string) *browser {
		return b.post(r.server.URL+"/operator/retention", url.Values{"class": {class}, "months": {months}, "rule_reason": {reason}})
	}
	for _, f := range [][3]string{{"access_log", "11", "x"}, {"access_log", "-1", "x"}, {"access_log", "many", "x"}, {"access_log", "121", "x"}, {"access_log", "36", ""}} {
		if set(f[0], f[1], f[2]); b.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", f, b.status)
		}
	}
	if set("evidence", "12", "x"); b.status != http.StatusNotFound {
		t.Errorf("a class that is none: %d", b.status)
	}
	set("access_log", "36", "vraag van de toezichthouder").want(http.StatusOK, "/retention").shows("36")
	set("access_log", "", "terug").want(http.StatusOK, "/retention").hides("36")
}

// TestProcessorsOfRegister (R24): once the register has entries, it is what is
// published; the file was its seed, and the lists it makes are those of the file.
func TestProcessorsOfRegister(t *testing.T) {
	t.Parallel()
	var lists []portal.ProcessorList
	r := newRig(t, told(t), func(c *portal.Config) { lists = c.About.Processors })
	b := r.browser().to("/sub-processors?lang=en").want(http.StatusOK, "/sub-processors")
	before := b.text()
	n, err := r.people.SeedProcessors(t.Context(), portal.EntriesOf(lists))
	r.must(err)
	if n == 0 {
		t.Fatal("nothing was seeded")
	}
	b.to("/sub-processors?lang=en").shows("Textdrop", "This list holds since 1 January 2021").hides("Ireland")
	if strings.Count(before, "No longer: ") != strings.Count(b.text(), "No longer: ") {
		t.Errorf("other changes than in the file:\n%s\n%s", before, b.text())
	}
	r.must(r.people.AddOperator(t.Context(), identitySystem, r.person, "test"))
	day := r.now().AddDate(0, 0, 31).UTC().Format(time.DateOnly)
	fields := []string{"name", "Nieuwdruk", "country", "België", "from", day}
	for _, l := range web.Languages() {
		fields = append(fields, "task_"+l, "drukt", "data_"+l, "adressen")
	}
	r.entry(identity.Processors, "planned", fields...)
	b.to("/sub-processors?lang=en").shows("New: Nieuwdruk", "From then on", "Nieuwdruk, België", "do you object?")
}

// TestLooksAreLogged (R6, R36): who looked at which message, for the administrators
// of the account.
func TestLooksAreLogged(t *testing.T) {
	t.Parallel()
	r, _ := newDesk(t)
	d := r.message(r.account)[0]
	b := r.lotte()
	b.to("/portal/messages/"+string(d.Message.ID)).want(http.StatusOK, string(d.Message.ID))
	b.to("/portal/messages/"+string(d.Message.ID)).want(http.StatusOK, string(d.Message.ID))
	b.to("/portal/deliveries/"+string(d.ID)).want(http.StatusOK, string(d.ID))
	b.to("/portal/deliveries/"+r.account).want(http.StatusNotFound, r.account)
	if n := r.count(`SELECT count(*) FROM access_log WHERE about IS NOT NULL`); n != 2 {
		t.Errorf("%d looks, want 2", n)
	}
	b.to("/portal/log?lang=en").shows("Message looked at", string(d.Message.ID), "Timeline looked at", string(d.ID))
}
