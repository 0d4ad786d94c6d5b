package oidc

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bode-erds/bode/identity"
)

// longestClaim bounds what is kept of one further claim, in octets.
const longestClaim = 2000

// claims are the content of a token.
type claims map[string]json.RawMessage

// text is a claim that is a string, as it is.
func (c claims) text(name string) (s string, there bool) {
	raw, there := c[name]
	if name == "" || !there || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// seconds is a claim that is an instant, 0 when it is not given.
func (c claims) seconds(name string) (s float64, err error) {
	if raw, there := c[name]; there {
		err = json.Unmarshal(raw, &s)
	}
	return s, err
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
func (c claims) fill(proof *identity.Proof, names Names, further []string) error {
	given, _ := c.text(names.Given)
	family, _ := c.text(names.Family)
	var err error
	if proof.Given, err = name(given); err != nil {
		return fmt.Errorf("%w: given name", err)
	}
	if proof.Family, err = name(family); err != nil {
		return fmt.Errorf("%w: family name", err)
	}
	if proof.Family == "" {
		return fmt.Errorf("%w: no family name", ErrClaims)
	}
	for _, claim := range []string{names.BirthDate, names.BirthText} {
		if date, _ := c.text(claim); proof.BirthDate == "" {
			proof.BirthDate = birthDate(date)
		}
	}
	number, _ := c.text(names.NationalNumber)
	proof.DocumentExpires = firstDate(c[names.DocumentExpires])
	proof.Claims = c.further(further)
	proof.NationalNumber, err = nationalNumber(number)
	return err
}

// further are the other claims that were asked, under the last part of their
// name; what is neither text nor a truth value stays JSON.
func (c claims) further(names []string) map[string]string {
	kept := make(map[string]string)
	for _, name := range names {
		raw, there := c[name]
		if !there || len(raw) > longestClaim {
			continue
		}
		value, isText := c.text(name)
		if !isText {
			value = string(raw)
		}
		if name == "phone_number" {
			value = phone(value)
		}
		if value != "" && value != "null" {
			kept[name[strings.LastIndexByte(name, '/')+1:]] = value
		}
	}
	return kept
}

// phone drops what people write between digits; itsme writes a blank after the
// country code. What is no E.164 number then is "".
func phone(s string) string {
	s = strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "").Replace(s)
	if bare, ok := strings.CutPrefix(s, "00"); ok {
		s = "+" + bare
	}
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' || strings.Trim(s[1:], "0123456789") != "" {
		return ""
	}
	return s
}

// firstDate is the earliest date of a metadata claim, an object with an instant
// per claim it speaks of; "" when there is none.
func firstDate(raw json.RawMessage) (first string) {
	all := make(map[string]string)
	if json.Unmarshal(raw, &all) != nil {
		var one string
		_ = json.Unmarshal(raw, &one)
		all[""] = one
	}
	for _, at := range all {
		day := at[:min(len(at), len(time.DateOnly))]
		if _, err := time.Parse(time.DateOnly, day); err == nil && (first == "" || day < first) {
			first = day
		}
	}
	return first
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
// turns DD.MM.YYYY around, and is else "": a date that cannot be read is a date that was not given, and no
// match will be built on it. Year 0000 means "withheld".
//
// OpenID Connect Core 1.0 §5.1
func birthDate(s string) string {
	for _, layout := range []string{"2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 0 {
			return s
		}
	}
	if t, err := time.Parse("02.01.2006", s); err == nil && t.Year() > 0 {
		return t.Format(time.DateOnly)
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
