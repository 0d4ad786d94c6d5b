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

// stamp gives the container der, which has one signer and no unsigned
// attributes, with token as its signature time-stamp. EN 319 122-1 §5.3
func stamp(der, token []byte) ([]byte, error) {
	explicit0 := cb.Tag(0).ContextSpecific().Constructed()
	whole := cryptobyte.String(der)
	var content, data, sd, signers, signer cryptobyte.String
	var kind asn1.ObjectIdentifier
	if !whole.ReadASN1(&content, cb.SEQUENCE) || !content.ReadASN1ObjectIdentifier(&kind) ||
		!content.ReadASN1(&data, explicit0) || !data.ReadASN1(&sd, cb.SEQUENCE) {
		return nil, errCMS
	}
	// What stands before the signers is copied: version, algorithms, content
	// type, certificates.
	head := sd
	for _, tag := range []cb.Tag{cb.INTEGER, cb.SET, cb.SEQUENCE, explicit0} {
		var skip cryptobyte.String
		if !sd.ReadASN1Element(&skip, tag) {
			return nil, errCMS
		}
	}
	head = head[:len(head)-len(sd)]
	if !sd.ReadASN1(&signers, cb.SET) || !sd.Empty() || !signers.ReadASN1(&signer, cb.SEQUENCE) || !signers.Empty() {
		return nil, errCMS
	}
	var b cryptobyte.Builder
	b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(kind)
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) {
			b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(head)
				b.AddASN1(cb.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(signer)
						b.AddASN1(cb.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
							b.AddASN1(cb.SEQUENCE, func(b *cryptobyte.Builder) {
								b.AddASN1ObjectIdentifier(oidSignatureStamp())
								b.AddASN1(cb.SET, func(b *cryptobyte.Builder) { b.AddBytes(token) })
							})
						})
					})
				})
			})
		})
	})
	return b.Bytes()
}
