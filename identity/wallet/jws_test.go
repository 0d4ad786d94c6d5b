package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"
	"testing"
)

// An algorithm goes with one curve, and a signature with one algorithm.
//
// RFC 7518 §3.4
func TestVerifyECDSA(t *testing.T) {
	t.Parallel()
	message := []byte("message")
	curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
	hashes := map[string]func() hash.Hash{"ES256": sha256.New, "ES384": sha512.New384, "ES512": sha512.New}
	for signedAs, hashing := range hashes {
		for of, curve := range curves {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			h := hashing()
			h.Write(message)
			r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
			if err != nil {
				t.Fatal(err)
			}
			// As long as the algorithm says, whatever the key.
			size := (curves[signedAs].Params().BitSize + 7) / 8
			if (r.BitLen()+7)/8 > size || (s.BitLen()+7)/8 > size {
				continue
			}
			sig := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
			for alg := range curves {
				err := verifyECDSA(alg, &key.PublicKey, message, sig)
				if good := alg == signedAs && alg == of; good != (err == nil) {
					t.Errorf("key on %s, signed as %s, read as %s: %v", of, signedAs, alg, err)
				}
			}
			// The same numbers, written longer.
			longer := slices.Concat(sig[:size], []byte{0}, sig[size:])
			if signedAs == of && verifyECDSA(of, &key.PublicKey, message, longer) == nil {
				t.Errorf("%s: a longer signature", of)
			}
		}
	}
	if err := verifyECDSA("ES256", []byte("a secret"), message, make([]byte, 64)); err == nil {
		t.Error("a secret as key")
	}
}

func TestParseJWKRefuses(t *testing.T) {
	t.Parallel()
	const x, y = "YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk", "Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"
	if _, err := parseJWK(obj{"kty": "EC", "crv": "P-256", "x": x, "y": y}); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"nothing": nil, "string": "key",
		"private":         obj{"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": x},
		"symmetric":       obj{"kty": "oct", "k": x},
		"other curve":     obj{"kty": "EC", "crv": "secp256k1", "x": x, "y": y},
		"larger curve":    obj{"kty": "EC", "crv": "P-384", "x": x, "y": y},
		"beside":          obj{"kty": "EC", "crv": "P-256", "x": y, "y": x},
		"short":           obj{"kty": "EC", "crv": "P-256", "x": x[:40], "y": y},
		"zero":            obj{"kty": "EC", "crv": "P-256", "x": "", "y": ""},
		"number":          obj{"kty": "EC", "crv": "P-256", "x": 1, "y": y},
		"without a curve": obj{"kty": "EC", "x": x, "y": y},
	} {
		if _, err := parseJWK(v); err == nil {
			t.Errorf("%s is a key", name)
		}
	}
}
