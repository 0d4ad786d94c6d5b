package evidence

import (
	"fmt"
	"strings"
)

// Claim is what a document may say about its own legal standing. It decides
// the wording everywhere: no document says more than its Claim.
type Claim string

const (
	ClaimTest         Claim = "test"         // made with a test key: proves nothing
	ClaimNonQualified Claim = "nonqualified" // sealed and time-stamped, without the presumption of eIDAS art. 43(2)
	ClaimQualified    Claim = "qualified"    // a qualified service issued it; eIDAS art. 43(2) and 44
)

// Issuer is the service that answers for the evidence (EN 319 522-2 §8.2 R01,
// R02). It comes from configuration and is the same for every document.
type Issuer struct {
	Name        string     // legal name of the provider
	Identifier  Identifier // such as {"BE:KBO", "0123456749"}
	Country     string     // ISO 3166-1 alpha-2
	PolicyOIDs  []string   // dotted; at least one
	ServiceName string     // what people call the service
	VerifyURL   string     // https page where a document can be checked

	// Qualified may only be set together with the three facts below.
	Qualified          bool
	TrustedListEntry   string // URI of the service's entry in the EU trusted list
	QualifiedSeal      string // subject of the qualified certificate for electronic seals
	QualifiedTimeStamp string // name of the qualified time-stamping service
}

// Validate refuses, with [ErrIssuer], an issuer that misses what every document
// needs or that claims to be qualified without naming what makes it so.
// eIDAS art. 44(1); EN 319 522-2 §8.2 R01, R02
func (i Issuer) Validate() error {
	switch {
	case i.Name == "" || i.ServiceName == "":
		return fmt.Errorf("%w: name and service name are needed", ErrIssuer)
	case i.Identifier.Scheme == "" || i.Identifier.Value == "":
		return fmt.Errorf("%w: identifier is needed", ErrIssuer)
	case len(i.Country) != 2 || strings.ToUpper(i.Country) != i.Country:
		return fmt.Errorf("%w: country must be two capital letters", ErrIssuer)
	case len(i.PolicyOIDs) == 0:
		return fmt.Errorf("%w: a policy identifier is needed", ErrIssuer)
	case i.Qualified && (i.TrustedListEntry == "" || i.QualifiedSeal == "" || i.QualifiedTimeStamp == ""):
		return fmt.Errorf("%w: qualified needs a trusted-list entry, a qualified seal and a qualified time-stamp", ErrIssuer)
	}
	for _, oid := range i.PolicyOIDs {
		if !isOID(oid) {
			return fmt.Errorf("%w: policy %q is not a dotted object identifier", ErrIssuer, oid)
		}
	}
	for _, s := range []string{i.Name, i.Identifier.Scheme, i.Identifier.Value, i.ServiceName, i.VerifyURL,
		i.TrustedListEntry, i.QualifiedSeal, i.QualifiedTimeStamp} {
		if !isText(s) {
			return fmt.Errorf("%w: a text holds characters that a document cannot carry", ErrIssuer)
		}
	}
	return nil
}

// Claim is what evidence of e by this issuer may say of itself.
func (i Issuer) Claim(e Event) Claim {
	switch {
	case e.Test:
		return ClaimTest
	case i.Qualified && i.Validate() == nil:
		return ClaimQualified
	}
	return ClaimNonQualified
}

func isOID(s string) bool {
	arcs := strings.Split(s, ".")
	for _, a := range arcs {
		if a == "" || strings.Trim(a, "0123456789") != "" || (len(a) > 1 && a[0] == '0') {
			return false
		}
	}
	return len(arcs) > 1
}
