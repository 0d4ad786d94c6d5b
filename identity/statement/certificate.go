package statement

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Statements of a qualified certificate. EN 319 412-5 §4.2, §4.3
const (
	oidQCStatements = "1.3.6.1.5.5.7.1.3"
	oidQCCompliance = "0.4.0.1862.1.1" // qualified under the law
	oidQCDevice     = "0.4.0.1862.1.4" // key in a qualified device
	oidQCType       = "0.4.0.1862.1.6"
	oidQCLegal      = "0.4.0.1862.1.7" // under the law of these countries, none of them the Union
	oidQCSign       = "0.4.0.1862.1.6.1"
)

// Parts of a name. EN 319 412-1 §5.1; EN 319 412-2 §4.2.4
const (
	oidCommonName   = "2.5.4.3"
	oidSurname      = "2.5.4.4"
	oidSerialNumber = "2.5.4.5"
	oidCountry      = "2.5.4.6"
	oidGivenName    = "2.5.4.42"
	oidPseudonym    = "2.5.4.65"
	oidOrganisation = "2.5.4.97"
)

// holder is whom a certificate names.
type holder struct {
	level        identity.Level
	given        string
	family       string
	number       string // national number of Belgium; empty when it is none
	subject      string // what its issuer calls this person, for good
	birth        string // YYYY-MM-DD; empty when it is not given
	organisation string // organizationIdentifier
	issuer       string // organisation of the issuer
}

// readHolder reads a qualified certificate for signatures of people. Level is what
// a signature with it is worth: high when its key is in a qualified device, as
// only then the signature is a qualified one, else substantial.
//
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01 (c); eIDAS art. 3(12); EN 319 412-5 §4.2
func readHolder(c *x509.Certificate) (h holder, err error) {
	qualified, device, err := readStatements(c)
	switch {
	case err != nil:
		return h, fmt.Errorf("%w: %w", ErrCertificate, err)
	case !qualified:
		return h, fmt.Errorf("%w: it is not qualified", ErrCertificate)
	case c.IsCA || c.KeyUsage&(x509.KeyUsageContentCommitment|x509.KeyUsageDigitalSignature) == 0:
		return h, fmt.Errorf("%w: its key is not for signatures", ErrCertificate)
	}
	h.level = identity.LevelSubstantial
	if device {
		h.level = identity.LevelHigh
	}
	parts := subjectParts(c)
	if _, there := parts[oidPseudonym]; there {
		return h, fmt.Errorf("%w: it is for a pseudonym", ErrCertificate)
	}
	h.given, h.family, h.organisation = parts[oidGivenName], parts[oidSurname], parts[oidOrganisation]
	if h.family == "" {
		return h, fmt.Errorf("%w: it names no person", ErrCertificate)
	}
	h.issuer = issuerName(c)
	h.number = nationalNumber(c, parts[oidSerialNumber], parts[oidCountry])
	if h.subject = parts[oidSerialNumber]; h.subject == "" {
		h.subject = fmt.Sprintf("sha256:%x", sum(hashOf("2.16.840.1.101.3.4.2.1"), c.Raw)) // good for this certificate only
	}
	h.birth = birthDate(c)
	return h, nil
}

// readStatements reads whether a certificate is qualified for signatures, and its
// key in a qualified device.
func readStatements(c *x509.Certificate) (qualified, device bool, err error) {
	var list []struct {
		ID   asn1.ObjectIdentifier
		Info asn1.RawValue `asn1:"optional"`
	}
	for _, e := range c.Extensions {
		if e.Id.String() == oidQCStatements {
			if rest, err := asn1.Unmarshal(e.Value, &list); err != nil || len(rest) > 0 {
				return false, false, errors.New("its statements cannot be read")
			}
		}
	}
	compliant, sign := false, false
	for _, s := range list {
		switch s.ID.String() {
		case oidQCCompliance:
			compliant = true
		case oidQCDevice:
			device = true
		case oidQCLegal:
			return false, false, errors.New("it is qualified under a law outside the Union")
		case oidQCType:
			var kinds []asn1.ObjectIdentifier
			if rest, err := asn1.Unmarshal(s.Info.FullBytes, &kinds); err != nil || len(rest) > 0 || len(kinds) != 1 {
				return false, false, errors.New("its type cannot be read")
			}
			sign = kinds[0].String() == oidQCSign
		}
	}
	if compliant && !sign {
		return false, false, errors.New("it is not for signatures of people")
	}
	return compliant, device, nil
}

// subjectParts are the parts of the subject that stand there once. A part that
// stands there twice is as good as none: who could say which one it is?
func subjectParts(c *x509.Certificate) map[string]string {
	parts, twice := map[string]string{}, []string{}
	for _, a := range c.Subject.Names {
		oid := a.Type.String()
		s, ok := a.Value.(string)
		if _, there := parts[oid]; there || !ok {
			twice = append(twice, oid)
		}
		parts[oid] = strings.Join(strings.Fields(s), " ")
	}
	for _, oid := range twice {
		if oid != oidPseudonym {
			delete(parts, oid)
		}
	}
	return parts
}

func issuerName(c *x509.Certificate) string {
	country := strings.Join(c.Issuer.Country, ",")
	if len(c.Issuer.Organization) > 0 {
		return c.Issuer.Organization[0] + " (" + country + ")"
	}
	return c.Issuer.CommonName + " (" + country + ")"
}

// nationalNumber is the Belgian national number in a serial number: after PNOBE-,
// or alone in a certificate of the Belgian identity card. Numbers of cards and
// passports, and what a provider numbers its customers with, are none.
// EN 319 412-1 §5.1.3
func nationalNumber(c *x509.Certificate, serial, country string) string {
	n, belgian := strings.CutPrefix(serial, "PNOBE-")
	card := country == "BE" && slices.ContainsFunc(c.PolicyIdentifiers, func(p asn1.ObjectIdentifier) bool {
		return strings.HasPrefix(p.String(), "2.16.56.")
	})
	if !belgian && !card || len(n) != 11 || strings.Trim(n, "0123456789") != "" || !identity.ValidNationalNumber(n) {
		return ""
	}
	return n
}

// birthDate is the date of birth among the attributes of the subject. RFC 3739 §3.2.2
func birthDate(c *x509.Certificate) string {
	for _, e := range c.Extensions {
		if e.Id.String() != "2.5.29.9" {
			continue
		}
		var list []attribute
		if _, err := asn1.Unmarshal(e.Value, &list); err != nil {
			return ""
		}
		for _, a := range list {
			var born time.Time
			if a.Type.String() != "1.3.6.1.5.5.7.9.1" || len(a.Values) != 1 {
				continue
			}
			if _, err := asn1.Unmarshal(a.Values[0].FullBytes, &born); err == nil {
				return born.UTC().Format(time.DateOnly)
			}
		}
	}
	return ""
}
