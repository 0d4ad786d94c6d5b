package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// jan is a colleague of lotte who is not identified and has no mandate.
func (r *rig) jan() *browser {
	r.t.Helper()
	person, err := r.people.CreatePerson(r.t.Context(), identitySystem, r.account, "sender", r.newPerson("jan"))
	r.must(err)
	return r.signedIn("jan", r.enrol(person))
}

// draftID is the draft that the browser is at.
func (b *browser) draftID() string {
	b.r.t.Helper()
	id := strings.TrimPrefix(b.at.Path, "/portal/drafts/")
	if len(id) != 36 {
		b.r.t.Fatalf("at %s with %d, not a draft:\n%s", b.at.Path, b.status, b.text())
	}
	return id
}

// handed is a message that jan wrote and handed over.
func (r *rig) handed(jan *browser, change ...string) (id string) {
	r.t.Helper()
	jan.multipart("/portal/new", typed(change...), file{"bijlage.pdf", "application/pdf", "%PDF x"}).want(http.StatusOK, "/new").shows("Hand over for release")
	_, form := jan.form("/portal/send")
	form.Del("do")
	jan.post(r.server.URL+"/portal/hand-over", form)
	return jan.draftID()
}

func TestSaveDraft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const evil = `<img src=x onerror=alert(1)>"'&{{.}}`
	b := r.lotte()
	b.to("/portal/drafts").want(http.StatusOK, "/drafts").shows("No drafts")
	half := typed("do", "save", "subject", evil, "days", "veel", "r0-email", "", "r0-org_name", evil, "r0-org_number", "0403170701", "body", "</textarea><script>x</script>")
	b.multipart("/portal/new", half, file{"contract.pdf", "application/pdf", "x"})
	id := b.draftID()
	b.shows("Nothing is sent", "contract.pdf").hides("<img src=x", "<script>x")
	if _, form := b.form("/portal/new"); form.Get("subject") != evil || form.Get("days") != "veel" || form.Get("r0-org_name") != evil || form.Get("draft") != id {
		t.Errorf("typed was lost: %v", form)
	}
	b.to("/portal/drafts").shows(evil, "Being written").hides("<img src=x")
	b.to("/portal/drafts/" + id + "/delete").shows(evil).hides("<img src=x")
	// Saving once more changes that draft, and makes no other.
	b.to("/portal/drafts/" + id)
	more := typed("do", "save", "draft", id, "subject", "Beter")
	more["document"] = documents(b)
	b.multipart("/portal/new", more).want(http.StatusOK, id).shows("contract.pdf")
	if n := r.count(`SELECT count(*) FROM draft`); n != 1 {
		t.Errorf("%d drafts", n)
	}
	more.Set("do", "check")
	b.multipart("/portal/new", more).want(http.StatusOK, "/new").shows("Check your message", "What the recipient reads first", "Immo Zilverlinde bv heeft u via Bode", "Text message")
	_, form := b.form("/portal/send")
	form.Del("do")
	form["document"] = more["document"]
	b.post(r.server.URL+"/portal/send", form).shows("Your message was accepted", "Beter")
	first := b.at.Path
	b.post(r.server.URL+"/portal/send", form).want(http.StatusOK, first)
	b.to("/portal/drafts/"+id).want(http.StatusNotFound, id)
	if n := r.count(`SELECT count(*) FROM message`); n != 1 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("%d messages", n)
	}
	b.multipart("/portal/new", typed("do", "save", "subject", "Weg"))
	id = b.draftID()
	b.to("/portal/drafts/"+id+"/delete").submit("/delete", nil).want(http.StatusOK, "/drafts").hides("Weg")
}

