package post

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
)

// officeKind is a kind of office document that can be converted.
type officeKind struct {
	ext    string
	filter string // LibreOffice's import filter: what is named one thing is not read as another
	magic  string // how a file begins
	member string // of a ZIP container: what it must hold
}

const zipMagic, oleMagic = "PK\x03\x04", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

// officeKinds are the media types that are converted. Those that carry macros
// by their type are not among them.
var officeKinds = map[string]officeKind{
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": {"docx", "MS Word 2007 XML", zipMagic, "word/document.xml"},
	"application/vnd.oasis.opendocument.text":                                 {"odt", "writer8", zipMagic, "content.xml"},
	"application/msword": {"doc", "MS Word 97", oleMagic, ""},
	"application/rtf":    {"rtf", "Rich Text Format", `{\rtf`, ""},
	"text/rtf":           {"rtf", "Rich Text Format", `{\rtf`, ""},
}

// maxUnpacked bounds what a container says it unpacks to.
const maxUnpacked = 256 << 20

// check refuses a file that is not of the kind, that is encrypted, or that
// unpacks to more than maxUnpacked.
func (k officeKind) check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	begins := make([]byte, 8)
	if _, err := io.ReadFull(f, begins); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.HasPrefix(begins, []byte(k.magic)) {
		if k.magic == zipMagic && bytes.HasPrefix(begins, []byte(oleMagic)) {
			return refuse(Encrypted, "package in a compound file")
		}
		return refuse(Broken, "not a %s file", k.ext)
	}
	if k.magic != zipMagic {
		return nil
	}
	s, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, s.Size())
	if err != nil {
		return refuse(Broken, "container: %w", err)
	}
	return k.container(z)
}

func (k officeKind) container(z *zip.Reader) error {
	var total uint64
	found := false
	for _, m := range z.File {
		if total += m.UncompressedSize64; m.UncompressedSize64 > maxUnpacked || total > maxUnpacked || len(z.File) > 10_000 {
			return refuse(TooLarge, "unpacks to more than %d octets", maxUnpacked)
		}
		found = found || m.Name == k.member
		switch {
		case m.Flags&1 != 0:
			return refuse(Encrypted, "encrypted member")
		case strings.HasSuffix(strings.ToLower(m.Name), "vbaproject.bin"):
			return refuse(ActiveContent, "macros")
		case m.Name == "META-INF/manifest.xml":
			r, err := m.Open()
			if err != nil {
				return refuse(Broken, "manifest: %w", err)
			}
			b, err := io.ReadAll(io.LimitReader(r, 4<<20))
			r.Close()
			if err != nil {
				return refuse(Broken, "manifest: %w", err)
			}
			if bytes.Contains(b, []byte("encryption-data")) {
				return refuse(Encrypted, "encrypted content")
			}
		}
	}
	if !found {
		return refuse(Broken, "no %s", k.member)
	}
	return nil
}
