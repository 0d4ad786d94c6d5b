package post

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// maxPaper is how large a paper may be, in octets, and maxPapers how many a
// report may bring.
const (
	maxPaper  = 32 << 20
	maxPapers = 8
)

// paperFile is a paper that a status file names; it lies beside it.
type paperFile struct {
	Kind      delivery.PostPaper `json:"kind"`
	File      string             `json:"file"`
	MediaType string             `json:"media_type"`
	Size      int64              `json:"size"`
	SHA256    string             `json:"sha256"`
}

var (
	errIncomplete = errors.New("paper is not there in full")
	paperKinds    = []delivery.PostPaper{delivery.DepositProof, delivery.ReceiptScan, delivery.EnvelopeScan, delivery.TrackingHistory}
	hexDigest     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// beginnings are how files of the media types that we take begin.
var beginnings = map[string][]string{
	"application/pdf":  {"%PDF-"},
	"image/jpeg":       {"\xff\xd8\xff"},
	"image/png":        {"\x89PNG\r\n\x1a\n"},
	"image/tiff":       {"II*\x00", "MM\x00*"},
	"application/json": {"{", "["},
}

// check refuses a paper that we would not keep.
func (p paperFile) check() error {
	switch {
	case !slices.Contains(paperKinds, p.Kind):
		return fmt.Errorf("paper of kind %q", p.Kind)
	case !plainID.MatchString(p.File):
		return errors.New("file name of a paper is missing or not plain")
	case beginnings[p.MediaType] == nil:
		return fmt.Errorf("paper of type %q", p.MediaType)
	case p.Size < 1 || p.Size > maxPaper:
		return fmt.Errorf("paper of %d octets", p.Size)
	case !hexDigest.MatchString(p.SHA256):
		return errors.New("digest of a paper")
	}
	return nil
}

// document is a paper that was kept; opening it checks nothing, since keep did.
func (d *desk) document(kind delivery.PostPaper, mediaType string, size int64, sha string) delivery.PostDocument {
	return delivery.PostDocument{Kind: kind, MediaType: mediaType, Size: size, SHA256: sha,
		Open: func(context.Context) (io.ReadCloser, error) { return os.Open(d.path("papers", sha)) }}
}

// keep copies a paper to our own folder, so that nobody changes it after it was
// checked. Errors: errIncomplete when r is not, or not yet, what p says; another
// when it will never be.
func (d *desk) keep(p paperFile, r io.Reader) (delivery.PostDocument, error) {
	doc := d.document(p.Kind, p.MediaType, p.Size, p.SHA256)
	b, err := io.ReadAll(io.LimitReader(r, p.Size+1))
	if err != nil {
		return doc, fmt.Errorf("post: paper: %w", err)
	}
	if sum := sha256.Sum256(b); int64(len(b)) != p.Size || hex.EncodeToString(sum[:]) != p.SHA256 {
		return doc, fmt.Errorf("%w: %d octets of %d", errIncomplete, len(b), p.Size)
	}
	if err := looksLike(p.MediaType, b); err != nil {
		return doc, err
	}
	return doc, d.put(d.path("papers", p.SHA256), b)
}

// looksLike refuses content that is not of its media type.
func looksLike(mediaType string, b []byte) error {
	if !slices.ContainsFunc(beginnings[mediaType], func(s string) bool { return bytes.HasPrefix(b, []byte(s)) }) ||
		mediaType == "application/json" && !json.Valid(b) {
		return fmt.Errorf("paper is not %s", mediaType)
	}
	return nil
}

// papers takes in the papers of a status file. Those refused come as faults; the
// report counts without them. Errors: errIncomplete when it is worth waiting.
func (h *HotFolder) papers(ctx context.Context, s statusFile) (docs []delivery.PostDocument, faults []error, err error) {
	for i, p := range s.Documents {
		if i == maxPapers {
			return docs, append(faults, fmt.Errorf("%d papers", len(s.Documents))), nil
		}
		if err := p.check(); err != nil {
			faults = append(faults, err)
			continue
		}
		doc, e := h.paper(ctx, p)
		switch {
		case e == nil:
			docs = append(docs, doc)
		case errors.Is(e, errIncomplete):
			err = fmt.Errorf("%s: %w", p.File, e)
		default:
			faults = append(faults, fmt.Errorf("%s: %w", p.File, e))
		}
	}
	return docs, faults, err
}

func (h *HotFolder) paper(ctx context.Context, p paperFile) (delivery.PostDocument, error) {
	if info, err := os.Stat(h.path("papers", p.SHA256)); err == nil && info.Size() == p.Size {
		return h.document(p.Kind, p.MediaType, p.Size, p.SHA256), nil
	}
	r, err := h.drop.open(ctx, "status/"+p.File)
	if errors.Is(err, fs.ErrNotExist) {
		return delivery.PostDocument{}, fmt.Errorf("%w: missing", errIncomplete)
	}
	if err != nil {
		return delivery.PostDocument{}, err
	}
	defer r.Close()
	return h.keep(p, r)
}

// dropPapers removes our copies of papers that were taken in.
func (d *desk) dropPapers(docs []delivery.PostDocument) error {
	for _, doc := range docs {
		if !hexDigest.MatchString(doc.SHA256) {
			continue
		}
		if err := os.Remove(d.path("papers", doc.SHA256)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("post: %w", err)
		}
	}
	return nil
}

// plainTracking is the number of a postal operator as people write it; one in the
// form of the Universal Postal Union must have the right check digit.
func plainTracking(s string) (string, error) {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	if s == "" {
		return "", nil
	}
	if !trackingNumber.MatchString(s) || s10Shape.MatchString(s) && !ValidS10(s) {
		return "", fmt.Errorf("tracking number %q", cleaned(s))
	}
	return s, nil
}

var trackingNumber = regexp.MustCompile(`^[A-Z0-9][A-Z0-9.-]{3,49}$`)
