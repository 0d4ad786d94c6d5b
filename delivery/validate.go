package delivery

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/identity"
)

// Bounds of a submission. The faces repeat them in their own descriptions.
const (
	MaxSubject    = 200    // characters
	MaxBody       = 100000 // characters
	MaxReference  = 100
	MaxCostCentre = 50
	MaxName       = 100
	MaxEmail      = 254 // RFC 5321 §4.5.3.1.3
	MaxLine       = 60
	MaxLines      = 3
	MaxDocuments  = 100
	MaxRecipients = 10000
	MaxDocument   = 1 << 30 // octets
	MaxFilename   = 200
	MaxMethod     = 40
	MaxClass      = 40
)

// Languages are those in which recipients can be told.
var Languages = []string{"nl", "fr", "de", "en"}

var (
	countryShape = regexp.MustCompile(`^[A-Z]{2}$`)
	classShape   = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	postcodes    = map[string]*regexp.Regexp{
		"BE": regexp.MustCompile(`^[1-9][0-9]{3}$`), "LU": regexp.MustCompile(`^[0-9]{4}$`),
		"NL": regexp.MustCompile(`^[1-9][0-9]{3} ?[A-Z]{2}$`), "FR": regexp.MustCompile(`^[0-9]{5}$`),
		"DE": regexp.MustCompile(`^[0-9]{5}$`), "": regexp.MustCompile(`^[0-9A-Z][0-9A-Z -]{0,9}$`),
	}
)

// normal trims what people leave around their input and fills in defaults.
func (s Submission) normal() Submission {
	s.Subject, s.Reference, s.CostCentre = strings.TrimSpace(s.Subject), strings.TrimSpace(s.Reference), strings.TrimSpace(s.CostCentre)
	if s.Language == "" {
		s.Language = "en"
	}
	s.Recipients = slices.Clone(s.Recipients)
	for i := range s.Recipients {
		r := &s.Recipients[i]
		r.Given, r.Family, r.Email = strings.TrimSpace(r.Given), strings.TrimSpace(r.Family), strings.TrimSpace(r.Email)
		r.Mobile = internationally(r.Mobile)
		r.NationalNumber = strings.Map(func(c rune) rune {
			if c == ' ' || c == '.' || c == '-' {
				return -1
			}
			return c
		}, r.NationalNumber)
		if o := r.Organisation; o != nil {
			r.Organisation = &Organisation{Name: strings.TrimSpace(o.Name), EnterpriseNumber: o.EnterpriseNumber}
			if n := identity.EnterpriseDigits(o.EnterpriseNumber); n != "" {
				r.Organisation.EnterpriseNumber = n
			}
		}
	}
	return s
}

// checker collects faults with the place they are at.
type checker struct{ faults FieldErrors }

func (c *checker) fault(pointer, code string, args ...string) {
	f := FieldError{Pointer: pointer, Code: code}
	for i := 0; i+1 < len(args); i += 2 {
		if f.Args == nil {
			f.Args = map[string]string{}
		}
		f.Args[args[i]] = args[i+1]
	}
	c.faults = append(c.faults, f)
}

// text checks a line (or, with lines, several) of between least and most
// characters without control characters. A line may not change the direction of
// writing either: that makes "gpj.exe" read as "exe.jpg".
func (c *checker) text(pointer, s string, least, most int, lines bool) {
	switch n := utf8.RuneCountInString(s); {
	case !utf8.ValidString(s):
		c.fault(pointer, "not_utf8")
	case n < least && n == 0:
		c.fault(pointer, "required")
	case n < least || n > most:
		c.fault(pointer, "length", "min", strconv.Itoa(least), "max", strconv.Itoa(most), "is", strconv.Itoa(n))
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && (!lines || r != '\n' && r != '\r' && r != '\t') || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Noncharacter_Code_Point, r) ||
			!lines && unicode.Is(unicode.Bidi_Control, r)
	}) {
		c.fault(pointer, "control_character")
	}
}

// validate finds every fault of a submission. post says whether a partner for
// paper is there, at what time it is.
func (s Submission) validate(post bool, at time.Time) FieldErrors {
	var c checker
	c.text("/subject", s.Subject, 1, MaxSubject, false)
	c.text("/body", s.Body, 1, MaxBody, true)
	c.text("/reference", s.Reference, 0, MaxReference, false)
	c.text("/cost_centre", s.CostCentre, 0, MaxCostCentre, false)
	c.language("/language", s.Language)
	c.documents(s.Documents)
	c.policy(s.Policy, post)
	switch n := len(s.Recipients); {
	case n == 0:
		c.fault("/recipients", "required")
	case n > MaxRecipients:
		c.fault("/recipients", "too_many", "max", strconv.Itoa(MaxRecipients), "is", strconv.Itoa(n))
		return c.faults
	}
	seen := map[string]int{}
	for i, r := range s.Recipients {
		pointer := fmt.Sprintf("/recipients/%d", i)
		c.recipient(pointer, r, s.Policy.Fallback == FallbackPost, at)
		key := strings.ToLower(r.Email + "\x00" + r.Given + "\x00" + r.Family)
		if first, dup := seen[key]; dup {
			c.fault(pointer, "duplicate_recipient", "first", strconv.Itoa(first+1))
		} else {
			seen[key] = i
		}
		if len(c.faults) > 100 {
			break // enough to mend
		}
	}
	return c.faults
}

