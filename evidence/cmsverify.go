package evidence

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

const oidData = "1.2.840.113549.1.7.1"

// hashOf knows the digests we accept. SHA-1 and MD5 are not among them.
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

// noParams reports whether an algorithm has no parameters, or the NULL that
// older software writes for it.
func (a cmsAlgorithm) noParams() bool {
	return len(a.Params.FullBytes) == 0 || bytes.Equal(a.Params.FullBytes, asn1.NullBytes)
}

// setAlgorithms checks that digest and signature algorithm fit each other and
// the key. They stand outside of what is signed, so only one spelling of each
// is accepted.
func (c *CMS) setAlgorithms(sd cmsSignedData) error {
	si := sd.Signers[0]
	c.digest = hashOf(si.Digest.OID.String())
	if c.digest == 0 || !si.Digest.noParams() {
		return errors.New("digest algorithm not accepted")
	}
	if !sd.Algorithms[0].OID.Equal(si.Digest.OID) || !sd.Algorithms[0].noParams() {
		return errors.New("digest algorithms differ")
	}
	// The parameters of the two digest fields must be written alike: then a
	// change in one of them shows.
	if !bytes.Equal(sd.Algorithms[0].Params.FullBytes, si.Digest.Params.FullBytes) {
		return errors.New("digest algorithms are written differently")
	}
	if err := Allowed(c.Signer.PublicKey, c.digest, time.Time{}); err != nil {
		return err
	}
	algorithm, err := signatureAlgorithm(c.Signer, c.digest, si.Algorithm)
	c.algorithm, c.Signature = algorithm, si.Signature
	return err
}

func signatureAlgorithm(cert *x509.Certificate, digest crypto.Hash, a cmsAlgorithm) (x509.SignatureAlgorithm, error) {
	refused := errors.New("signature algorithm not accepted")
	switch cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		want := map[crypto.Hash]struct {
			oid string
			alg x509.SignatureAlgorithm
		}{
			crypto.SHA256: {"1.2.840.10045.4.3.2", x509.ECDSAWithSHA256},
			crypto.SHA384: {"1.2.840.10045.4.3.3", x509.ECDSAWithSHA384},
			crypto.SHA512: {"1.2.840.10045.4.3.4", x509.ECDSAWithSHA512},
		}[digest]
		if a.OID.String() != want.oid || len(a.Params.FullBytes) != 0 {
			return 0, refused
		}
		return want.alg, nil
	case *rsa.PublicKey:
		want := map[crypto.Hash]struct {
			oid string
			alg x509.SignatureAlgorithm
		}{
			crypto.SHA256: {"1.2.840.113549.1.1.11", x509.SHA256WithRSA},
			crypto.SHA384: {"1.2.840.113549.1.1.12", x509.SHA384WithRSA},
			crypto.SHA512: {"1.2.840.113549.1.1.13", x509.SHA512WithRSA},
		}[digest]
		const rsaEncryption = "1.2.840.113549.1.1.1"
		if oid := a.OID.String(); oid != want.oid && oid != rsaEncryption || !bytes.Equal(a.Params.FullBytes, asn1.NullBytes) {
			return 0, refused
		}
		return want.alg, nil
	}
	return 0, refused
}

// setAttributes reads the signed attributes and the signature time-stamp.
func (c *CMS) setAttributes(si cmsSignerInfo) error {
	if len(si.Signed.FullBytes) == 0 {
		return errors.New("nothing but the content is signed")
	}
	// What is digested is the SET, not its implicit tag. RFC 5652 §5.4
	c.signed = slices.Clone(si.Signed.FullBytes)
	c.signed[0] = 0x31
	attrs, err := attributes(c.signed)
	if err != nil {
		return fmt.Errorf("signed attributes: %w", err)
	}
	c.attrs = attrs
	if len(si.Unsigned.FullBytes) == 0 {
		return nil
	}
	unsigned := slices.Clone(si.Unsigned.FullBytes)
	unsigned[0] = 0x31
	attrs, err = attributes(unsigned)
	if err != nil {
		return fmt.Errorf("unsigned attributes: %w", err)
	}
	c.Token = attrs[oidSignatureTST]
	if len(attrs) != 1 || c.Token == nil {
		return errors.New("unsigned attribute that is no time-stamp")
	}
	return nil
}

func attributes(set []byte) (map[string][]byte, error) {
	var list []cmsAttribute
	rest, err := asn1.UnmarshalWithParams(set, &list, "set")
	if err != nil {
		return nil, err
	}
	again, err := asn1.MarshalWithParams(list, "set")
	if err != nil || len(rest) > 0 || !bytes.Equal(again, set) {
		return nil, errors.New("not in their one DER encoding")
	}
	m := make(map[string][]byte, len(list))
	for _, a := range list {
		oid := a.Type.String()
		if len(a.Values) != 1 || m[oid] != nil {
			return nil, errors.New("attribute " + oid + " has not exactly one value")
		}
		m[oid] = a.Values[0].FullBytes
	}
	return m, nil
}

// Verify checks that the signer's key signed content, and that the signature
// names that very certificate (RFC 5035). Content is c.Content unless detached.
// It does not judge the certificate.
func (c *CMS) Verify(content []byte) error {
	var contentType asn1.ObjectIdentifier
	if err := strictDER(c.attrs[oidContentType], &contentType); err != nil || contentType.String() != c.ContentType {
		return errors.New("content type is not the signed one")
	}
	var digest []byte
	if err := strictDER(c.attrs[oidMessageDigest], &digest); err != nil || !bytes.Equal(digest, sum(c.digest, content)) {
		return errors.New("content is not what was signed")
	}
	if err := c.verifySigningCertificate(); err != nil {
		return err
	}
	if err := c.Signer.CheckSignature(c.algorithm, c.signed, c.Signature); err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	return nil
}

type essSigningCertificateV2 struct {
	Certs    []asn1.RawValue
	Policies asn1.RawValue `asn1:"optional"`
}

// verifySigningCertificate checks the first ESSCertIDv2. RFC 5035 §3
func (c *CMS) verifySigningCertificate() error {
	var v essSigningCertificateV2
	if err := strictDER(c.attrs[oidSigningCertV2], &v); err != nil || len(v.Certs) == 0 {
		return errors.New("signed attributes do not name the certificate")
	}
	// ESSCertIDv2: an optional algorithm, default SHA-256, then the digest.
	hash, rest := crypto.SHA256, v.Certs[0].Bytes
	var a cmsAlgorithm
	if len(rest) > 0 && rest[0] == 0x30 {
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return fmt.Errorf("signing certificate: %w", err)
		}
		if hash = hashOf(a.OID.String()); hash == 0 {
			return errors.New("signing certificate: digest algorithm not accepted")
		}
	}
	var digest []byte
	if _, err := asn1.Unmarshal(rest, &digest); err != nil || !bytes.Equal(digest, sum(hash, c.Signer.Raw)) {
		return errors.New("signing certificate is another one")
	}
	return nil
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}
