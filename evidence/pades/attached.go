package pades

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"

	"github.com/bode-erds/bode/evidence"
)

// The names under which files stand in the PDF.
const (
	AttachmentName = "evidence.xml"
	RecordName     = "evidence" + evidence.RecordSuffix
	ProofName      = "evidence" + evidence.ProofSuffix
)

// attachment is a file inside the PDF.
type attachment struct {
	name     string
	media    string // as a PDF name
	relation string // AFRelationship: what it is to the page
	label    string // key of its description
	data     []byte
}

// attachments are the files that a stands for, sorted by name as a name tree
// must be. ISO 32000-1 §7.9.6; ISO 19005-3 §6.8
func attachments(a evidence.Attached) []attachment {
	var out []attachment
	if a.Record != nil {
		out = append(out, attachment{RecordName, "application#2Fers", "Supplement", "attached_record", a.Record})
	}
	if a.Proof != nil {
		out = append(out, attachment{ProofName, "text#2Fplain", "Supplement", "attached_proof", a.Proof})
	}
	return append(out, attachment{AttachmentName, "text#2Fxml", "Source", "attached", a.XML})
}

var (
	embedded = regexp.MustCompile(`/Params ?<< ?/Size (\d{1,9})[ /].*/Filter ?(\[/ASCIIHexDecode /FlateDecode\]|/FlateDecode) ?/Length (\d{1,9}) ?>>$`)
	named    = regexp.MustCompile(`\(([a-z.-]+)\) (\d{1,7}) 0 R`)
)

// attached is the evidence.xml inside and what stands beside it.
func (f *sealedFile) attached() ([]byte, evidence.Beside, error) {
	files, err := f.files()
	if err == nil && len(files[AttachmentName]) == 0 {
		err = errAttached
	}
	return files[AttachmentName], evidence.Beside{Record: files[RecordName], Proof: files[ProofName]}, err
}

// files are the files inside, by name. A file of another name is refused, and so
// is one that is not to the page what it should be.
func (f *sealedFile) files() (map[string][]byte, error) {
	_, names, err := f.follow(f.catalog, "/Names")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	total := 0
	for _, m := range named.FindAllSubmatch(names, -1) {
		name := string(m[1])
		want := "/AFRelationship /Supplement"
		switch name {
		case AttachmentName:
			want = "/AFRelationship /Source"
		case RecordName, ProofName:
		default:
			return nil, fmt.Errorf("%w: a file %q", errAttached, name)
		}
		spec, err := f.object(atoi(m[2]))
		if err != nil {
			return nil, err
		}
		if _, twice := files[name]; twice || !bytes.Contains(spec, []byte(want)) {
			return nil, fmt.Errorf("%w: %s", errAttached, name)
		}
		if files[name], err = f.file(spec); err != nil {
			return nil, err
		}
		if total += len(files[name]); total > maxAttached {
			return nil, fmt.Errorf("%w: too large", errAttached)
		}
	}
	return files, nil
}

// file is the content of the file that spec stands for.
func (f *sealedFile) file(spec []byte) ([]byte, error) {
	id, dict, err := f.follow(spec, "/EF << /F")
	if err != nil {
		return nil, err
	}
	m := embedded.FindSubmatch(dict)
	from := f.offsets[id] + len(fmt.Sprintf("%d 0 obj\n", id)) + len(dict) + len("\nstream\n")
	if m == nil || from+atoi(m[3]) > len(f.doc) {
		return nil, errAttached
	}
	data := f.doc[from : from+atoi(m[3])]
	if m[2][0] == '[' {
		plain := make([]byte, len(data)/2)
		if _, err := hex.Decode(plain, bytes.TrimSuffix(data, []byte(">"))); err != nil {
			return nil, fmt.Errorf("%w: %w", errAttached, err)
		}
		data = plain
	}
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAttached, err)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxAttached+1))
	if err != nil || len(out) != atoi(m[1]) {
		return nil, fmt.Errorf("%w: damaged", errAttached)
	}
	return out, nil
}
