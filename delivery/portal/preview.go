package portal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// previewTime bounds how long the page on which answers are checked waits: it
// also works without.
const previewTime = 30 * time.Second

// foresee fills in what a message would become if it went at a time: on paper, on
// the screens of its recipients, and when. What is wrong with it is a fault of the
// form; what nobody can say just now is left out.
func (p *Portal) foresee(v *visitor, page *writePage, sub delivery.Submission, test bool, at time.Time) (web.Faults, error) {
	profile, err := p.Identity.Profile(v.ctx(), v.session.Account)
	if err != nil {
		return nil, fmt.Errorf("portal: sender: %w", err)
	}
	by := delivery.Submitter{By: v.actor(), Sender: delivery.SenderParty(profile), Test: test}
	if page.Plan == nil {
		if page.Plan, err = p.planAt(v, sub.Policy, at); err != nil {
			return nil, err
		}
	}
	if page.Notices, err = p.Deliveries.PreviewNotices(v.ctx(), by, sub, at); err != nil {
		if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
			return p.faultsOf(page.Draft, found), nil
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(v.ctx(), previewTime)
	defer cancel()
	page.Preview, err = p.Deliveries.Preview(ctx, by, sub)
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		return p.faultsOf(page.Draft, found), nil
	}
	page.Quote = page.Preview.Quote
	if page.Previewed = err == nil; err != nil {
		p.Log.WarnContext(v.ctx(), "no preview", "error", err)
		if q, err := p.Deliveries.Quote(sub, nil); err == nil {
			page.Quote = &q
		}
	}
	return nil, nil
}

// Letter is what recipient r would get on paper, or nil.
func (w writePage) Letter(r person) *delivery.LetterPreview {
	if r.N < 0 || r.N >= len(w.Preview.Recipients) {
		return nil
	}
	return w.Preview.Recipients[r.N].Letter
}

// Content is what becomes of each part on paper: of the first letter, because
// only the language can differ in the others.
func (w writePage) Content() []delivery.PartPreview {
	for _, r := range w.Preview.Recipients {
		if r.Letter != nil {
			return r.Letter.Parts
		}
	}
	return nil
}

// Unprinted counts the parts that do not go on paper.
func (w writePage) Unprinted() (n int) {
	for _, c := range w.Content() {
		if c.Cause != "" {
			n++
		}
	}
	return n
}

// Total sums the preview up.
func (w writePage) Total() delivery.PreviewTotal { return w.Preview.Total() }

// Euro and Cents are the two halves of an amount.
func (writePage) Euro(cents int) int { return cents / 100 }

// Cents are written with two digits.
func (writePage) Cents(cents int) string {
	s := strconv.Itoa(cents % 100)
	if len(s) == 1 {
		s = "0" + s
	}
	return s
}
