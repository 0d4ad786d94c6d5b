package post

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Cancel takes a letter out of the folder again. It is too late once the partner
// took the manifest; then the partner is asked, by a file in cancel, and a report
// says what came of it. Repeating it is harmless, whatever crashed in between:
//
//  1. note in sent that nothing is handed over any more
//  2. move the manifest to withdrawn: whoever moves it has the letter, the partner
//     or we, and its new place says who, also after a crash
//  3. note that the letter was cancelled
//  4. take the PDF away; a partner takes none without a manifest
//
// Errors: fs.ErrNotExist for an item that was never handed over, ErrBusy, what
// the disk or the network said; then it is not known and has to be asked again.
func (h *HotFolder) Cancel(ctx context.Context, item string) (bool, error) {
	if !itemName.MatchString(item) {
		return false, fmt.Errorf("post: item %q: %w", item, fs.ErrNotExist)
	}
	unlock, err := h.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	rec, err := h.record(item)
	switch {
	case err != nil:
		return false, err
	case rec.Cancelled:
		h.tidy(ctx, rec)
		return true, nil
	case rec.Manifest == nil:
		return false, nil // it has ended
	}
	if !rec.Withdrawing {
		rec.Withdrawing = true
		if err := h.store(rec); err != nil {
			return false, err
		}
	}
	ours, err := h.withdraw(ctx, rec)
	if err != nil {
		return false, err
	}
	if !ours {
		if !rec.Placed {
			rec.Placed, rec.PlacedAt = true, h.cfg.Now().UTC()
			if err := h.store(rec); err != nil {
				return false, err
			}
		}
		return false, h.ask(ctx, rec)
	}
	rec.Cancelled = true
	if err := h.store(rec); err != nil {
		return false, err
	}
	h.cfg.Logger.InfoContext(ctx, "letter cancelled", "partner", h.cfg.Partner, "item", item)
	h.tidy(ctx, rec)
	return true, nil
}

// withdraw does step 2, and reports whether the letter is ours again.
func (h *HotFolder) withdraw(ctx context.Context, rec record) (bool, error) {
	pdf, manifest := namesOf(rec.Item)
	kept := "withdrawn/" + rec.Item + ".json"
	err := h.drop.move(ctx, manifest, kept)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if done, err := there(ctx, h.drop, kept); done || err != nil {
		return done, err
	}
	if rec.Placed {
		return false, nil
	}
	if rec.PDFPlaced {
		// The manifest was put there before a crash, and taken, or it never was.
		return there(ctx, h.drop, pdf)
	}
	return true, nil
}

// tidy does step 4. What is left is seen by nobody, and goes the next time.
func (h *HotFolder) tidy(ctx context.Context, rec record) {
	pdf, _ := namesOf(rec.Item)
	err := h.drop.remove(ctx, pdf)
	if err == nil {
		err = h.drop.remove(ctx, "withdrawn/"+rec.Item+".json")
	}
	if err == nil {
		err = h.forget(rec.Item)
	}
	if err != nil {
		h.cfg.Logger.WarnContext(ctx, "cancelled letter not cleared away", "partner", h.cfg.Partner, "item", rec.Item, "error", err)
	}
}

// request asks the partner not to post a letter that it took.
type request struct {
	Item   string    `json:"item"`
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
}

// ask puts a request into cancel, unless the letter cannot be stopped any more.
func (h *HotFolder) ask(ctx context.Context, rec record) error {
	if rank(rec.Status) >= rank(delivery.PostPrinted) {
		return nil
	}
	name := "cancel/" + rec.Item + ".json"
	if asked, err := there(ctx, h.drop, name); asked || err != nil {
		return err
	}
	b, err := json.Marshal(request{rec.Item, rec.SHA256, h.cfg.Now().UTC()})
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	return h.drop.put(ctx, name, b)
}

// rank orders statuses by how far a letter is; a status nobody reported comes
// before all.
func rank(s delivery.PostStatus) int { return slices.Index(delivery.PostStatuses, s) }

// ends reports whether nothing is said of a letter after s.
func ends(s delivery.PostStatus) bool { return rank(s) >= rank(delivery.PostDelivered) }
