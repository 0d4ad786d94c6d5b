package identitytest

// Fault is one rule the provider breaks, from the next step on.
type Fault string

// The faults. None is the zero value.
const (
	None Fault = ""

	// The token as a container.
	BareJWS         Fault = "bare jws"          // signed, not encrypted
	BareClaims      Fault = "bare claims"       // encrypted, not signed
	InnerNone       Fault = "inner alg none"    // encrypted around alg none
	InnerHS256      Fault = "inner hs256"       // "signed" with the public key as secret
	InnerNoKID      Fault = "inner without kid" //
	InnerUnknownKID Fault = "inner unknown kid" //
	ForeignSigner   Fault = "foreign signer"    // right kid, wrong key
	UnknownKID      Fault = "unknown kid"       // encrypted under a kid nobody has
	OtherKey        Fault = "other key"         // right kid, encrypted to another key
	RSA15           Fault = "rsa1_5"            //
	OAEPSHA1        Fault = "rsa-oaep"          // fine elsewhere, not on our list
	A256GCM         Fault = "a256gcm"           // the same
	Flipped         Fault = "flipped"           // one octet of the ciphertext differs
	NoIDToken       Fault = "no id_token"       //
	OwnKeyNamed     Fault = "jku and x5u"       // right kid, wrong key, which the header says where to fetch
	OwnKeyInside    Fault = "jwk in the header" // right kid, wrong key, which the header brings
	Zipped          Fault = "compressed"        //
	TokenFat        Fault = "token of 170 kB"   //

	// The token as a statement.
	WrongNonce      Fault = "wrong nonce"
	NoNonce         Fault = "no nonce"
	WrongIssuer     Fault = "wrong iss"
	WrongAudience   Fault = "wrong aud"
	MoreAudiences   Fault = "aud array of two"
	OneAudience     Fault = "aud array of one" // correct
	WrongParty      Fault = "wrong azp"
	NoSubject       Fault = "no sub"
	Expired         Fault = "expired"
	NoExpiry        Fault = "no exp"
	FutureIssue     Fault = "iat in the future"
	StaleIssue      Fault = "iat long ago"
	StaleAuth       Fault = "auth_time long ago"
	WrongAtHash     Fault = "wrong at_hash"
	LowerACR        Fault = "acr lower"
	NoACR           Fault = "no acr"
	StrangeACR      Fault = "acr unknown"
	CapitalACR      Fault = "acr with capital V" // correct: an older spelling of itsme
	NoFamilyName    Fault = "no family name"
	NoGivenName     Fault = "no given name" // correct: some people have none
	BadNumber       Fault = "national number fails its check"
	ControlInName   Fault = "control character in name"
	UnreadableBirth Fault = "birth date unreadable"

	AuthTimeText    Fault = "auth_time is text"
	TextNotReturned Fault = "approved text not returned" // correct: not promised
	TextChanged     Fault = "another text approved"
	TextOdd         Fault = "approved text is an object"

	// The user information.
	OtherSubject Fault = "userinfo about another sub"
	PlainInfo    Fault = "userinfo as plain json"
	SignedInfo   Fault = "userinfo signed, not encrypted"
	ForeignInfo  Fault = "userinfo by foreign signer"
	InfoForOther Fault = "userinfo for another aud"
	InfoDown     Fault = "userinfo answers 503"
	InfoHuge     Fault = "userinfo after 2 MiB of white space"

	// The endpoints.
	TokenDown      Fault = "token endpoint answers 503"
	TokenGarbage   Fault = "token endpoint answers html"
	TokenHuge      Fault = "token after 2 MiB of white space"
	TokenRedirect  Fault = "token endpoint redirects"
	TokenHangs     Fault = "token endpoint never answers"
	KeysDown       Fault = "jwks answers 503"
	KeysHuge       Fault = "jwks after 2 MiB of white space"
	DiscoveryDown  Fault = "discovery answers 503"
	DiscoveryOther Fault = "discovery names another issuer"
	DiscoveryHTTP  Fault = "discovery names a plain http endpoint"
	DiscoveryHuge  Fault = "discovery after 2 MiB of white space"
	RedirectIssuer Fault = "iss of another provider on the redirect"
	RedirectNoIss  Fault = "no iss on the redirect"
	NoRequestKey   Fault = "jwks without encryption key"
)

// SetFault makes the provider break f from now on; None mends it.
func (p *Provider) SetFault(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

func (p *Provider) is(f ...Fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range f {
		if p.fault == one {
			return true
		}
	}
	return false
}
