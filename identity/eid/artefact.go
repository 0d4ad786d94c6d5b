package eid

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bode-erds/bode/identity"
)

// What an artefact is: Proof.Artefact.
const (
	artefactWebEID = "web-eid" // a signed challenge
	artefactX509   = "x509"    // a certificate whose key a TLS client proved to hold
)

// artefact is what an auditor judges again: all that was judged the first time,
// but for our anchors. It is sealed with the identification.
type artefact struct {
	Kind   string    `json:"kind"`
	Token  string    `json:"token,omitempty"` // web-eid: as it came
	Nonce  string    `json:"nonce,omitempty"` // web-eid: the challenge
	Origin string    `json:"origin"`          // web-eid: the origin that was signed; x509: that of the host that was connected to
	At     time.Time `json:"at"`
	Chain  [][]byte  `json:"chain"`           // DER: the card's certificate, its CA, the root
	OCSP   []byte    `json:"ocsp"`            // DER
	Asked  []byte    `json:"asked,omitempty"` // content of the nonce extension that was sent
}

// prove makes the Proof of a person whose card was judged good.
func (a artefact) prove(h holder, s status, checks []identity.Check, at time.Time) (identity.Proof, error) {
	a.At, a.OCSP, a.Asked = at.UTC(), s.der, s.nonce
	a.Chain = [][]byte{h.leaf.Raw, h.anchor.issuer.Raw, h.anchor.root.Raw}
	token, err := json.Marshal(a)
	if err != nil {
		return identity.Proof{}, fmt.Errorf("eid: artefact: %w", err)
	}
	method := identity.MethodWebEID
	if a.Kind == artefactX509 {
		method = identity.MethodCard
	}
	print := sha256.Sum256(h.leaf.Raw)
	return identity.Proof{
		Method: method, Provider: h.provider(), Subject: h.anchor.issuer.Subject.String() + " " + h.leaf.SerialNumber.Text(16),
		Given: h.given, Family: h.family, NationalNumber: h.number, Level: identity.LevelHigh, At: a.At,
		Token: token, Artefact: a.Kind, Checks: append(checks, s.checks()...),
		Claims: map[string]string{
			"certificate_sha256": hex.EncodeToString(print[:]),
			"certificate_serial": h.leaf.SerialNumber.Text(16),
			"certificate_until":  h.leaf.NotAfter.UTC().Format(time.RFC3339),
			"certificate_policy": h.policy,
		},
		DocumentExpires: h.leaf.NotAfter.UTC().Format(time.DateOnly),
	}, nil
}

func (s status) checks() []identity.Check {
	by, nonce := "issuer", "none"
	if s.Delegated {
		by = "delegated"
	}
	if s.Nonce {
		nonce = "ok"
	}
	return []identity.Check{{Name: "revocation", Result: "good"}, {Name: "responder", Result: by}, {Name: "nonce", Result: nonce}}
}

// leaf is the card's certificate.
func (a artefact) leaf() (*x509.Certificate, error) {
	if len(a.Chain) == 0 {
		return nil, fmt.Errorf("%w: no certificate", ErrArtefact)
	}
	leaf, err := x509.ParseCertificate(a.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("%w: certificate: %w", ErrArtefact, err)
	}
	return leaf, nil
}
