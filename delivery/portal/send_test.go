package portal_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

var identitySystem = identity.System

// typed is a whole message, as a person fills in the form.
func typed(change ...string) url.Values {
	f := url.Values{"do": {"check"}, "subject": {"Ingebrekestelling"}, "body": {"Geachte,\r\n\r\nu bent in gebreke."}, "reference": {"D-7"}, "days": {"20"}, "fallback": {"post"},
		"r0-given": {"An"}, "r0-family": {"Janssens"}, "r0-email": {"an@example.be"}, "r0-mobile": {"0470 12 34 56"}, "r0-language": {"nl"},
		"r0-line1": {"Kerkstraat 1"}, "r0-line2": {""}, "r0-postcode": {"2000"}, "r0-city": {"Antwerpen"}, "r0-country": {"BE"},
		"r0-birth_date": {"1985-07-30"}, "r0-national_number": {""}}
	for i := 0; i+1 < len(change); i += 2 {
		f.Set(change[i], change[i+1])
	}
	return f
}

// file is one to upload.
type file struct{ name, kind, content string }

// multipart sends the form of a message with files.
func (b *browser) multipart(path string, fields url.Values, files ...file) *browser {
	b.r.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for k, vs := range fields {
		for _, v := range vs {
			b.r.must(w.WriteField(k, v))
		}
	}
	for _, f := range files {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {f.kind},
			"Content-Disposition": {`form-data; name="documents"; filename="` + strings.ReplaceAll(f.name, `"`, "%22") + `"`}})
		b.r.must(err)
		_, err = part.Write([]byte(f.content))
		b.r.must(err)
	}
	b.r.must(w.Close())
	q, err := http.NewRequestWithContext(b.r.t.Context(), http.MethodPost, b.r.server.URL+path, &buf)
	b.r.must(err)
	q.Header.Set("Content-Type", w.FormDataContentType())
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.send(q)
}

// A whole message: written in steps, with documents and two people, checked,
// changed, checked and sent.
func TestSend(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte().to("/portal/new").want(http.StatusOK, "/new")
	b.multipart("/portal/new", typed("do", "add"), file{"contract.pdf", "application/pdf", "%PDF-1.7 a"}, file{`C:\tmp\foto <1>.png`, "image/png", "png"})
	b.want(http.StatusOK, "/new").shows("contract.pdf", "foto <1>.png", "Recipient 2")
	_, form := b.form("/portal/new")
	if form.Get("subject") != "Ingebrekestelling" || form.Get("r0-given") != "An" || form.Get("document") == "" || !strings.Contains(b.body, "u bent in gebreke.") {
		t.Errorf("typed was lost: %v", form)
	}
	docs := documents(b)
	if len(docs) != 2 {
		t.Fatalf("documents %v", docs)
	}
	second := typed("r1-given", "Jan", "r1-family", "Maes", "r1-email", "jan@example.be", "r1-mobile", "+352 621 123 456", "r1-language", "fr",
		"r1-line1", "Rue 2", "r1-postcode", "1855", "r1-city", "Luxembourg", "r1-country", "LU", "once", form.Get("once"))
	second["document"] = docs
	b.multipart("/portal/new", second).want(http.StatusOK, "/new").shows("Check your message", "contract.pdf", "Jan Maes", "+32470123456", "20 days")
	_, form = b.form("/portal/send")
	form["document"] = docs
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages before sending", n)
	}
	form.Set("do", "change")
	b.post(r.server.URL+"/portal/new", form).want(http.StatusOK, "/new").shows("New message", "contract.pdf")
	form.Del("do")
	form["document"] = docs
	b.post(r.server.URL+"/portal/send", form)
	first := b.at.Path
	b.want(http.StatusOK, first).shows("Your message was accepted", "Ingebrekestelling", "An Janssens", "Jan Maes", "contract.pdf", "By post")
	b.post(r.server.URL+"/portal/send", form) // pressed twice
	if n := r.count(`SELECT count(*) FROM message`); n != 1 || b.at.Path != first {
		t.Errorf("%d messages, at %s", n, b.at.Path)
	}
	form.Set("subject", "Iets anders")
	b.post(r.server.URL+"/portal/send", form).want(http.StatusConflict, "/send").shows("already sent")
	if n := r.count(`SELECT count(*) FROM erds_event WHERE name = 'SubmissionAcceptance'`); n != 2 {
		t.Errorf("%d acceptances for two recipients", n)
	}
}

