package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	_ "crypto/sha512" // ES384, ES512
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

var errSignature = errors.New("signature does not verify")

// jws is a compact JWS taken apart. Nothing in it is true before verify.
type jws struct {
	header  map[string]any
	payload []byte
	signed  string // header.payload as it came
	sig     []byte
}

// parseJWS takes a JWS of one type apart. The header names an algorithm of ours
// and cannot change how we read it: what it says about keys (jwk, jku, x5u, kid)
// is not looked at.
//
// RFC 7515 §5.2; RFC 8725 §3.1, §3.11
func parseJWS(s, typ string) (j jws, err error) {
	head, rest, ok := strings.Cut(s, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return jws{}, errors.New("not a compact JWS")
	}
	raw, err := unbase64(head)
	if err != nil {
		return jws{}, errors.New("header is not base64url")
	}
	if j.header, err = parseObject(raw); err != nil {
		return jws{}, fmt.Errorf("header: %w", err)
	}
	if _, crit := j.header["crit"]; crit {
		return jws{}, errors.New("header is critical of what we do not know")
	}
	if got := text(j.header, "typ"); got != typ {
		return jws{}, fmt.Errorf("typ is %.40q, not %q", got, typ)
	}
	if curve, _ := algorithm(text(j.header, "alg")); curve == nil {
		return jws{}, fmt.Errorf("alg %.20q is not allowed", text(j.header, "alg"))
	}
	if j.payload, err = unbase64(body); err != nil {
		return jws{}, errors.New("payload is not base64url")
	}
	if j.sig, err = unbase64(sig); err != nil {
		return jws{}, errors.New("signature is not base64url")
	}
	j.signed = s[:len(head)+1+len(body)]
	return j, nil
}

func (j jws) verify(key crypto.PublicKey) error {
	return verifyECDSA(text(j.header, "alg"), key, []byte(j.signed), j.sig)
}

// algorithm gives curve and hash of an algorithm we accept, nil for any other.
// Each belongs to one curve: a key is never used with another.
func algorithm(alg string) (elliptic.Curve, crypto.Hash) {
	switch alg {
	case "ES256":
		return elliptic.P256(), crypto.SHA256
	case "ES384":
		return elliptic.P384(), crypto.SHA384
	case "ES512":
		return elliptic.P521(), crypto.SHA512
	}
	return nil, 0
}

// verifyECDSA verifies R‖S.
//
// RFC 7518 §3.4
func verifyECDSA(alg string, key crypto.PublicKey, message, sig []byte) error {
	curve, hash := algorithm(alg)
	public, ok := key.(*ecdsa.PublicKey)
	if curve == nil || !ok || public.Curve != curve {
		return fmt.Errorf("%w: key is not for %.20q", errSignature, alg)
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(sig) != 2*size {
		return fmt.Errorf("%w: length", errSignature)
	}
	h := hash.New()
	h.Write(message)
	r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
	if !ecdsa.Verify(public, h.Sum(nil), r, s) {
		return errSignature
	}
	return nil
}

// parseJWK reads a public EC key.
//
// RFC 7518 §6.2.1
func parseJWK(v any) (*ecdsa.PublicKey, error) {
	m, ok := v.(map[string]any)
	if !ok || text(m, "kty") != "EC" || m["d"] != nil {
		return nil, errors.New("not a public EC key")
	}
	var curve elliptic.Curve
	switch text(m, "crv") {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, errors.New("curve is not allowed")
	}
	x, errX := unbase64(text(m, "x"))
	y, errY := unbase64(text(m, "y"))
	if errX != nil || errY != nil {
		return nil, errors.New("coordinates are not base64url")
	}
	return publicKey(curve, x, y)
}

// publicKey makes a key of coordinates; a point beside the curve is refused.
func publicKey(curve elliptic.Curve, x, y []byte) (*ecdsa.PublicKey, error) {
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, errors.New("coordinates have the wrong length")
	}
	return ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
}

// thumbprint is the SHA-256 thumbprint of a public key.
//
// RFC 7638 §3
func thumbprint(key *ecdsa.PublicKey) ([]byte, error) {
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	size := len(point) / 2
	// Names in the order of the alphabet, as the standard wants them.
	b, err := json.Marshal(struct {
		Crv string `json:"crv"`
		Kty string `json:"kty"`
		X   string `json:"x"`
		Y   string `json:"y"`
	}{key.Curve.Params().Name, "EC", toBase64(point[1 : 1+size]), toBase64(point[1+size:])})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return sum[:], nil
}
