package statement

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // names issuers in answers; proves nothing
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// judge reads an answer about cert. x/crypto/ocsp takes the word of every
// certificate of the same issuer, at any age; here the responder must be the
// issuer or made one by it, the answer about cert, of now, and to our question
// when it says to which; without a nonce, to whichever. nil means good.
//
// RFC 6960 §3.2, §4.2.2.2
func (o *OCSP) judge(der []byte, cert, issuer *x509.Certificate, nonce []byte, at time.Time) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrStatus, why) }
	a, err := ocsp.ParseResponse(der, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStatus, err)
	}
	if err := responded(a, issuer, at); err != nil {
		return fmt.Errorf("%w: %w", ErrStatus, err)
	}
	echoed, err := about(a, cert, issuer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStatus, err)
	}
	switch {
	case echoed != nil && nonce != nil && !bytes.Equal(echoed, nonce):
		return bad("an answer to another question")
	case a.ThisUpdate.After(at.Add(o.cfg.Skew)) || a.ProducedAt.After(at.Add(o.cfg.Skew)):
		return bad("an answer of the future")
	case at.Sub(a.ThisUpdate) > o.cfg.MaxAge+o.cfg.Skew, !a.NextUpdate.IsZero() && at.After(a.NextUpdate.Add(o.cfg.Skew)):
		return bad("an answer of long ago")
	case a.Status == ocsp.Good:
		return nil
	case a.Status == ocsp.Revoked:
		return fmt.Errorf("%w: reason %d", ErrRevoked, a.RevocationReason)
	}
	return fmt.Errorf("%w: its issuer does not know it", ErrRevoked)
}

// responded checks who signed an answer.
func responded(a *ocsp.Response, issuer *x509.Certificate, at time.Time) error {
	if !strongSignature(a.SignatureAlgorithm) {
		return fmt.Errorf("answer signed by %s", a.SignatureAlgorithm)
	}
	by := a.Certificate
	if by == nil || by.Equal(issuer) {
		return a.CheckSignatureFrom(issuer)
	}
	switch {
	case by.CheckSignatureFrom(issuer) != nil:
		return errors.New("the responder is not of the issuer")
	case by.IsCA || !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("a certificate of the issuer that is no responder's")
	case at.Before(by.NotBefore) || at.After(by.NotAfter):
		return errors.New("the responder's certificate is not of now")
	}
	if err := strongCertificate(by); err != nil {
		return err
	}
	return a.CheckSignatureFrom(by)
}

// about checks that an answer is about cert of issuer and nothing else, and gives
// the nonce in it, nil when there is none.
func about(a *ocsp.Response, cert, issuer *x509.Certificate) (nonce []byte, err error) {
	var data struct {
		Version    int `asn1:"optional,default:0,explicit,tag:0"`
		Responder  asn1.RawValue
		Produced   time.Time `asn1:"generalized"`
		Responses  []struct{ ID certID }
		Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
	}
	if _, err := asn1.Unmarshal(a.TBSResponseData, &data); err != nil || len(data.Responses) != 1 {
		return nil, errors.New("not about one certificate")
	}
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil, err
	}
	id := data.Responses[0].ID
	h := hashOf(id.Hash.Algorithm.String())
	if id.Hash.Algorithm.String() == "1.3.14.3.2.26" {
		h = crypto.SHA1
	}
	if h == 0 || a.SerialNumber.Cmp(cert.SerialNumber) != 0 || !bytes.Equal(id.Name, sum(h, issuer.RawSubject)) ||
		!bytes.Equal(id.Key, sum(h, spki.Key.RightAlign())) {
		return nil, errors.New("about another certificate")
	}
	for _, e := range data.Extensions {
		if e.Id.String() == "1.3.6.1.5.5.7.48.1.2" {
			if _, err := asn1.Unmarshal(e.Value, &nonce); err != nil {
				return nil, errors.New("nonce")
			}
		} else if e.Critical {
			return nil, fmt.Errorf("extension %s is not known", e.Id)
		}
	}
	return nonce, nil
}
