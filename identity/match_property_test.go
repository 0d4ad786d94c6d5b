package identity

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// People who do not exist, one line for each: nobody is anybody else.
var (
	givens   = []string{"An", "Anne", "Jan", "Johan", "Jean", "Jeanne", "Jean-Pierre", "Jean-Paul", "Marie-Anne", "Marie-Claire", "Élodie", "Jürgen", "Kåre", "Łukasz", "Ayşe", "Zoë", "Noël", "Noëlle", "Thi", "Mohamed", "Mohammed"}
	families = []string{"Peeters", "Pieters", "Janssens", "Janssen", "De Smet", "De Smedt", "van den Berghe", "Van Dijck", "Van Dyck", "D'Hondt", "Dubois-Lefèvre", "García López", "Müller", "Möller", "Sørensen", "Weiß", "O'Brien", "Yıldız", "Benali", "Claes", "Claeys"}
)

// TestNobodyIsSomebodyElse holds every one of these people against every other,
// as typed and with family name first.
func TestNobodyIsSomebodyElse(t *testing.T) {
	t.Parallel()
	for i, g1 := range givens {
		for j, f1 := range families {
			for k, g2 := range givens {
				for l, f2 := range families {
					if i != k && j != l && (i+j+k+l)%7 != 0 {
						continue // neither family nor namesake: some of them will do
					}
					same := i == k && j == l
					for _, loose := range []bool{false, true} {
						if got := sameName(g1, f1, g2, f2, loose); got != same {
							t.Errorf("%s %s for %s %s (loose %v): %v", g2, f2, g1, f1, loose, got)
						}
					}
					if got := sameName(f1, g1, g2, f2, false); got != same {
						t.Errorf("%s %s for %s %s: %v", g2, f2, f1, g1, got)
					}
				}
			}
		}
	}
}

// rewrite is a name as another clerk would write it: nothing that makes it
// another name.
func rewrite(rnd *rand.Rand, given, family string) (string, string) {
	for _, change := range []func(){
		func() { given, family = strings.ToUpper(given), strings.ToUpper(family) },
		func() { given, family = strings.ToLower(given), strings.ToLower(family) },
		func() { given, family = bare(given), bare(family) },
		func() { given, family = norm.NFD.String(given), norm.NFD.String(family) },
		func() { given, family = strings.ReplaceAll(given, "-", " "), strings.ReplaceAll(family, "-", " ") },
		func() { family = strings.ReplaceAll(family, "'", "’") },
		func() { family = strings.ReplaceAll(family, "'", " ") },
		func() { family = strings.ReplaceAll(family, " ", "") },
		func() { given, family = "  "+given+" ", "\t"+family },
		func() { given, family = family, given },
		func() { given, family = "", given+" "+family },
		func() { given, family = family+", "+given, "" },
	} {
		if rnd.IntN(4) == 0 {
			change()
		}
	}
	return given, family
}

// bare drops accents as people without such keys do.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
}

// TestSameNameHoweverWritten: rewriting what the sender typed changes nothing,
// neither for the person nor for everybody else.
func TestSameNameHoweverWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		given, family := givens[rnd.IntN(len(givens))], families[rnd.IntN(len(families))]
		g, f := rewrite(rnd, given, family)
		if !sameName(g, f, given, family, false) {
			t.Fatalf("seed %d: %q %q is not %s %s", seed, g, f, given, family)
		}
		other, name := givens[rnd.IntN(len(givens))], families[rnd.IntN(len(families))]
		if (other != given || name != family) && sameName(g, f, other, name, false) {
			t.Fatalf("seed %d: %q %q, typed for %s %s, is %s %s", seed, g, f, given, family, other, name)
		}
	}
}

// TestSameNameBothWays: as long as neither side leaves out a name, it does not
// matter which of the two is the record. Leaving out is the sender's alone: a
// record's further given names need not be typed, a typed one needs its record.
func TestSameNameBothWays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 13))
		some := func() (string, string) {
			given := givens[rnd.IntN(4)] + " " + givens[rnd.IntN(4)]
			return given, families[rnd.IntN(6)]
		}
		g1, f1 := some()
		g2, f2 := some()
		for _, loose := range []bool{false, true} {
			if a, b := sameName(g1, f1, g2, f2, loose), sameName(g2, f2, g1, f1, loose); a != b {
				t.Fatalf("seed %d: %s %s and %s %s (loose %v): %v, and %v the other way around", seed, g1, f1, g2, f2, loose, a, b)
			}
		}
	}
	if !sameName("An", "Peeters", "An Maria", "Peeters", false) || sameName("An Maria", "Peeters", "An", "Peeters", false) {
		t.Error("leaving out further given names is the sender's alone")
	}
}
