package pades

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cb "golang.org/x/crypto/cryptobyte/asn1"
)

// withCertificates is d with all certs. The signing library verifies a chain on
// every signature, so it gets the leaf alone, and the others are put in
// afterwards: no signature covers them. RFC 5652 §5.1
func (d draft) withCertificates(certs []*x509.Certificate) draft {
	head := cryptobyte.String(d.head)
	if !skip(&head, cb.INTEGER, cb.SET, cb.SEQUENCE) {
		return d // the container is parsed again when it is checked
	}
	var b cryptobyte.Builder
	b.AddBytes(d.head[:len(d.head)-len(head)])
	b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
		for _, c := range sorted(certs) {
			b.AddBytes(c)
		}
	})
	d.head = b.BytesOrPanic()
	return d
}

// sorted are certificates in the order of a SET OF. X.690 §11.6
func sorted(certs []*x509.Certificate) (out [][]byte) {
	for _, c := range certs {
		out = append(out, c.Raw)
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}

// containerRoom is how many octets a container with certs takes at most, without
// a time-stamp: the certificates, the signer's name twice, a signature, and what
// is around them.
func containerRoom(certs []*x509.Certificate) int {
	n := 512 + 2*len(certs[0].RawIssuer)
	for _, c := range certs {
		n += len(c.Raw)
	}
	if _, ok := certs[0].PublicKey.(*ecdsa.PublicKey); ok {
		return n + 144 // of P-521
	}
	return n + 1024 // of RSA with 8,192 bits
}
