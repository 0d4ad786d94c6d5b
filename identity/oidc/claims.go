package oidc

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bode-erds/bode/identity"
)

const (
	claimBirthText      = "http://itsme.services/v2/claim/birthdate_as_string"
	claimNationalNumber = "http://itsme.services/v2/claim/BENationalNumber"
)

// claims is what we read of a token besides what go-oidc reads.
type claims struct {
	ACR             string `json:"acr"`
	AuthorizedParty string `json:"azp"`
	AuthTime        int64  `json:"auth_time"` // seconds since 1970; 0 when not given
	Given           string `json:"given_name"`
	Family          string `json:"family_name"`
	BirthDate       string `json:"birthdate"`
	BirthText       string `json:"http://itsme.services/v2/claim/birthdate_as_string"`
	NationalNumber  string `json:"http://itsme.services/v2/claim/BENationalNumber"`
}

// level maps acr to a level and refuses less than was asked. itsme has written
// the same URI with v2 and with V2, and omits it when it was not asked for.
func (p *Provider) level(acr string, least identity.Level) (identity.Level, error) {
	level := p.cfg.Levels[strings.ToLower(acr)]
	if level == identity.LevelNone || !level.AtLeast(p.want) || !level.AtLeast(least) {
		return identity.LevelNone, fmt.Errorf("%w: acr %.100q, asked %q", ErrLevel, acr, p.cfg.ACR)
	}
	return level, nil
}

// fill writes the person into proof. A person can have no given name, and a
// document can have no full date of birth; a family name there always is.
func (c claims) fill(proof *identity.Proof) (err error) {
	defer func() {
		if err != nil {
			*proof = identity.Proof{}
		}
	}()
	if proof.Given, err = name(c.Given); err != nil {
		return fmt.Errorf("%w: given name", err)
	}
	if proof.Family, err = name(c.Family); err != nil {
		return fmt.Errorf("%w: family name", err)
	}
	if proof.Family == "" {
		return fmt.Errorf("%w: no family name", ErrClaims)
	}
	if proof.BirthDate = birthDate(c.BirthDate); proof.BirthDate == "" {
		proof.BirthDate = birthDate(c.BirthText)
	}
	proof.NationalNumber, err = nationalNumber(c.NationalNumber)
	return err
}

// name folds white space and refuses what no document can carry.
func name(s string) (string, error) {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > 200 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", ErrClaims
	}
	return s, nil
}

// birthDate returns s when it is YYYY-MM-DD, YYYY-MM or YYYY with a real date,
// else "": a date that cannot be read is a date that was not given, and no
// match will be built on it. Year 0000 means "withheld".
//
// OpenID Connect Core 1.0 §5.1
func birthDate(s string) string {
	for _, layout := range []string{"2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return s
		}
	}
	return ""
}

// nationalNumber returns the eleven digits of a Belgian national number. The
// last two are 97 less the rest modulo 97; for those born from 2000 on, a 2 goes
// before the rest. Dates inside are not checked: they may be partly zero.
func nationalNumber(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	digits := strings.NewReplacer(".", "", "-", "", " ", "", "/", "").Replace(s)
	if len(digits) != 11 || strings.Trim(digits, "0123456789") != "" {
		return "", fmt.Errorf("%w: national number is not eleven digits", ErrClaims)
	}
	body, _ := strconv.ParseInt(digits[:9], 10, 64)
	check, _ := strconv.ParseInt(digits[9:], 10, 64)
	if check != 97-body%97 && check != 97-(2_000_000_000+body)%97 {
		return "", fmt.Errorf("%w: national number fails its check", ErrClaims)
	}
	return digits, nil
}
