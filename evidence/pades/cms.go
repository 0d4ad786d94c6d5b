package pades

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cb "golang.org/x/crypto/cryptobyte/asn1"
)

// oidSignatureStamp is id-aa-signatureTimeStampToken. RFC 3161 appendix A
func oidSignatureStamp() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
}

// oidSignedData is id-signedData. RFC 5652 §5.1
func oidSignedData() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
}

// container is the CMS at the start of padded, without the zeros behind it that
// fill the place kept for it. Any other filling is refused.
func container(padded []byte) ([]byte, error) {
	rest := cryptobyte.String(padded)
	var der cryptobyte.String
	if !rest.ReadASN1Element(&der, cb.SEQUENCE) {
		return nil, errCMS
	}
	for _, c := range rest {
		if c != 0 {
			return nil, errPadding
		}
	}
	return der, nil
}

// draft is the container that the signing library made, before it has its
// time-stamp. What the signature covers is kept octet for octet.
type draft struct {
	head      []byte // version, algorithms, content type, certificates
	info      []byte // of the signer: version, name, digest algorithm, signed attributes
	algorithm asn1.ObjectIdentifier
	params    []byte
	signature []byte
}

func explicit(n uint8) cb.Tag { return cb.Tag(n).ContextSpecific().Constructed() }

// readDraft takes der apart. It judges nothing: the finished container is
// parsed strictly and verified. RFC 5652 §5.1, §5.3
func readDraft(der []byte) (draft, error) {
	var d draft
	whole := cryptobyte.String(der)
	var content, data, sd, signers, si, alg, sig cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !whole.ReadASN1(&content, cb.SEQUENCE) || !content.ReadASN1ObjectIdentifier(&kind) ||
		!content.ReadASN1(&data, explicit(0)) || !data.ReadASN1(&sd, cb.SEQUENCE) {
		return d, errCMS
	}
	head := sd
	if !skip(&sd, cb.INTEGER, cb.SET, cb.SEQUENCE, explicit(0)) {
		return d, errCMS
	}
	d.head = head[:len(head)-len(sd)]
	if !sd.ReadASN1(&signers, cb.SET) || !sd.Empty() || !signers.ReadASN1(&si, cb.SEQUENCE) || !signers.Empty() {
		return d, errCMS
	}
	info := si
	if !skip(&si, cb.INTEGER, cb.SEQUENCE, cb.SEQUENCE, explicit(0)) {
		return d, errCMS
	}
	d.info = info[:len(info)-len(si)]
	if !si.ReadASN1(&alg, cb.SEQUENCE) || !si.ReadASN1(&sig, cb.OCTET_STRING) || !si.Empty() || !alg.ReadASN1ObjectIdentifier(&d.algorithm) {
		return d, errCMS
	}
	d.params, d.signature = alg, sig
	// The library leaves out the NULL that RSA algorithms must have. RFC 4055 §5
	if rsa := (asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}); len(d.params) == 0 && d.algorithm.Equal(rsa) {
		d.params = asn1.NullBytes
	}
	return d, nil
}

func skip(s *cryptobyte.String, tags ...cb.Tag) bool {
	for _, tag := range tags {
		if !s.SkipASN1(tag) {
			return false
		}
	}
	return true
}

// stamped is the container with token as its signature time-stamp, if not nil.
// EN 319 122-1 §5.3
func (d draft) stamped(token []byte) ([]byte, error) {
	var b cryptobyte.Builder
	stamp := func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignatureStamp())
		b.AddASN1(cb.SET, func(b *cryptobyte.Builder) { b.AddBytes(token) })
	}
	signer := func(b *cryptobyte.Builder) {
		b.AddBytes(d.info)
		b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(d.algorithm)
			b.AddBytes(d.params)
		})
		b.AddASN1OctetString(d.signature)
		if token != nil {
			b.AddASN1(explicit(1), func(b *cryptobyte.Builder) { b.AddASN1(cb.SEQUENCE, stamp) })
		}
	}
	signedData := func(b *cryptobyte.Builder) {
		b.AddBytes(d.head)
		b.AddASN1(cb.SET, func(b *cryptobyte.Builder) { b.AddASN1(cb.SEQUENCE, signer) })
	}
	b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData())
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddASN1(cb.SEQUENCE, signedData) })
	})
	return b.Bytes()
}
