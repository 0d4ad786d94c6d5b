package delivery

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Names of columns by what they hold, in four languages.
//
//go:embed columns.json
var columnNames []byte

// BulkColumns are what a column of a list can hold, in the order of a form. A column
// may also hold the value of a variable: "var:" and its key.
var BulkColumns = []string{"own_key", "given", "family", "email", "mobile", "language", "organisation", "enterprise_number",
	"line1", "line2", "line3", "postcode", "city", "country", "birth_date", "national_number", "reference", "cost_centre"}

// VariableColumn is the target of a column that fills in a variable.
func VariableColumn(name string) string { return "var:" + VariableKey(name) }

// Mapping says in which column (from 0) something stands.
type Mapping map[string]int

// GuessMapping finds out of the names of columns what they hold: recipients'
// fields by their names in four languages, variables by their own.
func GuessMapping(header, variables []string) (Mapping, error) {
	names, err := readColumnNames()
	if err != nil {
		return nil, err
	}
	m := Mapping{}
	for i, h := range header {
		plain := plainName(h)
		for _, target := range BulkColumns {
			if _, taken := m[target]; !taken && plain != "" && (plain == plainName(target) ||
				slices.ContainsFunc(names[target], func(n string) bool { return plainName(n) == plain })) {
				m[target] = i
				break
			}
		}
	}
	for _, v := range variables {
		for i, h := range header {
			if plainName(h) == plainName(v) {
				m[VariableColumn(v)] = i
				break
			}
		}
		if _, found := m[VariableColumn(v)]; !found { // ((voornaam)) is the column of given names, whatever that is called
			if i, ok := m[targetNamed(names, v)]; ok {
				m[VariableColumn(v)] = i
			}
		}
	}
	return m, nil
}

func readColumnNames() (names map[string][]string, err error) {
	if err := json.Unmarshal(columnNames, &names); err != nil {
		return nil, fmt.Errorf("delivery: names of columns: %w", err)
	}
	return names, nil
}

// known is what is known of a recipient under the name of a column.
func (r Recipient) known(target string) string {
	switch target {
	case "given":
		return r.Given
	case "family":
		return r.Family
	case "email":
		return r.Email
	case "mobile":
		return r.Mobile
	}
	if target == "organisation" && r.Organisation != nil {
		return r.Organisation.Name
	}
	if target == "city" && r.Address != nil {
		return r.Address.City
	}
	return ""
}

// knowable are the columns that a recipient of the address book can stand in for.
func knowable(target string) bool {
	return slices.Contains([]string{"given", "family", "email", "mobile", "organisation", "city"}, target)
}

func targetNamed(names map[string][]string, name string) string {
	for _, target := range BulkColumns {
		if slices.ContainsFunc(names[target], func(n string) bool { return plainName(n) == plainName(name) }) {
			return target
		}
	}
	return ""
}

// plainName is a name of a column as names are compared: without accents, case
// and what stands between words.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFD.String(strings.ReplaceAll(s, "ß", "ss")))
}

// check finds what a mapping lacks.
func (m Mapping) check(columns int, variables []string) FieldErrors {
	var c checker
	for _, target := range append(slices.Clone(BulkColumns), variableColumns(variables)...) {
		if i, ok := m[target]; ok && (i < 0 || i >= columns) {
			c.fault("/mapping/"+target, "no_such_column", "max", fmt.Sprint(columns))
		}
	}
	if _, byKey := m["own_key"]; !byKey {
		for _, target := range []string{"given", "family", "email", "mobile"} {
			if _, ok := m[target]; !ok {
				c.fault("/mapping/"+target, "column_missing")
			}
		}
	}
	names, err := readColumnNames()
	for _, v := range variables {
		if _, ok := m[VariableColumn(v)]; !ok && (err != nil || !knowable(targetNamed(names, v))) {
			c.fault("/mapping/"+VariableColumn(v), "column_missing")
		}
	}
	return c.faults
}

func variableColumns(variables []string) (out []string) {
	for _, v := range variables {
		out = append(out, VariableColumn(v))
	}
	return out
}

// cell is what a row holds for a target; empty when it has no such column.
func (m Mapping) cell(cells []string, target string) string {
	i, ok := m[target]
	if !ok || i < 0 || i >= len(cells) {
		return ""
	}
	return strings.TrimSpace(PlainCell(strings.TrimSpace(cells[i])))
}

// described puts what a row says about a recipient over what is known of them.
func (m Mapping) described(cells []string, known Recipient, language string) Recipient {
	get := func(target string) string { return m.cell(cells, target) }
	over := func(at *string, v string) {
		if v != "" {
			*at = v
		}
	}
	r := known
	over(&r.Given, get("given"))
	over(&r.Family, get("family"))
	over(&r.Email, get("email"))
	over(&r.Mobile, Mobile(get("mobile")))
	over(&r.Language, strings.ToLower(get("language")))
	if r.Language == "" {
		r.Language = language
	}
	over(&r.BirthDate, isoDate(get("birth_date")))
	over(&r.NationalNumber, get("national_number"))
	if name, number := get("organisation"), get("enterprise_number"); name+number != "" {
		o := Organisation{}
		if r.Organisation != nil {
			o = *r.Organisation
		}
		over(&o.Name, name)
		over(&o.EnterpriseNumber, number)
		r.Organisation = &o
	}
	if lines := m.lines(cells); len(lines) > 0 || get("postcode")+get("city") != "" {
		country := strings.ToUpper(get("country"))
		if country == "" {
			country = "BE"
		}
		r.Address = &PostalAddress{Lines: lines, Postcode: strings.ToUpper(get("postcode")), City: get("city"), Country: country}
	}
	return r
}

func (m Mapping) lines(cells []string) (lines []string) {
	for _, target := range []string{"line1", "line2", "line3"} {
		if l := m.cell(cells, target); l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// isoDate turns a day as spreadsheets here write it into YYYY-MM-DD; what it
// does not understand stays.
func isoDate(s string) string {
	for _, layout := range []string{"2/1/2006", "2-1-2006", "2.1.2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly)
		}
	}
	return s
}

// ColumnOf says in which column of a list stands what a fault of a submission
// is about.
func ColumnOf(pointer string) string {
	if name, ok := strings.CutPrefix(pointer, "/template/values/"); ok {
		return VariableColumn(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	pointer = strings.TrimPrefix(pointer, "/recipients/0")
	for prefix, target := range map[string]string{
		"/name/given": "given", "/name/family": "family", "/email": "email", "/mobile": "mobile", "/language": "language",
		"/organisation/name": "organisation", "/organisation/enterprise_number": "enterprise_number",
		"/postal_address/lines/1": "line2", "/postal_address/lines/2": "line3", "/postal_address/postcode": "postcode",
		"/postal_address/city": "city", "/postal_address/country": "country",
		"/identification/birth_date": "birth_date", "/identification/national_number": "national_number",
		"/reference": "reference", "/cost_centre": "cost_centre", "/own_key": "own_key",
	} {
		if pointer == prefix {
			return target
		}
	}
	if strings.HasPrefix(pointer, "/postal_address") {
		return "line1"
	}
	return strings.TrimPrefix(pointer, "/")
}
