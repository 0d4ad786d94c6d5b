package post

import (
	"bytes"
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
	ID        string      `json:"id"`
	Item      string      `json:"item"`
	Status    string      `json:"status"`
	Cause     string      `json:"cause,omitempty"`
	Mode      string      `json:"mode,omitempty"`
	Tracking  string      `json:"tracking,omitempty"`
	SHA256    string      `json:"sha256,omitempty"` // of the PDF, as the partner got it; an acknowledgement must have it
	At        time.Time   `json:"at"`
	Text      string      `json:"text,omitempty"`
	Documents []paperFile `json:"documents,omitempty"`
}

var (
	// plainID is an id that can be a file name.
	plainID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	// itemName is what itemID gives.
	itemName = regexp.MustCompile(`^[LT][A-Z2-7]{15}$`)
	// deliveryModes are the ways of delivering that we tell apart.
	deliveryModes = []string{"", "signed", "unsigned", "counter"}
)

var (
	errGrowing  = errors.New("still being written")
	errKnown    = errors.New("dealt with before")
	errNonsense = errors.New("makes no sense")
	errOther    = fmt.Errorf("%w: speaks of another letter than ours", errNonsense)
)

func nonsense(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errNonsense}, a...)...)
}

// readStatus reads one status file. Errors: errGrowing, errKnown, errNonsense,
// or what the disk or the network said, which says nothing about the file.
func (h *HotFolder) readStatus(ctx context.Context, e entry) (delivery.PostReport, error) {
	var r delivery.PostReport
	if !e.plain || e.size > maxStatus {
		return r, nonsense("not a file, or larger than %d octets", maxStatus)
	}
	raw, err := contents(ctx, h.drop, "status/"+e.name, maxStatus)
	if err != nil {
		return r, err
	}
	var s statusFile
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&s); err != nil {
		if h.recent(e, h.cfg.Settle) {
			return r, errGrowing
		}
		return r, nonsense("not JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, nonsense("something after the JSON")
	}
	if r, err = h.report(s); err != nil {
		return r, err
	}
	if err := h.known(r); err != nil {
		return r, err
	}
	return h.withPapers(ctx, e, s, r)
}

// recent reports whether a file changed within d. The partner's clock may be
// wrong: a file from the future is not waited for.
func (h *HotFolder) recent(e entry, d time.Duration) bool {
	age := h.cfg.Now().Sub(e.changed)
	return age < d && age > -d
}

// withPapers adds what a status file brought. Papers that are not there in full
// are waited for, but not for ever: the fact counts without them.
func (h *HotFolder) withPapers(ctx context.Context, e entry, s statusFile, r delivery.PostReport) (delivery.PostReport, error) {
	docs, faults, err := h.papers(ctx, s)
	if err != nil && h.recent(e, h.cfg.PapersIn) {
		return r, fmt.Errorf("%w: %w", errGrowing, err)
	}
	if err := errors.Join(append(faults, err)...); err != nil {
		h.cfg.Logger.WarnContext(ctx, "papers of report refused", "partner", h.cfg.Partner, "report", r.ID, "item", r.Item, "error", err)
	}
	r.Documents = docs
	return r, nil
}

// report checks the fields of a status file.
func (h *HotFolder) report(s statusFile) (delivery.PostReport, error) {
	var r delivery.PostReport
	means, ok := h.causes.means("folder", s.Status)
	switch {
	case !plainID.MatchString(s.ID):
		return r, nonsense("id is missing or not plain")
	case !itemName.MatchString(s.Item):
		return r, nonsense("item is not one of ours")
	case s.At.IsZero() || s.At.After(h.cfg.Now().Add(time.Hour)) || s.At.Year() < 2000:
		return r, nonsense("time %s", s.At)
	case !ok:
		return r, nonsense("status %q", s.Status)
	case !slices.Contains(deliveryModes, s.Mode):
		return r, nonsense("mode %q", s.Mode)
	}
	rec, err := h.record(s.Item)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, nonsense("item was never handed over")
	case err != nil:
		return r, err
	case s.SHA256 == "" && means.Status == delivery.PostAcknowledged, s.SHA256 != "" && !strings.EqualFold(s.SHA256, rec.SHA256):
		return r, fmt.Errorf("%w: item %s, digest %q", errOther, s.Item, cleaned(s.SHA256))
	}
	tracking, err := plainTracking(s.Tracking)
	if err != nil {
		return r, nonsense("%v", err)
	}
	return h.canonical(delivery.PostReport{ID: s.ID, Item: s.Item, Status: means.Status, Tracking: tracking, At: s.At.UTC(),
		Mode: s.Mode, Cause: s.Cause, Text: s.Text}, means), nil
}

// canonical puts what a partner said into our words. A cause that we have no
// word for stays in the text.
func (d *desk) canonical(r delivery.PostReport, means state) delivery.PostReport {
	said := r.Cause
	r.Cause = d.causes.of(r.Status, said)
	if r.Cause == "other" && said != "" {
		r.Text = said + ": " + r.Text
	} else if r.Cause == "other" && means.Cause != "" {
		r.Cause = means.Cause
	}
	switch {
	case r.Status != delivery.PostDelivered:
		r.Mode = ""
	case r.Mode == "":
		r.Mode = means.Mode
	}
	r.Text = cleaned(r.Text)
	return r
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
	var old delivery.PostReport
	if err := json.Unmarshal(raw, &old); err != nil {
		return fmt.Errorf("post: earlier report %q: %w", r.ID, err)
	}
	if !same(old, r) {
		return nonsense("id %q came before with different content", r.ID)
	}
	return errKnown
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
