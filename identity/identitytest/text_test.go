package identitytest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every language says everything the page asks for, and nothing else.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	page, err := files.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"problem_bad_client", "problem_expired",
		"wrong_person", "wrong_given_name", "wrong_family_name", "wrong_birthdate", "wrong_national_number",
	}
	for _, m := range regexp.MustCompile(`\.Text\.([a-z_]+)`).FindAllStringSubmatch(string(page), -1) {
		want = append(want, m[1])
	}
	slices.Sort(want)
	want = slices.Compact(want)
	for lang, text := range texts {
		if got := slices.Sorted(maps.Keys(text)); !slices.Equal(got, want) {
			t.Errorf("%s: keys\n got %v\nwant %v", lang, got, want)
		}
		for key, s := range text {
			if strings.TrimSpace(s) != s || s == "" {
				t.Errorf("%s: %s = %q", lang, key, s)
			}
			if lang != "en" && s == texts["en"][key] {
				t.Errorf("%s: %s is not translated", lang, key)
			}
		}
	}
}

func TestPeopleAreFictitiousAndWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range People() {
		if !validNumber(p.NationalNumber) || seen[p.ID] || seen[p.NationalNumber] {
			t.Errorf("%s: number %q", p.ID, p.NationalNumber)
		}
		if order := p.NationalNumber[6:9]; order != "997" && order != "998" {
			t.Errorf("%s: order number %s could be somebody's", p.ID, order)
		}
		seen[p.ID], seen[p.NationalNumber] = true, true
	}
}

func TestCheckDigitsAgainstPublishedNumbers(t *testing.T) {
	t.Parallel()
	for number, from2000 := range map[string]bool{
		"85073003328": false, "99060427181": false, "17073003384": true, "01050399864": true,
	} {
		if got := checkDigits(number[:9], from2000); got != number[9:] {
			t.Errorf("%s: %s", number, got)
		}
		if validNumber(number[:10]) || validNumber(number[:9]+"00") {
			t.Errorf("%s: a wrong one passes", number)
		}
	}
}