func (c *checker) documents(ids []string) {
	if len(ids) > MaxDocuments {
		c.fault("/documents", "too_many", "max", strconv.Itoa(MaxDocuments), "is", strconv.Itoa(len(ids)))
		return
	}
	for i, id := range ids {
		at := fmt.Sprintf("/documents/%d", i)
		if !isID(id) {
			c.fault(at, "document_unknown")
		} else if slices.Contains(ids[:i], id) {
			c.fault(at, "duplicate_document")
		}
	}
}

// isID reports whether s is a UUID in the one form in which we give ids out.
func isID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

func (c *checker) language(pointer, s string) {
	if !slices.Contains(Languages, s) {
		c.fault(pointer, "language", "allowed", strings.Join(Languages, ", "))
	}
}

func (c *checker) recipient(at string, r Recipient, post bool, now time.Time) {
	c.text(at+"/name/given", r.Given, 1, MaxName, false)
	c.text(at+"/name/family", r.Family, 1, MaxName, false)
	c.language(at+"/language", r.Language)
	c.reach(at+"/email", at+"/mobile", r.Email, r.Mobile)
	c.birthDate(at+"/identification/birth_date", r.BirthDate, now)
	if r.NationalNumber != "" && !identity.ValidNationalNumber(r.NationalNumber) {
		c.fault(at+"/identification/national_number", "national_number")
	}
	if o := r.Organisation; o != nil {
		c.text(at+"/organisation/name", o.Name, 1, MaxName, false)
		if !identity.ValidEnterpriseNumber(o.EnterpriseNumber) {
			c.fault(at+"/organisation/enterprise_number", "enterprise_number")
		}
	}
	switch {
	case r.Address != nil:
		c.address(at+"/postal_address", *r.Address)
	case post:
		c.fault(at+"/postal_address", "required_for_post")
	}
}

// reach checks where codes can be sent to.
func (c *checker) reach(atEmail, atMobile, email, mobile string) {
	if !validEmail(email) {
		c.fault(atEmail, "email")
	}
	switch code, example := mobileFault(mobile); code {
	case "":
	case "landline":
		c.fault(atMobile, code, "example", example)
	default:
		c.fault(atMobile, code)
	}
}

func (c *checker) birthDate(at, date string, now time.Time) {
	if date == "" {
		return
	}
	if t, err := time.Parse(time.DateOnly, date); err != nil || t.Year() < 1900 || t.After(now) {
		c.fault(at, "date")
	}
}

func (c *checker) address(at string, a PostalAddress) {
	if len(a.Lines) == 0 || len(a.Lines) > MaxLines {
		c.fault(at+"/lines", "count", "min", "1", "max", strconv.Itoa(MaxLines), "is", strconv.Itoa(len(a.Lines)))
	}
	for i, l := range a.Lines {
		c.text(fmt.Sprintf("%s/lines/%d", at, i), l, 1, MaxLine, false)
		c.begins(fmt.Sprintf("%s/lines/%d", at, i), l)
	}
	c.text(at+"/city", a.City, 1, MaxLine, false)
	c.begins(at+"/city", a.City)
	if !countryShape.MatchString(a.Country) {
		c.fault(at+"/country", "country")
		return
	}
	shape, ok := postcodes[a.Country]
	if !ok {
		shape = postcodes[""]
	}
	if !shape.MatchString(a.Postcode) {
		c.fault(at+"/postcode", "postcode", "country", a.Country)
	}
}

// begins refuses a line of an address that begins with what sorting machines do
// not read.
func (c *checker) begins(at, line string) {
	if line != "" && strings.ContainsRune(`@()=[]"\/,<>~`, []rune(line)[0]) {
		c.fault(at, "address_character")
	}
}

func (c *checker) policy(p Policy, post bool) {
	between := func(pointer string, v, least, most int) {
		if v < least || v > most {
			c.fault(pointer, "range", "min", strconv.Itoa(least), "max", strconv.Itoa(most), "is", strconv.Itoa(v))
		}
	}
	if p.Mode != "consent" {
		c.fault("/policy/mode", "unsupported", "allowed", "consent")
	}
	between("/policy/collect_days", p.CollectDays, MinCollectDays, MaxCollectDays)
	between("/policy/retention_months", p.RetentionMonths, MinRetentionMonths, MaxRetentionMonths)
	if p.Level != identity.LevelSubstantial && p.Level != identity.LevelHigh {
		c.fault("/policy/level", "unsupported", "allowed", "substantial, high")
	}
	switch {
	case p.Fallback != FallbackPost && p.Fallback != FallbackNone:
		c.fault("/policy/fallback", "unsupported", "allowed", "post, none")
	case p.Fallback == FallbackPost && !post:
		c.fault("/policy/fallback", "post_unavailable")
	}
	if p.Class != "" && !classShape.MatchString(p.Class) {
		c.fault("/policy/class", "class", "max", strconv.Itoa(MaxClass))
	}
	if len(p.Methods) > 10 {
		c.fault("/policy/methods", "too_many", "max", "10", "is", strconv.Itoa(len(p.Methods)))
		return
	}
	for i, m := range p.Methods {
		c.text(fmt.Sprintf("/policy/methods/%d", i), m, 1, MaxMethod, false)
	}
}

// validEmail accepts a bare address with a dotted domain (RFC 5321 §4.1.2).
func validEmail(s string) bool {
	if len(s) > MaxEmail || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" {
		return false
	}
	local, domain, ok := strings.Cut(s, "@")
	return ok && len(local) <= 64 && strings.Contains(domain, ".") && !strings.HasPrefix(domain, ".") &&
		!strings.HasSuffix(domain, ".") && !strings.HasPrefix(domain, "[")
}
