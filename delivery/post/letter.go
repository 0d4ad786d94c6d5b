package post

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// sheetPart is one part of the content and where it is on paper.
type sheetPart struct {
	part        delivery.LetterPart
	title       string
	cause       Cause // why it is not printed; "" when it is
	converted   bool  // the pages were made from a file of another kind
	notes       []Note
	path        string // PDF with its pages
	pages       int
	first, last int // sheets
}

// typesetter makes letters. Not safe for concurrent use.
type typesetter struct {
	cfg       Config
	faces     *faces
	words     map[string]words
	countries countries
	mailing   mailing
}

// rendering is a finished letter on disk.
type rendering struct {
	path     string
	pages    int
	sheets   int
	sha256   string
	size     int64
	to       address
	ret      []string
	envelope string
	grams    int
}

// render makes the print-ready PDF in dir, which the caller removes. The same
// letter at the same instant gives the same octets.
//
//  1. fetch every part, check its digest, typeset or inspect it
//  2. lay out the cover until its own length is settled
//  3. put everything on sheets, with blank backs and margin codes
//
// Errors: ErrLetter, ErrAddress, ErrDigest, ErrWeight, or what the disk said.
func (t *typesetter) render(ctx context.Context, l delivery.Letter, item string, at time.Time, dir string) (rendering, error) {
	c, err := t.lay(ctx, l, at, func(w words, i, left int) (sheetPart, error) { return t.part(ctx, l, w, i, l.Parts[i], dir, left) })
	if err != nil {
		return rendering{}, err
	}
	p, err := t.settle(c)
	if err != nil {
		return rendering{}, err
	}
	path := filepath.Join(dir, "cover.pdf")
	if err := writeFile(path, p.write); err != nil {
		return rendering{}, err
	}
	r, err := t.assemble(ctx, c, item, path, p.n, dir)
	if err != nil {
		return rendering{}, err
	}
	r.to, r.ret = c.to, c.ret
	r.envelope, r.grams, err = t.mailing.weigh(r.sheets)
	return r, err
}

// lay gathers what a letter consists of; part gets one part ready, of which the
// letter has room for so many pages.
func (t *typesetter) lay(ctx context.Context, l delivery.Letter, at time.Time, part func(w words, i, left int) (sheetPart, error)) (*cover, error) {
	w, ok := t.words[l.Language]
	if err := check(l, w, ok); err != nil {
		return nil, err
	}
	to, err := t.countries.block(l.To, l.Language, t.cfg.Country, t.faces)
	if err != nil {
		return nil, err
	}
	c := &cover{
		letter: l, to: to, words: w, window: t.cfg.Window, service: t.cfg.Service, ret: t.cfg.Return,
		date:  w.date(at.In(t.cfg.Location)),
		sent:  w.instant(l.SubmittedAt.In(t.cfg.Location)),
		ended: w.instant(l.DecidedAt.In(t.cfg.Location)),
	}
	if len(c.ret) == 0 {
		c.ret = append([]string{l.SenderName}, l.SenderLines...)
	}
	// A cover lists some ten parts on a page.
	left := t.cfg.MaxPages - t.sheetsFor(1+(len(l.Parts)+9)/10)*t.sides()
	for i := range l.Parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sp, err := part(w, i, left)
		if err != nil {
			return nil, err
		}
		left -= t.sheetsFor(sp.pages) * t.sides()
		c.parts = append(c.parts, sp)
	}
	return c, nil
}

// check refuses a letter that lacks what it must say. Errors: ErrLetter.
func check(l delivery.Letter, w words, known bool) error {
	switch {
	case !known:
		return fmt.Errorf("%w: language %q", ErrLetter, l.Language)
	case w.Why[l.Reason] == "":
		return fmt.Errorf("%w: reason %q", ErrLetter, l.Reason)
	case l.Delivery == "" || l.Number == "" || l.SenderName == "":
		return fmt.Errorf("%w: delivery, number or sender", ErrLetter)
	case l.SubmittedAt.IsZero() || l.DecidedAt.IsZero():
		return fmt.Errorf("%w: times", ErrLetter)
	case slices.ContainsFunc(l.Parts, func(p delivery.LetterPart) bool { return p.Open == nil }):
		return fmt.Errorf("%w: part without content", ErrLetter)
	}
	return nil
}

// sides is how many pages a sheet has.
func (t *typesetter) sides() int {
	if t.cfg.Simplex {
		return 1
	}
	return 2
}

func (t *typesetter) sheetsFor(pages int) int { return (pages + t.sides() - 1) / t.sides() }

// settle typesets the cover. Sheet numbers depend on how long it is, and it
// grows with them, so it is set again until nothing moves.
func (t *typesetter) settle(c *cover) (*paper, error) {
	pages := 1
	for {
		sheet := t.sheetsFor(pages)
		for i := range c.parts {
			if p := &c.parts[i]; p.cause == "" {
				p.first = sheet + 1
				sheet += t.sheetsFor(p.pages)
				p.last = sheet
			}
		}
		c.sheets = sheet
		p, err := setCover(t.faces, c)
		if err != nil || p.n <= pages {
			return p, err
		}
		pages = p.n
	}
}

// assemble puts cover and parts on sheets. Every part begins on a new sheet.
func (t *typesetter) assemble(ctx context.Context, c *cover, item, coverPath string, coverPages int, dir string) (r rendering, err error) {
	r.path, r.sheets = filepath.Join(dir, "letter.pdf"), c.sheets
	out, err := os.OpenFile(r.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return r, fmt.Errorf("post: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha256.New()
	counted := &counter{w: io.MultiWriter(out, h)}
	a := &assembly{t: t, out: newPDFWriter(counted), stamp: stamper{
		f: t.faces, words: c.words, item: item, number: c.letter.Number, at: c.window.Mark,
		sheets: c.sheets, duplex: !t.cfg.Simplex, test: c.letter.Test,
	}}
	if err := a.add(ctx, coverPath, coverPages); err != nil {
		return r, err
	}
	for _, p := range c.parts {
		if p.cause == "" {
			if err := a.add(ctx, p.path, p.pages); err != nil {
				return r, err
			}
		}
	}
	id := sha256.Sum256([]byte(item))
	err = a.out.finish(hex.EncodeToString(id[:16]), c.letter.Language, c.service+" "+c.letter.Number, !t.cfg.Simplex)
	if err == nil {
		err = out.Sync()
	}
	if err != nil {
		return r, fmt.Errorf("post: writing letter: %w", err)
	}
	r.pages, r.size, r.sha256 = a.pages, counted.n, hex.EncodeToString(h.Sum(nil))
	return r, nil
}
