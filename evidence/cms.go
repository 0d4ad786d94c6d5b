package evidence

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the digests below
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Object identifiers of CMS. RFC 5652, RFC 5035, RFC 3161.
const (
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidContentType   = "1.2.840.113549.1.9.3"
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningCertV2 = "1.2.840.113549.1.9.16.2.47"
	oidSignatureTST  = "1.2.840.113549.1.9.16.2.14"
	oidOCSPInCMS     = "1.3.6.1.5.5.7.16.2" // id-ri-ocsp-response, RFC 5940 §2.1
)

// CMS is a parsed SignedData with exactly one signer. [ParseCMS] accepts only
// DER and only what [CMS.Verify] covers, so that a change of any octet is
// either refused there or breaks a signature. CRLs and OCSPs are the exception:
// who allows them gives them to [VerifyRevocation].
type CMS struct {
	ContentType  string              // dotted
	Content      []byte              // nil when detached
	Signer       *x509.Certificate   // named by issuer and serial number
	Certificates []*x509.Certificate // all of them, Signer included
	Signature    []byte
	Token        []byte // DER of the signature time-stamp, nil when there is none
	// CRLs and OCSPs are revocation information, DER, as [Validation] has it.
	CRLs, OCSPs [][]byte

	digest    crypto.Hash
	signed    []byte            // the signed attributes as they are digested
	attrs     map[string][]byte // the single value of each signed attribute
	algorithm x509.SignatureAlgorithm
}

type cmsOuter struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type cmsSignedData struct {
	Version    int
	Algorithms []cmsAlgorithm `asn1:"set"`
	Encap      cmsEncap
	Certs      asn1.RawValue   `asn1:"optional,tag:0"`
	CRLs       asn1.RawValue   `asn1:"optional,tag:1"`
	Signers    []cmsSignerInfo `asn1:"set"`
}

// cmsOtherRevocation is OtherRevocationInfoFormat. RFC 5652 §10.2.1
type cmsOtherRevocation struct {
	Format asn1.ObjectIdentifier
	Info   asn1.RawValue
}

type cmsEncap struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

type cmsAlgorithm struct {
	OID    asn1.ObjectIdentifier
	Params asn1.RawValue `asn1:"optional"`
}

type cmsSignerInfo struct {
	Version   int
	SID       cmsIssuerSerial
	Digest    cmsAlgorithm
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm cmsAlgorithm
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type cmsIssuerSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type cmsAttribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

// strictDER decodes der into v and refuses anything that v would not give back:
// trailing octets, additional fields, other encodings of the same value.
func strictDER[T any](der []byte, v *T) error {
	rest, err := asn1.Unmarshal(der, v)
	if err != nil {
		return err
	}
	again, err := asn1.Marshal(*v)
	if err != nil {
		return err
	}
	if len(rest) > 0 || !bytes.Equal(again, der) {
		return errors.New("not in its one DER encoding")
	}
	return nil
}

// ParseCMS parses a SignedData with one signer, who is named by issuer and
// serial number and whose certificate is inside. Unsigned attributes other than
// one signature time-stamp are refused: no signature covers them. RFC 5652 §5
func ParseCMS(der []byte) (*CMS, error) {
	var outer cmsOuter
	if err := strictDER(der, &outer); err != nil {
		return nil, fmt.Errorf("content info: %w", err)
	}
	if outer.Type.String() != oidSignedData {
		return nil, errors.New("content info is not signed data")
	}
	var sd cmsSignedData
	if err := strictDER(outer.Content.Bytes, &sd); err != nil {
		return nil, fmt.Errorf("signed data: %w", err)
	}
	if len(sd.Signers) != 1 || len(sd.Algorithms) != 1 {
		return nil, errors.New("signed data has not exactly one signer")
	}
	// An implicit tag stands for a SET, which is constructed: asn1 does not mind.
	si := sd.Signers[0]
	for _, v := range []asn1.RawValue{sd.Certs, sd.CRLs, si.Signed, si.Unsigned} {
		if len(v.FullBytes) > 0 && !v.IsCompound {
			return nil, errors.New("a set is not constructed")
		}
	}
	c := &CMS{ContentType: sd.Encap.Type.String()}
	if err := c.setRevocation(sd.CRLs); err != nil {
		return nil, err
	}
	if err := c.setVersion(sd); err != nil {
		return nil, err
	}
	if len(sd.Encap.Content.FullBytes) > 0 {
		if err := strictDER(sd.Encap.Content.Bytes, &c.Content); err != nil {
			return nil, fmt.Errorf("content: %w", err)
		}
	}
	if err := c.setCertificates(sd); err != nil {
		return nil, err
	}
	if err := c.setAlgorithms(sd); err != nil {
		return nil, err
	}
	if err := c.setAttributes(si); err != nil {
		return nil, err
	}
	return c, nil
}

// setVersion checks the version numbers, which no signature covers.
// RFC 5652 §5.1, §5.3
func (c *CMS) setVersion(sd cmsSignedData) error {
	want := 1
	if c.ContentType != oidData {
		want = 3
	}
	if len(c.OCSPs) > 0 {
		want = 5
	}
	if sd.Version != want || sd.Signers[0].Version != 1 {
		return errors.New("unexpected version number")
	}
	return nil
}

func (c *CMS) setCertificates(sd cmsSignedData) error {
	var err error
	if c.Certificates, err = x509.ParseCertificates(sd.Certs.Bytes); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	sid := sd.Signers[0].SID
	for _, cert := range c.Certificates {
		if bytes.Equal(cert.RawIssuer, sid.Issuer.FullBytes) && cert.SerialNumber.Cmp(sid.Serial) == 0 {
			if c.Signer != nil {
				return errors.New("two certificates claim to be the signer's")
			}
			c.Signer = cert
		}
	}
	if c.Signer == nil {
		return errors.New("the signer's certificate is missing")
	}
	return nil
}

// setRevocation takes the revocation information apart: lists as they are, OCSP
// responses in their wrapping. DER sorts a set; an element stands in it once.
// RFC 5652 §10.2.1; RFC 5940 §2.1
func (c *CMS) setRevocation(set asn1.RawValue) error {
	if len(set.FullBytes) > 0 && len(set.Bytes) == 0 {
		return errors.New("revocation information is empty")
	}
	var last []byte
	for rest := set.Bytes; len(rest) > 0; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			return fmt.Errorf("revocation information: %w", err)
		}
		if last != nil && bytes.Compare(last, v.FullBytes) >= 0 {
			return errors.New("revocation information is not sorted")
		}
		last = v.FullBytes
		switch {
		case v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence && v.IsCompound:
			c.CRLs = append(c.CRLs, v.FullBytes)
		case v.Class == asn1.ClassContextSpecific && v.Tag == 1 && v.IsCompound:
			der := bytes.Clone(v.FullBytes)
			der[0] = 0x30 // the SEQUENCE that the implicit tag stands for
			var other cmsOtherRevocation
			if err := strictDER(der, &other); err != nil || other.Format.String() != oidOCSPInCMS {
				return errors.New("revocation information is of a kind not known")
			}
			c.OCSPs = append(c.OCSPs, other.Info.FullBytes)
		default:
			return errors.New("revocation information is of a kind not known")
		}
	}
	return nil
}
