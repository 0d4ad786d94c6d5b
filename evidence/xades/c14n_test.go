package xades

import (
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// oracle canonicalises with somebody else's code.
func oracle(t *testing.T, doc string) (string, error) {
	t.Helper()
	tree := etree.NewDocument()
	if err := tree.ReadFromString(doc); err != nil {
		return "", err
	}
	out, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(tree.Root())
	return string(out), err
}

func TestCanonicalAgainstOracle(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`<a/>`,
		`<a  b="1"   a='2' ></a >`,
		`<x:a xmlns:x="u:x" xmlns:y="u:y" y:c="2" x:b="3" d="4"><y:e/><x:f xmlns:x="u:other"/></x:a>`,
		`<a xmlns="u:1"><b xmlns=""><c xmlns="u:1"/></b></a>`,
		`<a b="&#9;&#10;&#13;&lt;&gt;&amp;&quot;'"/>`,
		"<a>line\r\nend &#13; tab\t &gt; \" ' &amp;lt; 𝔅</a>",
		`<a xmlns:unused="u:u"><b xmlns:unused="u:u"/></a>`,
		`<p:a xmlns:p="u:1"><b><p:c xmlns:p="u:1"/></b></p:a>`,
	} {
		n, err := parse([]byte(doc))
		if err != nil {
			t.Errorf("%q: %v", doc, err)
			continue
		}
		want, err := oracle(t, doc)
		if err != nil {
			t.Fatalf("%q: oracle: %v", doc, err)
		}
		if got := string(canonical(n, nil)); got != want {
			t.Errorf("%q:\n got %q\nwant %q", doc, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		``, `text`, `<a>`, `<a></b>`, `<a/><b/>`, `<a/>text`, `<a b="1" b="2"/>`, `<x:a/>`, `<a x:b="1"/>`, `<a><!-- c --></a>`,
		`<a><?pi?></a>`, `<!DOCTYPE a><a/>`, `<a xmlns:x=""/>`, `<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>`, `<a>&nbsp;</a>`,
		`<p:a xmlns:p="u" xmlns:q="u"></q:a>`, "<a>\x00</a>", "<a>\xff</a>", `<a b=1/>`, `<a xmlns:xml="u"/>`,
	} {
		if _, err := parse([]byte(doc)); err == nil {
			t.Errorf("%q: parsed", doc)
		}
	}
}

// Whatever parses canonicalises to a fixed point that parses again.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`<a b="&#9;"> x </a>`, `<x:a xmlns:x="u"><b xmlns="v"/></x:a>`, "<a>\r\n&#13;</a>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, err := parse(doc)
		if err != nil {
			return
		}
		once := canonical(n, nil)
		again, err := parse(once)
		if err != nil {
			t.Fatalf("canonical form %q does not parse: %v", once, err)
		}
		if twice := canonical(again, nil); string(twice) != string(once) {
			t.Fatalf("not a fixed point: %q then %q", once, twice)
		}
	})
}
