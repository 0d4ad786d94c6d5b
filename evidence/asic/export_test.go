package asic

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Raw is one file of a container as a test wants it.
type Raw struct {
	Name string
	Data []byte
}

// Raws are the files that d gives. Content and attachments are left out.
func (d Dossier) Raws() ([]Raw, error) {
	list, err := d.entries()
	var raws []Raw
	for _, e := range list {
		if e.open == nil {
			raws = append(raws, Raw{e.name, e.data})
		}
	}
	return raws, err
}

// WriteRaw seals any files at all.
func (w *Writer) WriteRaw(ctx context.Context, out io.Writer, raws []Raw, v evidence.Validation, at time.Time) error {
	var list []entry
	for _, r := range raws {
		list = append(list, entry{name: r.Name, mediaType: xmlType, data: slices.Clone(r.Data)})
	}
	return w.pack(ctx, out, list, v, at)
}

// RecordManifest is the manifest of record number seq over one file.
func RecordManifest(seq int, name string, sum [32]byte) []byte {
	return writeRecordManifest(seq, reference{name, xmlType, sum[:]})
}

// Open is what a [Checker] does without believing anybody: the names of the files.
func Open(doc []byte) ([]string, error) {
	files, err := unpack(doc)
	if err != nil {
		return nil, err
	}
	members, manifest := files[1:len(files)-2], files[len(files)-2]
	if _, err := sortOut(members); err != nil {
		return nil, err
	}
	if err := checkManifest(manifest.data, members); err != nil {
		return nil, err
	}
	var names []string
	for _, f := range members {
		names = append(names, f.name)
	}
	return names, nil
}
