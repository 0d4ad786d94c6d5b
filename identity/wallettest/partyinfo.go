package wallettest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

func unbase64(s string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(s) }

// encryptWithPartyInfo encrypts as wallets of ISO/IEC 18013-7 do, naming both
// parties in the key derivation. go-jose cannot.
//
// RFC 7518 §4.6.2; RFC 7516 §5.1
func encryptWithPartyInfo(to *ecdsa.PublicKey, kid, nonce string, plain []byte) (string, error) {
	public, err := to.ECDH()
	if err != nil {
		return "", err
	}
	mine, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	z, err := mine.ECDH(public)
	if err != nil {
		return "", err
	}
	apu, apv, point := []byte("wallettest"), []byte(nonce), mine.PublicKey().Bytes()
	header, err := json.Marshal(map[string]any{"alg": "ECDH-ES", "enc": "A128GCM", "kid": kid, "apu": toBase64(apu), "apv": toBase64(apv),
		"epk": map[string]any{"kty": "EC", "crv": "P-256", "x": toBase64(point[1:33]), "y": toBase64(point[33:])}})
	if err != nil {
		return "", err
	}
	derived := binary.BigEndian.AppendUint32(nil, 1)
	derived = append(derived, z...)
	for _, field := range [][]byte{[]byte("A128GCM"), apu, apv} {
		derived = binary.BigEndian.AppendUint32(derived, uint32(len(field)))
		derived = append(derived, field...)
	}
	derived = binary.BigEndian.AppendUint32(derived, 128)
	key := sha256.Sum256(derived)
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	iv := make([]byte, gcm.NonceSize())
	if _, err := rand.Read(iv); err != nil {
		return "", err
	}
	sealed := gcm.Seal(nil, iv, plain, []byte(toBase64(header)))
	body, tag := sealed[:len(plain)], sealed[len(plain):]
	return toBase64(header) + ".." + toBase64(iv) + "." + toBase64(body) + "." + toBase64(tag), nil
}
