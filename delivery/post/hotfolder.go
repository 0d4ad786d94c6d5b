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

// HotFolder hands letters to a print and post partner through a folder. It is
// a delivery.PostPartner. Safe for concurrent use, also by several processes on
// one folder; one letter is made at a time, which bounds memory.
type HotFolder struct {
	cfg    Config
	setter *typesetter
	causes canonical
	turn   chan struct{} // who holds it may make a letter
	create func(name string) (*os.File, error)
}

var _ delivery.PostPartner = (*HotFolder)(nil)

// Manifest tells the partner about one letter. It is written after the PDF.
type Manifest struct {
	Item     string    `json:"item"`
	Delivery string    `json:"delivery"`
	Number   string    `json:"number"`
	Test     bool      `json:"test"` // must not be posted
	PDF      string    `json:"pdf"`  // file name beside the manifest
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"size"`
	Pages    int       `json:"pages"` // blanks included
	Sheets   int       `json:"sheets"`
	Duplex   bool      `json:"duplex"`
	Colour   bool      `json:"colour"`
	Product  string    `json:"product"`
	Envelope string    `json:"envelope"`
	Grams    int       `json:"grams"`
	Window   Box       `json:"window"` // where the address shows, millimetres
	Address  []string  `json:"address"`
	Country  string    `json:"country"`
	Return   []string  `json:"return"`
	Created  time.Time `json:"created"`
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

// HandOver makes the letter and gives it to the partner. When it returns
// without error, PDF and manifest are on disk. Calling it again with the same
// letter gives the same answer and never a second letter, whatever crashed in
// between:
//
//  1. render into tmp; a crash leaves rubbish there, cleared by the next call
//  2. keep the PDF in sent
//  3. record the letter in sent; from here on it is never rendered again
//  4. put the PDF into the folder, note that
//  5. put the manifest into the folder, note that
//
// A crash between 5 and its note leaves no PDF in the folder once the partner
// took the letter, and a PDF without a manifest before: that tells the two apart.
//
// Errors: those for which [Permanent] is true, ErrBusy, or what the disk said.
func (h *HotFolder) HandOver(ctx context.Context, l delivery.Letter) (delivery.PostReceipt, error) {
	print, err := fingerprint(l)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	unlock, err := h.lock(ctx)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	defer unlock()
	item := itemID(l)
	rec, err := h.record(item)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if rec, err = h.make(ctx, l, item, print); err != nil {
			return delivery.PostReceipt{}, err
		}
	case err != nil:
		return delivery.PostReceipt{}, err
	case rec.Letter != print:
		return delivery.PostReceipt{}, fmt.Errorf("%w: item %s", ErrConflict, item)
	}
	pdf, err := h.kept(rec)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	if err := h.place(rec, pdf); err != nil {
		return delivery.PostReceipt{}, err
	}
	return delivery.PostReceipt{Partner: h.cfg.Partner, Item: item, Pages: rec.Pages, SHA256: rec.SHA256, PDF: pdf}, nil
}

// make does steps 1 to 3.
func (h *HotFolder) make(ctx context.Context, l delivery.Letter, item, print string) (record, error) {
	if err := clearDir(h.path("tmp")); err != nil {
		return record{}, err
	}
	dir, err := os.MkdirTemp(h.path("tmp"), item+"-")
	if err != nil {
		return record{}, fmt.Errorf("post: %w", err)
	}
	defer os.RemoveAll(dir)
	at := h.cfg.Now().UTC().Truncate(time.Second)
	r, err := h.setter.render(ctx, l, item, at, dir)
	if err != nil {
		return record{}, err
	}
	if err := h.seal(ctx, &r, l, at); err != nil {
		return record{}, err
	}
	m := Manifest{
		Item: item, Delivery: l.Delivery, Number: l.Number, Test: l.Test, PDF: item + ".pdf",
		SHA256: r.sha256, Size: r.size, Pages: r.pages, Sheets: r.sheets,
		Duplex: !h.cfg.Simplex, Colour: h.cfg.Colour, Product: h.cfg.Product, Envelope: r.envelope, Grams: r.grams,
		Window: h.cfg.Window.Window, Address: r.to.Lines, Country: r.to.Country, Return: r.ret, Created: at,
	}
	if err := rename(r.path, h.path("sent", item+".pdf")); err != nil {
		return record{}, err
	}
	rec := record{Item: item, Letter: print, Pages: r.pages, SHA256: r.sha256, Created: at, Manifest: &m}
	if err := h.store(rec); err != nil {
		return record{}, err
	}
	h.cfg.Logger.InfoContext(ctx, "letter made", "delivery", l.Delivery, "item", item, "pages", r.pages, "sheets", r.sheets)
	return rec, nil
}

// seal seals the rendered letter before anything is known of it, so that what is
// printed, what evidence names and what a court gets are one file.
func (h *HotFolder) seal(ctx context.Context, r *rendering, l delivery.Letter, at time.Time) error {
	if h.cfg.Seal == nil {
		return nil
	}
	pdf, err := os.ReadFile(r.path)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	if pdf, err = h.cfg.Seal(ctx, pdf, l.Number, at); err != nil {
		return fmt.Errorf("post: seal: %w", err)
	}
	if err := h.put(r.path, pdf); err != nil {
		return err
	}
	sum := sha256.Sum256(pdf)
	r.sha256, r.size = hex.EncodeToString(sum[:]), int64(len(pdf))
	return nil
}

// place does steps 4 and 5, or what is left of them.
func (h *HotFolder) place(rec record, pdf []byte) error {
	if rec.Placed || rec.Manifest == nil {
		return nil
	}
	m := rec.Manifest
	out := h.cfg.Dir
	if m.Test {
		out = h.path("test")
	}
	pdfPath, manifestPath := filepath.Join(out, m.PDF), filepath.Join(out, m.Item+".json")
	if !rec.PDFPlaced {
		if err := h.put(pdfPath, pdf); err != nil {
			return err
		}
		rec.PDFPlaced = true
		if err := h.store(rec); err != nil {
			return err
		}
	}
	_, err := os.Lstat(pdfPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The partner takes a PDF only after it saw the manifest.
	case err != nil:
		return fmt.Errorf("post: %w", err)
	default:
		b, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return fmt.Errorf("post: %w", err)
		}
		if err := h.put(manifestPath, append(b, '\n')); err != nil {
			return err
		}
	}
	rec.Placed = true
	return h.store(rec)
}

func (h *HotFolder) path(elem ...string) string {
	return filepath.Join(append([]string{h.cfg.Dir}, elem...)...)
}
