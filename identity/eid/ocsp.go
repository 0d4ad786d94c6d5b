package eid

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxAnswer = 64 << 10 // octets
	nonceSize = 32       // RFC 9654 §2.1
)

// status is a good answer about a certificate.
type status struct {
	der   []byte
	nonce []byte // content of the extension that was sent; nil when none was
	Judgement
}

// status asks the issuer of h whether its certificate is good at this moment. A
// good answer serves for ten minutes, as long as it would pass if it came now.
// Errors: ErrRevoked, ErrResponder, ErrResponse.
func (v *Verifier) status(ctx context.Context, h holder, at time.Time) (status, error) {
	key := string(h.anchor.issuer.RawSubject) + h.leaf.SerialNumber.String()
	if s, ok := v.kept.get(key, at); ok {
		if j, err := v.strict.Check(s.der, h.leaf, h.anchor.issuer, s.nonce, at); err == nil {
			s.Judgement = j
			return s, nil
		}
	}
	s, err := v.ask(ctx, h, at)
	if err == nil {
		v.kept.put(key, s, at)
	}
	return s, err
}

func (v *Verifier) ask(ctx context.Context, h holder, at time.Time) (s status, err error) {
	where, err := v.responder(h.leaf)
	if err != nil {
		return status{}, err
	}
	if !slices.Contains(v.withoutNonce, bareHost(where)) {
		raw := make([]byte, nonceSize)
		rand.Read(raw)
		if s.nonce, err = asn1.Marshal(raw); err != nil {
			return status{}, fmt.Errorf("eid: nonce: %w", err)
		}
	}
	question, err := question(h.leaf, h.anchor.issuer, s.nonce)
	if err != nil {
		return status{}, err
	}
	if s.der, err = v.post(ctx, where.String(), question); err != nil {
		return status{}, err
	}
	s.Judgement, err = v.strict.Check(s.der, h.leaf, h.anchor.issuer, s.nonce, at)
	return s, err
}

// responder is the address in a certificate where its status is told. Only
// configured hosts are ever asked, so that a certificate cannot make us talk to
// a machine of its choice.
func (v *Verifier) responder(leaf *x509.Certificate) (*url.URL, error) {
	for _, raw := range leaf.OCSPServer {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
			continue
		}
		if slices.Contains(v.responders, bareHost(u)) {
			return u, nil
		}
	}
	return nil, fmt.Errorf("%w: the certificate names no responder that is configured", ErrResponse)
}

// bareHost is the host of a URL in lower case, with its port unless that is the
// usual one.
func bareHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	return strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
}

// post asks once and follows nothing.
//
// RFC 6960 appendix A.1
func (v *Verifier) post(ctx context.Context, where string, question []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(question))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrResponse, err)
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrResponder, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %d", ErrResponder, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrResponder, err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%w: longer than %d", ErrResponse, maxAnswer)
	}
	return body, nil
}

// boundedClient never follows a redirect and always ends.
func boundedClient(base *http.Client) *http.Client {
	c := *base
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Jar = nil
	if c.Timeout <= 0 || c.Timeout > time.Minute {
		c.Timeout = 10 * time.Second
	}
	return &c
}

// question is an OCSP request about one certificate. Responders of today know
// certificates by SHA-1; nothing depends on its strength here, the CA having
// made both certificates.
//
// RFC 6960 §4.1.1
func question(leaf, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	key, err := keyBits(issuer)
	if err != nil {
		return nil, fmt.Errorf("eid: OCSP request: %w", err)
	}
	type request struct{ ID certID }
	type body struct {
		Requests   []request
		Extensions []pkix.Extension `asn1:"optional,omitempty,explicit,tag:2"`
	}
	sha1 := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, Parameters: asn1.NullRawValue}
	b := body{Requests: []request{{certID{sha1, sum(crypto.SHA1, issuer.RawSubject), sum(crypto.SHA1, key), leaf.SerialNumber}}}}
	if nonce != nil {
		b.Extensions = []pkix.Extension{{Id: oidNonce(), Value: nonce}}
	}
	der, err := asn1.Marshal(struct{ Body body }{b})
	if err != nil {
		return nil, fmt.Errorf("eid: OCSP request: %w", err)
	}
	return der, nil
}