// What another account wrote is not found, whatever is asked of it.
func TestForeignDrafts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, _ := r.company("karim", "Andere nv")
	d, _, err := r.deliveries.CreateDraft(t.Context(), r.submitter(other).By, false, delivery.DraftContent{Submission: submission()}, delivery.Once{})
	r.must(err)
	b := r.lotte()
	for _, id := range []string{string(d.ID), uuid.NewString(), "x"} {
		for _, path := range []string{"", "/delete", "/documents/" + uuid.NewString()} {
			b.to("/portal/drafts/"+id+path).want(http.StatusNotFound, path)
		}
		for _, path := range []string{"/delete", "/take-back", "/release", "/give-back", "/ask"} {
			b.post(r.server.URL+"/portal/drafts/"+id+path, url.Values{"digest": {d.Digest()}, "reason": {"x"}}).want(http.StatusNotFound, path)
		}
		b.multipart("/portal/new", typed("do", "save", "draft", id)).want(http.StatusNotFound, "/new")
		for _, path := range []string{"/portal/send", "/portal/hand-over"} {
			b.post(r.server.URL+path, typed("draft", id)).want(http.StatusNotFound, path)
		}
	}
	b.to("/portal/drafts?before=x").want(http.StatusNotFound, "/drafts")
	b.to("/portal/release?before=x").want(http.StatusNotFound, "/release")
	if n := r.count(`SELECT count(*) FROM message`); n != 0 || r.count(`SELECT count(*) FROM draft`) != 1 {
		t.Errorf("%d messages, %d drafts", n, r.count(`SELECT count(*) FROM draft`))
	}
}

func TestSendLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.multipart("/portal/new", typed()).shows("Send at that time")
	_, form := b.form("/portal/send")
	form.Del("do")
	day := func(n int) string { return r.now().In(r.deliveries.Zone).AddDate(0, 0, n).Format(time.DateOnly) }
	for _, c := range []struct{ day, clock, says string }{
		{"", "", "Choose the day"}, {day(2), "", "Choose a time"}, {day(2), "25:00", "Choose a time"}, {"morgen", "09:30", "Choose the day"},
		{day(-1), "09:30", "in the future"}, {day(400), "09:30", "at most a year"},
	} {
		form.Set("send_date", c.day)
		form.Set("send_time", c.clock)
		b.post(r.server.URL+"/portal/later", form).want(http.StatusUnprocessableEntity, "/later").shows(c.says, "Check your message")
		if _, again := b.form("/portal/send"); again.Get("draft") != "" {
			form.Set("draft", again.Get("draft"))
		}
	}
	form.Set("send_date", day(2))
	form.Set("send_time", "09:30")
	b.post(r.server.URL+"/portal/later", form)
	id := b.draftID()
	b.shows("This message is sent on", "9:30", "Ingebrekestelling")
	b.post(r.server.URL+"/portal/later", form).want(http.StatusOK, id) // pressed twice
	b.to("/portal/drafts?state=scheduled").shows("Ingebrekestelling", "Planned")
	b.to("/portal/drafts/"+id).submit("/take-back", nil).want(http.StatusOK, id).shows("Continue to check")
	b.post(r.server.URL+"/portal/later", form)
	b.want(http.StatusOK, id).shows("This message is sent on")
	r.pass(72 * time.Hour)
	if _, err := r.deliveries.SendDue(t.Context(), 10); err != nil || r.count(`SELECT count(*) FROM message`) != 1 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("%d messages, %v", r.count(`SELECT count(*) FROM message`), err)
	}
}

