package portal_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery"
)

// until waits for something that a script does by itself.
func (s *screen) until(script string) {
	s.r.t.Helper()
	for range 400 {
		if ok, err := chromedp.Run(s.ctx, chromedp.Evaluate[bool](script)); ok && err == nil {
			return
		}
		<-time.After(50 * time.Millisecond) // the browser is another process
	}
	s.r.t.Fatalf("%s %s: never %s", s.name, s.lang, script)
}

// signIn opens the portal as lotte.
func (s *screen) signIn() {
	r := s.r
	r.t.Helper()
	s.do(chromedp.Navigate(r.server.URL + "/portal/sign-in?lang=" + s.lang))
	s.do(chromedp.SendKeys(chromedp.CSS(`#login`), "lotte"), chromedp.SendKeys(chromedp.CSS(`#password`), password), chromedp.SendKeys(chromedp.CSS(`#code`), r.code(r.secret)))
	s.follow(`main form button`, "/portal")
}

// letter fills in a whole message.
func (s *screen) letter() {
	s.fill("subject", "Opzegging van de huurovereenkomst")
	s.fill("body", "Geachte,\n\nhierbij zeg ik de huur op van het appartement aan de Vlasmarkt 7 in Gent.\n\nMet vriendelijke groeten")
	for id, value := range map[string]string{"given": "An", "family": "Janssens", "email": "an@example.be", "mobile": "0470 12 34 56", "line1": "Kerkstraat 1", "postcode": "2000",
		"city": "Antwerpen", "org_name": "Bakkerij Vlasmarkt bv", "org_number": "0403.170.701"} {
		s.do(chromedp.SetValue(chromedp.CSS("#r0-"+id), value))
	}
}

// drafts sees every page of a message before it is sent, in every state.
func (s *screen) drafts() {
	r := s.r
	r.t.Helper()
	s.signIn()
	s.open("drafts-none", "/portal/drafts")
	s.open("release-none", "/portal/release")
	s.do(chromedp.Navigate(r.server.URL + "/portal/new"))
	s.letter()
	s.dropFile("Huurovereenkomst Vlasmarkt 7.pdf", 300_000)
	s.look("draft-dropped")
	s.press("draft-saved", `button[value="save"]`, "")
	id := value[string](s, `location.pathname.split("/").pop()`)
	s.press("draft-check", `button[value="check"]:not(.sr)`, "/new")
	value[chromedp.Void](s, `document.querySelectorAll("details").forEach(d => d.open = true)`)
	s.look("draft-check-open")
	s.press("draft-later-fault", `button[formaction="/portal/later"]`, "/later")
	s.fill("send_date", r.now().AddDate(0, 0, 3).Format(time.DateOnly))
	s.fill("send_time", "09:30")
	s.press("draft-scheduled", `button[formaction="/portal/later"]`, id)
	s.open("drafts", "/portal/drafts")
	s.open("draft-delete", "/portal/drafts/"+id+"/delete")
	jan := r.jan()
	waits := r.handed(jan)
	s.open("release", "/portal/release")
	s.open("waiting", "/portal/drafts/"+waits)
	s.press("waiting-fault", `form[action$="/give-back"] button`, "/give-back")
	s.fill("reason", "De datum in de tweede alinea klopt niet.")
	s.follow(`form[action$="/give-back"] button`, "/release")
	s.open("draft-given-back", "/portal/drafts/"+waits)
	r.must(r.deliveries.SetSecondPerson(r.t.Context(), r.submitter(r.account).By, true))
	s.open("release-rule", "/portal/release")
	s.do(chromedp.Navigate(r.server.URL + "/portal/drafts/" + waits))
	s.press("check-second", `button[value="check"]:not(.sr)`, "/new")
	s.press("waiting-mine", `button[formaction="/portal/hand-over"]`, waits)
	d, _, err := r.deliveries.CreateDraft(r.t.Context(), r.submitter(r.account).By, false,
		delivery.DraftContent{Submission: submission(func(s *delivery.Submission) { s.Policy.PostAtOnce = false })}, delivery.Once{})
	r.must(err)
	s.open("draft-program", "/portal/drafts/"+string(d.ID))
}

// dropFile drops a file onto the form, and waits until it is there.
func (s *screen) dropFile(name string, size int) {
	r := s.r
	r.t.Helper()
	value[chromedp.Void](s, `{const data = new DataTransfer();
		data.items.add(new File([new Uint8Array(`+strconv.Itoa(size)+`)], "`+name+`", {type: "application/pdf"}));
		document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}))}`)
	s.until(`document.querySelectorAll(".files input[name=document]").length === 1`)
	// One that is refused says so, and the other stays.
	value[chromedp.Void](s, `{const data = new DataTransfer();
		data.items.add(new File(["x"], "n".repeat(230) + ".pdf", {type: "application/pdf"}));
		document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}))}`)
	s.until(`document.querySelector("[data-uploads] .fault") !== null`)
	if n := value[int](s, `document.querySelectorAll(".files input[name=document]").length`); n != 1 {
		r.t.Errorf("%s: %d documents", s.lang, n)
	}
}

func TestDraftsOnAPhone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) { newScreen(newRig(t), lang, "phone", 390, 844, "light").drafts() })
	}
}

func TestDraftsOnADesktop(t *testing.T) {
	t.Parallel()
	for lang, scheme := range map[string]string{"nl": "dark", "en": "light"} {
		t.Run(lang, func(t *testing.T) { newScreen(newRig(t), lang, "desktop", 1280, 900, scheme).drafts() })
	}
}
