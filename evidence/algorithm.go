package evidence

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"
)

// algorithm is one row of the policy on what may prove something.
type algorithm struct {
	name string
	is   func(keyOrDigest any) bool
	// sunset ends it: what is made from then on proves nothing, and what was made
	// before needs a newer time-stamp over it by then. Zero: not in sight.
	sunset time.Time
}

// algorithms is the policy. SHA-1 and shorter keys are not in it, and were not
// when the first evidence was made. Public keys fall to a quantum computer of
// some size and are to be replaced by the end of 2035; digests of this length do
// not. RSA has an upper bound, for whoever must verify it. TS 119 312 §6
func algorithms() []algorithm {
	quantum := time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
	return []algorithm{
		{"SHA-256", digest(crypto.SHA256), time.Time{}},
		{"SHA-384", digest(crypto.SHA384), time.Time{}},
		{"SHA-512", digest(crypto.SHA512), time.Time{}},
		{"ECDSA P-256", curve(elliptic.P256()), quantum},
		{"ECDSA P-384", curve(elliptic.P384()), quantum},
		{"RSA 3072 to 8192", modulus(3072, 8192), quantum},
	}
}

func digest(h crypto.Hash) func(any) bool { return func(v any) bool { return v == h } }

func curve(c elliptic.Curve) func(any) bool {
	return func(v any) bool {
		k, ok := v.(*ecdsa.PublicKey)
		return ok && k.Curve == c
	}
}

func modulus(least, most int) func(any) bool {
	return func(v any) bool {
		k, ok := v.(*rsa.PublicKey)
		return ok && k.N.BitLen() >= least && k.N.BitLen() <= most
	}
}

// Allowed refuses, with [ErrAlgorithm], a signature by pub over a digest by h
// that was too weak at that time. Of evidence, that time is the one of its
// time-stamp.
func Allowed(pub crypto.PublicKey, h crypto.Hash, at time.Time) error {
	for _, v := range []any{h, pub} {
		a, ok := lookUp(v)
		if !ok {
			return fmt.Errorf("%w: %s", ErrAlgorithm, describe(v))
		}
		if !a.sunset.IsZero() && !at.Before(a.sunset) {
			return fmt.Errorf("%w: %s since %s", ErrAlgorithm, a.name, a.sunset.Format(time.DateOnly))
		}
	}
	return nil
}

// Weakens says when a signature by pub over a digest by h, good at that time,
// stops proving anything by itself. False: it was not good, or no end is in sight.
func Weakens(pub crypto.PublicKey, h crypto.Hash, at time.Time) (when time.Time, ok bool) {
	if Allowed(pub, h, at) != nil {
		return time.Time{}, false
	}
	for _, v := range []any{h, pub} {
		if a, _ := lookUp(v); !a.sunset.IsZero() && (when.IsZero() || a.sunset.Before(when)) {
			when = a.sunset
		}
	}
	return when, !when.IsZero()
}

func lookUp(keyOrDigest any) (algorithm, bool) {
	for _, a := range algorithms() {
		if a.is(keyOrDigest) {
			return a, true
		}
	}
	return algorithm{}, false
}

func describe(keyOrDigest any) string {
	switch k := keyOrDigest.(type) {
	case crypto.Hash:
		return k.String()
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA of %d bits", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("%T", keyOrDigest)
}

// allowedCertificates refuses certificates whose keys or signatures were too
// weak at that time. A root may have signed itself with anything: nobody relies
// on that.
func allowedCertificates(certs []*x509.Certificate, at time.Time) error {
	for _, c := range certs {
		h := crypto.SHA256
		if string(c.RawIssuer) != string(c.RawSubject) {
			h = signedWith(c.SignatureAlgorithm)
		}
		if err := Allowed(c.PublicKey, h, at); err != nil {
			return fmt.Errorf("certificate of %s: %w", c.Subject, err)
		}
	}
	return nil
}

// signedWith is the digest of a signature algorithm, 0 for one that is not known.
func signedWith(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.SHA256WithRSA, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return crypto.SHA512
	}
	return 0
}
