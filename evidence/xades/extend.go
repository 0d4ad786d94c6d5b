package xades

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
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
	block := writeBlock(v)
	if len(block) > maxBlock {
		return nil, fmt.Errorf("%w: too much validation data", evidence.ErrDocument)
	}
	head := bytes.TrimSuffix(doc, []byte(tail))
	return slices.Concat(head, block, []byte(tail)), nil
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
	if len(v.CRLs)+len(v.OCSPs) == 0 || !bytes.Equal(writeBlock(v), block) {
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
// declared around it.
func writeBlock(v evidence.Validation) []byte {
	v = v.Sorted()
	var b bytes.Buffer
	for i, k := range kinds(&v) {
		if i == 1 {
			b.WriteString("<xades:RevocationValues>")
		}
		if len(*k.pieces) == 0 {
			continue
		}
		b.WriteString("<" + k.outside + ">")
		for _, der := range *k.pieces {
			b.WriteString("<" + k.leaf + ">" + base64.StdEncoding.EncodeToString(der) + "</" + k.leaf + ">")
		}
		b.WriteString("</" + k.outside + ">")
	}
	b.WriteString("</xades:RevocationValues>")
	return b.Bytes()
}

// readPieces decodes what stands in the leaves of that name.
func readPieces(block []byte, leaf string) (pieces [][]byte, err error) {
	for {
		_, rest, ok := bytes.Cut(block, []byte("<"+leaf+">"))
		if !ok {
			return pieces, nil
		}
		text, rest, ok := bytes.Cut(rest, []byte("</"+leaf+">"))
		if !ok {
			return nil, errors.New("validation data ends early")
		}
		der, err := base64.StdEncoding.Strict().DecodeString(string(text))
		if err != nil {
			return nil, errors.New("validation data is not base64")
		}
		pieces, block = append(pieces, der), rest
	}
}
