package wallettest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Request is a verifier's request that passed the wallet's checks.
type Request struct {
	Verifier string   // organisation of the access certificate
	Host     string   // where the answer goes
	Asked    []string // attributes, by the names of SD-JWT

	clientID, nonce, state, responseURI string
	key                                 map[string]any // JWK to encrypt to
	encryptions                         []string
	queries                             []query
	Payload                             map[string]any // as signed
}

// Open follows a link of a verifier and checks its request as HAIP asks: signed
// by a registered certificate that the client identifier names, for wallets, with
// an answer encrypted to a key of its own.
//
// OpenID4VP 1.0 §5, §5.9.3, §5.10; HAIP 1.0 §5, §5.1; RFC 9101 §5
func (w *Wallet) Open(ctx context.Context, link string) (*Request, error) {
	u, err := url.Parse(link)
	if err != nil {
		return nil, fmt.Errorf("wallettest: link: %w", err)
	}
	asked := u.Query()
	nonce := ""
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, asked.Get("request_uri"), nil)
	if asked.Get("request_uri_method") == "post" && !w.GetRequest {
		nonce = rand.Text()
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, asked.Get("request_uri"), strings.NewReader(url.Values{"wallet_nonce": {nonce}}.Encode()))
	}
	if err != nil {
		return nil, fmt.Errorf("wallettest: request_uri: %w", err)
	}
	if req.Method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "application/oauth-authz-req+jwt")
	body, kind, err := w.do(req)
	if err != nil {
		return nil, err
	}
	if kind != "application/oauth-authz-req+jwt" {
		return nil, fmt.Errorf("wallettest: request is of type %q", kind)
	}
	return w.check(string(body), asked.Get("client_id"), nonce)
}

func (w *Wallet) do(req *http.Request) (body []byte, kind string, err error) {
	client := *w.client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("wallettest: %w", err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, "", fmt.Errorf("wallettest: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", &StatusError{resp.StatusCode}
	}
	return body, resp.Header.Get("Content-Type"), nil
}

// StatusError is an answer of the verifier that is not 200.
type StatusError struct{ Status int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("wallettest: verifier answered %d", e.Status)
}

func (w *Wallet) check(signed, clientID, nonce string) (*Request, error) {
	o, err := open(signed)
	if err != nil {
		return nil, err
	}
	leaf, err := w.accessCertificate(o.header)
	if err != nil {
		return nil, err
	}
	if err := o.check(leaf.PublicKey); err != nil {
		return nil, err
	}
	r := &Request{Payload: o.payload}
	for name, to := range map[string]*string{"client_id": &r.clientID, "nonce": &r.nonce, "state": &r.state, "response_uri": &r.responseURI} {
		if *to, _ = o.payload[name].(string); *to == "" {
			return nil, fmt.Errorf("wallettest: request lacks %s", name)
		}
	}
	sum := sha256.Sum256(leaf.Raw)
	prefix, name, _ := strings.Cut(r.clientID, ":")
	switch {
	case o.header["typ"] != "oauth-authz-req+jwt", o.payload["aud"] != "https://self-issued.me/v2":
		return nil, errors.New("wallettest: request is of another type, or not for wallets")
	case r.clientID != clientID:
		return nil, errors.New("wallettest: link and request name different verifiers")
	case prefix == "x509_hash" && name != toBase64(sum[:]), prefix == "x509_san_dns" && !slices.Contains(leaf.DNSNames, name), prefix != "x509_hash" && prefix != "x509_san_dns":
		return nil, errors.New("wallettest: client_id is not the certificate's")
	case o.payload["response_type"] != "vp_token", o.payload["response_mode"] != "direct_post.jwt", o.payload["redirect_uri"] != nil:
		return nil, errors.New("wallettest: answer is wanted in a way HAIP forbids")
	case nonce != "" && o.payload["wallet_nonce"] != nonce:
		return nil, errors.New("wallettest: wallet_nonce is not echoed")
	case len(r.nonce) < 22:
		return nil, errors.New("wallettest: nonce is too short")
	}
	if len(leaf.Subject.Organization) > 0 {
		r.Verifier = leaf.Subject.Organization[0]
	}
	if u, err := url.Parse(r.responseURI); err == nil {
		r.Host = u.Host
	}
	return r, r.read()
}

// accessCertificate verifies the chain of a request. It must not hold the anchor.
func (w *Wallet) accessCertificate(header map[string]any) (*x509.Certificate, error) {
	list, _ := header["x5c"].([]any)
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range w.Access {
		roots.AddCert(a)
	}
	var leaf *x509.Certificate
	for n, v := range list {
		s, _ := v.(string)
		der, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, errors.New("wallettest: x5c is malformed")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("wallettest: x5c: %w", err)
		}
		if bytes.Equal(c.RawIssuer, c.RawSubject) {
			return nil, errors.New("wallettest: x5c holds a self-signed certificate")
		}
		if n == 0 {
			leaf = c
		} else {
			between.AddCert(c)
		}
	}
	if leaf == nil {
		return nil, errors.New("wallettest: x5c is missing")
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: w.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("wallettest: verifier is not registered: %w", err)
	}
	return leaf, nil
}

func (w *Wallet) now() time.Time {
	if w.Now != nil {
		return w.Now()
	}
	return time.Now()
}

func (w *Wallet) client() *http.Client {
	if w.HTTP != nil {
		return w.HTTP
	}
	return &http.Client{Timeout: 10 * time.Second}
}