// documents are those that the form on the page names.
func documents(b *browser) (ids []string) {
	for _, part := range strings.Split(b.body, `name="document" value="`)[1:] {
		ids = append(ids, part[:strings.IndexByte(part, '"')])
	}
	return ids
}

// Each mistake is named at its field, and nothing typed is lost.
func TestFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	for _, c := range []struct{ field, value, link, says string }{
		{"subject", "", "subject", "Enter a subject"},
		{"subject", strings.Repeat("x", 201), "subject", "201 characters"},
		{"subject", "a\x00b", "subject", "character"},
		{"body", "", "body", "Write a text"},
		{"body", strings.Repeat("é", 100001), "body", "100001"},
		{"days", "0", "days", "from 1 to 60"},
		{"days", "61", "days", "from 1 to 60"},
		{"days", "veel", "days", "from 1 to 60"},
		{"fallback", "pigeon", "fallback", "Choose one"},
		{"r0-given", " ", "r0-given", "first name"},
		{"r0-family", "", "r0-family", "last name"},
		{"r0-email", "an@", "r0-email", "e-mail address such as"},
		{"r0-mobile", "02 123 45 67", "r0-mobile", "mobile number such as"},
		{"r0-mobile", "02 512 12 34", "r0-mobile", "text messages, such as +32 470 12 34 56"},
		{"r0-language", "pl", "r0-language", "Choose a language"},
		{"r0-line1", "", "r0-line1", "street"},
		{"r0-postcode", "200", "r0-postcode", "postcode"},
		{"r0-city", "", "r0-city", "town"},
		{"r0-country", "", "r0-country", "Choose a country"},
		{"r0-birth_date", "30/07/1985", "r0-birth_date", "date such as"},
		{"r0-national_number", "85.07.30-000.00", "r0-national_number", "check digits"},
	} {
		b.multipart("/portal/new", typed(c.field, c.value))
		if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.text(), c.says) || !strings.Contains(b.body, `href="#`+c.link+`"`) || !strings.Contains(b.body, `id="`+c.link+`"`) {
			t.Errorf("%s = %.20q: %d\n%.600s", c.field, c.value, b.status, b.text())
		}
		if _, form := b.form("/portal/new"); c.field != "r0-family" && form.Get("r0-family") != "Janssens" {
			t.Errorf("%s = %.20q: what was typed is lost", c.field, c.value)
		}
	}
	b.multipart("/portal/new", typed("r0-line1", "", "r0-postcode", "", "r0-city", "")).want(http.StatusUnprocessableEntity, "/new").shows("postal address")
	b.multipart("/portal/new", typed("r0-line1", "", "r0-postcode", "", "r0-city", "", "fallback", "none")).want(http.StatusOK, "/new").shows("Check your message")
	b.multipart("/portal/new", typed("r1-given", "An", "r1-family", "Janssens", "r1-email", "AN@example.be", "r1-mobile", "0470 12 34 57", "r1-language", "nl", "r1-country", "BE")).
		want(http.StatusUnprocessableEntity, "/new").shows("Recipient 2: This is the same person as recipient 1")
	if n := r.count(`SELECT count(*) FROM message`); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	b.multipart("/portal/new", typed("do", "upload"), file{strings.Repeat("n", 220) + ".pdf", "application/pdf", "x"}, file{"goed.pdf", "application/pdf", "x"}).
		want(http.StatusUnprocessableEntity, "/new").shows("cannot be used", "goed.pdf")
	docs := documents(b)
	if len(docs) != 1 {
		t.Fatalf("documents %v", docs)
	}
	keep := typed("do", "drop:"+docs[0])
	keep["document"] = docs
	b.multipart("/portal/new", keep).want(http.StatusOK, "/new").hides("goed.pdf")
	// Documents of others, of nobody, and twice the same.
	other, _ := r.company("karim", "Andere nv")
	d, _, err := r.deliveries.Upload(t.Context(), other, delivery.NewDocument{Filename: "geheim.pdf"}, strings.NewReader("x"), delivery.Once{})
	r.must(err)
	foreign := typed()
	foreign["document"] = []string{string(d.ID), "x", ""}
	b.multipart("/portal/new", foreign).hides("geheim.pdf", string(d.ID))
	foreign.Set("once", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	b.post(r.server.URL+"/portal/send", foreign).want(http.StatusUnprocessableEntity, "/send").hides("geheim.pdf")
	twice := typed()
	twice["document"] = []string{docs[0], docs[0]}
	b.multipart("/portal/new", twice).want(http.StatusUnprocessableEntity, "/new").shows("listed twice")
	for name, body := range map[string]string{"cut": "--x\r\nContent-Disposition: form-data; name=\"subject\"\r\n\r\nhalf", "empty": "", "rubbish": "rubbish"} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/portal/new", strings.NewReader(body))
		r.must(err)
		q.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		if b.send(q); b.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, b.status)
		}
	}
	b.multipart("/portal/new", url.Values{"subject": {strings.Repeat("x", 5<<20)}}).want(http.StatusRequestEntityTooLarge, "/new")
	for _, kind := range []string{"", "text/plain", "application/json"} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.server.URL+"/portal/send", strings.NewReader("{}"))
		r.must(err)
		q.Header.Set("Content-Type", kind)
		if b.send(q); b.status != http.StatusBadRequest {
			t.Errorf("%q: %d", kind, b.status)
		}
	}
}

