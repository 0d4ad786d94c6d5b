package pades

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cb "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/bode-erds/bode/evidence"
)

// maxPieces and maxValidation bound what [Extend] adds.
const (
	maxPieces     = 256
	maxValidation = 32 << 20
)

// extensions says which dictionaries beyond PDF 1.7 the file has.
// EN 319 142-1 §5.6
const extensions = "/Extensions << /ESIC << /BaseVersion /1.7 /ExtensionLevel 1 >> >>"

// kind is one list of pieces, and its key in the dictionary that lists them.
type kind struct {
	key    string
	pieces *[][]byte
}

// kinds are the lists of v in the order in which they are written.
func kinds(v *evidence.Validation) []kind {
	return []kind{{"Certs", &v.Certificates}, {"CRLs", &v.CRLs}, {"OCSPs", &v.OCSPs}}
}

// extension is what [Extend] appends for v: each piece of v in a stream of its
// own, the dictionary that lists them, and the catalog with that dictionary.
// Nothing is compressed: what a compressor makes of the same input may change
// with its version, and a checker writes the increment again to compare.
// EN 319 142-1 §5.4.2; ISO 32000-2 §12.8.4.3
func (f *sealedFile) extension(v evidence.Validation) ([]byte, error) {
	v = v.Sorted()
	if err := checkPieces(v); err != nil {
		return nil, err
	}
	first, ok := number(f.trailer["Size"])
	if !ok || f.root >= first {
		return nil, fmt.Errorf("%w: trailer", errStructure)
	}
	catalog, _, err := f.object(f.root)
	if err != nil {
		return nil, err
	}
	if f.catalog["DSS"] != nil || f.catalog["Extensions"] != nil {
		return nil, fmt.Errorf("%w: the catalog has what is to be added", errStructure)
	}
	var b bytes.Buffer
	var offsets []int
	object := func(id int) {
		offsets = append(offsets, len(f.doc)+b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n", id)
	}
	next := first
	var lists bytes.Buffer
	for _, l := range kinds(&v) {
		if len(*l.pieces) == 0 {
			continue
		}
		fmt.Fprintf(&lists, " /%s [", l.key)
		for _, der := range *l.pieces {
			object(next)
			fmt.Fprintf(&b, "<< /Length %d >>\nstream\n", len(der))
			b.Write(der)
			b.WriteString("\nendstream\nendobj\n")
			lists.WriteString(ref(next) + " ")
			next++
		}
		lists.WriteString("]")
	}
	object(next)
	fmt.Fprintf(&b, "<< /Type /DSS%s >>\nendobj\n", lists.Bytes())
	object(f.root)
	fmt.Fprintf(&b, "%s /DSS %s %s >>\nendobj\n", bytes.TrimRight(bytes.TrimSuffix(catalog, []byte(">>")), "\n "), ref(next), extensions)
	return f.finish(&b, first, offsets)
}

// finish writes the table of the objects from first on and of the catalog, which
// comes last, and the trailer.
func (f *sealedFile) finish(b *bytes.Buffer, first int, offsets []int) ([]byte, error) {
	ids, err := readArray(f.trailer["ID"])
	if err != nil || len(ids) != 2 {
		return nil, fmt.Errorf("%w: trailer", errStructure)
	}
	sum := sha256.Sum256(b.Bytes())
	start := len(f.doc) + b.Len()
	last := len(offsets) - 1
	fmt.Fprintf(b, "xref\n%d 1\n%010d 00000 n\r\n%d %d\n", f.root, offsets[last], first, last)
	for _, off := range offsets[:last] {
		fmt.Fprintf(b, "%010d 00000 n\r\n", off)
	}
	fmt.Fprintf(b, "trailer\n<< /Size %d /Root %s /Info %s /ID [%s <%x>] /Prev %d >>\nstartxref\n%d\n%%%%EOF\n",
		first+last, ref(f.root), f.trailer["Info"], ids[0], sum[:16], f.start, start)
	return b.Bytes(), nil
}

// checkPieces refuses what cannot be added: nothing, too much, or what is not one
// DER element.
func checkPieces(v evidence.Validation) error {
	pieces := slices.Concat(v.Certificates, v.CRLs, v.OCSPs)
	if len(pieces) == 0 || len(pieces) > maxPieces {
		return fmt.Errorf("%w: %d pieces", ErrValidation, len(pieces))
	}
	total := 0
	for _, der := range pieces {
		rest := cryptobyte.String(der)
		if !rest.SkipASN1(cb.SEQUENCE) || !rest.Empty() {
			return fmt.Errorf("%w: not DER", ErrValidation)
		}
		if total += len(der); total > maxValidation {
			return fmt.Errorf("%w: too large", ErrValidation)
		}
	}
	return nil
}

// validation is what [Extend] added: the zero value when it added nothing. What
// Extend would not have written, octet for octet, is refused.
func (f *sealedFile) validation() (evidence.Validation, error) {
	var v evidence.Validation
	if len(f.added) == 0 {
		return v, nil
	}
	added := fmt.Errorf("%w: something was added", errCoverage)
	id, ok := number(f.trailer["Size"])
	if !ok {
		return v, added
	}
	// What is read here need not be right: it is written again and compared.
	var pieces [][]byte
	rest := f.added
	for ; len(pieces) < maxPieces; id++ {
		head, data, ok := bytes.Cut(rest, []byte(" >>\nstream\n"))
		size, isStream := bytes.CutPrefix(head, fmt.Appendf(nil, "%d 0 obj\n<< /Length ", id))
		n, sized := number(size)
		const end = "\nendstream\nendobj\n"
		if !ok || !isStream || !sized || n > len(data)-len(end) {
			break
		}
		pieces, rest = append(pieces, data[:n]), data[n+len(end):]
	}
	rest, ok = bytes.CutPrefix(rest, fmt.Appendf(nil, "%d 0 obj\n", id))
	if !ok {
		return v, added
	}
	list, err := readDict(value(rest, 0, maxObject))
	if err != nil {
		return v, added
	}
	for _, l := range kinds(&v) {
		refs, err := readArray(list[l.key])
		if n := len(refs); err == nil && n <= len(pieces) {
			*l.pieces, pieces = pieces[:n:n], pieces[n:]
		}
	}
	if again, err := f.extension(v); err != nil || !bytes.Equal(again, f.added) {
		return evidence.Validation{}, added
	}
	return v, nil
}
