package wallettest

// Fault is one rule that is broken. Those marked correct break none: they are
// what a verifier has to accept, too.
type Fault string

// withheld is the attribute that a fault keeps back, under both its names.
func (f Fault) withheld(name string) bool {
	switch f {
	case NoFamilyName:
		return name == "family_name"
	case NoGivenName:
		return name == "given_name"
	case NoExpiry:
		return name == "date_of_expiry" || name == "expiry_date"
	}
	return false
}

// The faults. None is the zero value.
const (
	None Fault = ""

	// The credential, in both formats.
	ForeignIssuer   Fault = "issued by an authority nobody knows"
	SelfSigned      Fault = "issued by a self-signed certificate"
	AuthorityIssues Fault = "issued by the authority's own certificate"
	ExpiredIssuer   Fault = "certificate of the issuer expired"
	Expired         Fault = "credential expired"
	NotYet          Fault = "credential not yet valid"
	SignedEarly     Fault = "signed before the issuer's certificate began" // mdoc
	OtherType       Fault = "credential of another type"
	OtherCountry    Fault = "issuing_country of another provider"
	NoFamilyName    Fault = "family name not disclosed"
	NoGivenName     Fault = "given name not disclosed"
	NoExpiry        Fault = "date of expiry not disclosed"
	BadBirthDate    Fault = "birth date is no date"
	BadNumber       Fault = "national number fails its check" // correct: counts as none
	NoNumber        Fault = "PID without number"              // correct
	ControlInName   Fault = "control character in the name"
	ForgedName      Fault = "name changed after signing"
	DisclosedTwice  Fault = "an attribute presented twice"

	// Its status.
	Revoked         Fault = "revoked"
	Suspended       Fault = "suspended"
	NoStatus        Fault = "valid for long and without status"
	ShortLived      Fault = "valid briefly and without status" // correct
	UnknownStatus   Fault = "status of an unknown kind"
	StatusElsewhere Fault = "status at a host that is not listed"
	StatusBeyond    Fault = "index beyond the status list"
	StatusNegative  Fault = "negative index"

	// The status list.
	ListDown     Fault = "status list answers 503"
	ListRedirect Fault = "status list redirects elsewhere"
	ListHTML     Fault = "status list answers html"
	ListText     Fault = "status list answers as text"
	ListForged   Fault = "status list changed after signing"
	ListForeign  Fault = "status list signed by somebody else"
	ListOther    Fault = "status list of another address"
	ListExpired  Fault = "status list expired"
	ListFuture   Fault = "status list made in the future"
	ListBomb     Fault = "status list inflates without end"
	ListNone     Fault = "status list with alg none"

	// How the SD-JWT is signed.
	AlgNone       Fault = "alg none"
	HS256         Fault = "hs256 with the public key as secret"
	HeaderKey     Fault = "foreign key in the jwk header"
	HeaderURL     Fault = "x5u instead of x5c"
	CriticalExt   Fault = "critical header nobody knows"
	PlainJWT      Fault = "typ of another token"
	Overriding    Fault = "disclosure overrides a signed claim"
	DisclosedType Fault = "vct is disclosed selectively"
	Unreferenced  Fault = "disclosure without digest"
	TwiceInJSON   Fault = "claim twice in the signed payload"
	WeakDigest    Fault = "_sd_alg is sha-1"
	DeepJSON      Fault = "payload nests a thousand deep"

	// The holder's signature.
	NoBinding     Fault = "holder signed nothing"
	ForeignHolder Fault = "signed by another key than the credential's"
	NoHolderKey   Fault = "credential names no key"
	OtherNonce    Fault = "nonce of another request"
	BareAudience  Fault = "client identifier without its prefix"
	OtherAudience Fault = "client identifier of another verifier"
	OtherAddress  Fault = "address of another verifier" // mdoc: in the transcript
	OtherKey      Fault = "key of another verifier"     // mdoc: in the transcript
	StaleBinding  Fault = "signed an hour ago"
	FutureBinding Fault = "signed in an hour"
	OtherHash     Fault = "sd_hash of something else"
	BindingNone   Fault = "holder's alg none"
	BindingType   Fault = "holder's typ missing"

	// How the mdoc is encoded and signed.
	WithMAC      Fault = "MAC instead of a signature"
	TwoDocuments Fault = "two documents"
	DeepCBOR     Fault = "CBOR nests a thousand deep"
	TwiceInCBOR  Fault = "CBOR key twice"
	Indefinite   Fault = "CBOR of indefinite length"
	TrailingCBOR Fault = "octets after the CBOR"
	WeakSalt     Fault = "digests that can be guessed"
	CriticalCOSE Fault = "critical COSE header nobody knows"

	// The answer.
	BareAnswer    Fault = "answer not encrypted"
	OtherKID      Fault = "answer names another key"
	WrongKey      Fault = "answer encrypted to another key"
	CBCAnswer     Fault = "answer encrypted with A128CBC-HS256"
	WrappedKey    Fault = "answer with ECDH-ES+A128KW"
	Compressed    Fault = "answer compressed"
	OtherState    Fault = "state of another request"
	NoState       Fault = "answer without state"
	UnaskedQuery  Fault = "answer to a query nobody made"
	BothFormats   Fault = "answer to both queries"
	TwoOfOne      Fault = "two answers to one query"
	NotAString    Fault = "presentation is an object"
	HugeAnswer    Fault = "answer of half a megabyte"
	WithPartyInfo Fault = "answer with apu and apv" // correct
	AES256        Fault = "answer with A256GCM"     // correct
)
