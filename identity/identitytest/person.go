package identitytest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Person is somebody who does not exist.
type Person struct {
	ID             string // in the form; letters and digits
	Given          string // may be empty
	Family         string
	BirthDate      string // YYYY-MM-DD, YYYY or empty
	NationalNumber string // eleven digits or empty
	Account        string // the account with the provider: somebody who makes another one is another subject
}

// People are the citizens the page lists unless Config names others. Order
// numbers 997 and 998 of a day are as good as never given out, so that nobody's
// real number stands here.
func People() []Person {
	people := []Person{
		{ID: "lotte", Given: "Lotte", Family: "Peeters", BirthDate: "1985-07-30"},
		{ID: "karim", Given: "Karim Yassine", Family: "Benali", BirthDate: "1991-02-11"},
		{ID: "elodie", Given: "Élodie", Family: "Dubois-Lefèvre", BirthDate: "2003-12-05"},
		{ID: "juergen", Given: "Jürgen", Family: "Müller", BirthDate: "1968-04-19"},
		{ID: "jan", Given: "Jan", Family: "Van den Broeck", BirthDate: "1954-01-23"},
		{ID: "amina", Given: "Amina", Family: "Yılmaz", BirthDate: "1979"},
	}
	for i := range people {
		people[i].NationalNumber = fictitious(people[i].BirthDate, 997+i%2)
	}
	return people
}

// fictitious makes a number with a right check for a birth date of which only
// the year may be known; month and day are then zero.
func fictitious(birthDate string, order int) string {
	if len(birthDate) < 4 {
		return ""
	}
	day := strings.ReplaceAll(birthDate[2:], "-", "")
	body := fmt.Sprintf("%s%s%03d", day, strings.Repeat("0", 6-len(day)), order)
	return body + checkDigits(body, birthDate >= "2000")
}

func checkDigits(body string, from2000 bool) string {
	n := 0
	if from2000 {
		n = 2
	}
	for _, c := range body {
		n = (n*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("%02d", 97-n)
}

// Number is the national number as people write it, or "".
func (p Person) Number() string {
	n := p.NationalNumber
	if len(n) != 11 {
		return n
	}
	return n[:2] + "." + n[2:4] + "." + n[4:6] + "-" + n[6:9] + "." + n[9:]
}

// typed makes a person of what was typed, or names the field that is not right.
func typed(given, family, birthDate, number string, today time.Time) (p Person, wrong string) {
	p = Person{
		ID:     "other",
		Given:  strings.Join(strings.Fields(given), " "),
		Family: strings.Join(strings.Fields(family), " "),
	}
	if p.Family == "" || len(p.Family) > 100 {
		return p, "family_name"
	}
	if len(p.Given) > 100 {
		return p, "given_name"
	}
	born, err := time.Parse(time.DateOnly, birthDate)
	if err != nil || born.Year() < 1900 || born.After(today) {
		return p, "birthdate"
	}
	p.BirthDate = birthDate
	p.NationalNumber = strings.NewReplacer(".", "", "-", "", " ", "").Replace(number)
	if p.NationalNumber == "" {
		p.NationalNumber = fictitious(birthDate, 997)
	}
	if !validNumber(p.NationalNumber) {
		return p, "national_number"
	}
	return p, ""
}

func validNumber(s string) bool {
	if len(s) != 11 || strings.Trim(s, "0123456789") != "" {
		return false
	}
	return s[9:] == checkDigits(s[:9], false) || s[9:] == checkDigits(s[:9], true)
}

// subject is stable per client and person and says nothing about either.
func (p Person) subject(clientID string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{clientID, p.Given, p.Family, p.BirthDate, p.NationalNumber, p.Account}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// claims are what can be asked about p.
func (p Person) claims() map[string]any {
	c := map[string]any{
		"family_name": p.Family,
		"name":        strings.TrimSpace(p.Given + " " + p.Family),
	}
	if p.Given != "" {
		c["given_name"] = p.Given
	}
	if len(p.BirthDate) == len(time.DateOnly) {
		c["birthdate"] = p.BirthDate
	} else if p.BirthDate != "" {
		c[claimPrefix+"birthdate_as_string"] = p.BirthDate
	}
	if p.NationalNumber != "" {
		c[claimPrefix+"BENationalNumber"] = p.NationalNumber
	}
	const read = "2023-04-12T15:02:23Z"
	c[claimPrefix+"IDDocumentSN"] = "592999999999"
	c[claimPrefix+"IDIssuingCountry"] = map[string]string{"family_name": "BEL"}
	c[claimPrefix+"validityTo"] = map[string]string{claimPrefix + "IDDocumentSN": "2031-03-31T00:00:00Z"}
	c[claimPrefix+"verificationDate"] = map[string]string{"family_name": read, claimPrefix + "IDDocumentSN": read}
	c[claimPrefix+"app"] = map[string]string{"appName": "identitytest", "appRelease": "1", "appInstalledDate": read}
	c[claimPrefix+"account"] = map[string]string{"activationDate": read, "activationMechanism": "CARD_READER"}
	c[claimPrefix+"identification_mode"] = "QR"
	c[claimPrefix+"ongoing_call"] = false
	c["phone_number"], c["phone_number_verified"] = "+32 470000000", true
	return c
}
