package identity

import (
	"crypto/subtle"
	"strings"
)

// What a match rests on, strongest first. Evidence shows it.
const (
	BasisNationalNumber = "national_number"
	BasisBirthDateName  = "birth_date_name"
	BasisName           = "name"
)

// Why a match failed, or, beside OK, what is worth knowing about it. Keys of the
// translation files.
const (
	WhyNothingGiven           = "nothing_given"             // the sender gave nothing to compare
	WhyNationalNumberDiffers  = "national_number_differs"   //
	WhyNationalNumberMissing  = "national_number_missing"   // asked for, not proven, and no birth date to fall back on
	WhyBirthDateDiffers       = "birth_date_differs"        //
	WhyBirthDateMissing       = "birth_date_missing"        // asked for, not proven
	WhyNameDiffers            = "name_differs"              // beside OK: the number decided although the name differs
	WhyNationalNumberUnproven = "national_number_not_shown" // beside OK: asked for, not proven; birth date and name agree
)

// MatchResult says whether a proven person is the expected one, and on what
// ground. It holds nothing personal and may be shown and recorded.
type MatchResult struct {
	OK    bool
	Basis string // what decided, for a refusal too; empty when nothing was given
	Why   string
}

// Match compares who was proven with whom the sender expects, on the strongest
// thing the sender gave: national number, else birth date and name, else name.
// What was asked for and not proven is never silently replaced by something
// weaker than birth date and name. digest turns a proven national number into
// the keyed digest of want.NationalNumber.
//
// Names are compared tolerant to how they are written (case, accents, hyphens,
// particles apart or joined, further given names, family name first), never to
// a different name: see [sameName]. Father and son of one name differ only by
// birth date or number, which the sender has to give.
//
// eIDAS art. 44(1)(c).
func Match(want Expected, got Proof, digest func(string) string) MatchResult {
	if want.NationalNumber != "" {
		if d := digest(got.NationalNumber); got.NationalNumber != "" && d != "" {
			return matchNumber(want, got, d)
		}
		if want.BirthDate == "" {
			return MatchResult{Basis: BasisNationalNumber, Why: WhyNationalNumberMissing}
		}
		r := matchBirthDate(want, got)
		if r.OK {
			r.Why = WhyNationalNumberUnproven
		}
		return r
	}
	if want.BirthDate != "" {
		return matchBirthDate(want, got)
	}
	if strings.TrimSpace(want.Given+want.Family) == "" {
		return MatchResult{Why: WhyNothingGiven}
	}
	if !sameName(want.Given, want.Family, got.Given, got.Family, false) {
		return MatchResult{Basis: BasisName, Why: WhyNameDiffers}
	}
	return MatchResult{OK: true, Basis: BasisName}
}

func matchNumber(want Expected, got Proof, digest string) MatchResult {
	r := MatchResult{Basis: BasisNationalNumber}
	if subtle.ConstantTimeCompare([]byte(digest), []byte(want.NationalNumber)) != 1 {
		r.Why = WhyNationalNumberDiffers
		return r
	}
	r.OK = true
	if !sameName(want.Given, want.Family, got.Given, got.Family, true) {
		r.Why = WhyNameDiffers
	}
	return r
}

func matchBirthDate(want Expected, got Proof) MatchResult {
	r := MatchResult{Basis: BasisBirthDateName}
	switch {
	case got.BirthDate == "":
		r.Why = WhyBirthDateMissing
	case !sameBirthDate(want.BirthDate, got.BirthDate):
		r.Why = WhyBirthDateDiffers
	case !sameName(want.Given, want.Family, got.Given, got.Family, true):
		r.Why = WhyNameDiffers
	default:
		r.OK = true
	}
	return r
}

// sameBirthDate accepts a proven date that is only a year, or a year and a
// month: some people's registers hold no more.
func sameBirthDate(want, got string) bool {
	if !partialDate(got) || len(want) != len("2006-01-02") || !partialDate(want) {
		return false
	}
	return want == got || strings.HasPrefix(want, got+"-")
}

// partialDate reports whether s has the shape YYYY, YYYY-MM or YYYY-MM-DD.
func partialDate(s string) bool {
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return false
	}
	for i := range len(s) {
		if dash := i == 4 || i == 7; dash != (s[i] == '-') || !dash && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}
