package collect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/notify"
)

// named is the form as the addressee fills it in for somebody the provider knows.
func named(change ...string) url.Values {
	f := url.Values{"given": {"Jan"}, "family": {"van den Broeck"}, "email": {"jan@example.be"}, "mobile": {"0478 00 00 01"}, "birth_date": {""}, "language": {"en"}}
	for i := 0; i+1 < len(change); i += 2 {
		f.Set(change[i], change[i+1])
	}
	return f
}

// invited is the link in the mail to whom the addressee named.
func (r *rig) invited(d delivery.Delivery) string {
	r.t.Helper()
	var ref string
	r.must(r.pool.QueryRow(r.t.Context(), `SELECT ref FROM notice WHERE delivery_id = $1 AND kind = 'delegate_named' ORDER BY id DESC LIMIT 1`, d.ID).Scan(&ref))
	f, err := r.deliveries.NoticeFacts(r.t.Context(), notify.Notice{Delivery: string(d.ID), Kind: notify.Accepted, Ref: ref})
	r.must(err)
	return f.Link
}

func (r *rig) codeTo(d delivery.Delivery, to string) string {
	r.t.Helper()
	var ref string
	r.must(r.pool.QueryRow(r.t.Context(), `SELECT ref FROM notice WHERE delivery_id = $1 AND kind = 'code' AND address = $2 ORDER BY id DESC LIMIT 1`, d.ID, to).Scan(&ref))
	x, err := r.codes.otp.Find(r.t.Context(), ref)
	r.must(err)
	code, err := r.codes.otp.Code(x)
	r.must(err)
	return code
}

// The addressee names somebody, who collects with a link, codes and an identity
// of their own.
func TestNameSomebody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	mine := r.browser().identified(d).want(http.StatusOK, "/decide").shows("Iemand aanwijzen")
	mine.get(r.link(d)+"/delegate").want(http.StatusOK, "/delegate").shows("Wie mag dit bericht voor u afhalen?").hides(secretSubject, "opzegging")
	mine.submit("/delegate", named()).want(http.StatusOK, "/decide").shows("U hebt Jan van den Broeck gevraagd", "Dit intrekken")
	link := r.invited(d)
	if link == r.link(d) {
		t.Fatal("the delegate got the addressee's link")
	}
	theirs := r.browser().get(link).want(http.StatusOK, "").shows("Lotte Peeters asks you to collect").hides(secretSubject, "opzegging", "lotte@example.be")
	theirs.submit("/codes", nil).want(http.StatusOK, "/codes").shows("j•••@example.be").hides("l•••@example.be")
	theirs.submit("/check", url.Values{"email_code": {r.codeTo(d, "jan@example.be")}, "sms_code": {r.codeTo(d, "+32478000001")}}).want(http.StatusOK, "/identify").shows("Lotte Peeters named")
	theirs.answered(identitytest.Choice{Person: "jan"}).submit("/finish", nil).want(http.StatusOK, "/decide").
		shows("You choose on behalf of Lotte Peeters").hides("Name somebody", "Take this back", secretSubject)
	for _, path := range []string{"/delegate", "/delegate/withdraw"} {
		theirs.post(link+path, named()).want(http.StatusOK, "/decide")
	}
	theirs.get(link+"/decide").submit("/accept", nil).want(http.StatusOK, "/read").shows(secretSubject)
	theirs.submit("/open", nil).want(http.StatusOK, "/open").shows("hierbij zeggen wij de huur")
	if got := r.again(d); got.State != delivery.Consigned || got.ReceivedBy == nil || got.ReceivedBy.Family != "van den Broeck" {
		t.Errorf("%s by %+v", got.State, got.ReceivedBy)
	}
	mine.get(r.link(d)).shows("opnieuw lezen")
}

// Withdrawn, the link says so, and what was proven before opens nothing.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	mine := r.browser().identified(d)
	mine.get(r.link(d)+"/delegate").submit("/delegate", named()).want(http.StatusOK, "/decide")
	link := r.invited(d)
	theirs := r.browser().get(link).submit("/codes", nil)
	theirs.submit("/check", url.Values{"email_code": {r.codeTo(d, "jan@example.be")}, "sms_code": {r.codeTo(d, "+32478000001")}})
	theirs.answered(identitytest.Choice{Person: "jan"}).submit("/finish", nil).want(http.StatusOK, "/decide")
	accept, _ := theirs.form("/accept")
	mine.submit("/delegate/withdraw", nil).want(http.StatusOK, "/decide").shows("Iemand aanwijzen")
	theirs.post(accept, nil).want(http.StatusGone, "").shows("took it back").hides(secretSubject)
	r.browser().get(link).want(http.StatusGone, "").shows("took it back")
	if got := r.again(d); got.State != delivery.Notified {
		t.Errorf("state %s", got.State)
	}
	// Named once more, with another link, and forestalled by the addressee.
	mine.get(r.link(d)+"/delegate").submit("/delegate", named()).want(http.StatusOK, "/decide")
	mine.submit("/accept", nil).want(http.StatusOK, "/read")
	r.browser().get(r.invited(d)).want(http.StatusGone, "").shows("has been decided on already")
}

