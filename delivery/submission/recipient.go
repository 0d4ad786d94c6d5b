package submission

import (
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// parseRecipient reads the value of an X-Bode-Recipient field, decoded: the
// address, then key=value pairs with semicolons between. See the package
// comment. Whether the values are good is for the checks of a submission.
func parseRecipient(s string) (delivery.Recipient, error) {
	email, rest, _ := strings.Cut(s, ";")
	r := delivery.Recipient{Email: strings.Trim(strings.TrimSpace(email), "<>")}
	if !strings.Contains(r.Email, "@") {
		return r, refusal("recipient_without_address")
	}
	var address delivery.PostalAddress
	var company delivery.Organisation
	targets := map[string]*string{
		"given": &r.Given, "family": &r.Family, "mobile": &r.Mobile, "language": &r.Language, "birth-date": &r.BirthDate,
		"national-number": &r.NationalNumber, "postcode": &address.Postcode, "city": &address.City, "country": &address.Country,
		"organisation": &company.Name, "enterprise-number": &company.EnterpriseNumber,
	}
	for strings.TrimSpace(rest) != "" {
		key, value, ok := strings.Cut(rest, "=")
		if !ok || strings.Contains(key, ";") {
			return r, refusal("recipient_malformed", r.Email)
		}
		key = strings.ToLower(strings.TrimSpace(key))
		if value, rest, ok = cutValue(value); !ok {
			return r, refusal("recipient_malformed", r.Email)
		}
		if key == "address" {
			address.Lines = append(address.Lines, value)
			continue
		}
		to, known := targets[key]
		if !known {
			return r, refusal("recipient_unknown_key", key)
		}
		delete(targets, key) // once only
		*to = value
	}
	if address.Lines != nil || address.Postcode != "" || address.City != "" || address.Country != "" {
		r.Address = &address
	}
	if company != (delivery.Organisation{}) {
		r.Organisation = &company
	}
	return r, nil
}

// cutValue takes a bare or quoted value and the semicolon after it off s.
func cutValue(s string) (value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(value), rest, !strings.Contains(value, `"`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		case '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			if rest == "" {
				return b.String(), "", true
			}
			rest, ok = strings.CutPrefix(rest, ";")
			return b.String(), rest, ok
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
