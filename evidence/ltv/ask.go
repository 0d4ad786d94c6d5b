package ltv

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/bode-erds/bode/evidence"
)

// ask gets a word on every certificate of g, by as few pieces as can be.
func (c *Collector) ask(ctx context.Context, g *group, at time.Time) (lists, answers [][]byte, err error) {
	byCert := make([][]byte, len(g.certs))
	for i, cert := range g.certs {
		l := link{cert, g.issuer, at}
		var why error
		if byCert[i], why = c.answer(ctx, l); why == nil {
			continue
		}
		if errors.Is(why, evidence.ErrRevoked) {
			return nil, nil, why
		}
		if l.covered(lists) {
			continue
		}
		list, err := c.list(ctx, l)
		if errors.Is(err, evidence.ErrRevoked) {
			return nil, nil, err
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w; %w", why, err)
		}
		lists = append(lists, list)
	}
	for i, cert := range g.certs {
		l := link{cert, g.issuer, at}
		if byCert[i] != nil && !l.covered(lists) {
			answers = append(answers, byCert[i])
		}
	}
	return lists, answers, nil
}

// link is a certificate, who issued it, and when it was used.
type link struct {
	cert, issuer *x509.Certificate
	at           time.Time
}

// judge verifies what one piece says of l.
func (l link) judge(v evidence.Validation) error {
	root := x509.NewCertPool()
	root.AddCert(l.issuer)
	_, err := evidence.VerifyRevocation(v, evidence.Use{Certificates: []*x509.Certificate{l.cert}, Roots: root, At: l.at})
	return err
}

func (l link) covered(lists [][]byte) bool {
	for _, list := range lists {
		if l.judge(evidence.Validation{CRLs: [][]byte{list}}) == nil {
			return true
		}
	}
	return false
}

// answer gets a good OCSP response about l. Of a responder that says that it
// is revoked the error is [evidence.ErrRevoked]; nobody else is asked then.
func (c *Collector) answer(ctx context.Context, l link) ([]byte, error) {
	request, err := ocsp.CreateRequest(l.cert, l.issuer, nil)
	if err != nil {
		return nil, unavailable(l.cert, err)
	}
	why := errors.New("no responder is named")
	for _, url := range l.cert.OCSPServer {
		var der []byte
		var revoked error
		der, why = c.get(ctx, url, request, func(der []byte) (time.Time, error) {
			r, err := ocsp.ParseResponseForCert(der, l.cert, l.issuer)
			if err != nil {
				return time.Time{}, err
			}
			err = l.judge(evidence.Validation{OCSPs: [][]byte{der}})
			if r.Status == ocsp.Revoked {
				revoked = err
			}
			return r.NextUpdate, err
		})
		if why == nil {
			return der, nil
		}
		if revoked != nil {
			return nil, revoked
		}
	}
	return nil, unavailable(l.cert, why)
}

// list gets a CRL that says that l is good.
func (c *Collector) list(ctx context.Context, l link) ([]byte, error) {
	why := errors.New("no list is named")
	for _, url := range l.cert.CRLDistributionPoints {
		var der []byte
		var revoked error
		der, why = c.get(ctx, url, nil, func(der []byte) (time.Time, error) {
			parsed, err := x509.ParseRevocationList(der)
			if err != nil {
				return time.Time{}, err
			}
			err = l.judge(evidence.Validation{CRLs: [][]byte{der}})
			if parsed.CheckSignatureFrom(l.issuer) == nil && listed(parsed, l.cert) {
				revoked = err
			}
			return parsed.NextUpdate, err
		})
		if why == nil {
			return der, nil
		}
		if revoked != nil {
			return nil, revoked
		}
	}
	return nil, unavailable(l.cert, why)
}

func listed(l *x509.RevocationList, cert *x509.Certificate) bool {
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return true
		}
	}
	return false
}

// issuer gets the certificate of who issued cert. RFC 5280 §4.2.2.1
func (c *Collector) issuer(ctx context.Context, cert *x509.Certificate) (*x509.Certificate, error) {
	why := errors.New("its issuer is not known, and no address of it is named")
	for _, url := range cert.IssuingCertificateURL {
		var ca *x509.Certificate
		_, why = c.get(ctx, url, nil, func(der []byte) (until time.Time, err error) {
			if ca, err = x509.ParseCertificate(der); err != nil {
				return until, err
			}
			if !issuedBy(cert, ca) {
				return until, errors.New("not the certificate of its issuer")
			}
			return ca.NotAfter, nil
		})
		if why == nil {
			return ca, nil
		}
	}
	return nil, unavailable(cert, why)
}

// unavailable takes care that a word that was not believed does not look like a
// revocation.
func unavailable(cert *x509.Certificate, why error) error {
	return fmt.Errorf("%w: certificate of %s: %v", ErrUnavailable, cert.Subject, why)
}
