package tsp

import (
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// timeStampReq is RFC 3161 §2.4.1.
type timeStampReq struct {
	Version int
	Imprint imprintField
	Nonce   *big.Int
	CertReq bool
}

type imprintField struct {
	Algorithm algorithm
	Digest    []byte
}

type algorithm struct {
	OID    asn1.ObjectIdentifier
	Params asn1.RawValue
}

// timeStampResp is RFC 3161 §2.4.2.
type timeStampResp struct {
	Status statusInfo
	Token  asn1.RawValue `asn1:"optional"`
}

type statusInfo struct {
	Status int
	Text   []asn1.RawValue `asn1:"optional"`
	Fail   asn1.BitString  `asn1:"optional"`
}

// request asks for a token over imprint, with the certificates inside.
func request(imprint, nonce []byte) ([]byte, error) {
	if len(imprint) != sha256.Size {
		return nil, fmt.Errorf("tsp: imprint of %d octets is no SHA-256", len(imprint))
	}
	return asn1.Marshal(timeStampReq{
		Version: 1,
		Imprint: imprintField{algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.NullRawValue}, imprint},
		Nonce:   new(big.Int).SetBytes(nonce),
		CertReq: true,
	})
}

// parseResponse gives the token of a granted answer. Granted with changes
// (status 1) is refused: we did not ask for changes.
func parseResponse(answer []byte) ([]byte, error) {
	var r timeStampResp
	rest, err := asn1.Unmarshal(answer, &r)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: not a time-stamp response", ErrAnswer)
	}
	if r.Status.Status != 0 {
		return nil, fmt.Errorf("%w: status %d", ErrRefused, r.Status.Status)
	}
	if len(r.Token.FullBytes) == 0 {
		return nil, fmt.Errorf("%w: granted, but without a token", ErrAnswer)
	}
	return r.Token.FullBytes, nil
}
