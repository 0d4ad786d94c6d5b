package delivery_test

import (
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

func rule(t testing.TB, name string) delivery.TermRule {
	t.Helper()
	r, ok := terms(t).Rule(name)
	if !ok {
		t.Fatalf("no rule %s", name)
	}
	return r
}

// TestTermStart: from which day on a term runs.
func TestTermStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, event, want string }{
		{"be-53bis-2", "2026-12-22", "2026-12-28"}, // over Christmas
		{"be-53bis-2", "2026-04-02", "2026-04-08"}, // over Easter
		{"be-53bis-2", "2026-05-13", "2026-05-19"}, // over Ascension; the Friday after it works
		{"be-53bis-2", "2026-11-23", "2026-11-26"}, // Monday
		{"be-53bis-2", "2026-11-20", "2026-11-25"}, // Friday: Saturday does not count
		{"be-53bis-2", "2026-11-21", "2026-11-25"}, // Saturday
		{"be-53bis-2", "2026-11-22", "2026-11-25"}, // Sunday
		{"be-53bis-2", "2026-12-30", "2027-01-05"}, // over the year: 31 December, 4 and 5 January
		{"be-53bis-2", "2026-12-31", "2027-01-06"},
		{"be-53bis-2", "2027-07-19", "2027-07-23"}, // 21 July
		{"be-53bis-2", "2026-11-09", "2026-11-13"}, // 11 November
		{"be-53bis-2", "2026-10-30", "2026-11-04"}, // 1 November on a Sunday
		{"be-53bis-2", "2028-02-25", "2028-03-01"}, // Monday 28, Tuesday 29 February, Wednesday
		{"be-53bis-2", "2027-02-25", "2027-03-02"},
		{"be-53bis-2", "2008-04-29", "2008-05-05"}, // 1 May and Ascension on one day
		{"be-53bis-1", "2026-12-24", "2026-12-25"}, // a term may begin on a holiday
		{"be-53bis-1", "2026-11-20", "2026-11-21"}, // and on a Saturday
		{"be-53bis-1", "2026-12-31", "2027-01-01"},
		{"be-53bis-3", "2028-02-28", "2028-02-29"},
		{"be-53bis-3", "2027-02-28", "2027-03-01"},
		{"be-1678-a", "2026-11-23", "2026-11-24"},
		{"be-1678-c", "2026-11-23", "2026-11-24"},
		{"be-1678-d", "2026-12-22", "2026-12-28"},
	} {
		if got := rule(t, c.rule).Start(date(t, c.event)).String(); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.rule, c.event, got, c.want)
		}
	}
}

// TestTermExpiry: on which day a term ends.
func TestTermExpiry(t *testing.T) {
	t.Parallel()
	days := func(n int) delivery.Length { return delivery.Length{Days: n} }
	months := func(n int) delivery.Length { return delivery.Length{Months: n} }
	for _, c := range []struct {
		first string
		l     delivery.Length
		want  string
	}{
		{"2026-12-28", days(30), "2027-01-26"},
		{"2026-04-08", days(30), "2026-05-07"},
		{"2026-05-19", days(30), "2026-06-17"},
		{"2026-11-24", days(1), "2026-11-24"},    // the first day is the last
		{"2026-11-25", days(4), "2026-11-30"},    // Saturday: the next Monday
		{"2026-11-25", days(5), "2026-11-30"},    // Sunday
		{"2026-12-16", days(10), "2026-12-28"},   // Christmas, on a Friday
		{"2026-04-01", days(3), "2026-04-03"},    // Good Friday works
		{"2026-04-01", days(4), "2026-04-07"},    // Saturday, Easter, Easter Monday
		{"2026-04-30", days(2), "2026-05-04"},    // 1 May, on a Friday
		{"2026-12-31", days(2), "2027-01-04"},    // New Year, on a Friday
		{"2026-12-02", days(30), "2026-12-31"},   // the last day of a year works
		{"2028-02-01", days(29), "2028-02-29"},   //
		{"2027-02-01", days(29), "2027-03-01"},   //
		{"2026-12-28", months(1), "2027-01-27"},  // to the day before the same one
		{"2026-04-08", months(3), "2026-07-07"},  //
		{"2026-03-01", months(1), "2026-03-31"},  // a whole month
		{"2026-02-01", months(1), "2026-03-02"},  // ends Saturday 28 February
		{"2027-01-29", months(1), "2027-03-01"},  // no 29 February: Sunday 28
		{"2028-01-29", months(1), "2028-02-28"},  //
		{"2028-01-30", months(1), "2028-02-29"},  // no 30 February
		{"2028-01-31", months(1), "2028-02-29"},  //
		{"2028-02-29", months(12), "2029-02-28"}, // no 29 February
		{"2026-10-31", months(1), "2026-11-30"},  // no 31 November
		{"2026-12-01", months(1), "2026-12-31"},  //
		{"2026-12-26", months(1), "2027-01-25"},  //
		{"2026-11-26", months(1), "2026-12-28"},  // ends at Christmas
	} {
		if got := rule(t, "").Expiry(date(t, c.first), c.l).String(); got != c.want {
			t.Errorf("%s, %v: %s, want %s", c.first, c.l, got, c.want)
		}
	}
}

