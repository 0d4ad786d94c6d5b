package statement

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// hashOf knows the digests that are accepted. SHA-1 is not among them.
// TS 119 312 §5.2
func hashOf(oid string) crypto.Hash {
	switch oid {
	case "2.16.840.1.101.3.4.2.1":
		return crypto.SHA256
	case "2.16.840.1.101.3.4.2.2":
		return crypto.SHA384
	case "2.16.840.1.101.3.4.2.3":
		return crypto.SHA512
	}
	return 0
}

const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidPSS = "1.2.840.113549.1.1.10"
)

// checkKey verifies the signature over signed. The algorithm has to fit the key and
// the digest that the signer names. RFC 5652 §5.6; RFC 4056 §3
func checkKey(c *x509.Certificate, digest crypto.Hash, a pkix.AlgorithmIdentifier, signed, signature []byte) error {
	if err := strongKey(c.PublicKey); err != nil {
		return err
	}
	refused := errors.New("signature algorithm is not accepted")
	wrong := errors.New("the signature is not by this certificate")
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		oid := a.Algorithm.String()
		if oid == oidPSS {
			if err := pssFits(a, digest); err != nil {
				return err
			}
			if rsa.VerifyPSS(key, digest, sum(digest, signed), signature, &rsa.PSSOptions{SaltLength: digest.Size()}) != nil {
				return wrong
			}
			return nil
		}
		want := map[crypto.Hash]string{crypto.SHA256: "1.2.840.113549.1.1.11", crypto.SHA384: "1.2.840.113549.1.1.12", crypto.SHA512: "1.2.840.113549.1.1.13"}
		if oid != oidRSA && oid != want[digest] {
			return refused
		}
		if rsa.VerifyPKCS1v15(key, digest, sum(digest, signed), signature) != nil {
			return wrong
		}
	case *ecdsa.PublicKey:
		want := map[crypto.Hash]string{crypto.SHA256: "1.2.840.10045.4.3.2", crypto.SHA384: "1.2.840.10045.4.3.3", crypto.SHA512: "1.2.840.10045.4.3.4"}
		if a.Algorithm.String() != want[digest] {
			return refused
		}
		if !ecdsa.VerifyASN1(key, sum(digest, signed), signature) {
			return wrong
		}
	default:
		return refused
	}
	return nil
}

// pssFits checks that the parameters name one digest throughout, and a salt as
// long as it. RFC 4055 §3.1
func pssFits(a pkix.AlgorithmIdentifier, digest crypto.Hash) error {
	var p struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
		MGF     pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
		Salt    int                      `asn1:"explicit,tag:2"`
		Trailer int                      `asn1:"optional,explicit,tag:3,default:1"`
	}
	bad := errors.New("parameters of the signature algorithm are not accepted")
	if rest, err := asn1.Unmarshal(a.Parameters.FullBytes, &p); err != nil || len(rest) > 0 {
		return bad // the defaults are SHA-1
	}
	var of pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &of); err != nil || p.MGF.Algorithm.String() != "1.2.840.113549.1.1.8" {
		return bad
	}
	if hashOf(p.Hash.Algorithm.String()) != digest || hashOf(of.Algorithm.String()) != digest || p.Salt != digest.Size() || p.Trailer != 1 {
		return bad
	}
	return nil
}

// strongKey refuses keys that are too weak, or too large to be worth the work.
// TS 119 312 §6.2
func strongKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 || k.E < 3 {
			return fmt.Errorf("RSA key of %d bits", bits)
		}
	case *ecdsa.PublicKey:
		if bits := k.Curve.Params().BitSize; bits < 256 {
			return fmt.Errorf("curve of %d bits", bits)
		}
	default:
		return fmt.Errorf("a key of the kind %T", key)
	}
	return nil
}

// strongCertificate refuses a certificate whose key or issuer's signature is too
// weak.
func strongCertificate(c *x509.Certificate) error {
	if strongSignature(c.SignatureAlgorithm) {
		return strongKey(c.PublicKey)
	}
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return strongKey(c.PublicKey) // nobody relies on what a root says of itself
	}
	return fmt.Errorf("certificate signed by %s", c.SignatureAlgorithm)
}

// strongSignature reports whether issuers and responders may sign with a. The
// standard library still takes SHA-1 from responders. TS 119 312 §5.2
func strongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return true
	}
	return false
}
