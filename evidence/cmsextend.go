package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
)

// openSignedData is a SignedData with room for what nobody signs. RFC 5652 §5.1
type openSignedData struct {
	Version    int
	Algorithms asn1.RawValue
	Content    asn1.RawValue
	Certs      asn1.RawValue `asn1:"optional,tag:0"`
	CRLs       asn1.RawValue `asn1:"optional,tag:1"`
	Signers    asn1.RawValue
}

// ExtendCMS puts v into a SignedData, a signature or a time-stamp token, that has
// no revocation information yet. Nothing of it is covered by the signature, which
// stays what it is. The same input gives the same octets. Errors: [ErrToken].
// EN 319 122-1 §5.5, §6.3; RFC 5940 §2.1
func ExtendCMS(der []byte, v Validation) ([]byte, error) {
	var info struct {
		Type    asn1.ObjectIdentifier
		Content openSignedData `asn1:"explicit,tag:0"`
	}
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || len(info.Content.CRLs.FullBytes) > 0 {
		return nil, fmt.Errorf("%w: not a signature without revocation information", ErrToken)
	}
	sd := &info.Content
	certs, err := elements(sd.Certs.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	revocation := slices.Clone(v.CRLs)
	for _, response := range v.OCSPs {
		other, err := asn1.MarshalWithParams(struct {
			Format asn1.ObjectIdentifier
			Info   asn1.RawValue
		}{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2}, asn1.RawValue{FullBytes: response}}, "tag:1")
		if err != nil {
			return nil, fmt.Errorf("%w: OCSP response: %w", ErrToken, err)
		}
		revocation = append(revocation, other)
		sd.Version = 5
	}
	sd.Certs, sd.CRLs = setOf(0, slices.Concat(certs, v.Certificates)), setOf(1, revocation)
	return asn1.Marshal(info)
}

// setOf is a DER SET OF with an implicit tag: sorted, each element once.
func setOf(tag int, elements [][]byte) asn1.RawValue {
	slices.SortFunc(elements, bytes.Compare)
	elements = slices.CompactFunc(elements, bytes.Equal)
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: bytes.Join(elements, nil)}
}

func elements(set []byte) ([][]byte, error) {
	var list [][]byte
	for len(set) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(set, &v)
		if err != nil {
			return nil, err
		}
		list, set = append(list, v.FullBytes), rest
	}
	return list, nil
}

// Chain is the signer's certificate and then the others that came with it.
func (c *CMS) Chain() []*x509.Certificate {
	chain := []*x509.Certificate{c.Signer}
	for _, cert := range c.Certificates {
		if !cert.Equal(c.Signer) {
			chain = append(chain, cert)
		}
	}
	return chain
}

// TokenChain is [CMS.Chain] of a time-stamp token. Nothing is judged. Errors:
// [ErrToken].
func TokenChain(token []byte) ([]*x509.Certificate, error) {
	c, err := ParseCMS(token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return c.Chain(), nil
}
