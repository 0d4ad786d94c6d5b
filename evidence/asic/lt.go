package asic

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"slices"

	"github.com/bode-erds/bode/evidence"
)

// signedData is what of a SignedData gets validation data. RFC 5652 §5.1
type signedData struct {
	Version    int
	Algorithms asn1.RawValue
	Content    asn1.RawValue
	Certs      asn1.RawValue `asn1:"optional,tag:0"`
	CRLs       asn1.RawValue `asn1:"optional,tag:1"`
	Signers    asn1.RawValue
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content signedData `asn1:"explicit,tag:0"`
}

// otherRevocation is OtherRevocationInfoFormat. RFC 5652 §10.2.1; RFC 5940 §2.1
type otherRevocation struct {
	Format asn1.ObjectIdentifier
	Info   asn1.RawValue
}

// fits reports whether v is about the seal and the time-stamp of a signature, and
// small enough to be in it.
func fits(v evidence.Validation, signature *evidence.CMS) bool {
	token, err := evidence.ParseCMS(signature.Token)
	if err != nil || len(v.CRLs)+len(v.OCSPs) == 0 {
		return false
	}
	size := 0
	for _, der := range slices.Concat(v.Certificates, v.CRLs, v.OCSPs) {
		size += len(der)
	}
	if size > maxSignature-1<<20 { // room for the rest
		return false
	}
	has := func(der []byte) bool {
		return slices.ContainsFunc(v.Certificates, func(c []byte) bool { return bytes.Equal(c, der) })
	}
	return has(signature.Signer.Raw) && has(token.Signer.Raw)
}

// complete makes a signature of level B-LT of one of level B-T: nothing of it is
// signed by what it gets. EN 319 122-1 §5.5, §6.3
func complete(der []byte, v evidence.Validation) ([]byte, error) {
	var info contentInfo
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("asic: signature: %w", err)
	}
	sd := &info.Content
	certs, err := elements(sd.Certs.Bytes)
	if err != nil {
		return nil, fmt.Errorf("asic: signature: %w", err)
	}
	revocation := slices.Clone(v.CRLs)
	for _, response := range v.OCSPs {
		other, err := asn1.MarshalWithParams(otherRevocation{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2},
			asn1.RawValue{FullBytes: response}}, "tag:1")
		if err != nil {
			return nil, fmt.Errorf("asic: OCSP response: %w", err)
		}
		revocation = append(revocation, other)
		sd.Version = 5
	}
	sd.Certs, sd.CRLs = set(0, slices.Concat(certs, v.Certificates)), set(1, revocation)
	return asn1.Marshal(info)
}

// set is a DER SET OF with an implicit tag: sorted, each element once.
func set(tag int, elements [][]byte) asn1.RawValue {
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
