package post

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Operator is a postal operator's own interface, beside the partner that prints:
// a letter is announced before it is handed over, and tracked afterwards. Safe
// for concurrent use.
type Operator interface {
	// Announce tells of a letter and gives the barcode to print on its envelope;
	// "" when the operator need not be told of it. The same item gives the same
	// barcode. Errors: ErrAnnouncement for good, any other is worth another try.
	Announce(ctx context.Context, m Manifest) (barcode string, err error)
	// Track gives what the operator saw of a letter, in any order; the whole
	// history each time.
	Track(ctx context.Context, barcode string) ([]Sighting, error)
	// Proof opens a signed paper of the operator's. Errors: fs.ErrNotExist when
	// there is none (yet).
	Proof(ctx context.Context, barcode string, kind delivery.PostPaper) (mediaType string, r io.ReadCloser, err error)
}

// Sighting is one line of an operator's history.
type Sighting struct {
	State string // the operator's word
	Cause string
	At    time.Time
	Text  string
	Raw   json.RawMessage // as it came
}

// announce tells the operator of a letter once, and notes the barcode before
// anything is handed over: what is announced and what is deposited agree. The
// caller holds the lock.
func (h *HotFolder) announce(ctx context.Context, rec record) (record, error) {
	if h.cfg.Operator == nil || rec.Barcode != "" || rec.Placed || rec.PDFPlaced || rec.Manifest == nil || rec.Manifest.Test {
		return rec, nil
	}
	barcode, err := h.cfg.Operator.Announce(ctx, *rec.Manifest)
	if err != nil || barcode == "" {
		return rec, err
	}
	rec.Barcode, rec.Manifest.Barcode = barcode, barcode
	return rec, h.store(rec)
}

// proofs are the papers that an operator has once it reported a status.
var proofs = map[delivery.PostStatus]delivery.PostPaper{
	delivery.PostAccepted: delivery.DepositProof, delivery.PostDelivered: delivery.ReceiptScan}

// track asks the operator after a letter, and notes what is new. The caller
// holds the lock.
func (h *HotFolder) track(ctx context.Context, item string) error {
	rec, err := h.record(item)
	now := h.cfg.Now().UTC()
	if err != nil || h.cfg.Operator == nil || rec.Barcode == "" || !rec.Placed || now.Sub(rec.Asked) < h.cfg.TrackEvery {
		return err
	}
	rec.Asked = now
	if err := h.store(rec); err != nil { // an operator that fails is not asked more often
		return err
	}
	seen, err := h.cfg.Operator.Track(ctx, rec.Barcode)
	if err != nil {
		return err
	}
	changed := false
	for _, s := range seen {
		r, ok := h.sighted(rec, s)
		if !ok || rec.has(r.ID) || s.At.After(now.Add(time.Hour)) || s.At.Year() < 2000 {
			continue
		}
		r.Documents = h.proofOf(ctx, rec, r, s)
		rec.Pending, changed = append(rec.Pending, r), true
	}
	if !changed {
		return nil
	}
	return h.store(rec)
}

// has reports whether a report of this id is waiting or was told.
func (rec record) has(id string) bool {
	return slices.Contains(rec.Told, id) ||
		slices.ContainsFunc(rec.Pending, func(r delivery.PostReport) bool { return r.ID == id })
}

// sighted makes a report of a sighting. Its id depends on what was seen and when,
// so that the same line counts once.
func (h *HotFolder) sighted(rec record, s Sighting) (delivery.PostReport, bool) {
	means, ok := h.causes.means("bpost", s.State)
	if !ok {
		return delivery.PostReport{}, false
	}
	at := s.At.UTC()
	sum := sha256.Sum256([]byte(rec.Barcode + "\x00" + strings.ToLower(s.State) + "\x00" + at.Format(time.RFC3339Nano)))
	return h.canonical(delivery.PostReport{ID: "op-" + hex.EncodeToString(sum[:12]), Item: rec.Item, Status: means.Status,
		Cause: s.Cause, Tracking: rec.Barcode, At: at, Text: s.Text}, means), true
}

// proofOf fetches what proves a report: the operator's paper, and the line of its
// history. What cannot be had now is left out.
func (h *HotFolder) proofOf(ctx context.Context, rec record, r delivery.PostReport, s Sighting) []delivery.PostDocument {
	var docs []delivery.PostDocument
	add := func(kind delivery.PostPaper, mediaType string, b []byte) error {
		sum := sha256.Sum256(b)
		p := paperFile{Kind: kind, File: "x", MediaType: mediaType, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
		if err := p.check(); err != nil {
			return err
		}
		doc, err := h.keep(p, strings.NewReader(string(b)))
		if err == nil {
			docs = append(docs, doc)
		}
		return err
	}
	if kind, ok := proofs[r.Status]; ok {
		err := func() error {
			mediaType, body, err := h.cfg.Operator.Proof(ctx, rec.Barcode, kind)
			if err != nil {
				return err
			}
			defer body.Close()
			b, err := io.ReadAll(io.LimitReader(body, maxPaper+1))
			if err != nil {
				return fmt.Errorf("post: proof: %w", err)
			}
			return add(kind, mediaType, b)
		}()
		if err != nil {
			h.cfg.Logger.WarnContext(ctx, "no proof of the postal operator", "item", rec.Item, "kind", string(kind), "error", err)
		}
	}
	if len(s.Raw) > 0 {
		if err := add(delivery.TrackingHistory, "application/json", s.Raw); err != nil {
			h.cfg.Logger.WarnContext(ctx, "history of the postal operator refused", "item", rec.Item, "error", err)
		}
	}
	return docs
}
