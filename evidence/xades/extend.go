package xades

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bode-erds/bode/evidence"
)

// tail is what stands behind the validation data. In front of that is stampEnd.
const (
	tail     = unsignedEnd + signatureEnd + rootEnd
	maxBlock = 44 << 20 // as much as evidence.VerifyRevocation reads, in base64
)

// Extend puts v into evidence with a time-stamp of its own, behind that stamp:
// the certificates that the signature does not hold yet, CRLs and OCSP responses,
// sorted. What doc was stays inside octet for octet, see [Issued]. Whether v says
// anything good is for the [Checker]. Errors: [evidence.ErrDocument], also for
// evidence that was extended before. EN 319 132-1 §5.4.1, §5.4.2, §6.3 (B-LT)
func Extend(doc []byte, v evidence.Validation) ([]byte, error) {
	s, err := open(doc)
	if err == nil && s.token == nil {
		err = errors.New("it has no time-stamp")
	}
	if err == nil && len(v.CRLs)+len(v.OCSPs) == 0 {
		err = errors.New("nothing is said of revocation")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	v.Certificates = slices.DeleteFunc(slices.Clone(v.Certificates), s.holds)
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(doc, []byte(tail)))
	writeBlock(&b, v)
	if b.Len()-len(doc)+len(tail) > maxBlock {
		return nil, fmt.Errorf("%w: too much validation data", evidence.ErrDocument)
	}
	b.WriteString(tail)
	return b.Bytes(), nil
}

// Issued gives back what [Extend] was given: the octets of which digests were
// recorded. Evidence that was not extended is given back as it is. Errors:
// [evidence.ErrDocument].
func Issued(doc []byte) ([]byte, error) {
	issued, _, err := split(doc)
	if err == nil {
		_, err = open(issued)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", evidence.ErrDocument, err)
	}
	return issued, nil
}

func (s *opened) holds(der []byte) bool {
	return slices.ContainsFunc(s.certs, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, der) })
}

// split takes the validation data out of doc. It is the text between the
// time-stamp and the tail of the document; as text it is compared with what
// Extend writes, so it has one spelling and needs no parser. Whether the rest is
// evidence is for open to say.
func split(doc []byte) (issued []byte, v evidence.Validation, err error) {
	head, extended := bytes.CutSuffix(doc, []byte(tail))
	i := bytes.LastIndex(head, []byte(stampEnd)) + len(stampEnd)
	if !extended || i < len(stampEnd) || i == len(head) {
		return doc, v, nil
	}
	block := head[i:]
	if len(block) > maxBlock {
		return nil, v, errors.New("too much validation data")
	}
	for _, k := range kinds(&v) {
		if *k.pieces, err = readPieces(block, k.leaf); err != nil {
			return nil, v, err
		}
	}
	again := rest(block)
	writeBlock(&again, v)
	if len(v.CRLs)+len(v.OCSPs) == 0 || again == nil || len(again) > 0 {
		return nil, v, errors.New("validation data is not written as ours is")
	}
	return slices.Concat(head[:i], []byte(tail)), v, nil
}

// kind is one kind of validation data and the elements that it stands in.
type kind struct {
	pieces        *[][]byte
	outside, leaf string
}

func kinds(v *evidence.Validation) []kind {
	return []kind{
		{&v.Certificates, "xades:CertificateValues", "xades:EncapsulatedX509Certificate"},
		{&v.CRLs, "xades:CRLValues", "xades:EncapsulatedCRLValue"},
		{&v.OCSPs, "xades:OCSPValues", "xades:EncapsulatedOCSPValue"},
	}
}

// writeBlock writes v, sorted, as it stands in its place. The prefixes are
// declared around it. Writing to w must not fail.
func writeBlock(w io.Writer, v evidence.Validation) {
	v = v.Sorted()
	for i, k := range kinds(&v) {
		if i == 1 {
			io.WriteString(w, "<xades:RevocationValues>")
		}
		if len(*k.pieces) == 0 {
			continue
		}
		io.WriteString(w, "<"+k.outside+">")
		for _, der := range *k.pieces {
			io.WriteString(w, "<"+k.leaf+">")
			text := base64.NewEncoder(base64.StdEncoding, w)
			text.Write(der)
			text.Close()
			io.WriteString(w, "</"+k.leaf+">")
		}
		io.WriteString(w, "</"+k.outside+">")
	}
	io.WriteString(w, "</xades:RevocationValues>")
}

// rest is what must still be written; nil when something else was. It compares a
// large block without a copy of it.
type rest []byte

func (r *rest) Write(p []byte) (int, error) {
	if *r != nil && bytes.HasPrefix(*r, p) {
		*r = (*r)[len(p):]
	} else {
		*r = nil
	}
	return len(p), nil
}

// readPieces decodes what stands in the leaves of that name.
func readPieces(block []byte, leaf string) (pieces [][]byte, err error) {
	for {
		_, after, ok := bytes.Cut(block, []byte("<"+leaf+">"))
		if !ok {
			return pieces, nil
		}
		text, after, ok := bytes.Cut(after, []byte("</"+leaf+">"))
		if !ok {
			return nil, errors.New("validation data ends early")
		}
		der, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
		if err != nil {
			return nil, errors.New("validation data is not base64")
		}
		pieces, block = append(pieces, der), after
	}
}
