// Package asic packs the evidence of a delivery, and optionally its content,
// into one self-contained file and verifies such files.
//
// A dossier is an ASiC-E container: a ZIP whose first entry says what it is,
// whose manifest lists every file with its digest, and whose manifest carries
// one CAdES signature with a time-stamp and, when it was known, what the issuers
// of the certificates said of revocation. Evidence that got its time from a
// batch has an evidence record with a manifest of its own. A readme in four
// languages tells how to check everything with tools that are not ours.
//
// There is exactly one octet string for given files and signature: entries are
// stored, in order, without dates. The verifier writes the container again and
// compares, so no octet of it is without meaning.
//
// Sources: EN 319 162-1 §4 (ASiC-E), EN 319 122-1 (CAdES baseline), RFC 4998
// (evidence records), APPNOTE 6.3.
package asic

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/bode-erds/bode/evidence"
)

var (
	// ErrConfig says that a [Config] cannot be used.
	ErrConfig = errors.New("asic: config")
	// ErrDossier says that a [Dossier] cannot be packed.
	ErrDossier = errors.New("asic: dossier")
	// ErrContent says that a file is not the one whose digest was given.
	ErrContent = errors.New("asic: file is not the one announced")
)

// Names and types fixed by EN 319 162-1 §4.4 and by us.
const (
	mimetypeName   = "mimetype"
	mimetypeValue  = "application/vnd.etsi.asic-e+zip"
	manifestName   = "META-INF/ASiCManifest001.xml"
	signatureName  = "META-INF/signature001.p7s"
	recordManifest = "META-INF/ASiCEvidenceRecordManifest" // with the number of the event, and .xml
	recordName     = "META-INF/evidencerecord"             // the same, and .ers
	readmeName     = "readme.txt"
	xmlType        = "application/xml"
	evidenceFolder = "evidence/"
	contentFolder  = "content/"
	attachFolder   = "attachments/"
	maxFiles       = 2000
	maxSignature   = 16 << 20      // octets, with validation data
	maxTotal       = 1<<32 - 1<<24 // below ZIP's 4 GiB, with room for the directory
)

// Piece is one sealed evidence.
type Piece struct {
	Seq   int // of its event
	Event evidence.Name
	XML   []byte
	PDF   []byte // may be nil
	// The record must be over XML as it is here.
	evidence.Beside
}

// base is the name of its files without their endings.
func (p Piece) base() string { return fmt.Sprintf("%s%03d-%s", evidenceFolder, p.Seq, p.Event) }

// File is something to pack that is not evidence. It is read twice, once for
// its digest and once to be written, and never held in memory.
type File = evidence.File

// Dossier is what gets packed.
type Dossier struct {
	Pieces      []Piece // every event of the delivery, in order
	Content     []File  // parts of the message; their digests must be in the evidence
	Attachments []File  // anything else, such as the printed letter
	// Validation is about the certificates of the key that Config.Key gives and of
	// whom Config.Stamper asks, and about no others. With it the dossier is sealed at
	// baseline B-LT, in its absence at B-T. So it is when another key sealed or
	// another authority had to be asked, and for validation data of more than 15 MiB.
	Validation evidence.Validation
}

// Config of a [Writer]. Both fields are needed.
type Config struct {
	Key     evidence.KeyAt // asked once per dossier
	Stamper evidence.Stamper
}

// Writer packs dossiers. Safe for concurrent use when its key and stamper are.
type Writer struct{ cfg Config }

// New returns a writer. Errors: [ErrConfig].
func New(cfg Config) (*Writer, error) {
	if cfg.Key == nil || cfg.Stamper == nil {
		return nil, fmt.Errorf("%w: key and stamper are needed", ErrConfig)
	}
	cfg.Key = cfg.Key.Checked()
	return &Writer{cfg}, nil
}

// entry is one file of the container.
type entry struct {
	name, mediaType string
	data            []byte // nil when open is set
	want            string // expected digest, hex
	open            func(ctx context.Context) (io.ReadCloser, error)
}

