package statement

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

const (
	maxAnswer = 64 << 10 // octets
	maxAge    = 24 * time.Hour
)

// OCSPConfig is what an [OCSP] needs. Hosts has no default.
type OCSPConfig struct {
	Hosts  []string      // of responders, host or host:port; what a certificate names besides is never asked
	MaxAge time.Duration // of what an answer says; default 24 h
	Skew   time.Duration // between the responder's clock and ours; default 5 min

	HTTPClient *http.Client // default: one with a Timeout of 10 s; never follows redirects
}

// OCSP asks the issuers of certificates whether they were revoked, at addresses
// that the certificates name and the operator knows. Safe for concurrent use.
type OCSP struct {
	cfg    OCSPConfig
	client *http.Client
}

// NewOCSP returns an OCSP.
func NewOCSP(cfg OCSPConfig) (*OCSP, error) {
	if len(cfg.Hosts) == 0 {
		return nil, errors.New("statement: no responders")
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = maxAge
	}
	if cfg.Skew == 0 {
		cfg.Skew = skew
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	client := *cfg.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	if client.Timeout <= 0 {
		client.Timeout = 10 * time.Second
	}
	return &OCSP{cfg, &client}, nil
}

// Status is a [Revocation]. Errors: ErrRevoked, ErrStatus.
//
// RFC 6960 §3.2, §4.1.1, appendix A.1
func (o *OCSP) Status(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) ([]byte, error) {
	where, err := o.responder(cert)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, 32)
	rand.Read(nonce)
	ask, err := question(cert, issuer, nonce)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(ask))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStatus, err)
	}
	defer resp.Body.Close()
	der, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || resp.StatusCode != http.StatusOK || len(der) > maxAnswer {
		return nil, fmt.Errorf("%w: status %d, %d octets", ErrStatus, resp.StatusCode, len(der))
	}
	return der, o.judge(der, cert, issuer, nonce, at)
}

// responder is the first address of cert that the operator knows.
func (o *OCSP) responder(cert *x509.Certificate) (string, error) {
	for _, raw := range cert.OCSPServer {
		u, err := url.Parse(raw)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil &&
			slices.Contains(o.cfg.Hosts, strings.TrimSuffix(strings.ToLower(u.Host), ":80")) {
			return u.String(), nil
		}
	}
	return "", fmt.Errorf("%w: the certificate names no responder that is configured", ErrStatus)
}

type certID struct {
	Hash      pkix.AlgorithmIdentifier
	Name, Key []byte
	Serial    asn1.RawValue
}

// question adds a nonce to the request that x/crypto/ocsp makes, which knows none.
// RFC 9654 §2.1
func question(cert, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	plain, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return nil, err
	}
	type body struct {
		Requests   asn1.RawValue
		Extensions []pkix.Extension `asn1:"optional,omitempty,explicit,tag:2"`
	}
	var r struct{ Body body }
	if _, err := asn1.Unmarshal(plain, &r); err != nil {
		return nil, err
	}
	value, err := asn1.Marshal(nonce)
	if err != nil {
		return nil, err
	}
	r.Body.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}, Value: value}}
	return asn1.Marshal(r)
}
