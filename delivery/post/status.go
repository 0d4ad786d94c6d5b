package post

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bode-erds/bode/delivery"
)

// maxStatus is how large a status file may be, in octets.
const maxStatus = 64 << 10

// statusFile is what a partner writes.
type statusFile struct {
	ID     string              `json:"id"`
	Item   string              `json:"item"`
	Status delivery.PostStatus `json:"status"`
	Cause  string              `json:"cause"`
	At     time.Time           `json:"at"`
	Text   string              `json:"text"`
}

// plainID is an id that can be a file name.
var plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// itemName is what itemID gives.
var itemName = regexp.MustCompile(`^[LT][A-Z2-7]{15}$`)

// Reports reads what the partner wrote, oldest first. A report comes again
// until Done was called for it. A file that cannot be read as JSON is left
// alone for Config.Settle, because it may still be growing; what makes no sense
// is moved to status/bad and logged. A report dealt with before is put aside
// silently.
func (h *HotFolder) Reports(ctx context.Context) ([]delivery.PostReport, error) {
	if err := h.forgetOld(ctx); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(h.path("status"))
	if err != nil {
		return nil, fmt.Errorf("post: %w", err)
	}
	byID := map[string]delivery.PostReport{}
	for _, e := range entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		r, err := h.readStatus(e.Name())
		if err == nil {
			if first, ok := byID[r.ID]; ok && !same(first, r) {
				err = fmt.Errorf("id %q twice with different content", r.ID)
			}
		}
		switch {
		case errors.Is(err, errGrowing) || errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, errKnown):
			err = rename(h.path("status", e.Name()), h.path("status", "done", r.ID+".json"))
			h.complain(ctx, e.Name(), err)
		case err != nil:
			h.complain(ctx, e.Name(), err)
			h.complain(ctx, e.Name(), h.setAside(e.Name()))
		default:
			byID[r.ID] = r
		}
	}
	reports := make([]delivery.PostReport, 0, len(byID))
	for _, r := range byID {
		reports = append(reports, r)
	}
	slices.SortFunc(reports, func(a, b delivery.PostReport) int {
		return cmp.Or(a.At.Compare(b.At), rank(a.Status)-rank(b.Status), strings.Compare(a.ID, b.ID))
	})
	return reports, nil
}

// rank puts reports of one instant in the order in which things happen.
func rank(s delivery.PostStatus) int {
	if s == delivery.PostAccepted {
		return 0
	}
	return 1
}

func (h *HotFolder) complain(ctx context.Context, name string, err error) {
	if err != nil {
		h.cfg.Logger.WarnContext(ctx, "status file", "partner", h.cfg.Partner, "file", name, "error", err)
	}
}

// setAside moves a bad file away without replacing an earlier one.
func (h *HotFolder) setAside(name string) error {
	to := name
	for n := 2; ; n++ {
		if _, err := os.Lstat(h.path("status", "bad", to)); errors.Is(err, fs.ErrNotExist) {
			return rename(h.path("status", name), h.path("status", "bad", to))
		}
		to = fmt.Sprintf("%s.%d", name, n)
	}
}

var (
	errGrowing = errors.New("may still be growing")
	errKnown   = errors.New("dealt with before")
)

// readStatus reads one file. Errors: errGrowing, errKnown, or what is wrong
// with it.
func (h *HotFolder) readStatus(name string) (delivery.PostReport, error) {
	var r delivery.PostReport
	info, err := os.Lstat(h.path("status", name))
	if err != nil {
		return r, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxStatus {
		return r, fmt.Errorf("not a file, or larger than %d octets", maxStatus)
	}
	raw, err := os.ReadFile(h.path("status", name))
	if err != nil {
		return r, err
	}
	var s statusFile
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&s); err != nil {
		if h.cfg.Now().Sub(info.ModTime()) < h.cfg.Settle {
			return r, errGrowing
		}
		return r, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, errors.New("something after the JSON")
	}
	if r, err = h.report(s); err != nil {
		return r, err
	}
	return r, h.known(r)
}

// report checks the fields of a status file.
func (h *HotFolder) report(s statusFile) (delivery.PostReport, error) {
	var r delivery.PostReport
	switch {
	case !plainID.MatchString(s.ID):
		return r, errors.New("id is missing or not plain")
	case !itemName.MatchString(s.Item):
		return r, errors.New("item is not one of ours")
	case s.At.IsZero() || s.At.After(h.cfg.Now().Add(time.Hour)) || s.At.Year() < 2000:
		return r, fmt.Errorf("time %s", s.At)
	case !slices.Contains([]delivery.PostStatus{delivery.PostAccepted, delivery.PostDelivered, delivery.PostReturned, delivery.PostRefused}, s.Status):
		return r, fmt.Errorf("status %q", s.Status)
	}
	if _, err := h.record(s.Item); err != nil {
		return r, fmt.Errorf("item was never handed over: %v", err) // not wrapped: the status file itself is there
	}
	text := cleaned(s.Text)
	cause := h.causes.of(s.Status, s.Cause)
	if cause == "other" && s.Cause != "" {
		text = cleaned(s.Cause + ": " + s.Text)
	}
	return delivery.PostReport{ID: s.ID, Item: s.Item, Status: s.Status, Cause: cause, At: s.At.UTC(), Text: text}, nil
}

// same reports whether two reports say the same.
func same(a, b delivery.PostReport) bool {
	a.Documents, b.Documents = nil, nil
	return reflect.DeepEqual(a, b)
}

// known compares a report with one of the same id that was dealt with.
func (h *HotFolder) known(r delivery.PostReport) error {
	raw, err := os.ReadFile(h.path("status", "done", r.ID+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	var s statusFile
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("earlier report %q: %w", r.ID, err)
	}
	if old, err := h.report(s); err != nil || !same(old, r) {
		return fmt.Errorf("id %q came before with different content", r.ID)
	}
	return errKnown
}

// Done puts a report aside for good. After a final report, our copy of the
// letter goes too. Calling it again is harmless.
func (h *HotFolder) Done(ctx context.Context, r delivery.PostReport) error {
	entries, err := os.ReadDir(h.path("status"))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if got, err := h.readStatus(e.Name()); (err == nil || errors.Is(err, errKnown)) && same(got, r) {
			if err := rename(h.path("status", e.Name()), h.path("status", "done", r.ID+".json")); err != nil {
				return err
			}
		}
	}
	if r.Status == delivery.PostAccepted || !itemName.MatchString(r.Item) {
		return nil
	}
	unlock, err := h.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return h.forget(r.Item)
}

// cleaned is text of a partner without control characters, at most 500
// characters.
func cleaned(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	r := []rune(strings.Join(strings.Fields(s), " "))
	return strings.TrimSuffix(string(r[:min(len(r), 500)]), ":")
}
