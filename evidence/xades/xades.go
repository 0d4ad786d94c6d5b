// Package xades seals evidence XML with an XAdES baseline signature and verifies
// it. Signed, that is level B-B, which an evidence record completes; with a
// time-stamp of its own B-T; extended by validation data B-LT.
//
// The signature is enveloped: the last child of the evidence, over everything
// else in it (reference URI="" with the enveloped-signature transform and
// exclusive canonical XML) and over its own signed properties. A signature
// time-stamp says when it existed. Validation data stands behind that, and none of
// it could be left out or be other data.
//
// Signing never canonicalises: every octet is written canonical in the first
// place. The verifier shares none of that; it parses, canonicalises by its own
// means, and then demands that the document is its own canonical form. So there
// is exactly one octet string for each signed evidence, nothing unsigned can be
// slipped in, and a change of any octet is refused.
//
// Sources: EN 319 132-1 §5, §6 (XAdES baseline), XMLDSIG 1.1, Exclusive XML
// Canonicalization 1.0, RFC 4050 §3 (ECDSA values), EN 319 522-3 §5.2.2.28.
package xades

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the digests below
	_ "crypto/sha512"
	"errors"
)

// ErrConfig says that a [Config] cannot be used.
var ErrConfig = errors.New("xades: config")

// Identifiers of algorithms and of the format.
const (
	algExcC14N   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
	typeProps    = "http://uri.etsi.org/01903#SignedProperties"
	mimeType     = "text/xml"
	timeFormat   = "2006-01-02T15:04:05Z"
	rootEnd      = "</e:Evidence>"
)

// method is how a key signs.
type method struct {
	uri  string
	hash crypto.Hash
	size int // octets of r and of s; 0 for RSA
}

// methodOf gives the one method used with a public key that the policy allows.
// Whether that was still good when it sealed is for
// [evidence.VerifySealCertificate] to say.
func methodOf(pub crypto.PublicKey) (m method) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		m = method{"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", crypto.SHA256, 32}
		if k.Curve == elliptic.P384() {
			m = method{"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384", crypto.SHA384, 48}
		}
	case *rsa.PublicKey:
		m = method{"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", crypto.SHA256, 0}
	}
	return m
}
