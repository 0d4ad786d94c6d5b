package identity

import (
	"regexp"
	"strings"
)

// vatForms are the VAT numbers of the member states, without the two letters in
// front: Directive 2006/112/EC art. 215. Most have check digits of their own;
// only Belgium's are looked at, being those of the enterprise number.
var vatForms = map[string]*regexp.Regexp{
	"AT": regexp.MustCompile(`^U[0-9]{8}$`),
	"BE": regexp.MustCompile(`^[01][0-9]{9}$`),
	"BG": regexp.MustCompile(`^[0-9]{9,10}$`),
	"CY": regexp.MustCompile(`^[0-9]{8}[A-Z]$`),
	"CZ": regexp.MustCompile(`^[0-9]{8,10}$`),
	"DE": regexp.MustCompile(`^[0-9]{9}$`),
	"DK": regexp.MustCompile(`^[0-9]{8}$`),
	"EE": regexp.MustCompile(`^[0-9]{9}$`),
	"ES": regexp.MustCompile(`^[A-Z0-9][0-9]{7}[A-Z0-9]$`),
	"FI": regexp.MustCompile(`^[0-9]{8}$`),
	"FR": regexp.MustCompile(`^[A-HJ-NP-Z0-9]{2}[0-9]{9}$`),
	"GR": regexp.MustCompile(`^[0-9]{9}$`),
	"HR": regexp.MustCompile(`^[0-9]{11}$`),
	"HU": regexp.MustCompile(`^[0-9]{8}$`),
	"IE": regexp.MustCompile(`^([0-9][A-Z0-9+*][0-9]{5}[A-Z]|[0-9]{7}[A-Z]{1,2})$`),
	"IT": regexp.MustCompile(`^[0-9]{11}$`),
	"LT": regexp.MustCompile(`^([0-9]{9}|[0-9]{12})$`),
	"LU": regexp.MustCompile(`^[0-9]{8}$`),
	"LV": regexp.MustCompile(`^[0-9]{11}$`),
	"MT": regexp.MustCompile(`^[0-9]{8}$`),
	"NL": regexp.MustCompile(`^[0-9]{9}B[0-9]{2}$`),
	"PL": regexp.MustCompile(`^[0-9]{10}$`),
	"PT": regexp.MustCompile(`^[0-9]{9}$`),
	"RO": regexp.MustCompile(`^[0-9]{2,10}$`),
	"SE": regexp.MustCompile(`^[0-9]{10}01$`),
	"SI": regexp.MustCompile(`^[0-9]{8}$`),
	"SK": regexp.MustCompile(`^[0-9]{10}$`),
}

var vatElsewhere = regexp.MustCompile(`^[A-Z0-9]{2,18}$`)

// VATNumber is the bare form of a VAT number of a country, with its letters in
// front: "be 0671.516.647" of BE gives "BE0671516647". It is "" for what is no
// number of that country. The letters may be left out; Greece writes EL.
func VATNumber(country, s string) string {
	if len(s) > 40 {
		return ""
	}
	s = strings.ToUpper(strings.NewReplacer(" ", "", ".", "", "-", "", "\u00a0", "").Replace(s))
	front := country
	if country == "GR" {
		front = "EL"
	}
	form, member := vatForms[country]
	if !member {
		if !vatElsewhere.MatchString(s) {
			return ""
		}
		return s
	}
	s = strings.TrimPrefix(s, front)
	if !form.MatchString(s) || country == "BE" && !ValidEnterpriseNumber(s) {
		return ""
	}
	return front + s
}
