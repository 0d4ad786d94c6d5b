package identity

import (
	"slices"
	"strings"
)

// maxName is the longest name compared, in octets; a longer one equals nothing.
const maxName = 300

// maxWords is the largest number of blank-separated words of one name.
const maxWords = 12

// sameName reports whether two names are one name written in two ways. want is
// what a sender typed, got is an official record, which holds every given name.
//
// Tolerated: case, accents (ü as u or ue), ß as ss, œ as oe, ĳ and ÿ as ij,
// hyphens, apostrophes, particles joined, apart or misplaced, given names of the
// record that the sender left out behind the first, family name first, and the
// whole name in one field. A hyphenated given name is one name: Jean is not
// Jean-Pierre. A first given name is never an initial.
//
// loose is for when something else, a birth date, already says which of several
// people: then a particle or one half of a double family name may be missing,
// and the sender may know more given names than the record. Given names stay
// strict, because twins share all the rest.
func sameName(wantGiven, wantFamily, gotGiven, gotFamily string, loose bool) bool {
	if len(wantGiven)+len(wantFamily) > maxName || len(gotGiven)+len(gotFamily) > maxName {
		return false
	}
	g, f := split(gotGiven), split(gotFamily)
	if len(g) == 0 || len(f) == 0 || len(g)+len(f) > maxWords {
		return false // a record without both halves proves too little
	}
	official := labelled(g, f)
	for _, w := range readings(split(wantGiven), split(wantFamily)) {
		for _, o := range official {
			if sameFamily(w.family, o.family, loose) &&
				(sameGiven(w.given, o.given) || loose && sameGiven(o.given, w.given)) {
				return true
			}
		}
	}
	return false
}

// name has its particles at the front of the family name.
type name struct {
	given  []word
	family []part
}

// readings are the ways to understand what the sender typed: as labelled, the
// other way around, and, with everything in one field, cut at every blank.
func readings(given, family []word) (all []name) {
	if len(given)+len(family) > maxWords {
		return nil
	}
	if len(given) > 0 && len(family) > 0 {
		return append(labelled(given, family), labelled(family, given)...)
	}
	one := append(slices.Clone(given), family...)
	for i := 1; i < len(one); i++ {
		all = append(all, labelled(one[:i], one[i:])...)
		all = append(all, labelled(one[i:], one[:i])...)
	}
	return all
}

// labelled reads a given and a family name as they are called, and once more
// with the particles moved that slipped behind the given names ("Jan van",
// "Berg"). Van is a given name too, in Vietnam.
func labelled(given, family []word) []name {
	f := particlesFirst(parts(family))
	all := []name{{given: given, family: f}}
	cut := len(given)
	for cut > 1 && len(given[cut-1].parts) == 1 && len(given[cut-1].parts[0].plain) > 1 && isParticle(given[cut-1].parts[0]) {
		cut--
	}
	if cut < len(given) {
		all = append(all, name{given: given[:cut], family: append(parts(given[cut:]), f...)})
	}
	return all
}

func parts(ws []word) (ps []part) {
	for _, w := range ws {
		ps = append(ps, w.parts...)
	}
	return ps
}

// particlesFirst turns "Berg van den" into "van den Berg".
func particlesFirst(f []part) []part {
	cut := len(f)
	for cut > 0 && isParticle(f[cut-1]) {
		cut--
	}
	if cut == 0 || cut == len(f) {
		return f
	}
	return append(slices.Clone(f[cut:]), f[:cut]...)
}

// isParticle knows the small words that stand apart from or joined to a family
// name, before it or, as in an index, behind it.
func isParticle(p part) bool {
	switch p.plain {
	case "van", "vom", "von", "vander", "vanden", "de", "den", "der", "des", "du", "d", "t", "te", "ten", "ter",
		"op", "het", "in", "zu", "zum", "zur", "af", "av", "del", "della", "dello", "degli", "dei", "di", "da",
		"do", "dos", "das", "la", "le", "les", "l", "al", "el":
		return true
	}
	return false
}

func sameFamily(want, got []part, loose bool) bool {
	if len(want) == 0 {
		return false
	}
	if samePart(glue(want), glue(got)) {
		return true
	}
	if !loose {
		return false
	}
	w, g := withoutParticles(want), withoutParticles(got)
	if len(w) == 0 || len(g) == 0 {
		return false
	}
	if samePart(glue(w), glue(g)) {
		return true
	}
	if len(w) > len(g) {
		w, g = g, w
	}
	return samePart(glue(w), glue(g[:len(w)])) || samePart(glue(w), glue(g[len(g)-len(w):]))
}

func withoutParticles(ps []part) []part {
	return slices.DeleteFunc(slices.Clone(ps), isParticle)
}

// sameGiven reports whether want names the same person as got: the first given
// names are equal and every further one of want follows in got, in order.
func sameGiven(want, got []word) bool {
	if len(want) == 0 {
		return false
	}
	failed := make(map[[2]int]bool) // keeps hostile repetitions from costing more than their square
	var from func(w, g int) bool
	from = func(w, g int) bool {
		if w == len(want) {
			return true
		}
		if g == len(got) || failed[[2]int{w, g}] {
			return false
		}
		if w > 0 && (initialOf(want[w], got[g]) && from(w+1, g+1) || from(w, g+1)) {
			return true
		}
		for n := 1; n <= 3; n++ { // Jean Pierre, Jean-Pierre and Jeanpierre are one name
			if w+n <= len(want) && samePart(glueWords(want[w:w+n]), glueWords(got[g:g+1])) && from(w+n, g+1) ||
				g+n <= len(got) && samePart(glueWords(want[w:w+1]), glueWords(got[g:g+n])) && from(w+1, g+n) {
				return true
			}
		}
		failed[[2]int{w, g}] = true
		return false
	}
	return from(0, 0)
}

// initialOf reports whether one of two words abbreviates the other: records
// shorten third names to a letter.
func initialOf(a, b word) bool {
	x, y := a.whole.plain, b.whole.plain
	return len(x) == 1 && strings.HasPrefix(y, x) || len(y) == 1 && strings.HasPrefix(x, y)
}

func glueWords(ws []word) part {
	if len(ws) == 1 {
		return ws[0].whole
	}
	var p part
	for _, w := range ws {
		p.plain += w.whole.plain
		p.long += w.whole.long
	}
	return p
}

func glue(ps []part) (p part) {
	for _, q := range ps {
		p.plain += q.plain
		p.long += q.long
	}
	return p
}

func samePart(a, b part) bool {
	return a.plain == b.plain || a.plain == b.long || a.long == b.plain || a.long == b.long
}