// Who is not identified prepares; an identified colleague looks at exactly that
// and releases it.
func TestReleasePages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	jan := r.jan()
	id := r.handed(jan)
	jan.shows("Waits for release", "These people can release it", "Lotte Peeters").hides("Release and send")
	jan.post(r.server.URL+"/portal/drafts/"+id+"/release", url.Values{"digest": {"x"}}).want(http.StatusForbidden, "/release")
	jan.post(r.server.URL+"/portal/drafts/"+id+"/give-back", url.Values{"reason": {"x"}}).want(http.StatusForbidden, "/give-back")
	jan.post(r.server.URL+"/portal/send", typed()).want(http.StatusForbidden, "/send")
	jan.post(r.server.URL+"/portal/release/rule", url.Values{"second_person": {"on"}}).want(http.StatusForbidden, "/rule")
	b := r.lotte()
	b.to("/portal/release").shows("Ingebrekestelling", "Lotte Peeters") // jan has her name in this rig
	b.to("/portal/drafts/"+id).shows("An Janssens", "u bent in gebreke", "bijlage.pdf", "What the recipient reads first", "Release and send")
	_, seen := b.form("/release")
	at := strings.Index(b.body, "/documents/")
	b.to("/portal/drafts/" + id + "/documents/" + b.body[at+len("/documents/"):at+len("/documents/")+36])
	if b.status != http.StatusOK || b.body != "%PDF x" || !strings.Contains(b.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("document: %d %q %v", b.status, b.body, b.header)
	}
	// Jan changes it meanwhile: what Lotte saw is not sent.
	jan.to("/portal/drafts/"+id).submit("/take-back", nil)
	change := typed("do", "save", "draft", id, "body", "Iets anders.")
	change["document"] = documents(jan)
	jan.multipart("/portal/new", change).want(http.StatusOK, id)
	b.post(r.server.URL+"/portal/drafts/"+id+"/release", seen).want(http.StatusConflict, "/release").shows("does not wait")
	change.Set("do", "check")
	jan.multipart("/portal/new", change)
	_, form := jan.form("/portal/send")
	form.Del("do")
	form["document"] = change["document"]
	jan.post(r.server.URL+"/portal/hand-over", form).want(http.StatusOK, id)
	b.post(r.server.URL+"/portal/drafts/"+id+"/release", seen).want(http.StatusConflict, "/release").shows("Look at it again", "Iets anders.")
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Fatalf("%d messages nobody saw", n)
	}
	b.submit("/give-back", url.Values{"reason": {" "}}).want(http.StatusConflict, "/give-back").shows("Write why")
	b.submit("/give-back", url.Values{"reason": {"Verkeerde <b>datum</b>"}}).want(http.StatusOK, "/release").shows("Nothing is waiting")
	jan.to("/portal/drafts/"+id).shows("gave this message back", "Verkeerde <b>datum</b>").hides("<b>datum")
	jan.post(r.server.URL+"/portal/hand-over", form).want(http.StatusOK, id)
	r.pass(6 * time.Minute)
	b.to("/portal/drafts/"+id).submit("/release", nil).want(http.StatusUnauthorized, "/release") // asks for the factors again
	b = r.lotte()
	b.to("/portal/drafts/"+id).submit("/release", nil).shows("Your message was accepted")
	if n := r.count(`SELECT count(*) FROM message WHERE sent_by -> 'identifier' ->> 'value' = $1`, r.person); n != 1 {
		t.Errorf("%d messages in the name of who released", n)
	}
	b.to("/portal/log").shows("Message of a colleague released")
}

func TestSecondPersonPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.to("/portal/release").shows("Who may send, sends alone", "Nothing is waiting").submit("/rule", url.Values{"second_person": {"on"}}).
		want(http.StatusOK, "/release").shows("Every message needs a second person")
	b.multipart("/portal/new", typed()).want(http.StatusOK, "/new").shows("Hand over for release").hides(">Send registered<")
	_, form := b.form("/portal/send")
	form.Del("do")
	b.post(r.server.URL+"/portal/send", form).want(http.StatusConflict, "/send").shows("asks for a second person")
	b.post(r.server.URL+"/portal/hand-over", form)
	id := b.draftID()
	b.shows("somebody else has to release it", "Nobody else in the account").hides("Release and send")
	d, err := r.deliveries.Draft(t.Context(), r.account, delivery.ID(id))
	r.must(err)
	b.post(r.server.URL+"/portal/drafts/"+id+"/release", url.Values{"digest": {d.Digest()}}).want(http.StatusConflict, "/release").shows("asks for a second person")
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages", n)
	}
	b.to("/portal/log").shows("A second person asked for every message")
}

