package pades

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// maxFile and maxAttached bound what a checker reads of a stranger's file.
const (
	maxFile     = 64 << 20
	maxAttached = 16 << 20
)

// sealedFile is a sealed PDF taken apart. It accepts only the shape that
// [Sealer] gives: one body, one increment with the seal, nothing after it but
// what [Extend] may have added.
type sealedFile struct {
	doc      []byte // as it was issued
	added    []byte // what follows it
	holeFrom int    // offset of '<' of /Contents
	holeTo   int    // offset behind its '>'
	offsets  map[int]int
	start    int  // offset of the table of the increment with the seal
	trailer  dict // of that increment
	root     int
	catalog  dict
	claimed  time.Time // when it was signed, as the signer says
}

const byteRangeKey = "/ByteRange"

// open finds the one signature of doc and checks that it covers every octet
// outside its own place, in a file of the shape that we give to evidence. What
// follows that file is kept apart, unread.
func open(doc []byte) (*sealedFile, error) {
	if len(doc) > maxFile || !bytes.HasPrefix(doc, []byte("%PDF-1.7\n")) {
		return nil, errStructure
	}
	issued := doc
	if _, to, tail, ok := readRange(doc); ok && to+tail < len(doc) {
		issued = doc[:to+tail]
	}
	f, err := locate(issued)
	if err != nil {
		return nil, err
	}
	f.added = doc[len(issued):]
	if err := f.readXref(); err != nil {
		return nil, err
	}
	return f, f.bindSignature()
}

// readRange reads the first byte range of doc, which begins at its start: the
// place that is not covered, and how much is covered behind it.
func readRange(doc []byte) (from, to, tail int, ok bool) {
	at := bytes.Index(doc, []byte(byteRangeKey))
	if at < 0 {
		return 0, 0, 0, false
	}
	at = space(doc, at+len(byteRangeKey))
	list, err := readArray(value(doc, at, 128))
	if err != nil || len(list) != 4 || string(list[0]) != "0" {
		return 0, 0, 0, false
	}
	from, a := number(list[1])
	to, b := number(list[2])
	tail, c := number(list[3])
	return from, to, tail, a && b && c
}

// locate finds the place of the one signature of doc, which must cover all but
// that place.
func locate(doc []byte) (*sealedFile, error) {
	if bytes.Count(doc, []byte(byteRangeKey)) != 1 {
		return nil, fmt.Errorf("%w: not exactly one signature", errStructure)
	}
	from, to, tail, ok := readRange(doc)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: byte range", errCoverage)
	case to+tail != len(doc):
		return nil, fmt.Errorf("%w: something was added", errCoverage)
	case from >= to || to > len(doc) || doc[from] != '<' || doc[to-1] != '>' || !bytes.HasSuffix(doc[:from], []byte("/Contents")):
		return nil, fmt.Errorf("%w: byte range does not enclose the signature", errCoverage)
	}
	return &sealedFile{doc: doc, holeFrom: from, holeTo: to, offsets: map[int]int{}}, nil
}

// container is the content of the signature's place. Only lower-case digits are
// accepted, so that each seal has one spelling. Most of the place are the zeros
// that fill it; those that could still belong to the container are decoded.
func (f *sealedFile) container() ([]byte, error) {
	digits := f.doc[f.holeFrom+1 : f.holeTo-1]
	const last = 128
	if used := len(bytes.TrimRight(digits, "0")); used+last < len(digits) && len(digits)%2 == 0 {
		digits = digits[:used+last-used%2]
	}
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
// one signature field, and certifies the document. ISO 32000-1 §12.8.1, §12.8.4
func (f *sealedFile) bindSignature() error {
	form, err := readDict(f.catalog["AcroForm"])
	if err != nil {
		return err
	}
	fields, err := readArray(form["Fields"])
	if err != nil || len(fields) != 1 {
		return fmt.Errorf("%w: not exactly one field", errStructure)
	}
	_, field, err := f.follow(dict{"Fields": fields[0]}, "Fields")
	if err != nil {
		return err
	}
	id, sig, err := f.follow(field, "V")
	if err != nil {
		return err
	}
	for _, want := range [][2]string{{"Type", "/Sig"}, {"Filter", "/Adobe.PPKLite"}, {"SubFilter", "/ETSI.CAdES.detached"}} {
		if !sig.is(want[0], want[1]) {
			return fmt.Errorf("%w: signature lacks %s", errStructure, want[1])
		}
	}
	if place := sig["Contents"]; len(place) != f.holeTo-f.holeFrom || &place[0] != &f.doc[f.holeFrom] {
		return fmt.Errorf("%w: byte range of another object", errCoverage)
	}
	if f.claimed, err = time.Parse("(D:20060102150405+00'00')", string(sig["M"])); err != nil {
		return fmt.Errorf("%w: time of signing", errStructure)
	}
	_, perms, err := f.follow(f.catalog, "Perms")
	if err != nil {
		return err
	}
	if certified, err := perms.ref("DocMDP"); err != nil || certified != id || !certifies(sig) {
		return fmt.Errorf("%w: the seal does not certify the document", errStructure)
	}
	return nil
}

// certifies reports whether sig permits no change, as the seal of evidence does
// and that of other files does not. ISO 32000-1 §12.8.2.2
func certifies(sig dict) bool {
	refs, err := readArray(sig["Reference"])
	if err != nil || len(refs) != 1 {
		return false
	}
	r, err := readDict(refs[0])
	if err != nil {
		return false
	}
	params, err := readDict(r["TransformParams"])
	return err == nil && r.is("TransformMethod", "/DocMDP") && params.is("P", "1")
}
