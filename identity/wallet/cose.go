package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// sign1 is a COSE_Sign1. Nothing in it is true before verify.
//
// RFC 9052 §4.2
type sign1 struct {
	_           struct{} `cbor:",toarray"`
	Protected   []byte
	Unprotected struct {
		Chain cbor.RawMessage `cbor:"33,keyasint"`
	}
	Payload   []byte // nil when it is sent apart
	Signature []byte
}

// algorithm is the algorithm of the protected header by its JOSE name, "" when we
// do not accept it. A header that is critical of something is not understood.
//
// RFC 9052 §3.1; RFC 9053 §2.1; RFC 9864 §2.1
func (s sign1) algorithm() string {
	var header struct {
		Algorithm int64           `cbor:"1,keyasint"`
		Critical  cbor.RawMessage `cbor:"2,keyasint"`
	}
	if readCBOR(s.Protected, &header) != nil || header.Critical != nil {
		return ""
	}
	switch header.Algorithm {
	case -7, -9:
		return "ES256"
	case -35, -51:
		return "ES384"
	case -36, -52:
		return "ES512"
	}
	return ""
}

// verify verifies the signature over payload, which is s.Payload or what stands
// for it when that is sent apart.
//
// RFC 9052 §4.4
func (s sign1) verify(key *ecdsa.PublicKey, payload []byte) error {
	signed, err := cbor.Marshal([]any{"Signature1", s.Protected, []byte{}, payload})
	if err != nil {
		return err
	}
	return verifyECDSA(s.algorithm(), key, signed, s.Signature)
}

// chain reads the certificates of the unprotected header: one, or several.
//
// RFC 9360 §2
func (s sign1) chain() ([]*x509.Certificate, error) {
	if s.Unprotected.Chain == nil {
		return nil, errors.New("certificate of the signer is missing")
	}
	var list [][]byte
	if readCBOR(s.Unprotected.Chain, &list) != nil {
		var one []byte
		if err := readCBOR(s.Unprotected.Chain, &one); err != nil {
			return nil, errors.New("x5chain is malformed")
		}
		list = [][]byte{one}
	}
	return parseChain(list)
}

// coseKey is a public EC key with both coordinates.
//
// RFC 9053 §7.1.1
type coseKey struct {
	Type    int64           `cbor:"1,keyasint"`
	Curve   int64           `cbor:"-1,keyasint"`
	X       []byte          `cbor:"-2,keyasint"`
	Y       []byte          `cbor:"-3,keyasint"`
	Private cbor.RawMessage `cbor:"-4,keyasint"`
}

func (k coseKey) public() (*ecdsa.PublicKey, error) {
	if k.Type != 2 || k.Private != nil {
		return nil, errors.New("not a public EC key")
	}
	switch k.Curve {
	case 1:
		return publicKey(elliptic.P256(), k.X, k.Y)
	case 2:
		return publicKey(elliptic.P384(), k.X, k.Y)
	case 3:
		return publicKey(elliptic.P521(), k.X, k.Y)
	}
	return nil, errors.New("curve is not allowed")
}
