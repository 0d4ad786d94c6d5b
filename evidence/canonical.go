package evidence

import (
	"bytes"
	"slices"
	"strings"
)

// Namespaces of what evidence is written in.
const (
	NSEvidence = "http://uri.etsi.org/19522/v1#"
	NSDSig     = "http://www.w3.org/2000/09/xmldsig#"
	NSXAdES    = "http://uri.etsi.org/01903/v1.3.2#"
	NSSAML     = "urn:oasis:names:tc:SAML:2.0:assertion"
	NSOwn      = "urn:bode-erds:evidence:1"
	NSASiC     = "http://uri.etsi.org/02918/v1.2.1#"
)

// namespace gives the URI behind a prefix. The prefixes are fixed, so that a
// name as written, such as "e:Evidence", says everything.
func namespace(prefix string) string {
	switch prefix {
	case "e":
		return NSEvidence
	case "ds":
		return NSDSig
	case "xades":
		return NSXAdES
	case "saml":
		return NSSAML
	case "b":
		return NSOwn
	case "asic":
		return NSASiC
	}
	panic("evidence: no namespace for prefix " + prefix)
}

// Attr is an attribute without namespace.
type Attr struct{ Name, Value string }

// Canonical writes XML that already is its own exclusive canonical form, so
// that its octets can be digested and signed as they are: a namespace is
// declared where it is first used, attributes are sorted, there is no space
// between elements and no empty-element tag. A subtree written by a Canonical
// of its own is that subtree's canonical form. The zero value is ready.
//
// It panics on an unknown prefix and on unbalanced elements: both are mistakes
// of the caller, never of the data. Text must be fit for XML; see [Text].
//
// https://www.w3.org/TR/xml-exc-c14n/
type Canonical struct {
	b    bytes.Buffer
	open []element
}

type element struct {
	name     string
	declared string // the prefix that this element declares, if any
}

// Open starts an element. A name without prefix is in no namespace.
func (c *Canonical) Open(name string, attrs ...Attr) {
	el := element{name: name}
	if c.b.Cap() == 0 {
		c.b.Grow(2 << 10)
	}
	c.b.WriteByte('<')
	c.b.WriteString(name)
	if prefix, _, ok := strings.Cut(name, ":"); ok && !c.inScope(prefix) {
		el.declared = prefix
		c.b.WriteString(" xmlns:")
		c.b.WriteString(prefix)
		c.b.WriteString(`="`)
		c.b.WriteString(namespace(prefix))
		c.b.WriteByte('"')
	}
	if len(attrs) > 1 {
		attrs = slices.Clone(attrs)
		slices.SortFunc(attrs, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, a := range attrs {
		c.b.WriteByte(' ')
		c.b.WriteString(a.Name)
		c.b.WriteString(`="`)
		escapeAttr(&c.b, a.Value)
		c.b.WriteByte('"')
	}
	c.b.WriteByte('>')
	c.open = append(c.open, el)
}

// Close ends the innermost open element, which must be name.
func (c *Canonical) Close(name string) {
	if len(c.open) == 0 || c.open[len(c.open)-1].name != name {
		panic("evidence: closing " + name + " which is not open")
	}
	c.open = c.open[:len(c.open)-1]
	c.b.WriteString("</")
	c.b.WriteString(name)
	c.b.WriteByte('>')
}

// Text writes character data.
func (c *Canonical) Text(s string) { escapeText(&c.b, s) }

// Leaf writes an element that holds text only.
func (c *Canonical) Leaf(name, text string, attrs ...Attr) {
	c.Open(name, attrs...)
	c.Text(text)
	c.Close(name)
}

// Bytes returns what was written; every element must be closed. The caller owns
// the slice.
func (c *Canonical) Bytes() []byte {
	if len(c.open) > 0 {
		panic("evidence: " + c.open[len(c.open)-1].name + " is still open")
	}
	return slices.Clip(c.b.Bytes())
}

func (c *Canonical) inScope(prefix string) bool {
	return slices.ContainsFunc(c.open, func(e element) bool { return e.declared == prefix })
}

func escapeText(b *bytes.Buffer, s string) {
	if !strings.ContainsAny(s, "&<>\r") {
		b.WriteString(s)
		return
	}
	if !strings.ContainsAny(s, "&<>\r") {
		b.WriteString(s)
		return
	}
	for i := range len(s) {
		switch s[i] {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '\r':
			b.WriteString("&#xD;")
		default:
			b.WriteByte(s[i])
		}
	}
}

func escapeAttr(b *bytes.Buffer, s string) {
	if !strings.ContainsAny(s, "&<\"\t\n\r") {
		b.WriteString(s)
		return
	}
	if !strings.ContainsAny(s, "&<\"\t\n\r") {
		b.WriteString(s)
		return
	}
	for i := range len(s) {
		switch s[i] {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '"':
			b.WriteString("&quot;")
		case '\t':
			b.WriteString("&#x9;")
		case '\n':
			b.WriteString("&#xA;")
		case '\r':
			b.WriteString("&#xD;")
		default:
			b.WriteByte(s[i])
		}
	}
}
