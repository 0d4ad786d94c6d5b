package wallettest

import (
	"fmt"
	"strings"
	"time"

	"github.com/bode-erds/bode/identity"
)

// Person is somebody who does not exist.
type Person struct {
	ID        string // in the form; letters and digits
	Given     string // may be empty
	Family    string
	BirthDate string // YYYY-MM-DD
	Number    string // personal administrative number; empty: the PID has none
}

// People are the citizens that the page lists: those of the demo's other
// identity providers. Order numbers 997 and 998 of a day are as good as never
// given out, so that nobody's real number stands here.
func People() []Person {
	return []Person{
		{ID: "lotte", Given: "Lotte", Family: "Peeters", BirthDate: "1985-07-30", Number: "85073099734"},
		{ID: "karim", Given: "Karim Yassine", Family: "Benali", BirthDate: "1991-02-11", Number: "91021199815"},
		{ID: "elodie", Given: "Élodie", Family: "Dubois-Lefèvre", BirthDate: "2003-12-05", Number: "03120599796"},
		{ID: "juergen", Given: "Jürgen", Family: "Müller", BirthDate: "1968-04-19", Number: "68041999882"},
		{ID: "jan", Given: "Jan", Family: "Van den Broeck", BirthDate: "1954-01-23", Number: "54012399736"},
	}
}

// typed makes a person of what was typed, or names the field that is not right.
func typed(given, family, birthDate, number string, today time.Time) (p Person, wrong string) {
	p = Person{ID: "other", Given: strings.Join(strings.Fields(given), " "), Family: strings.Join(strings.Fields(family), " "), BirthDate: birthDate}
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
	p.Number = strings.NewReplacer(".", "", "-", "", " ", "").Replace(number)
	if p.Number == "" {
		p.Number = fictitious(birthDate)
	}
	if !identity.ValidNationalNumber(p.Number) {
		return p, "national_number"
	}
	return p, ""
}

// fictitious makes a number with a right check for a birth date.
func fictitious(birthDate string) string {
	body := strings.ReplaceAll(birthDate[2:], "-", "") + "997"
	n := 0
	if birthDate >= "2000" {
		n = 2
	}
	for _, c := range body {
		n = (n*10 + int(c-'0')) % 97
	}
	return fmt.Sprintf("%s%02d", body, 97-n)
}