// What a program prepared, and a form cannot show, is shown as it is.
func TestDraftOfProgram(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := identity.Actor{Kind: identity.ActorKey, Subject: uuid.NewString(), Account: r.account, Name: "ERP <b>"}
	made := func(change func(*delivery.Submission)) string {
		d, _, err := r.deliveries.CreateDraft(t.Context(), by, false, delivery.DraftContent{Submission: submission(change)}, delivery.Once{})
		r.must(err)
		return string(d.ID)
	}
	b := r.lotte()
	whole := made(func(*delivery.Submission) {})
	b.to("/portal/drafts/"+whole).shows("Continue to check", "ERP <b>").hides("ERP <b>")
	if _, form := b.form("/portal/new"); form.Get("r0-city") != "Antwerpen" || form.Get("r0-mobile") != "+32470123456" {
		t.Errorf("form %v", form)
	}
	for what, change := range map[string]func(*delivery.Submission){
		"three lines": func(s *delivery.Submission) { s.Recipients[0].Address.Lines = []string{"a", "b", "c"} },
		"no post":     func(s *delivery.Submission) { s.Policy.PostAtOnce = false },
		"51 recipients": func(s *delivery.Submission) {
			for range 50 {
				s.Recipients = append(s.Recipients, s.Recipients[0])
			}
		},
	} {
		if b.to("/portal/drafts/" + made(change)); b.status != http.StatusOK || !strings.Contains(b.text(), "cannot be changed here") {
			t.Errorf("%s: %d %.200s", what, b.status, b.text())
		}
	}
	// What a form does not show stays as the program wrote it.
	kept := made(func(s *delivery.Submission) { s.Policy.RetentionMonths = 77 })
	b.to("/portal/drafts/" + kept)
	b.multipart("/portal/new", typed("do", "save", "draft", kept)).want(http.StatusOK, kept)
	d, err := r.deliveries.Draft(t.Context(), r.account, delivery.ID(kept))
	if err != nil || d.Content.Submission.Policy.RetentionMonths != 77 || d.Content.Submission.Subject != "Ingebrekestelling" {
		t.Errorf("%+v, %v", d.Content.Submission, err)
	}
}

// The script's way of sending files takes and refuses what the form does.
func TestUploadByScript(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.multipart("/portal/new/documents", nil, file{"a <b>.pdf", "application/pdf", "x"})
	if b.status != http.StatusCreated || !strings.Contains(b.body, `"name":"a \u003cb\u003e.pdf"`) || !strings.HasPrefix(b.header.Get("Content-Type"), "application/json") {
		t.Errorf("%d %s", b.status, b.body)
	}
	b.multipart("/portal/new/documents", nil, file{strings.Repeat("n", 220) + ".pdf", "application/pdf", "x"})
	if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.body, "cannot be used") {
		t.Errorf("%d %s", b.status, b.body)
	}
	b.multipart("/portal/new/documents", url.Values{"x": {"y"}})
	if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.body, `"documents":[]`) {
		t.Errorf("%d %s", b.status, b.body)
	}
	if r.browser().multipart("/portal/new/documents", nil, file{"a.pdf", "application/pdf", "x"}); r.count(`SELECT count(*) FROM document`) != 1 {
		t.Error("a stranger uploads")
	}
	for _, path := range []string{"/portal/new"} {
		if csp := b.to(path).header.Get("Content-Security-Policy"); !strings.Contains(csp, "connect-src 'self'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
	}
	if csp := b.to("/portal/drafts").header.Get("Content-Security-Policy"); strings.Contains(csp, "connect-src") {
		t.Errorf("a list may fetch: %s", csp)
	}
}
