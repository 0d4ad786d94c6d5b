package post

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// housekeepingWait is how long a look at the partner's answers waits for letters
// that are being made.
const housekeepingWait = time.Second

// note records a report that was taken in, and says whether it was one of the
// postal operator's or of the partner's own interface, which lie in sent alone.
func (d *desk) note(ctx context.Context, r delivery.PostReport) (ours bool, err error) {
	unlock, err := d.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	var papers []delivery.PostDocument
	rec, err := d.change(r.Item, func(rec *record) bool {
		if rank(r.Status) > rank(rec.Status) {
			rec.Status = r.Status
		}
		ours = slices.Contains(rec.Told, r.ID)
		rec.Pending = slices.DeleteFunc(rec.Pending, func(p delivery.PostReport) bool {
			if p.ID != r.ID {
				return false
			}
			ours, papers, rec.Told = true, append(papers, p.Documents...), append(rec.Told, p.ID)
			return true
		})
		return true
	})
	if err == nil {
		err = d.dropPapers(papers)
	}
	if err == nil && ends(rec.Status) && len(rec.Pending) == 0 { // else what waits would never come again
		err = d.forget(r.Item)
	}
	return ours, err
}

// reopened gives a stored report its papers back.
func (d *desk) reopened(r delivery.PostReport) delivery.PostReport {
	docs := r.Documents
	r.Documents = nil
	for _, p := range docs {
		r.Documents = append(r.Documents, d.document(p.Kind, p.MediaType, p.Size, p.SHA256))
	}
	return r
}

// housekeep forgets what is old, raises alarms and asks the postal operator. It
// is left for the next time while a letter is being made.
func (h *HotFolder) housekeep(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, housekeepingWait)
	defer cancel()
	unlock, err := h.lock(short)
	if errors.Is(err, ErrBusy) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := h.forgetOld(ctx); err != nil {
		return err
	}
	records, err := h.underWay(ctx)
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, rec := range records {
		for _, r := range rec.Pending {
			for _, doc := range r.Documents {
				waiting[doc.SHA256] = true
			}
		}
	}
	if err := errors.Join(h.prune("papers", waiting), h.prune("status/done", nil)); err != nil {
		return err
	}
	for _, rec := range records {
		if err := h.watch(ctx, rec); err != nil {
			h.cfg.Logger.WarnContext(ctx, "letter not watched", "item", rec.Item, "error", err)
		}
		if err := h.track(ctx, rec.Item); err != nil {
			h.cfg.Logger.WarnContext(ctx, "letter not tracked", "item", rec.Item, "error", err)
		}
	}
	return nil
}
