package wallettest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
)

const pidMDoc = "eu.europa.ec.eudi.pid.1" // type and name space

// mdoc is a PID as its holder keeps it.
type mdoc struct {
	docType    string
	issuerAuth cbor.RawMessage
	items      map[string]cbor.RawMessage // by attribute
}

// wrap puts a value, as CBOR, in a byte string of tag 24.
func wrap(v any) (cbor.RawMessage, error) {
	b, err := cbor.Marshal(v)
	if err != nil {
		return nil, err
	}
	return cbor.Marshal(cbor.Tag{Number: 24, Content: b})
}

// issueMDoc issues a PID bound to a key of its holder.
//
// ISO/IEC 18013-5 §9.1.2.4
func (i *Issuer) issueMDoc(p Person, holder *ecdsa.PublicKey, f Fault) (m mdoc, err error) {
	issued, until := i.times(f)
	m = mdoc{docType: pidMDoc, items: map[string]cbor.RawMessage{}}
	if f == OtherType {
		m.docType = "org.iso.18013.5.1.mDL"
	}
	digests := map[uint64][]byte{}
	for n, a := range i.attributes(p, f, until) {
		salt := make([]byte, 32)
		if f == WeakSalt {
			salt = salt[:8]
		}
		if _, err := rand.Read(salt); err != nil {
			return mdoc{}, err
		}
		var value any = a.value
		if (a.mdoc == "birth_date" || a.mdoc == "expiry_date") && f != BadBirthDate {
			value = cbor.Tag{Number: 1004, Content: a.value}
		}
		raw, err := wrap(map[string]any{"digestID": n, "random": salt, "elementIdentifier": a.mdoc, "elementValue": value})
		if err != nil {
			return mdoc{}, err
		}
		sum := sha256.Sum256(raw)
		digests[uint64(n)], m.items[a.mdoc] = sum[:], raw
	}
	key, err := coseKey(holder)
	if err != nil {
		return mdoc{}, err
	}
	if f == NoHolderKey {
		key = map[int]any{}
	}
	security := map[string]any{
		"version": "1.0", "digestAlgorithm": "SHA-256", "docType": m.docType,
		"valueDigests": map[string]any{m.docType: digests}, "deviceKeyInfo": map[string]any{"deviceKey": key},
		"validityInfo": map[string]any{"signed": tdate(issued), "validFrom": tdate(issued), "validUntil": tdate(until)},
	}
	if status := i.statusClaim(f); status != nil {
		security["status"] = status
	}
	payload, err := wrap(security)
	if err != nil {
		return mdoc{}, err
	}
	signer, chain, err := i.signer(f)
	if err != nil {
		return mdoc{}, err
	}
	m.issuerAuth, err = sign1(signer, chain, payload, payload, f)
	return m, err
}

func tdate(t time.Time) cbor.Tag { return cbor.Tag{Number: 0, Content: t.UTC().Format(time.RFC3339)} }

func coseKey(key *ecdsa.PublicKey) (map[int]any, error) {
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	return map[int]any{1: 2, -1: 1, -2: point[1:33], -3: point[33:]}, nil
}

// sign1 makes a COSE_Sign1 over signed, which is shown as payload or, when that
// is nil, sent apart.
//
// RFC 9052 §4.4
func sign1(key *ecdsa.PrivateKey, chain []*x509.Certificate, payload, signed []byte, f Fault) (cbor.RawMessage, error) {
	header := map[int]any{1: -7}
	if f == CriticalCOSE {
		header[2], header[99] = []int{99}, true
	}
	protected, err := cbor.Marshal(header)
	if err != nil {
		return nil, err
	}
	toSign, err := cbor.Marshal([]any{"Signature1", protected, []byte{}, signed})
	if err != nil {
		return nil, err
	}
	sig, err := es256(key, toSign)
	if err != nil {
		return nil, err
	}
	unprotected := map[int]any{}
	if len(chain) > 0 {
		unprotected[33] = chain[0].Raw
	}
	var shown any
	if payload != nil {
		shown = payload
	}
	return cbor.Marshal([]any{protected, unprotected, shown, sig})
}

// present shows some attributes to a verifier and signs for its request.
//
// OpenID4VP 1.0 §B.2.6.1; ISO/IEC 18013-5 §9.1.3.4
func (m mdoc) present(names []string, r *Request, holder *ecdsa.PrivateKey, f Fault) (string, error) {
	var items []cbor.RawMessage
	for _, name := range names {
		raw, ok := m.items[name]
		if !ok || f.withheld(name) {
			continue
		}
		if f == ForgedName && name == "family_name" {
			raw = bytes.Replace(raw, []byte("Peeters"), []byte("Janssen"), 1)
		}
		items = append(items, raw)
		if f == DisclosedTwice {
			items = append(items, raw)
		}
	}
	nothing, err := wrap(map[string]any{})
	if err != nil {
		return "", err
	}
	transcript, err := r.transcript(f)
	if err != nil {
		return "", err
	}
	toSign, err := wrap([]any{"DeviceAuthentication", cbor.RawMessage(transcript), m.docType, nothing})
	if err != nil {
		return "", err
	}
	signature, err := sign1(holder, nil, nil, toSign, "")
	if err != nil {
		return "", err
	}
	auth := map[string]any{"deviceSignature": signature}
	switch f {
	case WithMAC:
		auth = map[string]any{"deviceMac": signature}
	case NoBinding:
		auth = map[string]any{}
	}
	document := map[string]any{"docType": m.docType,
		"issuerSigned": map[string]any{"nameSpaces": map[string]any{m.docType: items}, "issuerAuth": m.issuerAuth},
		"deviceSigned": map[string]any{"nameSpaces": nothing, "deviceAuth": auth}}
	documents := []any{document}
	if f == TwoDocuments {
		documents = append(documents, document)
	}
	raw, err := cbor.Marshal(map[string]any{"version": "1.0", "documents": documents, "status": 0})
	return toBase64(misencode(raw, f)), err
}

// misencode breaks a rule of the encoding of a map of three.
func misencode(raw []byte, f Fault) []byte {
	switch f {
	case DeepCBOR: // another member, of arrays in arrays
		raw = slices.Concat([]byte{0xa4}, raw[1:], []byte("\x61x"), bytes.Repeat([]byte{0x81}, 1000), []byte{0})
	case TwiceInCBOR:
		raw = slices.Concat([]byte{0xa4}, raw[1:], []byte("\x67version\x631.0"))
	case Indefinite:
		raw = slices.Concat([]byte{0xbf}, raw[1:], []byte{0xff})
	case TrailingCBOR:
		raw = append(raw, 0)
	}
	return raw
}