// A session that ends while somebody writes costs nothing that was typed.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.lotte()
	r.pass(16 * time.Minute)
	b.multipart("/portal/new", typed(), file{"a.pdf", "application/pdf", "x"}).want(http.StatusUnauthorized, "/new").shows("what you typed is kept")
	b.submit("/portal/sign-in", url.Values{"login": {"lotte"}, "password": {"wrong"}}).want(http.StatusUnprocessableEntity, "/sign-in").shows("is wrong")
	b.submit("/portal/sign-in", url.Values{"login": {"lotte"}, "password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/sign-in").shows("New message", "u bent in gebreke")
	if _, form := b.form("/portal/new"); form.Get("subject") != "Ingebrekestelling" || form.Get("r0-email") != "an@example.be" || form.Has("password") {
		t.Errorf("form after signing in: %v", form)
	}
	r.pass(16 * time.Minute)
	b.to("/portal/account").want(http.StatusOK, "/sign-in")
	b.submit("/portal/sign-in", url.Values{"login": {"lotte"}, "password": {password}, "code": {r.code(r.secret)}}).want(http.StatusOK, "/portal/account")
	b.submit("/portal/sign-out", nil).want(http.StatusOK, "/")
	b.to("/portal").want(http.StatusOK, "/sign-in")
}

func TestSignInRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	try := func(login, pass, code string) *browser {
		return b.get(r.server.URL+"/portal/sign-in?lang=en").submit("/portal/sign-in", url.Values{"login": {login}, "password": {pass}, "code": {code}})
	}
	unknown := try("nobody", password, "000000").want(http.StatusUnprocessableEntity, "/sign-in").text()
	if wrong := try("lotte", password, "000000").want(http.StatusUnprocessableEntity, "/sign-in").text(); strings.ReplaceAll(wrong, "lotte", "nobody") != unknown {
		t.Error("a known login is answered differently")
	}
	if strings.Contains(b.body, password) {
		t.Error("the password comes back")
	}
	for _, login := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 10000)} {
		try(login, password, "\x00").want(http.StatusUnprocessableEntity, "/sign-in")
	}
	for range 7 {
		try("lotte", "wrong", "")
	}
	b.want(http.StatusTooManyRequests, "/sign-in").shows("Too many attempts")
	if r.count(`SELECT count(*) FROM session`) != 0 {
		t.Error("a session was opened")
	}
}

func TestMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 26 {
		r.message(r.account)
	}
	many := r.message(r.account, func(s *delivery.Submission) {
		for i := range 30 {
			p := s.Recipients[0]
			p.Email = fmt.Sprintf("an%d@example.be", i)
			s.Recipients = append(s.Recipients, p)
		}
	})
	b := r.lotte().to("/portal/messages").shows("31 × ", "Older").hides("Newer")
	b.to("/portal/messages?older="+string(many[0].Message.ID)+".0").want(http.StatusOK, "/portal/messages").shows("To the newest", "Older", "Newer")
	b.to("/portal/messages/" + string(many[0].Message.ID)).shows("More recipients").hides("an28@example.be")
	b.to("/portal/messages/" + string(many[0].Message.ID) + "?after=25").shows("an28@example.be").hides("More recipients")
}
