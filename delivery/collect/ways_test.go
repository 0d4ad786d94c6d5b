package collect_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/notify"
)

// refusals remembers who wants nothing electronic any more.
type refusals struct{ addresses []string }

func (r *refusals) Refuse(_ context.Context, _ pgx.Tx, _ notify.Channel, address string, _ time.Time) error {
	r.addresses = append(r.addresses, address)
	return nil
}

// TestCollectLate is somebody who comes after the window, before the letter.
func TestCollectLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	r.pass(17 * 24 * time.Hour)
	b := r.browser()
	b.get(r.link(d)).want(http.StatusOK, "").shows("Zolang de brief niet is aangekomen, kunt u het hier nog lezen").hides("U kunt kiezen")
	b.identified(d).want(http.StatusOK, "/decide").shows("Het is per post onderweg").hides("Als u weigert")
	b.get(r.link(d)+"/refuse").want(http.StatusOK, "/decide")
	b.post(r.link(d)+"/refuse", nil).want(http.StatusOK, "/decide") // nothing refused
	b.submit("/accept", nil).want(http.StatusOK, "/read").shows(secretSubject)
	if got := r.again(d); got.State != delivery.Consigned {
		t.Errorf("state %s", got.State)
	}
}

func TestAskForPaper(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().coded(d).want(http.StatusOK, "/identify")
	b.get(r.link(d)+"/ways").want(http.StatusOK, "/ways").shows("Op papier", "Kerkstraat").hides(secretSubject)
	b.submit("/paper", nil).want(http.StatusOK, "/paper").shows("Het bericht komt met de post")
	b.post(r.link(d)+"/paper", nil).want(http.StatusOK, "/paper") // pressed twice
	b.get(r.link(d) + "/ways").shows("U hebt dit bericht op papier gevraagd")
	got := r.again(d)
	if !got.Choices.Paper() || got.PostReason() != "asked" || !slices.Contains(r.events(d), evidence.RecipientChoice) {
		t.Errorf("choices %+v, reason %q", got.Choices, got.PostReason())
	}
	b.get(r.link(d)+"/identify").answered(identitytest.Choice{Person: "lotte"}).submit("/finish", nil).submit("/accept", nil).want(http.StatusOK, "/read") // still possible online
}

// TestPaperNeedsBothCodes shows that the link alone, or one code, chooses nothing.
func TestPaperNeedsBothCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	before := r.events(d)
	for _, path := range []string{"/paper", "/no-online", "/address", "/address/prove"} {
		r.browser().post(r.link(d)+path, url.Values{"channel": {"sms"}, "address": {"+32470123456"}}).want(http.StatusOK, "")
	}
	if after := r.events(d); !slices.Equal(before, after) {
		t.Errorf("events %v became %v", before, after)
	}
}

func TestNothingElectronicAnyMore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser().coded(d).want(http.StatusOK, "/identify")
	b.get(r.link(d) + "/ways").shows("Niets meer elektronisch")
	b.submit("/no-online", nil).want(http.StatusOK, "/no-online").shows("voortaan geen elektronische aangetekende berichten")
	if want := []string{d.Recipient.Email, d.Recipient.Mobile}; len(r.refusals.addresses) != 2 || !slices.Contains(r.refusals.addresses, want[0]) || !slices.Contains(r.refusals.addresses, want[1]) {
		t.Errorf("refused at %v", r.refusals.addresses)
	}
	if got := r.again(d); got.State != delivery.Notified {
		t.Errorf("this message became %s", got.State)
	}
}

// TestBetterNumber names another mobile number: with the code of the e-mail, and
// the code that went to the new number. It counts only once the sender agrees.
func TestBetterNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.message()
	b := r.browser()
	b.get(r.link(d)).submit("/codes", nil).want(http.StatusOK, "/codes").shows("Mijn telefoonnummer klopt niet")
	b.get(r.link(d)+"/address?channel=sms").want(http.StatusOK, "/address").shows("Geef een beter telefoonnummer op")
	email, wrong := r.code(d, notify.Email), "000000"
	if email == wrong {
		wrong = "111111"
	}
	b.submit("/address", url.Values{"code": {wrong}, "address": {"0478 99 88 77"}}).want(http.StatusUnprocessableEntity, "/address").shows("Deze code")
	b.submit("/address", url.Values{"code": {email}, "address": {"02 123 45 67"}}).want(http.StatusUnprocessableEntity, "/address")
	b.submit("/address", url.Values{"code": {email}, "address": {d.Recipient.Mobile}}).want(http.StatusUnprocessableEntity, "/address").shows("dat wij al hebben")
	b.submit("/address", url.Values{"code": {email}, "address": {"0478 99 88 77"}}).want(http.StatusOK, "/address").shows("Vul de code van het nieuwe adres in")
	b.submit("/address/prove", url.Values{"code": {r.code(d, notify.SMS)}}).want(http.StatusOK, "/address/prove").shows("moet nu instemmen")
	if got := r.again(d); got.Recipient.Mobile != d.Recipient.Mobile {
		t.Fatal("the number changed without the sender")
	}
	list, err := r.deliveries.Proposals(t.Context(), d.ID)
	r.must(err)
	if len(list) != 1 || !list[0].Open() || list[0].Address != "+32478998877" {
		t.Fatalf("proposals %+v", list)
	}
	for _, e := range r.events(d) {
		if e == evidence.RecipientChoice {
			return
		}
	}
	t.Errorf("events %v", r.events(d))
}

// TestWaysInEveryLanguage is in the reader's language and says nothing of the content.
func TestWaysInEveryLanguage(t *testing.T) {
	t.Parallel()
	for lang, word := range map[string]string{"nl": "Hoe wilt u het ontvangen?", "fr": "Comment voulez-vous le recevoir", "de": "Wie möchten Sie es erhalten?", "en": "How do you want to receive it?"} {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d := r.message(func(s *delivery.Submission) { s.Recipients[0].Language = lang })
			b := r.browser().coded(d)
			b.get(r.link(d) + "/ways").shows(word).hides(secretSubject)
			if strings.Contains(b.body, "ways.paper") {
				t.Error("a key stands where words should")
			}
		})
	}
}
