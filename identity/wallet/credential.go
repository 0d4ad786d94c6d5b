package wallet

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/fxamacker/cbor/v2"
)

// What Proof.Artefact says a token holds.
const (
	artefactSDJWT = "sd-jwt"
	artefactMDoc  = "mdoc"
)

// credential is a PID whose presentation was verified.
type credential struct {
	artefact    string
	kind        string // vct or docType
	provider    Provider
	certificate *x509.Certificate // of the signer
	holder      []byte            // thumbprint of the holder's key
	short       bool              // valid so briefly that nobody has to revoke it
	status      reference
	person      person
}

// person is what a PID says about its holder. The names of its attributes differ
// between the formats.
type person struct {
	given, family, birth, number, country, authority, expires string
}

// names are how a format calls the attributes of a person.
type names struct{ birth, expires string }

var (
	birthDate = regexp.MustCompile(`^[12]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?$`)
	country   = regexp.MustCompile(`^[A-Z]{2}$`)
	number    = regexp.MustCompile(`^[0-9A-Za-z./ -]{1,64}$`)
)

// readPerson reads the attributes we asked for. Only the number, and what we did
// not ask, may be absent: who keeps back a name must not match more people by it.
func readPerson(attribute func(string) any, in names) (p person, err error) {
	for _, f := range []struct {
		name string
		to   *string
		need bool
	}{
		{"family_name", &p.family, true}, {"given_name", &p.given, true}, {in.birth, &p.birth, true},
		{"personal_administrative_number", &p.number, false}, {"issuing_country", &p.country, true},
		{"issuing_authority", &p.authority, false}, {in.expires, &p.expires, true},
	} {
		v := attribute(f.name)
		if v == nil && !f.need {
			continue
		}
		s, ok := plain(v)
		if !ok {
			return person{}, fmt.Errorf("%w: %s is missing or malformed", ErrCredential, f.name)
		}
		*f.to = s
	}
	p.expires, _, _ = strings.Cut(p.expires, "T")
	switch {
	case strings.TrimSpace(p.family) == "":
		err = errors.New("family_name is empty")
	case !birthDate.MatchString(p.birth):
		err = errors.New("birth date is malformed")
	case !country.MatchString(p.country):
		err = errors.New("issuing_country is malformed")
	case p.number != "" && !number.MatchString(p.number):
		err = errors.New("personal_administrative_number is malformed")
	case !birthDate.MatchString(p.expires):
		err = errors.New("date of expiry is malformed")
	}
	if err != nil {
		return person{}, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	return p, nil
}

// plain is an attribute as a string without control characters.
func plain(v any) (string, bool) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case time.Time: // a tdate of CBOR
		s = v.UTC().Format(time.DateOnly)
	case cbor.Tag: // full-date
		if v.Number != 1004 {
			return "", false
		}
		s, _ = v.Content.(string)
	default:
		return "", false
	}
	return s, len(s) <= 400 && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
}

// checkValidity holds a credential to its times. short reports that it is valid
// so briefly that nobody has to revoke it.
func (w *Wallet) checkValidity(issued, from, until, at time.Time) (short bool, err error) {
	switch {
	case issued.After(at.Add(skew)), from.After(at.Add(skew)):
		return false, fmt.Errorf("%w: not yet valid", ErrCredential)
	case !until.IsZero() && !at.Before(until.Add(skew)):
		return false, fmt.Errorf("%w: expired", ErrCredential)
	}
	if from.IsZero() {
		from = issued
	}
	return !from.IsZero() && !until.IsZero() && until.Sub(from) <= w.cfg.Unrevocable, nil
}
