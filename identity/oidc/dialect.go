package oidc

import "github.com/bode-erds/bode/identity"

const itsmeClaim = "http://itsme.services/v2/claim/"

// How itsme names what it did. Compared without regard to case: it has written
// v2 and V2.
const (
	ACRBasic    = itsmeClaim + "acr_basic"    // biometric or code
	ACRAdvanced = itsmeClaim + "acr_advanced" // the itsme code, always
)

// The levels of the Belgian federal authentication that we ask for or accept.
const (
	fas400 = "urn:be:fedict:iam:fas:citizen:Level400" // two factors
	fas450 = "urn:be:fedict:iam:fas:citizen:Level450" // itsme
	fas500 = "urn:be:fedict:iam:fas:citizen:Level500" // the card
)

// Names are the claims in which a provider says who somebody is. Family has to be
// there; an empty one is never asked and never read.
type Names struct {
	Given           string
	Family          string
	BirthDate       string // YYYY-MM-DD
	BirthText       string // read when BirthDate is not given; also DD.MM.YYYY
	NationalNumber  string // Belgian national number and nothing else: never a provider's own number
	DocumentExpires string // object with a date per claim, or one date
}

func (n Names) all() []string {
	return []string{n.Given, n.Family, n.BirthDate, n.BirthText, n.NationalNumber, n.DocumentExpires}
}

// dialect is how a provider says things.
type dialect struct {
	acr    string
	levels map[string]identity.Level
	names  Names
	claims []string
	scopes []string
}

// dialects are the providers we know. itsme: everything stands in its public
// documents; a token without acr is held to be basic. FAS and LuxTrust: only
// where there is a contract, which may name other claims than these.
func dialects() map[string]dialect {
	return map[string]dialect{
		identity.MethodItsme: {
			acr: ACRAdvanced,
			levels: map[string]identity.Level{
				ACRAdvanced: identity.LevelHigh, ACRBasic: identity.LevelSubstantial, "": identity.LevelSubstantial,
			},
			names: Names{
				Given: "given_name", Family: "family_name", BirthDate: "birthdate", BirthText: itsmeClaim + "birthdate_as_string",
				NationalNumber: itsmeClaim + "BENationalNumber", DocumentExpires: itsmeClaim + "validityTo",
			},
			// validityTo speaks of IDDocumentSN and is empty without it. The rest
			// tells fraud, for who looks at a disputed identification later.
			claims: []string{
				itsmeClaim + "IDDocumentSN", itsmeClaim + "IDIssuingCountry", itsmeClaim + "verificationDate",
				itsmeClaim + "app", itsmeClaim + "account", itsmeClaim + "identification_mode", itsmeClaim + "ongoing_call",
			},
		},
		identity.MethodFAS: {
			acr:    fas450,
			levels: map[string]identity.Level{fas500: identity.LevelHigh, fas450: identity.LevelHigh, fas400: identity.LevelSubstantial},
			names:  Names{Given: "givenName", Family: "surname", NationalNumber: "egovNRN"},
			scopes: []string{"profile", "egovnrn"},
		},
		// Its own number, on twenty digits, is a subject and never a national
		// number. What it calls its levels, only a contract says.
		identity.MethodLuxTrust: {
			names: Names{Given: "given_name", Family: "family_name", BirthDate: "birthdate"},
		},
	}
}

// speak fills what c leaves open from d.
func (c *Config) speak(d dialect) {
	if c.ACR == "" {
		c.ACR = d.acr
	}
	if c.Levels == nil {
		c.Levels = d.levels
	}
	if c.Names == (Names{}) {
		c.Names = d.names
	}
	if c.Claims == nil {
		c.Claims = d.claims
	}
	if c.Scopes == nil {
		c.Scopes = d.scopes
	}
}
