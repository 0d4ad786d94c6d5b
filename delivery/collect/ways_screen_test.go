package collect_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// others takes the other ways: a better number, nothing electronic, paper, and
// the start and the decision of somebody who comes late.
func (s *screen) others() {
	s.r.t.Helper()
	d := s.r.message(func(m *delivery.Submission) { m.Recipients[0].Language = s.lang })
	s.do(chromedp.Navigate(s.r.link(d)))
	s.tap("/codes")
	s.page("codes", "/codes")
	s.do(chromedp.Click(chromedp.CSS(`main a[href$="/address?channel=sms"]`)))
	s.page("address", "/address")
	s.do(chromedp.SendKeys(chromedp.CSS(`#code`), s.r.code(d, notify.Email)), chromedp.SendKeys(chromedp.CSS(`#address`), "02 123"))
	s.tap("/address")
	s.page("address-wrong", "/address")
	s.do(chromedp.SetValue(chromedp.CSS(`#address`), "0478 99 88 77"))
	s.tap("/address")
	s.page("address-code", "/address")
	s.do(chromedp.SendKeys(chromedp.CSS(`#code`), s.r.code(d, notify.SMS)))
	s.tap("/address/prove")
	s.page("address-asked", "/address/prove")

	d = s.r.message(func(m *delivery.Submission) { m.Recipients[0].Language = s.lang })
	s.do(chromedp.Navigate(s.r.link(d)))
	s.tap("/codes")
	s.page("codes", "/codes")
	s.typed(d, s.r.code(d, notify.Email), s.r.code(d, notify.SMS))
	s.page("identify", "/identify")
	s.do(chromedp.Click(chromedp.CSS(`main a[href$="/ways"]`)))
	s.page("ways", "/ways")
	s.tap("/no-online")
	s.page("no-online", "/no-online")
	s.do(chromedp.Navigate(s.r.link(d) + "/ways"))
	s.tap("/paper")
	s.page("paper", "/paper")
	s.do(chromedp.Navigate(s.r.link(d) + "/ways"))
	s.page("ways-asked", "/ways")
	s.r.pass(17 * 24 * time.Hour)
	s.do(chromedp.Navigate(s.r.link(d)))
	s.page("late", "")
}

func TestOtherWaysOnAPhone(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"nl", "fr", "de", "en"} {
		t.Run(lang, func(t *testing.T) {
			newScreen(newRig(t), lang, "phone", 390, 844).others()
		})
	}
}
