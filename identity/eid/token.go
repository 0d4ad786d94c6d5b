package eid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
)

// Bounds of a token, in octets, and of RSA keys, in bits: more costs us too much.
const (
	minToken, maxToken = 100, 10000
	minRSA, maxRSA     = 2048, 8192
)

// 1 and 1.x are one format; 10 would be another.
var tokenFormat = regexp.MustCompile(`^web-eid:1(\.[0-9]{1,4})?$`)

// webToken is a Web eID authentication token. Nothing in it is proven yet.
type webToken struct {
	format      string
	algorithm   string
	signature   []byte
	certificate *x509.Certificate
}

// parseToken reads a token; what it does not know in it is ignored.
// Errors: ErrToken.
func parseToken(raw string) (t webToken, err error) {
	if len(raw) < minToken || len(raw) > maxToken {
		return webToken{}, fmt.Errorf("%w: length", ErrToken)
	}
	// A map compares names exactly, a struct would not.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &fields); err != nil {
		return webToken{}, fmt.Errorf("%w: not a JSON object", ErrToken)
	}
	var certificate, signature string
	for name, to := range map[string]*string{
		"format": &t.format, "algorithm": &t.algorithm, "signature": &signature, "unverifiedCertificate": &certificate,
	} {
		if err := json.Unmarshal(fields[name], to); err != nil || *to == "" {
			return webToken{}, fmt.Errorf("%w: no %s", ErrToken, name)
		}
	}
	if !tokenFormat.MatchString(t.format) {
		return webToken{}, fmt.Errorf("%w: format %.40q", ErrToken, t.format)
	}
	if t.signature, err = base64.StdEncoding.Strict().DecodeString(signature); err != nil {
		return webToken{}, fmt.Errorf("%w: signature is not base64", ErrToken)
	}
	der, err := base64.StdEncoding.Strict().DecodeString(certificate)
	if err != nil {
		return webToken{}, fmt.Errorf("%w: certificate is not base64", ErrToken)
	}
	if t.certificate, err = x509.ParseCertificate(der); err != nil {
		return webToken{}, fmt.Errorf("%w: certificate: %w", ErrToken, err)
	}
	return t, nil
}

// verify checks that t's key signed this origin and nonce: the hash of each, one
// after the other, hashed again and signed. An algorithm that does not fit the
// key is refused before it is tried. Errors: ErrToken, ErrSignature.
//
// RFC 7518 §3.3, §3.4, §3.5
func (t webToken) verify(origin, nonce string) error {
	if len(t.algorithm) != len("ES256") {
		return fmt.Errorf("%w: algorithm %.40q", ErrToken, t.algorithm)
	}
	hash, bits := crypto.Hash(0), 0
	switch t.algorithm[2:] {
	case "256":
		hash, bits = crypto.SHA256, 256
	case "384":
		hash, bits = crypto.SHA384, 384
	case "512":
		hash, bits = crypto.SHA512, 521
	default:
		return fmt.Errorf("%w: algorithm %.40q", ErrToken, t.algorithm)
	}
	digest := sum(hash, append(sum(hash, []byte(origin)), sum(hash, []byte(nonce))...))
	switch key := t.certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if t.algorithm[:2] != "ES" || key.Curve.Params().BitSize != bits {
			return fmt.Errorf("%w: algorithm %s does not fit the key", ErrToken, t.algorithm)
		}
		return t.verifyECDSA(key, digest)
	case *rsa.PublicKey:
		return t.verifyRSA(key, hash, digest)
	}
	return fmt.Errorf("%w: kind of key", ErrToken)
}

// verifyECDSA takes R and S as cards give them: one after the other, each as
// long as the field.
func (t webToken) verifyECDSA(key *ecdsa.PublicKey, digest []byte) error {
	size := (key.Curve.Params().BitSize + 7) / 8
	if len(t.signature) != 2*size {
		return fmt.Errorf("%w: length", ErrSignature)
	}
	r, s := new(big.Int).SetBytes(t.signature[:size]), new(big.Int).SetBytes(t.signature[size:])
	if !ecdsa.Verify(key, digest, r, s) {
		return ErrSignature
	}
	return nil
}

func (t webToken) verifyRSA(key *rsa.PublicKey, hash crypto.Hash, digest []byte) error {
	if n := key.N.BitLen(); n < minRSA || n > maxRSA {
		return fmt.Errorf("%w: RSA key of %d bits", ErrToken, n)
	}
	var err error
	switch t.algorithm[:2] {
	case "RS":
		err = rsa.VerifyPKCS1v15(key, hash, digest, t.signature)
	case "PS":
		err = rsa.VerifyPSS(key, hash, digest, t.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	default:
		return fmt.Errorf("%w: algorithm %s does not fit the key", ErrToken, t.algorithm)
	}
	if err != nil {
		return ErrSignature
	}
	return nil
}

func sum(hash crypto.Hash, b []byte) []byte {
	h := hash.New()
	h.Write(b)
	return h.Sum(nil)
}
