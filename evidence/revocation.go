package evidence

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds on what is read.
const (
	maxCRL        = 16 << 20
	maxOCSP       = 64 << 10
	maxValidation = 32 << 20 // all of it together
	maxPieces     = 64       // of each kind
)

// Use is a certificate that something was signed with, and when.
type Use struct {
	Certificates []*x509.Certificate // it first, then what came with it
	Roots        *x509.CertPool      // whom it must lead to
	At           time.Time           // as a time-stamp has it
}

// TokenUse is the use of the certificate that signed a time-stamp token, at the
// time which that token states. Errors: [ErrToken]. The token is not verified.
func TokenUse(token []byte, at time.Time, t Trust) (Use, error) {
	c, err := ParseCMS(token)
	if err != nil {
		return Use{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return Use{append([]*x509.Certificate{c.Signer}, c.Certificates...), t.TSA, at}, nil
}

// VerifyRevocation judges offline whether a certificate was revoked when it was
// used, or one between it and its root. Each of them needs a word of its issuer
// in v: a full CRL that the issuer signed, or an OCSP response by the issuer or
// whom the issuer made a responder. It must say "good", or revoked after the use
// and not because a key was compromised. It must date from within the validity
// of the certificate and be later than the use, or not yet out of date then.
//
// Nothing in v is ignored: a piece that could be left out, or says another thing
// than the rest, makes all of it refused. Needed are the
// certificates that v should hold to be complete, each once: those of every
// path, roots included, and responders that came alone. It is empty, without an
// error, when v has no word about revocation: then nothing was judged. Errors:
// [ErrRevoked]. RFC 5280 §6.3; RFC 6960 §3.2, §4.2.2
func VerifyRevocation(v Validation, uses ...Use) (needed []*x509.Certificate, err error) {
	if len(v.CRLs)+len(v.OCSPs) == 0 {
		return nil, nil
	}
	var q inquiry
	if err := q.judge(v, uses); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRevoked, err)
	}
	return q.needed, nil
}

// AddValidation answers [CheckRevocation] by what is in the file, and refuses
// what is not complete: see [VerifyRevocation].
func (r *Report) AddValidation(v Validation, uses ...Use) {
	needed, err := VerifyRevocation(v, uses...)
	switch {
	case err == nil && needed == nil && v.IsZero():
		r.Leave(CheckRevocation, "no revocation data in the file")
		return
	case err == nil && len(needed) != len(v.Certificates):
		err = fmt.Errorf("%w: validation data has %d certificates, it needs %d", ErrRevoked, len(v.Certificates), len(needed))
	}
	r.Add(CheckRevocation, err)
}

// inquiry is one run of [VerifyRevocation].
type inquiry struct {
	given  []*x509.Certificate // of the validation data
	links  []*link
	needed []*x509.Certificate
}

// link is a certificate that needs a word of its issuer.
type link struct {
	cert, issuer *x509.Certificate
	at           time.Time // of its use
	by           []int     // the pieces that said good
}

func (l *link) good(piece int) {
	if !slices.Contains(l.by, piece) {
		l.by = append(l.by, piece)
	}
}

func (q *inquiry) judge(v Validation, uses []Use) error {
	if err := q.read(v); err != nil {
		return err
	}
	for _, u := range uses {
		if err := q.walk(u); err != nil {
			return err
		}
	}
	for i, der := range v.OCSPs {
		if err := q.readOCSP(i, der); err != nil {
			return fmt.Errorf("OCSP response %d: %w", i+1, err)
		}
	}
	for i, der := range v.CRLs {
		if err := q.readCRL(len(v.OCSPs)+i, der); err != nil {
			return fmt.Errorf("CRL %d: %w", i+1, err)
		}
	}
	return q.weigh(len(v.OCSPs) + len(v.CRLs))
}

// weigh makes sure that everything was said, by as few as can be.
func (q *inquiry) weigh(pieces int) error {
	only := map[int]bool{}
	for _, l := range q.links {
		if len(l.by) == 0 {
			return fmt.Errorf("certificate of %s: its issuer says nothing of it", l.cert.Subject)
		}
		if len(l.by) == 1 {
			only[l.by[0]] = true
		}
	}
	if len(only) != pieces {
		return errors.New("a CRL or an OCSP response is not needed")
	}
	for _, c := range q.given {
		if !contains(q.needed, c) {
			return fmt.Errorf("certificate of %s: not needed", c.Subject)
		}
	}
	return nil
}

// read checks the sizes and parses the certificates.
func (q *inquiry) read(v Validation) error {
	total := 0
	for _, kind := range []struct {
		pieces [][]byte
		most   int
	}{{v.Certificates, maxToken}, {v.CRLs, maxCRL}, {v.OCSPs, maxOCSP}} {
		if len(kind.pieces) > maxPieces {
			return errors.New("too many pieces")
		}
		for _, der := range kind.pieces {
			if total += len(der); len(der) > kind.most || total > maxValidation {
				return errors.New("too long")
			}
		}
	}
	for _, der := range v.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if contains(q.given, c) {
			return fmt.Errorf("certificate of %s: it is there twice", c.Subject)
		}
		q.given = append(q.given, c)
	}
	return nil
}

// walk goes from a certificate to its root and notes who needs a word.
func (q *inquiry) walk(u Use) error {
	if u.Roots == nil || len(u.Certificates) == 0 {
		return errors.New("nobody is trusted, or nothing was used")
	}
	if len(u.Certificates) > maxPieces {
		return errors.New("too many certificates")
	}
	between := x509.NewCertPool()
	for _, c := range slices.Concat(u.Certificates[1:], q.given) {
		between.AddCert(c)
	}
	chains, err := u.Certificates[0].Verify(x509.VerifyOptions{Roots: u.Roots, Intermediates: between,
		CurrentTime: u.At, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", u.Certificates[0].Subject, err)
	}
	path := chains[0]
	for i, c := range path {
		q.need(c)
		if i+1 < len(path) {
			q.links = append(q.links, &link{cert: c, issuer: path[i+1], at: u.At})
		}
	}
	return nil
}

func (q *inquiry) need(c *x509.Certificate) {
	if !contains(q.needed, c) {
		q.needed = append(q.needed, c)
	}
}

func contains(list []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(list, c.Equal)
}

// timely judges when a word was given and until when it counted; a zero until
// is no promise. Of an expired certificate an issuer may keep silent.
func (l *link) timely(from, until time.Time) error {
	switch {
	case from.Before(l.cert.NotBefore) || from.After(l.cert.NotAfter):
		return fmt.Errorf("certificate of %s: this dates from outside of its validity", l.cert.Subject)
	case !until.IsZero() && until.Before(from):
		return errors.New("out of date before it was made")
	case from.Before(l.at) && until.Before(l.at):
		return fmt.Errorf("certificate of %s: this was out of date when it was used", l.cert.Subject)
	}
	return nil
}

// The reasons for which nothing counts that a key ever signed. RFC 5280 §5.3.1
const (
	reasonKeyCompromise = 1
	reasonCACompromise  = 2
	reasonAACompromise  = 10
)

// revoked judges a revocation.
func (l *link) revoked(when time.Time, reason int) error {
	switch reason {
	case reasonKeyCompromise, reasonCACompromise, reasonAACompromise:
		return fmt.Errorf("certificate of %s: revoked, its key was compromised", l.cert.Subject)
	}
	if !when.After(l.at) {
		return fmt.Errorf("certificate of %s: revoked on %s", l.cert.Subject, when.UTC().Format(time.RFC3339))
	}
	return nil
}
