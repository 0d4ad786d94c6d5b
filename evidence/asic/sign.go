package asic

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/digitorus/pkcs7"

	"github.com/bode-erds/bode/evidence"
)

// essSigningCertificateV2 is RFC 5035 §3 with the default digest, SHA-256.
type essSigningCertificateV2 struct{ Certs []essCertIDv2 }

type essCertIDv2 struct {
	Digest []byte
	Issuer essIssuerSerial
}

type essIssuerSerial struct {
	Names  []asn1.RawValue
	Serial *big.Int
}

// sign makes the detached CAdES signature over the manifest: baseline B-LT when v
// is about what was used, else B-T. EN 319 122-1 §6.3
func (w *Writer) sign(ctx context.Context, manifest []byte, v evidence.Validation, at time.Time) ([]byte, error) {
	der, err := w.signBT(ctx, manifest, at)
	if err != nil || v.IsZero() {
		return der, err
	}
	signature, err := evidence.ParseCMS(der)
	if err != nil {
		return nil, fmt.Errorf("asic: sign: %w", err)
	}
	if !fits(v, signature) {
		return der, nil
	}
	if der, err = evidence.ExtendCMS(der, v); err != nil {
		return nil, fmt.Errorf("asic: sign: %w", err)
	}
	return der, nil
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

func (w *Writer) signBT(ctx context.Context, manifest []byte, at time.Time) ([]byte, error) {
	key, err := w.cfg.Key(at)
	if err != nil {
		return nil, fmt.Errorf("asic: sign: %w", err)
	}
	certs := key.Certificates()
	sd, err := pkcs7.NewSignedData(manifest)
	if err != nil {
		return nil, fmt.Errorf("asic: sign: %w", err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	digest := sha256.Sum256(certs[0].Raw)
	name := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: certs[0].RawIssuer}
	attributes := []pkcs7.Attribute{
		{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}, Value: essSigningCertificateV2{
			[]essCertIDv2{{digest[:], essIssuerSerial{[]asn1.RawValue{name}, certs[0].SerialNumber}}}}},
		{Type: pkcs7.OIDAttributeSigningTime, Value: at.UTC().Truncate(time.Second)},
	}
	err = sd.AddSignerChain(certs[0], key, certs[1:], pkcs7.SignerInfoConfig{ExtraSignedAttributes: attributes})
	if err != nil {
		return nil, fmt.Errorf("asic: sign: %w", err)
	}
	signer := &sd.GetSignedData().SignerInfos[0]
	// The library leaves out the NULL that RSA algorithms must have. RFC 4055 §5
	if alg := &signer.DigestEncryptionAlgorithm; alg.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}) {
		alg.Parameters = asn1.NullRawValue
	}
	imprint := sha256.Sum256(signer.EncryptedDigest)
	token, err := w.cfg.Stamper.Stamp(ctx, imprint[:])
	if err != nil {
		return nil, fmt.Errorf("asic: time-stamp: %w", err)
	}
	err = signer.SetUnauthenticatedAttributes([]pkcs7.Attribute{{
		Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}, Value: asn1.RawValue{FullBytes: token}}})
	if err != nil {
		return nil, fmt.Errorf("asic: time-stamp: %w", err)
	}
	sd.Detach()
	der, err := sd.Finish()
	if err != nil {
		return nil, fmt.Errorf("asic: sign: %w", err)
	}
	return der, nil
}
