package pades

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// sealing is a file with its signature in a place that is large enough for a
// time-stamp to come.
type sealing struct {
	doc   []byte
	place []byte // the digits of the signature, part of doc
	draft draft
}

// rangeWidth is the room for the three numbers of a byte range.
const rangeWidth = 3*10 + 2

// increment seals f: it appends the signature, its field and a catalog that
// says that the signature certifies the document and that nothing may change.
// What stood before stays as it is. Room is what is kept for a time-stamp, in
// octets. ISO 32000-1 §7.5.6, §12.7.4.5, §12.8
func (s *Sealer) increment(f *draftFile, name, reason string, at time.Time, room int) (*sealing, error) {
	sig, field, perms := f.next, f.next+1, f.next+2
	o := &objects{buf: slices.Grow(f.doc, 2*(s.signer.room()+room)+4096), offsets: make([]int, perms)}
	o.begin(sig)
	o.buf = append(o.buf, "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 "...)
	ranges := len(o.buf)
	o.buf = append(append(o.buf, bytes.Repeat([]byte(" "), rangeWidth+1)...), " /Contents"...)
	from := len(o.buf)
	o.buf = append(append(append(o.buf, '<'), bytes.Repeat([]byte("0"), 2*(s.signer.room()+room))...), '>')
	to := len(o.buf)
	o.buf = fmt.Appendf(o.buf, " /Reference [<< /Type /SigRef /TransformMethod /DocMDP /TransformParams << /Type /TransformParams /P 1 /V /1.2 >> >>] /Name %s /Reason %s /M %s >>",
		text(name), text(reason), pdfDate(at))
	o.end()
	o.put(field, fmt.Sprintf("<< /Type /Annot /Subtype /Widget /FT /Sig /T (Seal) /Rect [0 0 0 0] /F 132 /V %s >>", ref(sig)))
	o.put(perms, fmt.Sprintf("<< /DocMDP %s >>", ref(sig)))
	o.put(f.root, fmt.Sprintf("<< %s /Perms %s /AcroForm << /Fields [%s] /SigFlags 3 >> >>", f.catalog, ref(perms), ref(field)))
	start := len(o.buf)
	o.buf = appendEntry(fmt.Appendf(o.buf, "xref\n%d 1\n", f.root), o.offsets[f.root-1])
	o.buf = fmt.Appendf(o.buf, "%d 3\n", sig)
	for _, off := range o.offsets[sig-1:] {
		o.buf = appendEntry(o.buf, off)
	}
	o.buf = fmt.Appendf(o.buf, "trailer\n<< /Size %d /Root %s /Info %s /Prev %d /ID [<%s> <%s>] >>\nstartxref\n%d\n%%%%EOF\n",
		perms+1, ref(f.root), ref(f.info), f.start, f.id, f.id, start)
	doc := o.buf
	copy(doc[ranges:], fmt.Sprintf("%d %d %d]", from, to, len(doc)-to))

	h := s.signer.hash.New()
	h.Write(doc[:from])
	h.Write(doc[to:])
	draft, err := s.signer.sign(h.Sum(nil))
	return &sealing{doc: doc, place: doc[from+1 : to-1], draft: draft}, err
}

// close puts the signature with its token, which may be nil, in its place. It
// says whether it fitted.
func (s *sealing) close(token []byte) (bool, error) {
	der, err := s.draft.stamped(token)
	if err != nil || hex.EncodedLen(len(der)) > len(s.place) {
		return false, err
	}
	n := hex.Encode(s.place, der)
	copy(s.place[n:], bytes.Repeat([]byte("0"), len(s.place)-n))
	return true, nil
}
