package evidence

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Extensions of CRLs and of their entries. RFC 5280 §5.2, §5.3
const (
	oidDeltaCRL     = "2.5.29.27"
	oidIssuingPoint = "2.5.29.28"
	oidInvalidity   = "2.5.29.24"
)

// signed is what issuers sign: certificates, lists and responses look alike.
type signed struct {
	Data      asn1.RawValue
	Algorithm cmsAlgorithm
	Signature asn1.BitString
}

// verifySigned checks a signature made at that time.
func verifySigned(signer *x509.Certificate, data asn1.RawValue, a cmsAlgorithm, signature asn1.BitString, at time.Time) error {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		algorithm, err := signatureAlgorithm(signer, h, a)
		if err != nil || signedWith(algorithm) != h || signature.BitLength%8 != 0 {
			continue
		}
		if err := Allowed(signer.PublicKey, h, at); err != nil {
			return err
		}
		return signer.CheckSignature(algorithm, data.FullBytes, signature.Bytes)
	}
	return errors.New("signature algorithm not accepted")
}

// readCRL takes the word of one list, the piece of that number. It must be
// complete: no delta, not for some reasons only, and by the issuer of the
// certificates itself.
func (q *inquiry) readCRL(piece int, der []byte) error {
	issuer, err := q.issuerOf(der)
	if err != nil {
		return err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return err
	}
	scope, err := readScope(list)
	if err != nil {
		return err
	}
	for _, l := range q.links {
		if !l.issuer.Equal(issuer) || !scope.covers(l.cert) {
			continue
		}
		if err := l.timely(list.ThisUpdate, list.NextUpdate); err != nil {
			return err
		}
		if err := l.lookUp(list); err != nil {
			return err
		}
		l.good(piece)
	}
	return nil
}

// issuerOf is the issuer of a link that signed the list. It looks at nothing
// else in there: the entries take many times their length in memory, which only
// an issuer may ask for.
func (q *inquiry) issuerOf(der []byte) (*x509.Certificate, error) {
	var list signed
	var head struct {
		Version   int `asn1:"optional"`
		Algorithm asn1.RawValue
		Issuer    asn1.RawValue
		Date      time.Time
	}
	if rest, err := asn1.Unmarshal(der, &list); err != nil || len(rest) > 0 {
		return nil, errors.New("not a list")
	}
	if rest, err := asn1.Unmarshal(list.Data.FullBytes, &head); err != nil || len(rest) > 0 {
		return nil, errors.New("not a list")
	}
	for _, l := range q.links {
		if bytes.Equal(l.issuer.RawSubject, head.Issuer.FullBytes) &&
			verifySigned(l.issuer, list.Data, list.Algorithm, list.Signature, head.Date) == nil {
			return l.issuer, nil
		}
	}
	return nil, errors.New("by nobody who issued a certificate here")
}

// lookUp judges what list says of l.
func (l *link) lookUp(list *x509.RevocationList) error {
	for _, e := range list.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(l.cert.SerialNumber) != 0 {
			continue
		}
		when, err := earlier(e.RevocationTime, e.Extensions)
		if err != nil {
			return err
		}
		if err := l.revoked(when, e.ReasonCode); err != nil {
			return err
		}
	}
	return nil
}

// earlier is when a key was compromised or a certificate should have been
// revoked, when the issuer says that this was before when. RFC 5280 §5.3.2
func earlier(when time.Time, extensions []pkix.Extension) (time.Time, error) {
	for _, e := range extensions {
		if e.Id.String() != oidInvalidity {
			continue
		}
		var since time.Time
		if rest, err := asn1.UnmarshalWithParams(e.Value, &since, "generalized"); err != nil || len(rest) > 0 {
			return when, errors.New("invalidity date is malformed")
		}
		if since.Before(when) {
			return since, nil
		}
	}
	return when, nil
}

// issuingPoint is IssuingDistributionPoint. RFC 5280 §5.2.5
type issuingPoint struct {
	Point       asn1.RawValue  `asn1:"optional,tag:0"`
	UsersOnly   bool           `asn1:"optional,tag:1"`
	CAsOnly     bool           `asn1:"optional,tag:2"`
	SomeReasons asn1.BitString `asn1:"optional,tag:3"`
	Indirect    bool           `asn1:"optional,tag:4"`
	OthersOnly  bool           `asn1:"optional,tag:5"` // attribute certificates
}

// scope is which certificates of its issuer a list speaks of.
type scope struct {
	usersOnly, casOnly bool
	urls               []string // of the list, when it is one of several
}

// readScope reads the extensions of list, and refuses those that would change
// what the rest of it means.
func readScope(list *x509.RevocationList) (s scope, err error) {
	for _, e := range list.Extensions {
		switch oid := e.Id.String(); {
		case oid == oidIssuingPoint:
			if s, err = parseScope(e.Value); err != nil {
				return s, err
			}
		case oid == oidDeltaCRL || e.Critical:
			return s, errors.New("not a complete list: extension " + oid)
		}
	}
	for _, entry := range list.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical {
				return s, errors.New("entry with extension " + e.Id.String())
			}
		}
	}
	return s, nil
}

func parseScope(der []byte) (scope, error) {
	var p issuingPoint
	if err := strictDER(der, &p); err != nil {
		return scope{}, fmt.Errorf("issuing distribution point: %w", err)
	}
	if p.Indirect || p.OthersOnly || p.SomeReasons.BitLength > 0 {
		return scope{}, errors.New("not a complete list of one issuer")
	}
	s := scope{usersOnly: p.UsersOnly, casOnly: p.CAsOnly}
	if len(p.Point.FullBytes) == 0 {
		return s, nil
	}
	const fullName, uri = 0, 6
	var names asn1.RawValue
	if rest, err := asn1.Unmarshal(p.Point.Bytes, &names); err != nil || len(rest) > 0 ||
		names.Class != asn1.ClassContextSpecific || names.Tag != fullName {
		return scope{}, errors.New("issuing distribution point is of a kind not known")
	}
	for rest := names.Bytes; len(rest) > 0; {
		var name asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &name); err != nil {
			return scope{}, fmt.Errorf("issuing distribution point: %w", err)
		}
		if name.Class == asn1.ClassContextSpecific && name.Tag == uri {
			s.urls = append(s.urls, string(name.Bytes))
		}
	}
	if len(s.urls) == 0 {
		return scope{}, errors.New("issuing distribution point has no address")
	}
	return s, nil
}

// covers reports whether a list of this scope speaks of c. One of several lists
// speaks of the certificates that name its address.
func (s scope) covers(c *x509.Certificate) bool {
	if s.usersOnly && c.IsCA || s.casOnly && !c.IsCA {
		return false
	}
	return s.urls == nil || slices.ContainsFunc(s.urls, func(u string) bool { return slices.Contains(c.CRLDistributionPoints, u) })
}
