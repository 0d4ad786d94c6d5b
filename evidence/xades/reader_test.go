package xades

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	for what, doc := range map[string]string{
		"name of other letters": "<é></é>", "name with two prefixes": `<a:b:c xmlns:a="u"></a:b:c>`, "empty prefix": "<:a></:a>",
		"empty name": `<a: xmlns:a="u"></a:>`, "name that is a number": "<1></1>", "space before the name": "< a></a>",
		"end with attributes": `<a></a b="">`, "longer end": "<a></ab>", "no space between": `<a b=""c=""></a>`,
		"value without end": `<a b="></a>`, "value with a tag": `<a b="<"></a>`, "value without quotes": "<a b=1></a>",
		"no value": "<a b></a>", "slash alone": "<a/ >", "declared twice": `<a xmlns:p="u" xmlns:p="v"></a>`,
		"default declared twice": `<a xmlns="u" xmlns="v"></a>`, "CDATA": "<a><![CDATA[x]]></a>", "end of CDATA": "<a>]]></a>",
		"reference without end": "<a>&amp</a>", "reference to nothing": "<a>&#0;</a>", "reference to a surrogate": "<a>&#xD800;</a>",
		"reference too great": "<a>&#x110000;</a>", "reference that overflows": "<a>&#x100000041;</a>", "signed reference": "<a>&#+65;</a>",
		"reference in hexadecimal by its letter": "<a>&#X41;</a>", "empty reference": "<a>&#;</a>", "own entity": "<a>&b;</a>",
		"surrogate": "<a>\xed\xa0\x80</a>", "overlong": "<a>\xc0\xaf</a>", "form feed": "<a>\f</a>", "not a character": "<a>\uffff</a>",
		"byte order mark": "\ufeff<a></a>", "space first": " <a></a>", "end first": "</a>", "too many attributes": "<a" + manyAttributes() + "></a>",
	} {
		if _, err := parse([]byte(doc)); err == nil {
			t.Errorf("%s: read %q", what, doc)
		}
	}
}

func manyAttributes() string {
	var b strings.Builder
	for i := range 65 {
		b.WriteString(" a" + strings.Repeat("x", i) + `=""`)
	}
	return b.String()
}

// Who reads a document that is its own canonical form reads the same in it as
// everybody else does.
func FuzzReadsAsOthersDo(f *testing.F) {
	for _, s := range []string{`<a b="&#x9;"> x </a>`, `<x:a xmlns:x="u" x:b="1"><b xmlns="v"></b></x:a>`, "<a>\n&#xD;&amp;lt;</a>", `<a>é𝔅</a>`} {
		f.Add([]byte(s))
	}
	golden, err := os.ReadFile("../testdata/golden/ContentHandover.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, err := parse(doc)
		if err != nil || string(canonical(n, nil)) != string(doc) {
			return
		}
		tree := etree.NewDocument()
		if err := tree.ReadFromBytes(doc); err != nil {
			t.Fatalf("%q: somebody else: %v", doc, err)
		}
		form, err := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("").Canonicalize(tree.Root())
		if err != nil || string(form) != string(doc) {
			t.Fatalf("%q: somebody else's form is %q, %v", doc, form, err)
		}
		// And the standard library, which resolves names by itself.
		dec := xml.NewDecoder(strings.NewReader(string(doc)))
		var names, want []string
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: standard library: %v", doc, err)
			}
			if el, ok := tok.(xml.StartElement); ok {
				names = append(names, el.Name.Space+" "+el.Name.Local)
			}
		}
		var walk func(*node)
		walk = func(n *node) {
			want = append(want, n.space+" "+n.local)
			for _, c := range n.elements() {
				walk(c)
			}
		}
		walk(n)
		if strings.Join(names, "|") != strings.Join(want, "|") {
			t.Fatalf("%q: read as %q, by the standard library as %q", doc, want, names)
		}
	})
}
