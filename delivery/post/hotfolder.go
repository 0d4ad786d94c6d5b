package post

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// HotFolder hands letters to a print and post partner through a folder. It is
// a delivery.PostPartner. Safe for concurrent use, also by several processes on
// one folder; one letter is made at a time, which bounds memory.
type HotFolder struct {
	*desk
	drop    drop
	origins origins
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
	Barcode  string    `json:"barcode,omitempty"` // to be printed on the envelope: the postal operator knows the letter by it
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
	unlock, err := h.lock(ctx)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	defer unlock()
	rec, pdf, err := h.letter(ctx, l)
	if err != nil {
		return delivery.PostReceipt{}, err
	}
	if rec, err = h.announce(ctx, rec); err != nil {
		return delivery.PostReceipt{}, err
	}
	if err := h.place(ctx, rec, pdf); err != nil {
		return delivery.PostReceipt{}, err
	}
	return h.receipt(rec, pdf), nil
}

// namesOf gives where a letter of ours lies for the partner.
func namesOf(item string) (pdf, manifest string) {
	dir := ""
	if item[0] == 'T' {
		dir = "test/"
	}
	return dir + item + ".pdf", dir + item + ".json"
}

// place does steps 4 and 5, or what is left of them.
func (h *HotFolder) place(ctx context.Context, rec record, pdf []byte) error {
	if rec.Placed || rec.Manifest == nil {
		return nil
	}
	pdfName, _ := namesOf(rec.Item)
	if !rec.PDFPlaced {
		if err := h.drop.put(ctx, pdfName, pdf); err != nil {
			return err
		}
		rec.PDFPlaced = true
		if err := h.store(rec); err != nil {
			return err
		}
	}
	waits, err := there(ctx, h.drop, pdfName)
	if err != nil {
		return err
	}
	if waits { // else the partner took it, and it takes none before it saw the manifest
		if err := h.putManifest(ctx, rec); err != nil {
			return err
		}
	}
	rec.Placed, rec.PlacedAt = true, h.cfg.Now().UTC()
	return h.store(rec)
}

func (h *HotFolder) putManifest(ctx context.Context, rec record) error {
	b, err := json.MarshalIndent(rec.Manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	_, name := namesOf(rec.Item)
	return h.drop.put(ctx, name, append(b, '\n'))
}
