package statement

import (
	"bytes"
	"crypto"
	_ "crypto/sha256" // the digests below
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Object identifiers of CMS. RFC 5652, RFC 5035
const (
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidData          = "1.2.840.113549.1.7.1"
	oidContentType   = "1.2.840.113549.1.9.3"
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningTime   = "1.2.840.113549.1.9.5"
	oidSigningCertV2 = "1.2.840.113549.1.9.16.2.47"
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version    int
	Algorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Encap      encapsulated
	Certs      asn1.RawValue `asn1:"optional,tag:0"`
	CRLs       asn1.RawValue `asn1:"optional,tag:1"`
	Signers    []signerInfo  `asn1:"set"`
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

type signerInfo struct {
	Version   int
	SID       asn1.RawValue
	Digest    pkix.AlgorithmIdentifier
	Signed    asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
	Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
}

type issuerSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

// container is a signature that was verified.
type container struct {
	signer  *x509.Certificate
	others  []*x509.Certificate // that came along
	claimed time.Time           // signed attribute; zero when it is not given
}

// verify opens a detached SignedData of one signer and checks that the key of the
// certificate it names signed content, as CAdES does it. It does not judge the
// certificate. All errors are ErrSignature.
//
// RFC 5652 §5.4, §5.6; RFC 5035 §3; EN 319 122-1 §5.2.2
func verify(der, content []byte) (c container, err error) {
	defer func() {
		if err != nil {
			c, err = container{}, fmt.Errorf("%w: %w", ErrSignature, err)
		}
	}()
	sd, err := openContainer(der)
	if err != nil {
		return c, err
	}
	si := sd.Signers[0]
	certs, err := x509.ParseCertificates(sd.Certs.Bytes)
	if err != nil {
		return c, fmt.Errorf("certificates: %w", err)
	}
	for _, one := range certs {
		if named(si.SID, one) && c.signer == nil {
			c.signer = one
			continue
		}
		c.others = append(c.others, one)
	}
	if c.signer == nil {
		return c, errors.New("the signer's certificate is missing")
	}
	digest := hashOf(si.Digest.Algorithm.String())
	if digest == 0 {
		return c, errors.New("digest algorithm is not accepted")
	}
	attrs, signed, err := attributes(si.Signed)
	if err != nil {
		return c, err
	}
	if err := bound(attrs, digest, content, c.signer); err != nil {
		return c, err
	}
	if raw, there := attrs[oidSigningTime]; there {
		if _, err := asn1.Unmarshal(raw, &c.claimed); err != nil {
			return c, errors.New("time of signing")
		}
	}
	return c, checkKey(c.signer, digest, si.Algorithm, signed, si.Signature)
}

// openContainer parses a SignedData, behind which the zeros of its place may
// stand and nothing else.
func openContainer(der []byte) (sd signedData, err error) {
	var outer contentInfo
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || outer.Type.String() != oidSignedData || len(bytes.Trim(rest, "\x00")) > 0 {
		return sd, errors.New("not signed data")
	}
	rest, err = asn1.Unmarshal(outer.Content.Bytes, &sd)
	switch {
	case err != nil || len(rest) > 0:
		return sd, errors.New("not signed data")
	case len(sd.Signers) != 1:
		return sd, fmt.Errorf("%d signers", len(sd.Signers))
	case sd.Encap.Type.String() != oidData || len(sd.Encap.Content.FullBytes) > 0:
		return sd, errors.New("it signs something of its own")
	}
	return sd, nil
}

// named reports whether a signer's name is that of c, by issuer and serial number
// or by key identifier. RFC 5652 §5.3
func named(sid asn1.RawValue, c *x509.Certificate) bool {
	if sid.Class == asn1.ClassContextSpecific && sid.Tag == 0 {
		return len(sid.Bytes) > 0 && bytes.Equal(sid.Bytes, c.SubjectKeyId)
	}
	var is issuerSerial
	_, err := asn1.Unmarshal(sid.FullBytes, &is)
	return err == nil && bytes.Equal(is.Issuer.FullBytes, c.RawIssuer) && is.Serial.Cmp(c.SerialNumber) == 0
}

// attributes are the signed attributes, each with its one value, and the octets
// that are signed: those of the SET, not of its implicit tag. RFC 5652 §5.4
func attributes(set asn1.RawValue) (map[string][]byte, []byte, error) {
	if len(set.FullBytes) == 0 || !set.IsCompound {
		return nil, nil, errors.New("no signed attributes")
	}
	signed := bytes.Clone(set.FullBytes)
	signed[0] = 0x31
	var list []attribute
	if rest, err := asn1.UnmarshalWithParams(signed, &list, "set"); err != nil || len(rest) > 0 {
		return nil, nil, errors.New("signed attributes")
	}
	attrs := make(map[string][]byte, len(list))
	for _, a := range list {
		oid := a.Type.String()
		if _, twice := attrs[oid]; twice || len(a.Values) != 1 {
			return nil, nil, fmt.Errorf("attribute %s has not exactly one value", oid)
		}
		attrs[oid] = a.Values[0].FullBytes
	}
	return attrs, signed, nil
}

// bound checks that the attributes are about content and name signer.
func bound(attrs map[string][]byte, digest crypto.Hash, content []byte, signer *x509.Certificate) error {
	var kind asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(attrs[oidContentType], &kind); err != nil || len(rest) > 0 || kind.String() != oidData {
		return errors.New("content type")
	}
	var of []byte
	if rest, err := asn1.Unmarshal(attrs[oidMessageDigest], &of); err != nil || len(rest) > 0 || !bytes.Equal(of, sum(digest, content)) {
		return errors.New("the document is not what was signed")
	}
	return namesCertificate(attrs[oidSigningCertV2], signer)
}

// namesCertificate checks the first ESSCertIDv2: an optional digest algorithm,
// SHA-256 when there is none, then the digest. RFC 5035 §3
func namesCertificate(raw []byte, signer *x509.Certificate) error {
	var v2 struct {
		Certs    []asn1.RawValue
		Policies asn1.RawValue `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(raw, &v2); err != nil || len(rest) > 0 || len(v2.Certs) == 0 {
		return errors.New("the signature does not name its certificate")
	}
	hash, rest := crypto.SHA256, v2.Certs[0].Bytes
	if len(rest) > 0 && rest[0] == 0x30 {
		var a pkix.AlgorithmIdentifier
		var err error
		if rest, err = asn1.Unmarshal(rest, &a); err != nil {
			return errors.New("the signature does not name its certificate")
		}
		if hash = hashOf(a.Algorithm.String()); hash == 0 {
			return errors.New("the signature names its certificate by a digest that is not accepted")
		}
	}
	var of []byte
	if _, err := asn1.Unmarshal(rest, &of); err != nil || !bytes.Equal(of, sum(hash, signer.Raw)) {
		return errors.New("the signature names another certificate")
	}
	return nil
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}
