package post

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Address lines a window has room for. UPU S42: at most seven.
const minLines, maxLines = 3, 7

// address is what stands in the window.
type address struct {
	Lines   []string
	Country string // ISO 3166-1 alpha-2
}

// countries finds the code of a country written in one of our languages or as
// a code.
type countries map[string]string

// newCountries names every territory in the four languages.
func newCountries() countries {
	c := countries{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			r, err := language.ParseRegion(string([]rune{a, b}))
			if err != nil || !r.IsCountry() || r.Canonicalize() != r {
				continue
			}
			c[r.String()] = r.String()
			for _, lang := range []language.Tag{language.Dutch, language.French, language.German, language.English} {
				if name := display.Regions(lang).Name(r); name != "" {
					c[strings.ToUpper(name)] = r.String()
				}
			}
		}
	}
	return c
}

// belgianTown is a Belgian postcode and place: what an address without a
// country ends with. A fifth digit, or a Dutch postcode's letters, is abroad.
var belgianTown = regexp.MustCompile(`^[1-9]\d{3} [\p{L}'’\-. ]{3,}$`)

// What Belgian sorting machines and postmen stumble over: the number before the
// street, and a box that is not called one.
var (
	numberFirst = regexp.MustCompile(`^\d+[A-DF-Za-df-z]?,? +\p{L}{2,}`)
	boxSign     = regexp.MustCompile(`\d *(/|#) *[\dA-Za-z]|#`)
)

var dutchTown = regexp.MustCompile(`^\d{4} ?[A-Z]{2} `)

// block makes the lines for the window out of to. The country is written
// only on letters that leave home, in capitals, last (UPU S42); the line with
// the postcode is in capitals at home. Errors: ErrAddress.
func (c countries) block(to []string, lang, home string, f *faces) (address, error) {
	var a address
	for _, line := range to {
		line, _ := f.printable(strings.Join(strings.Fields(line), " "))
		if strings.Contains(line, string(replacement)) {
			return a, fmt.Errorf("%w: a line has characters that cannot be printed", ErrAddress)
		}
		if line != "" {
			a.Lines = append(a.Lines, line)
		}
	}
	if len(a.Lines) == 0 {
		return a, fmt.Errorf("%w: no lines", ErrAddress)
	}
	last := len(a.Lines) - 1
	end := strings.ToUpper(a.Lines[last])
	code, named := c[end]
	switch {
	case named:
		a.Lines, a.Country = a.Lines[:last], code
	case home == "BE" && belgianTown.MatchString(a.Lines[last]) && !dutchTown.MatchString(end+" "):
		a.Country = home
	default:
		return a, fmt.Errorf("%w: the last line is not a country", ErrAddress)
	}
	if n := len(a.Lines); n > 0 && a.Country == home {
		a.Lines[n-1] = strings.ToUpper(a.Lines[n-1])
	}
	if a.Country != home {
		if len(end) == 2 {
			tag, err := language.Parse(lang)
			if err != nil {
				return a, fmt.Errorf("%w: language %q", ErrLetter, lang)
			}
			end = strings.ToUpper(display.Regions(tag).Name(language.MustParseRegion(code)))
		}
		a.Lines = append(a.Lines, end)
	}
	if n := len(a.Lines); n < minLines || n > maxLines {
		return a, fmt.Errorf("%w: %d lines", ErrAddress, n)
	}
	return a, nil
}

// notes are what is unusual about an address in Belgium. It is no fault: some
// streets are written so.
func (a address) notes() []Note {
	var notes []Note
	if a.Country != "BE" || len(a.Lines) < minLines {
		return nil
	}
	for _, l := range a.Lines[1 : len(a.Lines)-1] {
		if numberFirst.MatchString(l) && !slices.Contains(notes, NumberFirst) {
			notes = append(notes, NumberFirst)
		}
		if boxSign.MatchString(l) && !slices.Contains(notes, BoxSign) {
			notes = append(notes, BoxSign)
		}
	}
	return notes
}

// fits gives the size, in points, and the distance of the lines, in millimetres,
// with which the address stands in b. Errors: ErrAddress.
func (a address) fits(f *faces, b Box) (size, pitch float64, err error) {
	pitch = min(4.8, b.H/float64(len(a.Lines)))
	size = min(11, pitch/25.4*72/1.2)
	for _, l := range a.Lines {
		for size >= 8 && f.measure(regular, size, l) > b.W {
			size -= 0.25
		}
	}
	if size < 8 {
		return 0, 0, fmt.Errorf("%w: %d lines do not fit the window", ErrAddress, len(a.Lines))
	}
	return size, pitch, nil
}
