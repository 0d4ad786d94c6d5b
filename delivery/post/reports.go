package post

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/bode-erds/bode/delivery"
)

// origins remembers which files reports came from, so that Done need not look
// for them.
type origins struct {
	mu    sync.Mutex
	files map[string][]string // by the id of the report
}

// Reports reads what the partner wrote and what the postal operator told, oldest
// first. A report comes again until Done was called for it. A file that cannot
// be read as JSON is left alone for Config.Settle, because it may still be
// growing, and one whose papers are not there for Config.PapersIn; what makes no
// sense is moved to status/bad and logged. A report dealt with before is put
// aside silently.
func (h *HotFolder) Reports(ctx context.Context) ([]delivery.PostReport, error) {
	if err := h.housekeep(ctx); err != nil {
		return nil, err
	}
	byID, err := h.scan(ctx)
	if err != nil {
		return nil, err
	}
	records, err := h.underWay(ctx)
	if err != nil {
		return nil, err
	}
	for _, rec := range records {
		for _, r := range rec.Pending {
			byID[r.ID] = h.reopened(r)
		}
	}
	return inOrder(byID), nil
}

// inOrder sorts reports by their time, those of one instant by rank.
func inOrder(byID map[string]delivery.PostReport) []delivery.PostReport {
	reports := make([]delivery.PostReport, 0, len(byID))
	for _, r := range byID {
		reports = append(reports, r)
	}
	slices.SortFunc(reports, func(a, b delivery.PostReport) int {
		return cmp.Or(a.At.Compare(b.At), rank(a.Status)-rank(b.Status), strings.Compare(a.ID, b.ID))
	})
	return reports
}

// scan reads all answers, and remembers where they lie.
func (h *HotFolder) scan(ctx context.Context) (map[string]delivery.PostReport, error) {
	entries, err := h.drop.list(ctx, "status")
	if err != nil {
		return nil, err
	}
	byID, files := map[string]delivery.PostReport{}, map[string][]string{}
	for _, e := range entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var found []delivery.PostReport
		switch ext := path.Ext(e.name); {
		case strings.HasPrefix(e.name, "."):
		case ext == ".json":
			found, err = h.one(ctx, e)
		case ext == ".csv":
			found, err = h.list(ctx, e)
		}
		for _, r := range found {
			if first, ok := byID[r.ID]; ok && !same(first, r) {
				err = errors.Join(err, nonsense("id %q twice with different content", r.ID))
				continue
			}
			byID[r.ID] = r
			files[r.ID] = append(files[r.ID], e.name)
		}
		h.deal(ctx, e.name, err)
		err = nil
	}
	h.origins.mu.Lock()
	defer h.origins.mu.Unlock()
	h.origins.files = files
	return byID, nil
}

func (h *HotFolder) one(ctx context.Context, e entry) ([]delivery.PostReport, error) {
	r, err := h.readStatus(ctx, e)
	if err != nil {
		return nil, err
	}
	return []delivery.PostReport{r}, nil
}

// deal moves a file away that brought nothing new, or nonsense.
func (h *HotFolder) deal(ctx context.Context, name string, err error) {
	switch {
	case err == nil || errors.Is(err, errGrowing) || errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, errKnown):
		h.complain(ctx, name, h.finish(ctx, name))
	case errors.Is(err, errOther):
		h.cfg.Logger.ErrorContext(ctx, "answer to another letter", "partner", h.cfg.Partner, "file", name, "error", err)
		h.complain(ctx, name, h.setAside(ctx, name))
	case errors.Is(err, errNonsense):
		h.complain(ctx, name, err)
		h.complain(ctx, name, h.setAside(ctx, name))
	default:
		h.complain(ctx, name, err)
	}
}

func (h *HotFolder) complain(ctx context.Context, name string, err error) {
	if err != nil {
		h.cfg.Logger.WarnContext(ctx, "status file", "partner", h.cfg.Partner, "file", name, "error", err)
	}
}

// setAside moves a bad file away without replacing an earlier one.
func (h *HotFolder) setAside(ctx context.Context, name string) error {
	to := name
	for n := 2; ; n++ {
		err := h.drop.move(ctx, "status/"+name, "status/bad/"+to)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		to = fmt.Sprintf("%s.%d", name, n)
	}
}

// putAway moves a file that was dealt with, over no other.
func (h *HotFolder) putAway(ctx context.Context, name string) error {
	err := h.drop.move(ctx, "status/"+name, "status/done/"+name)
	switch {
	case errors.Is(err, fs.ErrExist):
		return h.drop.remove(ctx, "status/"+name)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// Done puts a report aside for good. After a final report, our copy of the
// letter goes too. Calling it again is harmless:
//
//  1. note in sent how far the letter is
//  2. remember the report in status/done
//  3. move its file there, and let go of its papers
func (h *HotFolder) Done(ctx context.Context, r delivery.PostReport) error {
	if !itemName.MatchString(r.Item) || !plainID.MatchString(r.ID) {
		return nil
	}
	ours, err := h.note(ctx, r)
	if err != nil || ours {
		return err
	}
	files, err := h.filesOf(ctx, r)
	if err != nil {
		return err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	if err := h.put(h.path("status", "done", r.ID+".json"), b); err != nil {
		return err
	}
	for _, name := range files {
		if path.Ext(name) == ".csv" {
			continue // until all of its lines were dealt with
		}
		if err := h.finish(ctx, name); err != nil {
			return err
		}
	}
	return h.dropPapers(r.Documents)
}

// finish moves an answer that was dealt with, its papers first.
func (h *HotFolder) finish(ctx context.Context, name string) error {
	if path.Ext(name) == ".json" {
		for _, paper := range h.papersOf(ctx, name) {
			if err := h.putAway(ctx, paper); err != nil {
				return err
			}
		}
	}
	return h.putAway(ctx, name)
}

// papersOf lists the papers that a status file names.
func (h *HotFolder) papersOf(ctx context.Context, name string) []string {
	raw, err := contents(ctx, h.drop, "status/"+name, maxStatus)
	var s statusFile
	if err != nil || json.Unmarshal(raw, &s) != nil {
		return nil
	}
	var files []string
	for _, p := range s.Documents {
		if plainID.MatchString(p.File) && p.File != name {
			files = append(files, p.File)
		}
	}
	return files
}

// filesOf finds the files that said what r says.
func (h *HotFolder) filesOf(ctx context.Context, r delivery.PostReport) ([]string, error) {
	h.origins.mu.Lock()
	files := h.origins.files[r.ID]
	h.origins.mu.Unlock()
	if files != nil {
		return files, nil
	}
	byID, err := h.scan(ctx)
	if err != nil || !same(byID[r.ID], r) {
		return nil, err
	}
	h.origins.mu.Lock()
	defer h.origins.mu.Unlock()
	return h.origins.files[r.ID], nil
}
