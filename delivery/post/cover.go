package post

import (
	"fmt"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// cover is everything the cover says.
type cover struct {
	letter  delivery.Letter
	to      address
	ret     []string // where an undelivered letter goes back
	window  Window
	words   words
	service string // name of the service
	date    string
	sent    string
	ended   string
	sheets  int
	parts   []sheetPart
}

// flow is the running text of the cover, over as many pages as it takes.
type flow struct {
	*paper
	c   *cover
	y   float64
	end float64
}

const coverLeft, coverRight = 20, 190

// setCover typesets the cover. Errors: ErrAddress, ErrLetter.
func setCover(f *faces, c *cover) (*paper, error) {
	p := newPaper(f)
	p.page()
	banner(p, c.words, c.letter.Test)
	c.wordmark(p)
	c.sideBlocks(p)
	if err := c.addressBlock(p); err != nil {
		return nil, err
	}
	for _, y := range c.window.Folds {
		p.line(3, y, 7, y, 0.4)
	}
	t := &flow{paper: p, c: c, y: c.window.bottom() + 9, end: 284}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.opening()
	t.facts()
	t.documents()
	return p, nil
}

// wordmark puts the service's name on top.
func (c *cover) wordmark(p *paper) {
	p.text(bold, 24, coverLeft, 27, c.service)
	p.ink(70)
	p.text(regular, 9, coverLeft, 32, c.words.Service)
	p.right(regular, 9, coverRight, 27, fill(c.words.Date, "date", c.date))
	p.right(regular, 9, coverRight, 32, c.words.Number+" "+c.letter.Number)
	p.ink(0)
	p.line(coverLeft, 36, coverRight, 36, 1)
}

// sideBlocks puts the return line and the sender where the window says.
func (c *cover) sideBlocks(p *paper) {
	r := c.window.Return
	line, _ := p.f.printable(fill(c.words.Return, "address", strings.Join(c.ret, ", ")))
	size := 7.5
	for size > 6 && p.f.measure(regular, size, line) > r.W {
		size -= 0.25
	}
	p.ink(70)
	lines := p.f.wrap(regular, size, r.W, line)
	lines = lines[:min(2, len(lines))]
	y := r.Y + r.H - 1.2 - float64(len(lines)-1)*3
	for i, s := range lines {
		p.text(regular, size, r.X, y+float64(i)*3, s)
	}
	p.line(r.X, r.Y+r.H, r.X+r.W, r.Y+r.H, 0.3)
	s := c.window.Sender
	p.text(regular, 8, s.X, s.Y+3, c.words.Sender)
	p.ink(0)
	y = s.Y + 7.5
	for i, l := range append([]string{c.letter.SenderName}, c.letter.SenderLines...) {
		name, size := regular, 9.5
		if i == 0 {
			name = bold
		}
		l, _ = p.f.printable(l)
		for _, part := range p.f.wrap(name, size, s.W, l) {
			if y > s.Y+s.H {
				return
			}
			p.text(name, size, s.X, y, part)
			y += 4.2
		}
	}
}

// addressBlock puts the address in the window, as large as it fits. Errors:
// ErrAddress.
func (c *cover) addressBlock(p *paper) error {
	b := c.window.Address
	size, pitch, err := c.to.fits(p.f, b)
	if err != nil {
		return err
	}
	y := b.Y + (b.H-pitch*float64(len(c.to.Lines)))/2
	for i, l := range c.to.Lines {
		p.text(regular, size, b.X, y+pitch*(float64(i)+0.78), l)
	}
	return nil
}

// need begins a new page when h millimetres are not left.
func (t *flow) need(h float64) {
	if t.y+h <= t.end {
		return
	}
	t.page()
	banner(t.paper, t.c.words, t.c.letter.Test)
	t.text(bold, 11, coverLeft, 26, t.c.service)
	t.ink(90)
	t.right(regular, 8.5, coverRight, 26, t.c.words.Number+" "+t.c.letter.Number+" ("+t.c.words.Continued+")")
	t.line(coverLeft, 29.5, coverRight, 29.5, 0.5)
	t.ink(0)
	t.y, t.end = 38, 284
}

// para writes a paragraph and leaves gap under it. A short one stays together.
func (t *flow) para(name face, size, x, width, gap float64, s string) {
	s, _ = t.f.printable(s)
	lead := size * 0.3528 * 1.36
	lines := t.f.wrap(name, size, width, strings.Join(strings.Fields(s), " "))
	if len(lines) < 8 {
		t.need(lead * float64(len(lines)-1))
	}
	for _, l := range lines {
		t.need(0)
		t.text(name, size, x, t.y, l)
		t.y += lead
	}
	t.y += gap
}

// opening says what this is and why it is on paper.
func (t *flow) opening() {
	l, w := t.c.letter, t.c.words
	t.para(bold, 14, coverLeft, coverRight-coverLeft, 2, w.Title)
	t.para(regular, 10, coverLeft, coverRight-coverLeft, 1.5,
		fill(w.Why[l.Reason], "sender", l.SenderName, "sent", t.c.sent, "ended", t.c.ended))
	t.para(regular, 10, coverLeft, coverRight-coverLeft, 2.5, w.What)
}

// facts is the table under the opening.
func (t *flow) facts() {
	w := t.c.words
	t.line(coverLeft, t.y-3, coverRight, t.y-3, 0.4)
	t.y += 2
	for _, row := range [][2]string{
		{w.Number, t.c.letter.Number},
		{w.Subject, t.c.letter.Subject},
		{w.Sent, fill(w.LocalTime, "date", t.c.sent)},
		{w.Ended, fill(w.LocalTime, "date", t.c.ended)},
		{w.Extent, count(w.SheetsOne, w.SheetsMany, t.c.sheets)},
	} {
		t.need(5)
		t.ink(70)
		t.text(regular, 9.5, coverLeft, t.y, row[0])
		t.ink(0)
		t.para(regular, 9.5, 70, coverRight-70, 0.4, row[1])
	}
	t.line(coverLeft, t.y-2.2, coverRight, t.y-2.2, 0.4)
	t.y += 4.5
}

// documents lists every part with its digest, printed or not.
func (t *flow) documents() {
	w := t.c.words
	t.need(25)
	t.para(bold, 11, coverLeft, coverRight-coverLeft, 1, w.Documents)
	missing := false
	for i, d := range t.c.parts {
		t.need(17)
		t.text(regular, 9.5, coverLeft, t.y, fmt.Sprintf("%d.", i+1))
		t.para(bold, 9.5, 27, coverRight-27, -0.2, d.title)
		facts := w.size(d.part.Size)
		if d.cause == "" {
			facts += " · " + w.pages(d.pages) + " · " + w.printed(d.first, d.last)
			for _, n := range d.notes {
				facts += " · " + w.Note[n]
			}
		} else {
			facts += " · " + fill(w.NotPrinted, "cause", w.Cause[d.cause])
			missing = true
		}
		t.para(regular, 9, 27, coverRight-27, -0.2, facts)
		t.ink(70)
		t.para(mono, 7.2, 27, coverRight-27, 1.6, "SHA-256 "+d.part.SHA256)
		t.ink(0)
	}
	t.y += 1
	if missing {
		t.para(regular, 9, coverLeft, coverRight-coverLeft, 1, fill(w.HowToGet, "number", t.c.letter.Number))
	}
	t.para(regular, 9, coverLeft, coverRight-coverLeft, 2, w.Copy)
}

// check puts the box that says how to check the letter at the foot of the first
// page. Errors: ErrLetter.
func (t *flow) check() error {
	w, url := t.c.words, t.c.letter.VerifyURL
	if url == "" {
		return nil
	}
	code, err := t.f.verifyCode(url)
	if err != nil {
		return fmt.Errorf("%w: verify URL: %w", ErrLetter, err)
	}
	b := Box{coverLeft, 259, coverRight - coverLeft, 26}
	t.frame(b, 0.5)
	t.code(code, b.X+3.5, b.Y+3.5, 19)
	y := t.y
	t.y = b.Y + 7
	t.para(bold, 10.5, b.X+28, b.W-31, 0.3, w.Verify)
	t.para(regular, 9, b.X+28, b.W-31, 0.3, w.VerifyHow)
	t.para(mono, 7.5, b.X+28, b.W-31, 0, url)
	t.y, t.end = y, b.Y-4
	return nil
}
