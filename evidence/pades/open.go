package pades

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// maxFile and maxAttached bound what a checker reads of a stranger's file.
const (
	maxFile     = 64 << 20
	maxAttached = 16 << 20
)

// sealedFile is a sealed PDF taken apart. It accepts only the shape that
// [Sealer] gives: one body, one increment with the seal, nothing after it.
type sealedFile struct {
	doc      []byte
	holeFrom int // offset of '<' of /Contents
	holeTo   int // offset behind its '>'
	offsets  map[int]int
	catalog  []byte
}

var (
	byteRange = regexp.MustCompile(`/ByteRange \[0 (\d{1,10}) (\d{1,10}) (\d{1,10})\]`)
	trailers  = regexp.MustCompile(`^trailer\s+<<([^<>]|<[0-9a-f]{32}>)*>>\s+startxref\s+(\d{1,10})\s+%%EOF\n$`)
	prevKey   = regexp.MustCompile(`/Prev (\d{1,10})\s`)
	rootKey   = regexp.MustCompile(`/Root (\d{1,7}) 0 R`)
	startKey  = regexp.MustCompile(`^\s*(\d{1,10})\n`)
	tableHead = regexp.MustCompile(`^(\d{1,7}) (\d{1,7})\n`)
	reference = regexp.MustCompile(`^\s*(\d{1,7}) 0 R`)
)

// open finds the one signature of doc and checks that it covers every octet
// outside its own place, in a file of the shape that we give to evidence.
func open(doc []byte) (*sealedFile, error) {
	if len(doc) > maxFile || !bytes.HasPrefix(doc, []byte("%PDF-1.7\n")) {
		return nil, errStructure
	}
	f, err := locate(doc)
	if err != nil {
		return nil, err
	}
	if err := f.readXref(); err != nil {
		return nil, err
	}
	return f, f.bindSignature()
}

// locate finds the place of the one signature of doc, which must cover all but
// that place.
func locate(doc []byte) (*sealedFile, error) {
	if bytes.Count(doc, []byte("/ByteRange")) != 1 {
		return nil, fmt.Errorf("%w: not exactly one signature", errStructure)
	}
	m := byteRange.FindSubmatch(doc)
	if m == nil {
		return nil, fmt.Errorf("%w: byte range", errCoverage)
	}
	from, to, tail := atoi(m[1]), atoi(m[2]), atoi(m[3])
	switch {
	case to+tail != len(doc):
		return nil, fmt.Errorf("%w: something was added", errCoverage)
	case from >= to || to > len(doc) || doc[from] != '<' || doc[to-1] != '>' || !bytes.HasSuffix(doc[:from], []byte("/Contents")):
		return nil, fmt.Errorf("%w: byte range does not enclose the signature", errCoverage)
	}
	return &sealedFile{doc: doc, holeFrom: from, holeTo: to, offsets: map[int]int{}}, nil
}

// container is the content of the signature's place. Only lower-case digits are
// accepted, so that each seal has one spelling.
func (f *sealedFile) container() ([]byte, error) {
	digits := f.doc[f.holeFrom+1 : f.holeTo-1]
	if bytes.ContainsAny(digits, "ABCDEF") {
		return nil, fmt.Errorf("%w: not in the one spelling", errCMS)
	}
	out := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(out, digits); err != nil {
		return nil, fmt.Errorf("%w: not hexadecimal", errCMS)
	}
	return container(out)
}

// covered is what the seal is over: all but its own place.
func (f *sealedFile) covered() []byte {
	return slices.Concat(f.doc[:f.holeFrom], f.doc[f.holeTo:])
}

// bindSignature checks that the signature found is the value of the document's
// one signature field, and certifies the document.
func (f *sealedFile) bindSignature() error {
	_, field, err := f.follow(f.catalog, "/Fields [")
	if err != nil {
		return err
	}
	id, sig, err := f.follow(field, "/V")
	if err != nil {
		return err
	}
	start := f.offsets[id]
	for _, want := range []string{"/SubFilter /ETSI.CAdES.detached", "/Filter /Adobe.PPKLite", "/TransformMethod /DocMDP"} {
		if !bytes.Contains(sig, []byte(want)) {
			return fmt.Errorf("%w: signature lacks %s", errStructure, want)
		}
	}
	_, perms, err := f.follow(f.catalog, "/Perms")
	if err != nil {
		return err
	}
	if certified, _, err := f.follow(perms, "/DocMDP"); err != nil || certified != id {
		return fmt.Errorf("%w: the seal does not certify the document", errStructure)
	}
	if f.holeFrom < start || f.holeTo > start+len(sig)+32 {
		return fmt.Errorf("%w: byte range of another object", errCoverage)
	}
	return nil
}

// atoi reads digits that a pattern has matched; ten fit an int.
func atoi(b []byte) int {
	n, _ := strconv.Atoi(string(b))
	return n
}
