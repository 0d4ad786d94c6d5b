package identity

import "strings"

// ValidNationalNumber reports whether s is a Belgian national register number
// or BIS number: eleven digits, optionally written 99.06.04-271.81, whose check
// digits fit for somebody born before or since 2000. The date inside is not
// checked: unknown dates and BIS months are real. Sex and birth date read from
// a number are hints, never evidence.
func ValidNationalNumber(s string) bool {
	d := digits(s)
	if len(d) != 11 {
		return false
	}
	n, check := number(d[:9]), number(d[9:])
	// 2 000 000 000 mod 97 is not 0, so at most one century fits.
	return check == 97-n%97 || check == 97-(2_000_000_000+n)%97
}

// ValidEnterpriseNumber reports whether s is a number of the Belgian Crossroads
// Bank for Enterprises: ten digits starting with 0 or 1, optionally written
// 0671.516.647 or with BE before it, whose check digits fit.
func ValidEnterpriseNumber(s string) bool {
	d := EnterpriseDigits(s)
	return len(d) == 10 && (d[0] == '0' || d[0] == '1') && number(d[8:]) == 97-number(d[:8])%97
}

// EnterpriseDigits is the bare form of an enterprise or Belgian VAT number:
// BE 0671.516.647 gives 0671516647. It is "" when s holds anything else.
func EnterpriseDigits(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && strings.EqualFold(s[:2], "BE") {
		s = s[2:]
	}
	return digits(s)
}

// digits drops the separators people write; anything else makes it "".
func digits(s string) string {
	if len(s) > 40 {
		return ""
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == ' ' || r == '.' || r == '-' || r == '\u00a0':
		default:
			return ""
		}
	}
	return b.String()
}

func number(d string) (n int64) {
	for i := range len(d) {
		n = n*10 + int64(d[i]-'0')
	}
	return n
}