// entries names every data file, in the order in which it is packed.
func (d Dossier) entries() ([]entry, error) {
	if len(d.Pieces) == 0 {
		return nil, fmt.Errorf("%w: no evidence", ErrDossier)
	}
	list := []entry{{name: readmeName, mediaType: "text/plain; charset=utf-8", data: readme()}}
	for i, p := range d.Pieces {
		if p.Seq <= 0 || i > 0 && p.Seq <= d.Pieces[i-1].Seq || !p.Event.Valid() || len(p.XML) == 0 {
			return nil, fmt.Errorf("%w: piece %d is out of order or has no XML", ErrDossier, i+1)
		}
		list = append(list, p.entries()...)
	}
	for folder, files := range map[string][]File{contentFolder: d.Content, attachFolder: d.Attachments} {
		for i, f := range files {
			if f.Open == nil || !strings.Contains(f.MediaType, "/") {
				return nil, fmt.Errorf("%w: %s file %d cannot be opened or has no type", ErrDossier, folder, i+1)
			}
		}
	}
	for i, f := range d.Content {
		list = append(list, entry{name: fileName(contentFolder, i, f.Name), mediaType: f.MediaType, want: f.SHA256, open: f.Open})
	}
	for i, f := range d.Attachments {
		list = append(list, entry{name: fileName(attachFolder, i, f.Name), mediaType: f.MediaType, want: f.SHA256, open: f.Open})
	}
	for _, p := range d.Pieces {
		if p.Record != nil {
			list = append(list, p.recordEntries()...)
		}
	}
	if len(list) > maxFiles {
		return nil, fmt.Errorf("%w: more than %d files", ErrDossier, maxFiles)
	}
	return list, nil
}

// entries are the files of one evidence, beside each other.
func (p Piece) entries() []entry {
	list := []entry{{name: p.base() + ".xml", mediaType: xmlType, data: p.XML}}
	if p.PDF != nil {
		list = append(list, entry{name: p.base() + ".pdf", mediaType: "application/pdf", data: p.PDF})
	}
	if p.Proof != nil {
		list = append(list, entry{name: p.base() + evidence.ProofSuffix, mediaType: "text/plain; charset=utf-8", data: p.Proof})
	}
	return list
}

// recordEntries are its evidence record and what that is about.
// EN 319 162-1 §4.4.3.2, §4.4.4.2
func (p Piece) recordEntries() []entry {
	sum := sha256.Sum256(p.XML)
	return []entry{
		{name: fmt.Sprintf("%s%03d%s", recordName, p.Seq, evidence.RecordSuffix), mediaType: "application/octet-stream", data: p.Record},
		{name: fmt.Sprintf("%s%03d.xml", recordManifest, p.Seq), mediaType: xmlType,
			data: writeRecordManifest(p.Seq, reference{p.base() + ".xml", xmlType, sum[:]})},
	}
}

// fileName makes a foreign name harmless on every system, and unique.
func fileName(folder string, i int, name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" .-_()+,", r) {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(name, "_"))
	name = strings.Trim(evidence.Text(name, 100), " .…")
	return fmt.Sprintf("%s%02d-%s", folder, i+1, name)
}

// Write packs d into out, signed at the given time with the key for that time. Out
// gets octets from the start on; on an error they are worthless. The evidence itself
// is packed as it is: use a [Checker] to see whether it holds. Errors: [ErrDossier],
// [ErrContent], [evidence.ErrSealKey], and those of out, the key and the stamper.
func (w *Writer) Write(ctx context.Context, out io.Writer, d Dossier, at time.Time) error {
	list, err := d.entries()
	if err != nil {
		return err
	}
	return w.pack(ctx, out, list, d.Validation, at)
}

// pack writes the files, the manifest of them and the signature over that.
func (w *Writer) pack(ctx context.Context, out io.Writer, list []entry, v evidence.Validation, at time.Time) error {
	z := &archive{out: out}
	if err := z.add(mimetypeName, []byte(mimetypeValue)); err != nil {
		return err
	}
	refs := make([]reference, 0, len(list))
	for _, e := range list {
		digest, err := z.addEntry(ctx, e)
		if err != nil {
			return err
		}
		refs = append(refs, reference{e.name, e.mediaType, digest})
	}
	manifest := writeManifest(refs)
	signature, err := w.sign(ctx, manifest, v, at)
	if err != nil {
		return err
	}
	if err := z.add(manifestName, manifest); err != nil {
		return err
	}
	if err := z.add(signatureName, signature); err != nil {
		return err
	}
	return z.close()
}
