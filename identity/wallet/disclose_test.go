package wallet

import (
	"crypto"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// d makes a disclosure and its digest.
func d(t testing.TB, parts ...any) (encoded, digested string) {
	t.Helper()
	b, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return toBase64(b), digest(crypto.SHA256, toBase64(b))
}

func object(t testing.TB, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseObject(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type obj = map[string]any
type arr = []any

// Claims inside claims, in arrays, hidden twice over, and digests of nothing.
//
// RFC 9901 §4.2.4, §4.2.5, §4.2.6
func TestDisclose(t *testing.T) {
	t.Parallel()
	locality, localityHash := d(t, "s1", "locality", "Gent")
	street, streetHash := d(t, "s2", "street", "Kouter")
	address, addressHash := d(t, "s3", "address", obj{"_sd": arr{localityHash, streetHash}, "country": "BE"})
	second, secondHash := d(t, "s4", "FR")
	_, keptBack := d(t, "s5", "DE")
	payload := obj{"_sd_alg": "sha-256", "_sd": arr{"decoy", addressHash},
		"nationalities": arr{"BE", obj{"...": secondHash}, obj{"...": keptBack}}}
	for name, c := range map[string]struct {
		shown []string
		want  obj
	}{
		"all":      {[]string{address, locality, street, second}, obj{"nationalities": arr{"BE", "FR"}, "address": obj{"country": "BE", "locality": "Gent", "street": "Kouter"}}},
		"reversed": {[]string{second, street, locality, address}, obj{"nationalities": arr{"BE", "FR"}, "address": obj{"country": "BE", "locality": "Gent", "street": "Kouter"}}},
		"part":     {[]string{address, locality}, obj{"nationalities": arr{"BE"}, "address": obj{"country": "BE", "locality": "Gent"}}},
		"none":     {nil, obj{"nationalities": arr{"BE"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := disclose(object(t, payload), c.shown)
			if err != nil || !cmp.Equal(got, c.want) {
				t.Errorf("%v, %v: %s", got, err, cmp.Diff(c.want, got))
			}
		})
	}
	if _, err := disclose(object(t, payload), []string{locality}); err == nil {
		t.Error("a claim without what it is in was accepted")
	}
}

// RFC 9901 §7.1
func TestDiscloseRefuses(t *testing.T) {
	t.Parallel()
	name, nameHash := d(t, "s", "family_name", "Peeters")
	element, elementHash := d(t, "s", "BE")
	exp, expHash := d(t, "s", "exp", 4102444800)
	sd, sdHash := d(t, "s", "_sd", arr{"x"})
	dots, dotsHash := d(t, "s", "...", "x")
	hidden, hiddenHash := d(t, "s", "inner", obj{"_sd": arr{nameHash}})
	four, fourHash := d(t, "s", "a", "b", "c")
	unsalted, unsaltedHash := d(t, 1, "family_name", "Peeters")
	unnamed, unnamedHash := d(t, "s", 1, "Peeters")
	self := obj{"_sd": arr{nameHash}, "list": arr{obj{"...": elementHash}}}
	for title, c := range map[string]struct {
		payload obj
		shown   []string
	}{
		"digest twice in one object":   {obj{"_sd": arr{nameHash, nameHash}}, []string{name}},
		"digest twice in two objects":  {obj{"_sd": arr{nameHash}, "a": obj{"_sd": arr{nameHash}}}, []string{name}},
		"decoy twice":                  {obj{"_sd": arr{"x", "x"}}, nil},
		"digest again in a disclosure": {obj{"_sd": arr{nameHash, hiddenHash}}, []string{name, hidden}},
		"disclosure twice":             {obj{"_sd": arr{nameHash}}, []string{name, name}},
		"not referenced":               {obj{"_sd": arr{"x"}}, []string{name}},
		"overrides an open claim":      {obj{"_sd": arr{nameHash}, "family_name": "Janssens"}, []string{name}},
		"expiry can be kept back":      {obj{"_sd": arr{expHash}}, []string{exp}},
		"element for a claim":          {obj{"_sd": arr{elementHash}}, []string{element}},
		"claim for an element":         {obj{"list": arr{obj{"...": nameHash}}}, []string{name}},
		"claim named _sd":              {obj{"_sd": arr{sdHash}}, []string{sd}},
		"claim named ...":              {obj{"_sd": arr{dotsHash}}, []string{dots}},
		"four parts":                   {obj{"_sd": arr{fourHash}}, []string{four}},
		"salt is a number":             {obj{"_sd": arr{unsaltedHash}}, []string{unsalted}},
		"name is a number":             {obj{"_sd": arr{unnamedHash}}, []string{unnamed}},
		"_sd is a string":              {obj{"_sd": nameHash}, []string{name}},
		"digest is a number":           {obj{"_sd": arr{1}}, nil},
		"dots beside another name":     {obj{"list": arr{obj{"...": elementHash, "x": 1}}}, []string{element}},
		"dots in an object":            {obj{"a": obj{"...": elementHash}}, []string{element}},
		"_sd_alg inside":               {obj{"a": obj{"_sd_alg": "sha-256"}}, nil},
		"md5":                          {obj{"_sd_alg": "md5"}, nil},
		"_sd_alg is a number":          {obj{"_sd_alg": 1}, nil},
		"not base64url":                {self, []string{name, element, "a b"}},
		"not JSON":                     {self, []string{name, element, "eyJ"}},
		"an object":                    {self, []string{name, element, "e30"}},
		"name twice in a value":        {self, []string{name, element, toBase64([]byte(`["s","x",{"a":1,"a":2}]`))}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			if got, err := disclose(object(t, c.payload), c.shown); err == nil {
				t.Errorf("accepted: %v", got)
			}
		})
	}
}

func TestParseJSONRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{``, `{`, `{"a":1,"a":1}`, `{"a":{"b":1,"b":2}}`, `[1,]`, `{}{}`, `{} x`, `]`, `{"a"}`, `[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]`, `{"a":01}`, `nul`} {
		if v, err := parseJSON([]byte(s)); err == nil {
			t.Errorf("%s is %v", s, v)
		}
	}
	// Names differ by case: VCT is not vct.
	if m, err := parseObject([]byte(`{"VCT":"a","vct":"b"}`)); err != nil || text(m, "vct") != "b" {
		t.Errorf("%v, %v", m, err)
	}
}

// One value has one way to be written: nobody can change what was signed into
// something that reads the same.
func TestBase64IsStrict(t *testing.T) {
	t.Parallel()
	if b, err := unbase64("-_8"); err != nil || len(b) != 2 {
		t.Errorf("%x, %v", b, err)
	}
	for _, s := range []string{"-_9", "-_8=", "-_8\n", "\r-_8", "+/8", "-_ 8", "A"} {
		if b, err := unbase64(s); err == nil {
			t.Errorf("%q is %x", s, b)
		}
	}
}
