package pades

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cb "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/bode-erds/bode/evidence"
)

// signer makes the containers of one key. Whatever does not change from one to
// the next is made once. Safe for concurrent use when its key is.
type signer struct {
	key       evidence.SealKey
	hash      crypto.Hash
	digest    asn1.ObjectIdentifier
	algorithm asn1.ObjectIdentifier
	params    []byte
	head      []byte // of the container, as in draft
	named     []byte // version and name of the signer, digest algorithm
	cert      []byte // attribute that names the certificate
	longest   int    // a signature, in octets
}

// newSigner prepares for key. TS 119 312 §6; RFC 5754 §3
func newSigner(key evidence.SealKey) *signer {
	leaf := key.Certificates()[0]
	s := &signer{key: key, hash: digestFor(leaf), longest: 1024}
	s.digest = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, map[crypto.Hash]int{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3}[s.hash]}
	if _, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
		s.algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, s.digest[8] + 1}
		s.longest = 144 // of P-521
	} else {
		s.algorithm, s.params = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10 + s.digest[8]}, asn1.NullBytes
	}
	digestAlgorithm := func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(s.digest) }
	var head, named, cert cryptobyte.Builder
	head.AddASN1Int64(1)
	head.AddASN1(cb.SET, func(b *cryptobyte.Builder) { b.AddASN1(cb.SEQUENCE, digestAlgorithm) })
	head.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData()) })
	head.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
		for _, c := range sorted(key.Certificates()) {
			b.AddBytes(c)
		}
	})
	issuerSerial := func(b *cryptobyte.Builder) {
		b.AddBytes(leaf.RawIssuer)
		b.AddASN1BigInt(leaf.SerialNumber)
	}
	named.AddASN1Int64(1)
	named.AddASN1(cb.SEQUENCE, issuerSerial)
	named.AddASN1(cb.SEQUENCE, digestAlgorithm)
	addAttribute(&cert, oidSigningCertificate(), func(b *cryptobyte.Builder) {
		sum := sha256.Sum256(leaf.Raw)                       // the default algorithm is left out
		b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) { // SigningCertificateV2
			b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) { // its certificates
				b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1OctetString(sum[:])
					b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1(explicit(4), func(b *cryptobyte.Builder) { b.AddBytes(leaf.RawIssuer) })
						})
						b.AddASN1BigInt(leaf.SerialNumber)
					})
				})
			})
		})
	})
	s.head, s.named, s.cert = head.BytesOrPanic(), named.BytesOrPanic(), cert.BytesOrPanic()
	return s
}

// sorted are certificates in the order of a SET OF. X.690 §11.6
func sorted(certs []*x509.Certificate) (out [][]byte) {
	for _, c := range certs {
		out = append(out, c.Raw)
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// addAttribute appends an attribute with one value. RFC 5652 §5.3
func addAttribute(b *cryptobyte.Builder, kind asn1.ObjectIdentifier, value cryptobyte.BuilderContinuation) {
	b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(kind)
		b.AddASN1(cb.SET, value)
	})
}

// room is how many octets a container takes at most, without a time-stamp.
func (s *signer) room() int { return len(s.head) + len(s.named) + len(s.cert) + s.longest + 192 }

// sign makes the container over content with this digest. It has no signing-time
// attribute: the PDF says the time. EN 319 142-1 §6.3
func (s *signer) sign(digest []byte) (draft, error) {
	var kind, sum cryptobyte.Builder
	addAttribute(&kind, oidContentType(), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData()) })
	addAttribute(&sum, oidMessageDigest(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) })
	attrs := [][]byte{kind.BytesOrPanic(), sum.BytesOrPanic(), s.cert}
	slices.SortFunc(attrs, bytes.Compare)
	var set cryptobyte.Builder
	set.AddASN1(cb.SET, func(b *cryptobyte.Builder) { b.AddBytes(slices.Concat(attrs...)) })
	signed := set.BytesOrPanic()
	h := s.hash.New()
	h.Write(signed)
	signature, err := s.key.Sign(rand.Reader, h.Sum(nil), s.hash)
	if err != nil {
		return draft{}, err
	}
	if len(signature) > s.longest {
		return draft{}, fmt.Errorf("%w: signature of %d octets", errCMS, len(signature))
	}
	signed[0] = byte(explicit(0)) // signed as a SET, written with its tag
	return draft{head: s.head, info: slices.Concat(s.named, signed), algorithm: s.algorithm, params: s.params, signature: signature}, nil
}

func oidData() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1} }
func oidContentType() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
}
func oidMessageDigest() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
}
func oidSigningCertificate() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
}
