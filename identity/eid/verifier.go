package eid

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config is which cards are taken. Anchors has no default.
type Config struct {
	Anchors        *Anchors
	Authentication []string      // policies of certificates that authenticate; default BelgianAuthentication
	Signing        []string      // policies of certificates for signatures, which are told apart; default BelgianSigning
	Responders     []string      // hosts that may be asked by OCSP, "host" or "host:port"; default those of the Belgian PKI
	WithoutNonce   []string      // of those, the ones whose answers carry no nonce
	MaxAge         time.Duration // of what an OCSP answer says; default 10 minutes, at most 24 hours
	Skew           time.Duration // by which a responder's clock may differ; default 2 minutes, at most 15
	HTTPClient     *http.Client  // default: one with a Timeout of 10 s; never follows redirects
}

// Verifier judges cards. Safe for concurrent use.
type Verifier struct {
	anchors        *Anchors
	authentication []string
	signing        []string
	responders     []string
	withoutNonce   []string
	strict         StrictOCSP
	client         *http.Client
	kept           kept
}

// New checks cfg and returns a Verifier. It asks the network nothing.
func New(cfg Config) (*Verifier, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("eid: %w", err)
	}
	v := &Verifier{
		anchors: cfg.Anchors, authentication: cfg.Authentication, signing: cfg.Signing,
		strict: StrictOCSP{cfg.MaxAge, cfg.Skew}, kept: kept{by: make(map[string]keptStatus)},
	}
	if v.authentication == nil {
		v.authentication = BelgianAuthentication()
	}
	if v.signing == nil {
		v.signing = BelgianSigning()
	}
	if cfg.Responders == nil {
		cfg.Responders = []string{"ocsp.eidpki.belgium.be", "ocsp.eid.belgium.be"}
	}
	for _, host := range cfg.Responders {
		v.responders = append(v.responders, strings.ToLower(host))
	}
	for _, host := range cfg.WithoutNonce {
		v.withoutNonce = append(v.withoutNonce, strings.ToLower(host))
	}
	if v.strict.MaxAge == 0 {
		v.strict.MaxAge = 10 * time.Minute
	}
	if v.strict.Skew == 0 {
		v.strict.Skew = 2 * time.Minute
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	v.client = boundedClient(cfg.HTTPClient)
	return v, nil
}

func (c *Config) validate() error {
	if c.Anchors == nil {
		return errors.New("no Anchors")
	}
	for _, p := range slices.Concat(c.Authentication, c.Signing) {
		if !isOID(p) {
			return fmt.Errorf("policy %q is no object identifier", p)
		}
		if slices.Contains(c.Authentication, p) && slices.Contains(c.Signing, p) {
			return fmt.Errorf("policy %s is for both", p)
		}
	}
	for _, host := range slices.Concat(c.Responders, c.WithoutNonce) {
		if u, err := url.Parse("http://" + host); err != nil || host == "" || u.Host != host {
			return fmt.Errorf("responder %q is not a host", host)
		}
	}
	if c.MaxAge < 0 || c.MaxAge > 24*time.Hour || c.Skew < 0 || c.Skew > 15*time.Minute {
		return errors.New("MaxAge or Skew out of bounds")
	}
	return nil
}

func isOID(s string) bool {
	var oid asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n := 0
		for _, r := range part {
			if r < '0' || r > '9' || n > 1<<24 {
				return false
			}
			n = 10*n + int(r-'0')
		}
		if part == "" {
			return false
		}
		oid = append(oid, n)
	}
	_, err := asn1.Marshal(oid)
	return err == nil
}
