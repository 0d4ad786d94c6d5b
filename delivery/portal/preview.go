package portal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// previewTime bounds how long the page on which answers are checked waits: it
// also works without.
const previewTime = 30 * time.Second

// onPaper looks what a draft would become on paper. What is wrong with it is a fault of
// the form; when nothing can be said just now, known is false.
func (p *Portal) onPaper(v *visitor, d draft, by delivery.Submitter) (is delivery.Preview, known bool, faults web.Faults) {
	ctx, cancel := context.WithTimeout(v.ctx(), previewTime)
	defer cancel()
	is, err := p.Deliveries.Preview(ctx, by, p.submission(v, d))
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		return is, false, p.faultsOf(d, found)
	}
	if err != nil {
		p.Log.WarnContext(v.ctx(), "no preview", "error", err)
		return is, false, nil
	}
	return is, true, nil
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
