package wallet

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// deviceResponse is what a wallet presents.
//
// ISO/IEC 18013-5 §8.3.2.1.2.2
type deviceResponse struct {
	Version   string     `cbor:"version"`
	Documents []document `cbor:"documents"`
	Status    uint64     `cbor:"status"`
}

// document is one mdoc.
type document struct {
	DocType      string `cbor:"docType"`
	IssuerSigned struct {
		NameSpaces map[string][]cbor.RawMessage `cbor:"nameSpaces"`
		IssuerAuth sign1                        `cbor:"issuerAuth"`
	} `cbor:"issuerSigned"`
	DeviceSigned struct {
		NameSpaces cbor.RawMessage `cbor:"nameSpaces"`
		DeviceAuth struct {
			Signature *sign1          `cbor:"deviceSignature"`
			MAC       cbor.RawMessage `cbor:"deviceMac"`
		} `cbor:"deviceAuth"`
	} `cbor:"deviceSigned"`
}

// readDeviceResponse reads a presentation.
func readDeviceResponse(presentation string) (r deviceResponse, err error) {
	if len(presentation) > maxPresentation {
		return deviceResponse{}, errors.New("presentation is too long")
	}
	raw, err := unbase64(presentation)
	if err != nil {
		return deviceResponse{}, errors.New("presentation is not base64url")
	}
	if err := readCBOR(raw, &r); err != nil {
		return deviceResponse{}, err
	}
	if r.Version != "1.0" || r.Status != 0 {
		return deviceResponse{}, fmt.Errorf("presentation of version %.20q with status %d", r.Version, r.Status)
	}
	return r, nil
}

// transcript is the session transcript: everything of our request that the
// holder's signature covers. A wallet that was led to another address, or shown
// another key or identifier, signs another one.
//
// OpenID4VP 1.0 §B.2.6.1
func (s session) transcript() ([]byte, error) {
	var key any // null when the answer is not encrypted
	if len(s.Thumbprint) > 0 {
		key = s.Thumbprint
	}
	info, err := cbor.Marshal([]any{s.ClientID, s.Nonce, key, s.ResponseURI})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(info)
	return cbor.Marshal([]any{nil, nil, []any{"OpenID4VPHandover", sum[:]}})
}

// checkDevice verifies that the holder's key, which the issuer signed, answered
// our request. A MAC, which anybody we share a key with could make, was not
// asked for.
//
// ISO/IEC 18013-5 §9.1.3.4, §9.1.3.6
func (d document) checkDevice(key *ecdsa.PublicKey, s session) error {
	signature := d.DeviceSigned.DeviceAuth.Signature
	if signature == nil || d.DeviceSigned.DeviceAuth.MAC != nil || signature.Payload != nil {
		return errors.New("holder did not sign as we asked")
	}
	if _, err := embedded(d.DeviceSigned.NameSpaces); err != nil {
		return err
	}
	transcript, err := s.transcript()
	if err != nil {
		return err
	}
	plain, err := cbor.Marshal([]any{"DeviceAuthentication", cbor.RawMessage(transcript), d.DocType, d.DeviceSigned.NameSpaces})
	if err != nil {
		return err
	}
	payload, err := embed(plain)
	if err != nil {
		return err
	}
	return signature.verify(key, payload)
}

// verifyMDoc verifies a PID presented as mdoc, except for its status.
//
// OpenID4VP 1.0 §8.6, §B.2; HAIP 1.0 §5.3.1
func (w *Wallet) verifyMDoc(presentation string, s session, at time.Time) (credential, error) {
	r, err := readDeviceResponse(presentation)
	if err != nil {
		return credential{}, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	if len(r.Documents) != 1 {
		return credential{}, fmt.Errorf("%w: %d documents", ErrPresentation, len(r.Documents))
	}
	return w.verifyDocument(r.Documents[0], pidMDoc, s, at)
}

// verifyDocument verifies one mdoc of a type whose attributes are in the name
// space of the same name.
func (w *Wallet) verifyDocument(d document, docType string, s session, at time.Time) (credential, error) {
	chain, err := d.IssuerSigned.IssuerAuth.chain()
	if err != nil {
		return credential{}, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	by, issuer, err := w.issuer(chain, at)
	if err != nil {
		return credential{}, err
	}
	m, err := readSecurity(d.IssuerSigned.IssuerAuth, issuer)
	if err != nil {
		return credential{}, fmt.Errorf("%w: issuer: %w", ErrPresentation, err)
	}
	elements, err := m.elements(docType, d.IssuerSigned.NameSpaces)
	if err != nil {
		return credential{}, fmt.Errorf("%w: %w", ErrPresentation, err)
	}
	c := credential{artefact: artefactMDoc, kind: m.DocType, provider: by, certificate: chain[0]}
	if d.DocType != m.DocType || m.DocType != docType {
		return credential{}, fmt.Errorf("%w: type %.80q", ErrCredential, m.DocType)
	}
	holder, err := m.DeviceKeyInfo.DeviceKey.public()
	if err != nil {
		return credential{}, fmt.Errorf("%w: holder's key: %w", ErrPresentation, err)
	}
	// A replay looks the same as a forgery here: both are a signature over
	// something else than our request.
	if err := d.checkDevice(holder, s); err != nil {
		return credential{}, fmt.Errorf("%w: holder: %w", ErrPresentation, err)
	}
	if signed := m.ValidityInfo.Signed; signed.Before(chain[0].NotBefore) || signed.After(chain[0].NotAfter) {
		return credential{}, fmt.Errorf("%w: signed outside the life of the issuer's certificate", ErrCredential)
	}
	if c.short, err = w.checkValidity(m.ValidityInfo.Signed, m.ValidityInfo.ValidFrom, m.ValidityInfo.ValidUntil, at); err != nil {
		return credential{}, err
	}
	if c.status, err = m.statusReference(); err != nil {
		return credential{}, err
	}
	if c.holder, err = thumbprint(holder); err != nil {
		return credential{}, err
	}
	c.person, err = readPerson(func(name string) any { return readElement(elements[name]) }, names{"birth_date", "expiry_date"})
	return c, err
}

// readElement is an attribute's value, nil when it was not presented.
func readElement(raw cbor.RawMessage) any {
	var v any
	if raw == nil || readCBOR(raw, &v) != nil {
		return nil
	}
	return v
}