// TestTermStays: where the law that a rule comes from does not move the last
// day, neither do we.
func TestTermStays(t *testing.T) {
	t.Parallel()
	if got := rule(t, "be-1678-d").Expiry(date(t, "2026-11-25"), delivery.Length{Days: 4}).String(); got != "2026-11-28" {
		t.Errorf("a term of arbitration ends on %s", got)
	}
}

func TestTermRules(t *testing.T) {
	t.Parallel()
	all := terms(t)
	for name, want := range map[string]string{"": "be-53bis-2@1", "be-53bis-1": "be-53bis-1@1", "be-53bis-2@1": "be-53bis-2@1"} {
		if r, ok := all.Rule(name); !ok || r.Ref() != want {
			t.Errorf("%q is %s, want %s", name, r.Ref(), want)
		}
	}
	for _, name := range []string{"be-53bis-2@2", "be-53bis-2@", "be-53bis-2@01", "be-53bis-2@1@1", "be-53bis", "@1", "@", "BE-53BIS-2", "be-53bis-2 "} {
		if r, ok := all.Rule(name); ok {
			t.Errorf("%q is %s", name, r.Ref())
		}
	}
	for i, r := range all.Plannable() {
		if r.From == delivery.FromReceived || i == 0 && r.ID != all.Default {
			t.Errorf("%d can be planned: %s", i, r.Ref())
		}
	}
}

// TestTermsRefused: data that says too little is not read at all.
func TestTermsRefused(t *testing.T) {
	t.Parallel()
	good := string(delivery.TermsFile())
	if _, err := delivery.ParseTerms([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"no version":           {`"version": 1`, `"version": 0`},
		"unknown event":        {`"from": "posted"`, `"from": "printed"`},
		"no offset":            {`"offset": 3`, `"offset": 0`},
		"far offset":           {`"offset": 3`, `"offset": 61`},
		"backwards":            {`"reckon": 3`, `"reckon": -1`},
		"unknown calendar":     {`"calendar": "BE"`, `"calendar": "NL"`},
		"no source":            {`"source": "Ger.W. / C. jud. art. 1678 § 2 d)"`, `"source": ""`},
		"a language missing":   {`"de": "Schieds`, `"es": "Schieds`},
		"twice":                {`"id": "be-53bis-3"`, `"id": "be-53bis-1"`},
		"shape of an id":       {`"id": "be-53bis-3"`, `"id": "be 53bis@3"`},
		"no such default":      {`"default": "be-53bis-2"`, `"default": "be-54"`},
		"default not foreseen": {`"default": "be-53bis-2"`, `"default": "be-53bis-3"`},
		"no such day":          {`"on": "05-01"`, `"on": "05-32"`},
		"both days":            {`"easter": 39`, `"easter": 39, "on": "05-02"`},
		"no day":               {`"on": "05-01"`, `"on": ""`},
		"holiday twice":        {`"id": "christmas"`, `"id": "armistice"`},
		"calendar no source":   {`"source": "KB/AR 18.04.1974, art. 1"`, `"source": ""`},
		"unknown field":        {`"roll": true`, `"rolls": true`},
		"no JSON":              {`"rules": [`, `"rules": `},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Errorf("%s: nothing changed", name)
		}
		if _, err := delivery.ParseTerms([]byte(bad)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	// A newer version is what a bare id means; the old one stays what it was.
	newer := strings.Replace(good, `"id": "be-53bis-3", "version": 1, "from": "received", "offset": 1, "working": false`,
		`"id": "be-53bis-2", "version": 2, "from": "posted", "offset": 2, "working": true`, 1)
	two, err := delivery.ParseTerms([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	now, _ := two.Rule("be-53bis-2")
	then, _ := two.Rule("be-53bis-2@1")
	if event := date(t, "2026-11-23"); now.Start(event).String() != "2026-11-25" || then.Start(event).String() != "2026-11-26" {
		t.Errorf("versions give %s and %s", now.Start(event), then.Start(event))
	}
	if n := len(two.Plannable()); n != len(terms(t).Plannable()) {
		t.Errorf("%d rules to choose from", n)
	}
}
