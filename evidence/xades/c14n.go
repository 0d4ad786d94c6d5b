package xades

import (
	"bytes"
	"slices"
	"strings"
)

// canonical gives the exclusive canonical form, without comments and without
// inclusive prefixes, of the subtree at n, leaving out the subtree at skip.
// Exclusive XML Canonicalization 1.0 §3
func canonical(n, skip *node) []byte {
	r := renderer{mark: skip}
	r.render(n, nil)
	return r.without()
}

// renderer writes a canonical form and notes where one subtree is in it.
type renderer struct {
	b        bytes.Buffer
	mark     *node
	from, to int
}

// without is what was written but for the marked subtree.
func (r *renderer) without() []byte {
	return slices.Concat(r.b.Bytes()[:r.from], r.b.Bytes()[r.to:])
}

// render writes n. Rendered are the declarations that n's ancestors in the
// output already made.
func (r *renderer) render(n *node, rendered *scope) {
	if n == r.mark {
		r.from = r.b.Len()
	}
	r.b.WriteByte('<')
	r.b.WriteString(n.name)
	rendered = r.declare(n, rendered)
	r.attributes(n.attrs)
	r.b.WriteByte('>')
	for _, c := range n.children {
		if c.element != nil {
			r.render(c.element, rendered)
		} else {
			r.escaped(c.text, "&<>\r", textEscaper)
		}
	}
	r.b.WriteString("</")
	r.b.WriteString(n.name)
	r.b.WriteByte('>')
	if n == r.mark {
		r.to = r.b.Len()
	}
}

// declare writes the declarations that n itself uses, sorted by prefix, unless
// they stand already.
func (r *renderer) declare(n *node, rendered *scope) *scope {
	used := append(make([]string, 0, 8), n.prefix)
	for _, a := range n.attrs {
		if a.prefix != "" {
			used = append(used, a.prefix)
		}
	}
	slices.Sort(used)
	inside := rendered
	for _, prefix := range slices.Compact(used) {
		uri, _ := n.scope.lookUp(prefix)
		if have, ok := rendered.lookUp(prefix); ok && have == uri {
			continue
		}
		inside = &scope{prefix, uri, inside}
		r.b.WriteString(" xmlns")
		if prefix != "" {
			r.b.WriteByte(':')
			r.b.WriteString(prefix)
		}
		r.value(uri)
	}
	return inside
}

// attributes writes them sorted by namespace and name.
func (r *renderer) attributes(attrs []attribute) {
	if len(attrs) > 1 {
		attrs = slices.Clone(attrs)
		slices.SortFunc(attrs, func(x, y attribute) int {
			if c := strings.Compare(x.space, y.space); c != 0 {
				return c
			}
			return strings.Compare(x.local, y.local)
		})
	}
	for _, a := range attrs {
		r.b.WriteByte(' ')
		if a.prefix != "" {
			r.b.WriteString(a.prefix)
			r.b.WriteByte(':')
		}
		r.b.WriteString(a.local)
		r.value(a.value)
	}
}

func (r *renderer) value(s string) {
	r.b.WriteString(`="`)
	r.escaped(s, "&<\"\t\n\r", attrEscaper)
	r.b.WriteByte('"')
}

func (r *renderer) escaped(s, special string, e *strings.Replacer) {
	if strings.ContainsAny(s, special) {
		s = e.Replace(s)
	}
	r.b.WriteString(s)
}

// Canonical XML 1.0 §2.3
var (
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)
