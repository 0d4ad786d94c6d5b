package delivery

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

var (
	mobileShape   = regexp.MustCompile(`^\+[1-9][0-9]{7,14}$`)
	mobileBelgian = regexp.MustCompile(`^\+324[5-9][0-9]{7}$`)
)

// Mobile turns a number as people write it into E.164: without what they put
// between digits, and with the code of Belgium when it is written as in Belgium.
// What it does not understand stays as it is typed but for that.
func Mobile(typed string) string {
	s := strings.TrimSpace(typed)
	if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "00") {
		s = strings.Replace(s, "(0)", "", 1) // the zero that is dialled at home only
	}
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ./-()\u00a0\u202f\u2011\u2013", r) {
			return -1
		}
		return r
	}, s)
	if strings.HasPrefix(s, "00") {
		s = "+" + s[2:]
	}
	switch digits := strings.Trim(s, "0123456789") == ""; {
	case strings.HasPrefix(s, "+320"):
		return "+32" + s[4:]
	case digits && strings.HasPrefix(s, "04") && len(s) == 10, digits && strings.HasPrefix(s, "0") && len(s) == 9: // mobile, fixed
		return "+32" + s[1:]
	}
	return s
}

// mobileFault says why a number cannot be sent a text message: "mobile" when it is
// no number of a mobile phone, "landline" when it is another kind of number; then
// example is a mobile number of the same country. Countries know what their numbers
// are for; a number of a series that is newer than what we know of them is let
// through, but in Belgium. "" when nothing is known against it.
func mobileFault(number string) (code, example string) {
	if !mobileShape.MatchString(number) {
		return "mobile", ""
	}
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil {
		return "mobile", ""
	}
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.FIXED_LINE, phonenumbers.PREMIUM_RATE, phonenumbers.TOLL_FREE, phonenumbers.SHARED_COST,
		phonenumbers.UAN, phonenumbers.VOICEMAIL, phonenumbers.PAGER:
		example = "+32 470 12 34 56"
		region := phonenumbers.GetRegionCodeForNumber(parsed)
		if like := phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE); like != nil && region != "BE" {
			example = phonenumbers.Format(like, phonenumbers.INTERNATIONAL)
		}
		return "landline", example
	}
	if strings.HasPrefix(number, "+32") && !mobileBelgian.MatchString(number) || !phonenumbers.IsPossibleNumber(parsed) {
		return "mobile", ""
	}
	return "", ""
}

// internationally is Mobile for what programs send: it does not guess the country.
func internationally(s string) string {
	if s = strings.TrimSpace(s); strings.HasPrefix(s, "+") || strings.HasPrefix(s, "00") {
		return Mobile(s)
	}
	return s
}
