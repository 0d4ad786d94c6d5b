package evidence

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

const (
	oidTSTInfo = "1.2.840.113549.1.9.16.1.4"
	oidEKU     = "2.5.29.37"
	// maxToken bounds a token; real ones have 2 to 12 kB.
	maxToken = 64 << 10
	// maxExtended bounds one with validation data inside.
	maxExtended = 512 << 10
	// maxCertificates bounds what a signature brings along; real ones bring 2 to 10.
	maxCertificates = 64
)

// tstInfo is RFC 3161 §2.4.2. All of it is signed.
type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    tstImprint
	Serial     *big.Int
	GenTime    time.Time     `asn1:"generalized"`
	Accuracy   tstAccuracy   `asn1:"optional"`
	Ordering   bool          `asn1:"optional"`
	Nonce      *big.Int      `asn1:"optional"`
	TSA        asn1.RawValue `asn1:"optional,tag:0"`
	Extensions asn1.RawValue `asn1:"optional,tag:1"`
}

type tstAccuracy struct {
	Seconds int `asn1:"optional"`
	Millis  int `asn1:"optional,tag:0"`
	Micros  int `asn1:"optional,tag:1"`
}

type tstImprint struct {
	Algorithm cmsAlgorithm
	Digest    []byte
}

// VerifyToken verifies an RFC 3161 TimeStampToken over imprint, a SHA-256
// digest, offline: its signature, that the signer is a time-stamping authority
// and nothing else, and that every certificate in it leads to t.TSA as of the
// time it states. An expired certificate is no reason to refuse; revocation is
// not asked for. Errors: [ErrToken]. RFC 3161 §2.3, §2.4; EN 319 422 §5
func VerifyToken(token, imprint []byte, t Trust) (TokenInfo, error) {
	info, err := verifyToken(token, imprint, t)
	if err != nil {
		return TokenInfo{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return info, nil
}

// VerifyExtendedToken is [VerifyToken] for a token that [ExtendCMS] put
// validation data into: it returns that, which no signature covers, and the use
// of the certificate that stamped, for [VerifyRevocation]. A token without any is
// verified as well; then v is zero. Errors: [ErrToken].
func VerifyExtendedToken(token, imprint []byte, t Trust) (info TokenInfo, v Validation, unit Use, err error) {
	if len(token) > maxExtended {
		return info, v, unit, fmt.Errorf("%w: token is too long", ErrToken)
	}
	c, err := ParseCMS(token)
	if err != nil {
		return info, v, unit, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if len(c.CRLs)+len(c.OCSPs) > 0 {
		v = Validation{CRLs: c.CRLs, OCSPs: c.OCSPs}
		var own []*x509.Certificate
		for _, cert := range c.Certificates {
			v.Certificates = append(v.Certificates, cert.Raw)
			if leadsTo(cert, c.Certificates, t.TSA) {
				own = append(own, cert)
			}
		}
		c.CRLs, c.OCSPs, c.Certificates = nil, nil, own
	}
	if info, err = verifyParsed(c, imprint, t); err != nil {
		return TokenInfo{}, Validation{}, Use{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return info, v, Use{append([]*x509.Certificate{c.Signer}, c.Certificates...), t.TSA, info.Time}, nil
}

// leadsTo reports whether c leads to roots at any time of its own.
func leadsTo(c *x509.Certificate, all []*x509.Certificate, roots *x509.CertPool) bool {
	if roots == nil || len(all) > maxCertificates {
		return false
	}
	between := x509.NewCertPool()
	for _, b := range all {
		between.AddCert(b)
	}
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: c.NotBefore,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

func verifyToken(token, imprint []byte, t Trust) (TokenInfo, error) {
	if len(token) > maxToken {
		return TokenInfo{}, errors.New("token is too long")
	}
	c, err := ParseCMS(token)
	if err != nil {
		return TokenInfo{}, err
	}
	return verifyParsed(c, imprint, t)
}

func verifyParsed(c *CMS, imprint []byte, t Trust) (TokenInfo, error) {
	if c.ContentType != oidTSTInfo || c.Content == nil || c.Token != nil || len(c.CRLs)+len(c.OCSPs) > 0 {
		return TokenInfo{}, errors.New("not a time-stamp token")
	}
	if err := c.Verify(c.Content); err != nil {
		return TokenInfo{}, err
	}
	var ts tstInfo
	if rest, err := asn1.Unmarshal(c.Content, &ts); err != nil || len(rest) > 0 || ts.Version != 1 {
		return TokenInfo{}, errors.New("time-stamp information is malformed")
	}
	if hashOf(ts.Imprint.Algorithm.OID.String()) != crypto.SHA256 || len(imprint) != crypto.SHA256.Size() ||
		!bytes.Equal(ts.Imprint.Digest, imprint) {
		return TokenInfo{}, errors.New("time-stamp is for something else")
	}
	policy := ts.Policy.String()
	if len(t.Policies) > 0 && !slices.Contains(t.Policies, policy) {
		return TokenInfo{}, errors.New("time-stamp policy " + policy + " not accepted")
	}
	if err := Allowed(c.Signer.PublicKey, c.digest, ts.GenTime); err != nil {
		return TokenInfo{}, err
	}
	if err := verifyTSA(c, ts.GenTime, t); err != nil {
		return TokenInfo{}, err
	}
	info := TokenInfo{Time: ts.GenTime.UTC(), Serial: ts.Serial.String(), Authority: c.Signer.Subject.String(), Policy: policy}
	if ts.Nonce != nil {
		info.Nonce = ts.Nonce.Bytes()
	}
	return info, nil
}

// verifyTSA judges the certificate of a time-stamping authority. RFC 3161 §2.3
func verifyTSA(c *CMS, at time.Time, t Trust) error {
	if len(c.Signer.ExtKeyUsage) != 1 || c.Signer.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping ||
		len(c.Signer.UnknownExtKeyUsage) > 0 {
		return errors.New("certificate is not one for time-stamping only")
	}
	for _, ext := range c.Signer.Extensions {
		if ext.Id.String() == oidEKU && !ext.Critical {
			return errors.New("time-stamping usage of the certificate is not critical")
		}
	}
	return verifyCertificates(c.Signer, c.Certificates, at, t.TSA, x509.ExtKeyUsageTimeStamping)
}

// VerifySealCertificate judges the certificate that sealed: that it and every
// certificate beside it lead to t.Seal as of at, the time of the time-stamp,
// that no algorithm was too weak by then, and that its key is for signing. eIDAS art. 38; EN 319 412-3
func VerifySealCertificate(leaf *x509.Certificate, all []*x509.Certificate, at time.Time, t Trust) error {
	if leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return errors.New("certificate is not one for signing")
	}
	if leaf.IsCA {
		return errors.New("certificate is an authority's")
	}
	return verifyCertificates(leaf, all, at, t.Seal, x509.ExtKeyUsageAny)
}

// verifyCertificates checks that leaf leads to roots, and so does every
// certificate that came along: one that does not was put there, or changed.
func verifyCertificates(leaf *x509.Certificate, all []*x509.Certificate, at time.Time, roots *x509.CertPool, usage x509.ExtKeyUsage) error {
	if roots == nil {
		return errors.New("nobody is trusted")
	}
	if len(all) > maxCertificates {
		return errors.New("too many certificates")
	}
	// Before any of these keys is used: a huge one takes long.
	if err := allowedCertificates(append(slices.Clone(all), leaf), at); err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range all {
		between.AddCert(c)
	}
	proven := map[*x509.Certificate]bool{}
	verify := func(c *x509.Certificate, usage x509.ExtKeyUsage) error {
		chains, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at,
			KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return fmt.Errorf("certificate of %s: %w", c.Subject, err)
		}
		if err := allowedCertificates(chains[0], at); err != nil {
			return err
		}
		for _, link := range chains[0] { // what led to a root leads there itself
			proven[link] = true
		}
		return nil
	}
	if err := verify(leaf, usage); err != nil {
		return err
	}
	for _, c := range all {
		if proven[c] {
			continue
		}
		if err := verify(c, x509.ExtKeyUsageAny); err != nil {
			return err
		}
	}
	return nil
}
