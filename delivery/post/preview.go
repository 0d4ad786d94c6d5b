package post

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Previewer says what letters would be. It is a delivery.Previewer: it typesets
// with the configuration of the partner, but keeps and sends nothing. Safe for
// concurrent use; one letter is looked at at a time, which bounds memory.
type Previewer struct {
	cfg    Config
	tariff Tariff
	window *windowed
	turn   chan struct{}

	// Under turn.
	setter *typesetter
	parts  map[partKey]sheetPart // what earlier previews found out; no content
	last   string                // fingerprint of a letter without its address
	is     delivery.LetterPreview
}

var _ delivery.Previewer = (*Previewer)(nil)

// partKey names what was found out about a part. Scope is Letter.Delivery, so
// that nobody learns from the time it takes what others have uploaded.
type partKey struct {
	scope, language, mediaType, sha256 string
	first                              bool
}

// maxKnown bounds how many parts are remembered.
const maxKnown = 2000

// NewPreviewer makes one. A tariff without rates gives no prices.
func NewPreviewer(cfg Config, tariff Tariff) (*Previewer, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	p := &Previewer{cfg: cfg, tariff: tariff, turn: make(chan struct{}, 1), parts: map[partKey]sheetPart{}}
	if err := os.MkdirAll(p.dir(), 0o700); err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	if err := p.sweep(); err != nil {
		return nil, err
	}
	var err error
	if p.setter, err = newTypesetter(cfg); err != nil {
		return nil, err
	}
	f, err := newFaces()
	p.window = &windowed{cfg: cfg, faces: f, countries: p.setter.countries}
	return p, err
}

// windowed knows what fits the window of the envelope. Safe for concurrent use.
type windowed struct {
	cfg       Config
	countries countries
	mu        sync.Mutex
	faces     *faces
}

// address is what would stand in the window. Errors: ErrAddress, ErrLetter.
func (w *windowed) address(to []string, language string) (address, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.countries.block(to, language, w.cfg.Country, w.faces)
	if err != nil {
		return a, err
	}
	_, _, err = a.fits(w.faces, w.cfg.Window.Address)
	return a, err
}

// Fits implements delivery.Previewer.
func (p *Previewer) Fits(to []string, language string) error {
	_, err := p.window.address(to, language)
	return err
}

func (p *Previewer) dir() string { return filepath.Join(p.cfg.Dir, "preview") }

// sweep removes what a process that died left behind.
func (p *Previewer) sweep() error {
	found, err := os.ReadDir(p.dir())
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	for _, e := range found {
		if i, err := e.Info(); err == nil && p.cfg.Now().Sub(i.ModTime()) > time.Hour {
			if err := os.RemoveAll(filepath.Join(p.dir(), e.Name())); err != nil {
				return fmt.Errorf("post: %w", err)
			}
		}
	}
	return nil
}

// Preview lays l out as HandOver would. Letters that differ in their address
// only are laid out once, and a part that was looked at for the same
// Letter.Delivery is not opened again. Errors: those for which [Permanent] is
// true, or what the disk said.
func (p *Previewer) Preview(ctx context.Context, l delivery.Letter) (delivery.LetterPreview, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return delivery.LetterPreview{}, ctx.Err()
	}
	to, err := p.window.address(l.To, l.Language)
	if err != nil {
		return delivery.LetterPreview{}, err
	}
	bare := l
	bare.To = nil
	key, err := fingerprint(bare)
	if err != nil {
		return delivery.LetterPreview{}, err
	}
	if key != p.last {
		if p.is, err = p.look(ctx, l); err != nil {
			p.last = ""
			return delivery.LetterPreview{}, err
		}
		p.last = key
	}
	is := p.is
	is.Notes = nil
	for _, n := range to.notes() {
		is.Notes = append(is.Notes, string(n))
	}
	is.Country, is.Product, is.Price, is.Online = to.Country, p.cfg.Product, noPrice, noPrice
	if len(p.tariff.Rates) > 0 {
		is.Online, is.Price = p.tariff.Online, p.tariff.price(p.cfg.Product, to.Country, is.Sheets, is.Grams)
	}
	return is, nil
}

// look lays a letter out.
func (p *Previewer) look(ctx context.Context, l delivery.Letter) (is delivery.LetterPreview, err error) {
	dir, err := os.MkdirTemp(p.dir(), "letter-")
	if err != nil {
		return is, fmt.Errorf("post: %w", err)
	}
	defer os.RemoveAll(dir)
	c, err := p.setter.lay(ctx, l, p.cfg.Now(), func(w words, i, left int) (sheetPart, error) { return p.part(ctx, l, w, i, left, dir) })
	if err != nil {
		return is, err
	}
	if _, err := p.setter.settle(c); err != nil {
		return is, err
	}
	is.Sheets, is.Pages = c.sheets, c.sheets*p.setter.sides()
	if is.Envelope, is.Grams, err = p.setter.mailing.weigh(c.sheets); err != nil {
		return is, err
	}
	for _, sp := range c.parts {
		v := delivery.PartPreview{Name: sp.part.Name, SHA256: sp.part.SHA256, Pages: sp.pages, Cause: string(sp.cause)}
		for _, n := range sp.notes {
			v.Notes = append(v.Notes, string(n))
		}
		is.Parts = append(is.Parts, v)
	}
	return is, nil
}

// part looks at part i, or remembers what it saw. What there was no room for, or
// would be none now, is looked at again.
func (p *Previewer) part(ctx context.Context, l delivery.Letter, w words, i, left int, dir string) (sheetPart, error) {
	lp := l.Parts[i]
	key := partKey{l.Delivery, l.Language, lp.MediaType, lp.SHA256, i == 0}
	if sp, ok := p.parts[key]; ok && sp.pages <= left {
		sp.part, sp.path = lp, ""
		if i > 0 {
			sp.title = lp.Name
		}
		return sp, nil
	}
	sp, err := p.setter.part(ctx, l, w, i, lp, dir, left)
	if err == nil && sp.cause != TooManyPages && sp.cause != Conversion {
		if len(p.parts) >= maxKnown {
			clear(p.parts)
		}
		p.parts[key] = sp
	}
	return sp, err
}