// The form says what is wrong with each field, keeps what was typed, and names
// nobody until it is right; somebody else is not let in.
func TestNameNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().identified(d)
	for _, c := range []struct{ field, value, says string }{
		{"given", "", "Vul dit in."}, {"family", " ", "Vul dit in."}, {"email", "jan", "e-mailadres"}, {"email", "LOTTE@example.be", "uw eigen adres"},
		{"mobile", "02 12", "gsm-nummer"}, {"mobile", "02 512 12 34", "zoals +32 470"}, {"mobile", "0470 12 34 56", "uw eigen adres"}, {"birth_date", "1/1/1985", "datum"},
		{"language", "es", "Typ het opnieuw"}, {"given", strings.Repeat("a", 101), "te lang"}, {"family", "a\x00b", "Typ het opnieuw"},
	} {
		b.get(r.link(d)+"/delegate").submit("/delegate", named(c.field, c.value))
		if b.status != http.StatusUnprocessableEntity || !strings.Contains(b.text(), c.says) || !strings.Contains(b.body, `aria-invalid="true"`) {
			t.Errorf("%s %q: %d\n%s", c.field, c.value, b.status, b.text())
		}
		if _, form := b.form("/delegate"); c.field != "family" && form.Get("family") != "van den Broeck" {
			t.Errorf("%s: what was typed is lost", c.field)
		}
	}
	var n int
	r.must(r.pool.QueryRow(t.Context(), `SELECT count(*) FROM delegate`).Scan(&n))
	if n != 0 {
		t.Errorf("%d delegates", n)
	}
	coded := r.browser().coded(d)
	coded.get(r.link(d)+"/delegate").want(http.StatusOK, "/identify")
	coded.post(r.link(d)+"/delegate", named()).want(http.StatusOK, "/identify")
	// Whoever is not the named person learns nothing, and leaves nothing.
	b.get(r.link(d)+"/delegate").submit("/delegate", named("given", "Piet")).want(http.StatusOK, "/decide")
	other := r.browser().get(r.invited(d)).submit("/codes", nil)
	other.submit("/check", url.Values{"email_code": {r.codeTo(d, "jan@example.be")}, "sms_code": {r.codeTo(d, "+32478000001")}})
	other.answered(identitytest.Choice{Person: "jan"}).submit("/finish", nil).want(http.StatusForbidden, "/mismatch").hides(secretSubject, "Piet", "Peeters,")
	r.must(r.pool.QueryRow(t.Context(), `SELECT count(*) FROM erds_event WHERE name = 'RecipientIdentification' AND body LIKE '%mismatch%' AND body LIKE '%"Jan"%'`).Scan(&n))
	if n != 0 {
		t.Error("evidence names who tried")
	}
}

// What is addressed to a company opens to no person by name, and says what to do.
func TestCompanyOpensToNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message(func(s *delivery.Submission) {
		s.Recipients[0].Organisation = &delivery.Organisation{Name: "Acme nv", EnterpriseNumber: "0403170701"}
	})
	b := r.browser().identified(d).want(http.StatusForbidden, "/mismatch").shows("voor een onderneming", "volmacht").hides(secretSubject)
	b.get(r.link(d)+"/decide").want(http.StatusOK, "/identify")
	if got := r.again(d); got.State != delivery.Notified || got.Identified != nil || got.ReceivedBy != nil {
		t.Errorf("%s, %+v", got.State, got.ReceivedBy)
	}
}

// TestCompanyCollects: who holds a company's mandate to receive collects what is
// addressed to it by the company's link. Company, mandate and person are of other
// accounts than the sender's.
func TestCompanyCollects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.browser().identified(r.message()).want(http.StatusOK, "/decide") // leaves what is known of Lotte
	for _, sql := range []string{
		`INSERT INTO account (id, kind, name, email, enterprise_number, country, created_at)
			VALUES ('0193aa00-0000-7000-8000-00000000000a', 'company', 'Acme nv', 'post@acme.example', '0403170701', 'BE', now())`,
		`INSERT INTO person (id, given, family, login, email, mobile, language, password_hash, password_at, created_at, identification_id)
			SELECT '0193aa00-0000-7000-8000-00000000000b', 'Lotte', 'Peeters', 'lotte', 'lotte@acme.example', '+32470000009', 'nl', '$argon2id$', now(), now(), id FROM identification`,
		`INSERT INTO mandate (id, account_id, person_id, given, family, powers, valid_from, granted_by, granted_at, proof_kind)
			VALUES ('0193aa00-0000-7000-8000-00000000000c', '0193aa00-0000-7000-8000-00000000000a', '0193aa00-0000-7000-8000-00000000000b',
				'Lotte', 'Peeters', '{receive}', now() - interval '1 day', 'p', now(), 'operator')`,
	} {
		_, err := r.pool.Exec(t.Context(), sql)
		r.must(err)
	}
	d := r.message(func(s *delivery.Submission) {
		s.Recipients[0].Organisation = &delivery.Organisation{Name: "Acme nv", EnterpriseNumber: "0403170701"}
	})
	b := r.browser().accepted(d)
	b.submit("/open", nil).want(http.StatusOK, "/open").shows("hierbij zeggen wij de huur van uw appartement op.")
	b.get(r.link(d)+"/read").submit("/documents/1", nil)
	if b.body != string(content(20_000)) {
		t.Errorf("document 1: %d octets", len(b.body))
	}
}
