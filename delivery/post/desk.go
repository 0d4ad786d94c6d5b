package post

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// desk is our side of a partner: it makes letters, one at a time, and remembers
// in folders of this machine what became of each.
//
//	sent/    <item>.pdf and <item>.json, our copies and records
//	open/    <item>: letters that have not ended
//	papers/  papers of reports that were not yet taken in
//	tmp/     what is being written
type desk struct {
	cfg    Config
	setter *typesetter
	causes canonical
	turn   chan struct{} // who holds it may make a letter
	create func(name string) (*os.File, error)
}

// newDesk opens, and where needed makes, our folders in cfg.Dir.
func newDesk(cfg Config) (*desk, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	d := &desk{cfg: cfg, turn: make(chan struct{}, 1), create: createFile}
	for dir, mode := range map[string]os.FileMode{"": 0o750, "sent": 0o700, "open": 0o700, "papers": 0o700, "tmp": 0o700} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, dir), mode); err != nil {
			return nil, fmt.Errorf("post: %w", err)
		}
	}
	var err error
	if d.setter, err = newTypesetter(cfg); err != nil {
		return nil, err
	}
	if d.causes, err = loadCauses(); err != nil {
		return nil, err
	}
	return d, nil
}

// letter finds or makes the letter and gives its record and PDF. The caller
// holds the lock. Errors: ErrConflict, ErrCancelled, ErrCopyGone, those of
// rendering, or what the disk said.
func (d *desk) letter(ctx context.Context, l delivery.Letter) (record, []byte, error) {
	print, err := fingerprint(l)
	if err != nil {
		return record{}, nil, err
	}
	item := itemID(l)
	rec, err := d.record(item)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if rec, err = d.make(ctx, l, item, print); err != nil {
			return record{}, nil, err
		}
	case err != nil:
		return record{}, nil, err
	case rec.Letter != print:
		return record{}, nil, fmt.Errorf("%w: item %s", ErrConflict, item)
	case rec.Cancelled || rec.Withdrawing && !rec.Placed || rec.Status == delivery.PostCancelled:
		return record{}, nil, fmt.Errorf("%w: item %s", ErrCancelled, item)
	}
	pdf, err := d.kept(rec)
	return rec, pdf, err
}

// receipt is what handing over a letter gave.
func (d *desk) receipt(rec record, pdf []byte) delivery.PostReceipt {
	return delivery.PostReceipt{Partner: d.cfg.Partner, Item: rec.Item, Pages: rec.Pages, SHA256: rec.SHA256, PDF: pdf}
}

// itemID names a letter. It depends on delivery and number alone, so that a
// repeated call can never mean a second letter; a test letter's begins with T.
func itemID(l delivery.Letter) string {
	h := sha256.Sum256([]byte(l.Delivery + "\x00" + l.Number))
	kind := "L"
	if l.Test {
		kind = "T"
	}
	return kind + base32.StdEncoding.EncodeToString(h[:])[:15]
}

// fingerprint tells two letters apart, content included.
func fingerprint(l delivery.Letter) (string, error) {
	l.SubmittedAt, l.DecidedAt = l.SubmittedAt.UTC(), l.DecidedAt.UTC()
	parts := l.Parts
	l.Parts = nil
	type part struct {
		Name, MediaType, SHA256 string
		Size                    int64
	}
	list := make([]part, len(parts))
	for i, p := range parts {
		list[i] = part{p.Name, p.MediaType, p.SHA256, p.Size}
	}
	b, err := json.Marshal(struct {
		Letter delivery.Letter
		Parts  []part
	}{l, list})
	if err != nil {
		return "", fmt.Errorf("post: %w", err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// make does steps 1 to 3 of HandOver.
func (d *desk) make(ctx context.Context, l delivery.Letter, item, print string) (record, error) {
	if err := clearDir(d.path("tmp")); err != nil {
		return record{}, err
	}
	dir, err := os.MkdirTemp(d.path("tmp"), item+"-")
	if err != nil {
		return record{}, fmt.Errorf("post: %w", err)
	}
	defer os.RemoveAll(dir)
	at := d.cfg.Now().UTC().Truncate(time.Second)
	r, err := d.setter.render(ctx, l, item, at, dir)
	if err != nil {
		return record{}, err
	}
	if err := d.seal(ctx, &r, l, at); err != nil {
		return record{}, err
	}
	m := Manifest{
		Item: item, Delivery: l.Delivery, Number: l.Number, Test: l.Test, PDF: item + ".pdf",
		SHA256: r.sha256, Size: r.size, Pages: r.pages, Sheets: r.sheets,
		Duplex: !d.cfg.Simplex, Colour: d.cfg.Colour, Product: d.cfg.Product, Envelope: r.envelope, Grams: r.grams,
		Window: d.cfg.Window.Window, Address: r.to.Lines, Country: r.to.Country, Return: r.ret, Created: at,
	}
	if err := rename(r.path, d.path("sent", item+".pdf")); err != nil {
		return record{}, err
	}
	if err := d.put(d.path("open", item), nil); err != nil {
		return record{}, err
	}
	rec := record{Item: item, Letter: print, Pages: r.pages, SHA256: r.sha256, Created: at, Manifest: &m}
	if err := d.store(rec); err != nil {
		return record{}, err
	}
	d.cfg.Logger.InfoContext(ctx, "letter made", "delivery", l.Delivery, "item", item, "pages", r.pages, "sheets", r.sheets)
	return rec, nil
}

// seal seals the rendered letter before anything is known of it, so that what is
// printed, what evidence names and what a court gets are one file.
func (d *desk) seal(ctx context.Context, r *rendering, l delivery.Letter, at time.Time) error {
	if d.cfg.Seal == nil {
		return nil
	}
	pdf, err := os.ReadFile(r.path)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	if pdf, err = d.cfg.Seal(ctx, pdf, l.Number, at); err != nil {
		return fmt.Errorf("post: seal: %w", err)
	}
	if err := d.put(r.path, pdf); err != nil {
		return err
	}
	sum := sha256.Sum256(pdf)
	r.sha256, r.size = hex.EncodeToString(sum[:]), int64(len(pdf))
	return nil
}

func (d *desk) path(elem ...string) string {
	return filepath.Join(append([]string{d.cfg.Dir}, elem...)...)
}
