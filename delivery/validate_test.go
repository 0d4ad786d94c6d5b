package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// TestValidate submits one fault at a time.
func TestValidate(t *testing.T) {
	t.Parallel()
	type s = delivery.Submission
	type r = delivery.Recipient
	to := func(change func(*r)) func(*s) { return func(s *s) { change(&s.Recipients[0]) } }
	address := func(change func(*delivery.PostalAddress)) func(*s) {
		return to(func(r *r) { a := *r.Address; change(&a); r.Address = &a })
	}
	id := uuid.Must(uuid.NewV7()).String()
	for _, c := range []struct {
		change  func(*s)
		pointer string
		code    string
	}{
		{func(s *s) { s.Subject = " \t " }, "/subject", "required"},
		{func(s *s) { s.Subject = strings.Repeat("é", 201) }, "/subject", "length"},
		{func(s *s) { s.Subject = "a\nb" }, "/subject", "control_character"},
		{func(s *s) { s.Subject = "a\u2028b" }, "/subject", "control_character"},
		{func(s *s) { s.Subject = "a\xffb" }, "/subject", "not_utf8"},
		{func(s *s) { s.Subject = "a\u202eb" }, "/subject", "control_character"}, // turns the writing round
		{func(s *s) { s.Body = "" }, "/body", "required"},
		{func(s *s) { s.Body = strings.Repeat("a", 100001) }, "/body", "length"},
		{func(s *s) { s.Body = "a\x00b" }, "/body", "control_character"},
		{func(s *s) { s.Reference = strings.Repeat("a", 101) }, "/reference", "length"},
		{func(s *s) { s.Reference = "a\x1bb" }, "/reference", "control_character"},
		{func(s *s) { s.Language = "es" }, "/language", "language"},
		{func(s *s) { s.Language = "NL" }, "/language", "language"},
		{func(s *s) { s.Documents = []string{"x"} }, "/documents/0", "document_unknown"},
		{func(s *s) { s.Documents = []string{strings.ToUpper(id)} }, "/documents/0", "document_unknown"},
		{func(s *s) { s.Documents = []string{id, "{" + id + "}"} }, "/documents/1", "document_unknown"},
		{func(s *s) { s.Documents = []string{id, id} }, "/documents/1", "duplicate_document"},
		{func(s *s) { s.Documents = slices.Repeat([]string{id}, 101) }, "/documents", "too_many"},
		{func(s *s) { s.Recipients = nil }, "/recipients", "required"},
		{func(s *s) { s.Recipients = slices.Repeat(s.Recipients, 10001) }, "/recipients", "too_many"},
		{func(s *s) { s.Recipients = slices.Repeat(s.Recipients, 2) }, "/recipients/1", "duplicate_recipient"},
		{to(func(r *r) { r.Given = "" }), "/recipients/0/name/given", "required"},
		{to(func(r *r) { r.Given = strings.Repeat("a", 101) }), "/recipients/0/name/given", "length"},
		{to(func(r *r) { r.Family = " " }), "/recipients/0/name/family", "required"},
		{to(func(r *r) { r.Family = "a\tb" }), "/recipients/0/name/family", "control_character"},
		{to(func(r *r) { r.Language = "" }), "/recipients/0/language", "language"},
		{to(func(r *r) { r.Email = "" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "an" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "an@example" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "An <an@example.be>" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "an@example.be\r\nBcc: x@y.be" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "an@[192.0.2.1]" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "an@.example.be" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "an@example.be." }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "a b@example.be" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = strings.Repeat("a", 65) + "@example.be" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Email = "a@" + strings.Repeat("b.", 125) + "example" }), "/recipients/0/email", "email"},
		{to(func(r *r) { r.Mobile = "" }), "/recipients/0/mobile", "mobile"},
		{to(func(r *r) { r.Mobile = "0470123456" }), "/recipients/0/mobile", "mobile"},
		{to(func(r *r) { r.Mobile = "+3225551234" }), "/recipients/0/mobile", "landline"},     // a land line
		{to(func(r *r) { r.Mobile = "+32440123456" }), "/recipients/0/mobile", "mobile"},      // not a mobile range
		{to(func(r *r) { r.Mobile = "+324701234567" }), "/recipients/0/mobile", "mobile"},     // a digit too many
		{to(func(r *r) { r.Mobile = "+٣٢٤٧٠١٢٣٤٥٦" }), "/recipients/0/mobile", "mobile"},      // other digits
		{to(func(r *r) { r.Mobile = "+1" }), "/recipients/0/mobile", "mobile"},                //
		{to(func(r *r) { r.Mobile = "+1234567890123456" }), "/recipients/0/mobile", "mobile"}, // E.164 has 15
		{to(func(r *r) { r.BirthDate = "1980-02-30" }), "/recipients/0/identification/birth_date", "date"},
		{to(func(r *r) { r.BirthDate = "1-2-1980" }), "/recipients/0/identification/birth_date", "date"},
		{to(func(r *r) { r.BirthDate = "1899-12-31" }), "/recipients/0/identification/birth_date", "date"},
		{to(func(r *r) { r.BirthDate = "2026-11-22" }), "/recipients/0/identification/birth_date", "date"},
		{to(func(r *r) { r.NationalNumber = "85.07.30-033.29" }), "/recipients/0/identification/national_number", "national_number"},
		{to(func(r *r) { r.NationalNumber = "abc" }), "/recipients/0/identification/national_number", "national_number"},
		{to(func(r *r) { r.Address = nil }), "/recipients/0/postal_address", "required_for_post"},
		{address(func(a *delivery.PostalAddress) { a.Lines = nil }), "/recipients/0/postal_address/lines", "count"},
		{address(func(a *delivery.PostalAddress) { a.Lines = []string{"a", "b", "c", "d"} }), "/recipients/0/postal_address/lines", "count"},
		{address(func(a *delivery.PostalAddress) { a.Lines = []string{"a", ""} }), "/recipients/0/postal_address/lines/1", "required"},
		{address(func(a *delivery.PostalAddress) { a.Lines = []string{strings.Repeat("a", 61)} }), "/recipients/0/postal_address/lines/0", "length"},
		{address(func(a *delivery.PostalAddress) { a.Lines = []string{"a", "/3"} }), "/recipients/0/postal_address/lines/1", "address_character"},
		{address(func(a *delivery.PostalAddress) { a.City = "<b>Gent" }), "/recipients/0/postal_address/city", "address_character"},
		{address(func(a *delivery.PostalAddress) { a.City = "" }), "/recipients/0/postal_address/city", "required"},
		{address(func(a *delivery.PostalAddress) { a.Country = "be" }), "/recipients/0/postal_address/country", "country"},
		{address(func(a *delivery.PostalAddress) { a.Country = "" }), "/recipients/0/postal_address/country", "country"},
		{address(func(a *delivery.PostalAddress) { a.Postcode = "B-2000" }), "/recipients/0/postal_address/postcode", "postcode"},
		{address(func(a *delivery.PostalAddress) { a.Postcode = "0123" }), "/recipients/0/postal_address/postcode", "postcode"},
		{address(func(a *delivery.PostalAddress) { a.Country, a.Postcode = "NL", "1234" }), "/recipients/0/postal_address/postcode", "postcode"},
		{address(func(a *delivery.PostalAddress) { a.Country, a.Postcode = "SE", "" }), "/recipients/0/postal_address/postcode", "postcode"},
		{func(s *s) { s.Policy.Mode = "basic" }, "/policy/mode", "unsupported"},
		{func(s *s) { s.Policy.CollectDays = 0 }, "/policy/collect_days", "range"},
		{func(s *s) { s.Policy.CollectDays = 61 }, "/policy/collect_days", "range"},
		{func(s *s) { s.Policy.RetentionMonths = 0 }, "/policy/retention_months", "range"},
		{func(s *s) { s.Policy.RetentionMonths = 121 }, "/policy/retention_months", "range"},
		{func(s *s) { s.Policy.Level = identity.LevelLow }, "/policy/level", "unsupported"},
		{func(s *s) { s.Policy.Level = identity.LevelNone }, "/policy/level", "unsupported"},
		{func(s *s) { s.Policy.Fallback = "" }, "/policy/fallback", "unsupported"},
		{func(s *s) { s.Policy.Methods = slices.Repeat([]string{"itsme"}, 11) }, "/policy/methods", "too_many"},
	} {
		t.Run(fmt.Sprintf("%s %s", c.pointer, c.code), func(t *testing.T) {
			t.Parallel()
			faults := submission(1, c.change).Validate(true)
			if len(faults) != 1 || faults[0].Pointer != c.pointer || faults[0].Code != c.code {
				t.Errorf("got %v, want %s %s", faults, c.pointer, c.code)
			}
		})
	}
	if faults := submission(1).Validate(false); len(faults) != 1 || faults[0].Code != "post_unavailable" {
		t.Errorf("without a partner: %v", faults)
	}
	none := func(s *s) { s.Policy.Fallback, s.Recipients[0].Address = delivery.FallbackNone, nil }
	if faults := submission(1, none).Validate(false); len(faults) != 0 {
		t.Errorf("without a partner and without fallback: %v", faults)
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*delivery.Recipient){
		"as people write it": func(r *delivery.Recipient) {
			r.Given, r.Email, r.Mobile, r.NationalNumber = " An ", " an@example.be ", "+32 470/12.34-56", "85.07.30-033.28"
		},
		"foreign mobile": func(r *delivery.Recipient) { r.Mobile = "+33612345678" },
		"tagged mail":    func(r *delivery.Recipient) { r.Email = "an.janssens+post@mail.example.co.uk" },
		"accents":        func(r *delivery.Recipient) { r.Given, r.Family = "Zoë", "Ŷ d'Été-Æon" },
		"Dutch postcode": func(r *delivery.Recipient) { r.Address.Country, r.Address.Postcode = "NL", "1234 AB" },
	} {
		s := submission(1, func(s *delivery.Submission) { change(&s.Recipients[0]) })
		if faults := s.Validate(true); len(faults) != 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
	// Many faults are told up to a point, without end.
	bad := submission(10000, func(s *delivery.Submission) {
		for i := range s.Recipients {
			s.Recipients[i].Email = "x"
		}
	})
	if faults := bad.Validate(true); len(faults) < 100 || len(faults) > 110 {
		t.Errorf("%d faults told", len(faults))
	}
}
