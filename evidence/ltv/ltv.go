// Package ltv collects over HTTP what makes a signature verifiable for long
// without asking anybody: the certificates up to the roots, and what their
// issuers say of revocation. It asks only the addresses in the certificates,
// and believes nothing that [evidence.VerifyRevocation] does not.
//
// Of each certificate it wants an OCSP response, and when there is none, a CRL.
// One list may speak of several certificates; then it replaces the responses
// about them, because every piece has to be needed.
//
// Sources: RFC 5280 §4.2.1.13, §4.2.2.1; RFC 6960 appendix A.
package ltv

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bode-erds/bode/evidence"
)

var (
	// ErrConfig says that a [Config] cannot be used.
	ErrConfig = errors.New("ltv: config")
	// ErrUnavailable says that nobody gave what is needed; later they may.
	ErrUnavailable = errors.New("ltv: validation data not available")
)

// maxPath bounds the certificates between one that signs and its root.
const maxPath = 8

// Config of a [Collector].
type Config struct {
	// Client asks. Default a fresh one. Of a copy the timeout, when zero, becomes
	// 10 s, and redirects end after three.
	Client *http.Client
	// Roots are the anchors of all chains. Needed.
	Roots []*x509.Certificate
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Collector collects validation data. It remembers what it was given until that
// goes out of date, an hour at most. Safe for concurrent use.
type Collector struct {
	roots  []*x509.Certificate
	now    func() time.Time
	client *http.Client

	mu    sync.Mutex
	known map[string]entry
}

// New checks cfg. Errors: [ErrConfig].
func New(cfg Config) (*Collector, error) {
	if len(cfg.Roots) == 0 {
		return nil, fmt.Errorf("%w: no roots", ErrConfig)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	client := http.Client{}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	if client.Timeout == 0 {
		client.Timeout = timeout
	}
	client.CheckRedirect = redirect
	return &Collector{roots: cfg.Roots, now: cfg.Now, client: &client, known: map[string]entry{}}, nil
}

// Collect is [Collector.CollectAt] for what is used now.
func (c *Collector) Collect(ctx context.Context, chains ...[]*x509.Certificate) (evidence.Validation, error) {
	return c.CollectAt(ctx, c.now(), chains...)
}

// CollectAt gives all that is needed to judge chains that were used at that time,
// each of them leaf first and then whatever certificates are known. It is complete
// and sorted, and it says that none was revoked by then. What was revoked since,
// for another reason than a compromised key, is good enough. Errors:
// [ErrUnavailable], and [evidence.ErrRevoked], which name the certificate.
func (c *Collector) CollectAt(ctx context.Context, at time.Time, chains ...[]*x509.Certificate) (evidence.Validation, error) {
	var v evidence.Validation
	var uses []evidence.Use
	var groups []*group
	roots := x509.NewCertPool()
	for _, r := range c.roots {
		roots.AddCert(r)
	}
	for _, chain := range chains {
		path, err := c.path(ctx, chain)
		if err != nil {
			return evidence.Validation{}, err
		}
		uses = append(uses, evidence.Use{Certificates: path, Roots: roots, At: at})
		for i, cert := range path {
			v.Certificates = append(v.Certificates, cert.Raw)
			if i+1 < len(path) {
				groups = join(groups, cert, path[i+1])
			}
		}
	}
	for _, g := range groups {
		lists, answers, err := c.ask(ctx, g, at)
		if err != nil {
			return evidence.Validation{}, err
		}
		v.CRLs, v.OCSPs = append(v.CRLs, lists...), append(v.OCSPs, answers...)
	}
	v = v.Sorted()
	if _, err := evidence.VerifyRevocation(v, uses...); err != nil {
		return evidence.Validation{}, err
	}
	return v, nil
}

// path goes from chain[0] to a root, by the certificates at hand and by those
// that the authorities publish.
func (c *Collector) path(ctx context.Context, chain []*x509.Certificate) ([]*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w: a chain without certificates", ErrUnavailable)
	}
	path := chain[:1:1]
	for len(path) <= maxPath {
		last := path[len(path)-1]
		if among(c.roots, last.Equal) != nil {
			return path, nil
		}
		issued := func(ca *x509.Certificate) bool { return issuedBy(last, ca) }
		next := among(c.roots, issued)
		if next == nil {
			next = among(chain[1:], issued)
		}
		if next == nil {
			var err error
			if next, err = c.issuer(ctx, last); err != nil {
				return nil, err
			}
		}
		path = append(path, next)
	}
	return nil, fmt.Errorf("%w: certificate of %s: its root is too far away", ErrUnavailable, chain[0].Subject)
}

func among(list []*x509.Certificate, is func(*x509.Certificate) bool) *x509.Certificate {
	for _, c := range list {
		if is(c) {
			return c
		}
	}
	return nil
}

func issuedBy(c, ca *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, ca.RawSubject) && c.CheckSignatureFrom(ca) == nil
}

// group is the certificates of one issuer.
type group struct {
	issuer *x509.Certificate
	certs  []*x509.Certificate
}

func join(groups []*group, cert, issuer *x509.Certificate) []*group {
	for _, g := range groups {
		if g.issuer.Equal(issuer) {
			if among(g.certs, cert.Equal) == nil {
				g.certs = append(g.certs, cert)
			}
			return groups
		}
	}
	return append(groups, &group{issuer, []*x509.Certificate{cert}})
}
