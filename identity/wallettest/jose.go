package wallettest

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

func toBase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// es256 signs R‖S.
func es256(key *ecdsa.PrivateKey, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return nil, err
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return sig, nil
}

// sign makes a compact JWS of a payload that is JSON already.
func sign(key *ecdsa.PrivateKey, header map[string]any, payload []byte) (string, error) {
	if header["alg"] == nil {
		header["alg"] = "ES256"
	}
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	signed := toBase64(h) + "." + toBase64(payload)
	switch header["alg"] {
	case "none":
		return signed + ".", nil
	case "HS256":
		point, err := key.PublicKey.Bytes()
		if err != nil {
			return "", err
		}
		m := hmac.New(sha256.New, point)
		m.Write([]byte(signed))
		return signed + "." + toBase64(m.Sum(nil)), nil
	}
	sig, err := es256(key, []byte(signed))
	return signed + "." + toBase64(sig), err
}

// opened is a JWS whose parts were decoded; check verifies it.
type opened struct {
	header, payload map[string]any
	signed          string
	sig             []byte
}

func open(s string) (o opened, err error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return opened{}, fmt.Errorf("wallettest: not a compact JWS")
	}
	for i, to := range []*map[string]any{&o.header, &o.payload} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return opened{}, fmt.Errorf("wallettest: %w", err)
		}
		if err := json.Unmarshal(raw, to); err != nil {
			return opened{}, fmt.Errorf("wallettest: %w", err)
		}
	}
	o.signed = parts[0] + "." + parts[1]
	o.sig, err = base64.RawURLEncoding.DecodeString(parts[2])
	return o, err
}

func (o opened) check(key any) error {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok || o.header["alg"] != "ES256" || len(o.sig) != 64 {
		return fmt.Errorf("wallettest: request is not signed with ES256")
	}
	sum := sha256.Sum256([]byte(o.signed))
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(o.sig[:32]), new(big.Int).SetBytes(o.sig[32:])) {
		return fmt.Errorf("wallettest: signature of the request does not verify")
	}
	return nil
}

func jwk(key *ecdsa.PublicKey) (map[string]any, error) {
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "x": toBase64(point[1:33]), "y": toBase64(point[33:])}, nil
}
