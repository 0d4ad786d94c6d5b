package wallet

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// security is the mobile security object: what the issuer signed of an mdoc.
//
// ISO/IEC 18013-5 §9.1.2.4
type security struct {
	Version         string                       `cbor:"version"`
	DigestAlgorithm string                       `cbor:"digestAlgorithm"`
	ValueDigests    map[string]map[uint64][]byte `cbor:"valueDigests"`
	DeviceKeyInfo   struct {
		DeviceKey coseKey `cbor:"deviceKey"`
	} `cbor:"deviceKeyInfo"`
	DocType      string `cbor:"docType"`
	ValidityInfo struct {
		Signed     time.Time `cbor:"signed"`
		ValidFrom  time.Time `cbor:"validFrom"`
		ValidUntil time.Time `cbor:"validUntil"`
	} `cbor:"validityInfo"`
	Status cbor.RawMessage `cbor:"status"`
}

// readSecurity verifies the issuer's signature and reads what it covers.
//
// ISO/IEC 18013-5 §9.3.1
func readSecurity(s sign1, issuer *ecdsa.PublicKey) (m security, err error) {
	if s.Payload == nil {
		return security{}, errors.New("nothing is signed")
	}
	if err := s.verify(issuer, s.Payload); err != nil {
		return security{}, err
	}
	inner, err := embedded(s.Payload)
	if err != nil {
		return security{}, err
	}
	if err := readCBOR(inner, &m); err != nil {
		return security{}, err
	}
	if m.Version != "1.0" {
		return security{}, fmt.Errorf("security object of version %.20q", m.Version)
	}
	if m.ValidityInfo.ValidFrom.IsZero() || m.ValidityInfo.ValidUntil.IsZero() {
		return security{}, errors.New("security object has no validity")
	}
	return m, nil
}

// item is one attribute as the issuer digested it.
type item struct {
	DigestID   uint64          `cbor:"digestID"`
	Random     []byte          `cbor:"random"`
	Identifier string          `cbor:"elementIdentifier"`
	Value      cbor.RawMessage `cbor:"elementValue"`
}

// elements gives the attributes of one name space. Every attribute presented,
// also elsewhere, has to match its own digest; none stands twice.
//
// ISO/IEC 18013-5 §9.3.1
func (m security) elements(space string, presented map[string][]cbor.RawMessage) (map[string]cbor.RawMessage, error) {
	hash := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}[m.DigestAlgorithm]
	if hash == 0 {
		return nil, errors.New("digest algorithm is not allowed")
	}
	found := map[string]cbor.RawMessage{}
	for name, items := range presented {
		used, named := map[uint64]bool{}, map[string]bool{}
		for _, raw := range items {
			inner, err := embedded(raw)
			if err != nil {
				return nil, err
			}
			var one item
			if err := readCBOR(inner, &one); err != nil {
				return nil, err
			}
			if used[one.DigestID] || named[one.Identifier] {
				return nil, errors.New("an attribute stands twice")
			}
			used[one.DigestID], named[one.Identifier] = true, true
			h := hash.New()
			h.Write(raw) // as it came, tag and all
			if want := m.ValueDigests[name][one.DigestID]; want == nil || !bytes.Equal(want, h.Sum(nil)) {
				return nil, errors.New("an attribute does not match its digest")
			}
			if len(one.Random) < 16 {
				return nil, errors.New("an attribute's digest could be guessed")
			}
			if name == space {
				found[one.Identifier] = one.Value
			}
		}
	}
	return found, nil
}

// statusReference reads where the status is kept.
func (m security) statusReference() (reference, error) {
	if m.Status == nil {
		return reference{}, nil
	}
	var v any
	if err := readCBOR(m.Status, &v); err != nil || v == nil {
		return reference{}, fmt.Errorf("%w: status is malformed", ErrCredential)
	}
	return statusOf(v)
}
