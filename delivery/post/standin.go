package post

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// StandIn plays the print and post partner at the other end of a hot folder,
// for tests and for the demonstration: it takes letters and writes status
// files as a partner would, with a tracking number and papers where there would
// be some. What it took lies in Dir/partner.
type StandIn struct {
	Dir string
}

// Process takes every letter that waits, test letters too, and reports status
// for each. It gives the items it took. Errors: a letter that does not match
// its manifest, or what the disk said.
func (s StandIn) Process(status delivery.PostStatus, cause string, at time.Time) ([]string, error) {
	return s.each(func(m Manifest) error { return s.Report(m.Item, status, cause, at) })
}

// Post takes every letter that waits, and acknowledges, prints and posts it. It
// gives the items it took. Errors: as of Process.
func (s StandIn) Post(at time.Time) ([]string, error) {
	return s.each(func(m Manifest) error {
		for _, st := range []delivery.PostStatus{delivery.PostAcknowledged, delivery.PostPrinted, delivery.PostAccepted} {
			if err := s.Report(m.Item, st, "", at); err != nil {
				return err
			}
		}
		return nil
	})
}

// each takes what waits and does something about every letter.
func (s StandIn) each(do func(Manifest) error) ([]string, error) {
	var items []string
	for _, dir := range []string{s.Dir, filepath.Join(s.Dir, "test")} {
		found, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			return items, fmt.Errorf("post: stand-in: %w", err)
		}
		for _, path := range found {
			m, err := s.take(path)
			if errors.Is(err, errWithdrawn) {
				continue
			}
			if err != nil {
				return items, err
			}
			if err := do(m); err != nil {
				return items, err
			}
			items = append(items, m.Item)
		}
	}
	return items, nil
}

// errWithdrawn: the manifest went while the PDF was being taken, so the letter
// must not be printed.
var errWithdrawn = errors.New("post: stand-in: letter was withdrawn")

// take checks a letter against its manifest and moves both away, the manifest
// last.
func (s StandIn) take(path string) (Manifest, error) {
	var m Manifest
	raw, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("post: stand-in: manifest: %w", err)
	}
	to := filepath.Join(s.Dir, "partner")
	if err := os.MkdirAll(to, 0o750); err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	pdf := filepath.Join(filepath.Dir(path), filepath.Base(m.PDF))
	b, err := os.ReadFile(pdf)
	if err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m.SHA256 || int64(len(b)) != m.Size {
		return m, fmt.Errorf("post: stand-in: item %s is not what its manifest says", m.Item)
	}
	kept := filepath.Join(to, filepath.Base(pdf))
	if err := os.Rename(pdf, kept); err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	err = os.Rename(path, filepath.Join(to, filepath.Base(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return m, errors.Join(errWithdrawn, os.Remove(kept))
	}
	if err != nil {
		return m, fmt.Errorf("post: stand-in: %w", err)
	}
	return m, nil
}

// Report writes one status file, after the papers that belong to the status. The
// same item and status make the same id.
func (s StandIn) Report(item string, status delivery.PostStatus, cause string, at time.Time) error {
	id := strings.ToLower(item + "-" + string(status))
	f := statusFile{ID: id, Item: item, Status: string(status), Cause: cause, At: at}
	if rank(status) >= rank(delivery.PostAccepted) && status != delivery.PostRefused && status != delivery.PostCancelled {
		f.Tracking = s.tracking(item)
	}
	switch status {
	case delivery.PostAcknowledged:
		raw, err := os.ReadFile(filepath.Join(s.Dir, "partner", item+".pdf"))
		if err != nil {
			return fmt.Errorf("post: stand-in: %w", err)
		}
		sum := sha256.Sum256(raw)
		f.SHA256 = hex.EncodeToString(sum[:])
	case delivery.PostDelivered:
		f.Mode = "signed"
	}
	dir := filepath.Join(s.Dir, "status")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("post: stand-in: %s is not a hot folder: %w", s.Dir, err)
	}
	kind, ok := map[delivery.PostStatus]delivery.PostPaper{delivery.PostAccepted: delivery.DepositProof,
		delivery.PostDelivered: delivery.ReceiptScan, delivery.PostReturned: delivery.EnvelopeScan}[status]
	if ok {
		paper := proofPDF(string(kind), item, f.Tracking, cause, at.UTC().Format(time.RFC3339))
		sum := sha256.Sum256(paper)
		p := paperFile{Kind: kind, File: id + ".pdf", MediaType: "application/pdf", Size: int64(len(paper)), SHA256: hex.EncodeToString(sum[:])}
		if err := s.write(dir, p.File, paper); err != nil {
			return err
		}
		f.Documents = append(f.Documents, p)
	}
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("post: stand-in: %w", err)
	}
	return s.write(dir, id+".json", b)
}

func (StandIn) write(dir, name string, b []byte) error {
	tmp := filepath.Join(dir, "."+name+".part")
	if err := os.WriteFile(tmp, b, 0o640); err != nil {
		return fmt.Errorf("post: stand-in: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("post: stand-in: %w", err)
	}
	return nil
}

// tracking is an item identifier in the form of the Universal Postal Union.
func (StandIn) tracking(item string) string {
	sum := sha256.Sum256([]byte(item))
	serial := fmt.Sprintf("%08d", binary.BigEndian.Uint32(sum[:])%100_000_000)
	return fmt.Sprintf("RR%s%dBE", serial, S10Digit(serial))
}

// proofPDF is one page with lines of plain ASCII.
func proofPDF(lines ...string) []byte {
	var text strings.Builder
	for i, line := range lines {
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' || strings.ContainsRune(`()\`, r) {
				return '?'
			}
			return r
		}, line)
		fmt.Fprintf(&text, "BT /F 14 Tf 60 %d Td (%s) Tj ET\n", 760-24*i, line)
	}
	var b strings.Builder
	b.WriteString("%PDF-1.4\n")
	var at []int
	for i, object := range []string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
		fmt.Sprintf("<</Length %d>>\nstream\n%sendstream", text.Len(), text.String()),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return []byte(b.String())
}
