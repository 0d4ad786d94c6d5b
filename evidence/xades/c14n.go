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
	var b bytes.Buffer
	render(&b, n, skip, map[string]string{})
	return b.Bytes()
}

// render writes n. Rendered holds the declarations that n's ancestors in the
// output already made.
func render(b *bytes.Buffer, n, skip *node, rendered map[string]string) {
	if n == skip {
		return
	}
	b.WriteString("<" + qualified(n.prefix, n.local))
	used := []string{n.prefix}
	for _, a := range n.attrs {
		if a.prefix != "" {
			used = append(used, a.prefix)
		}
	}
	slices.Sort(used)
	inside := rendered
	for _, prefix := range slices.Compact(used) {
		uri := n.scope[prefix]
		if have, ok := inside[prefix]; ok && have == uri || !ok && prefix == "" && uri == "" {
			continue
		}
		inside = with(inside, prefix, uri)
		b.WriteString(" xmlns")
		if prefix != "" {
			b.WriteString(":" + prefix)
		}
		b.WriteString(`="` + attrEscaper.Replace(uri) + `"`)
	}
	attrs := slices.Clone(n.attrs)
	slices.SortFunc(attrs, func(x, y attribute) int {
		if c := strings.Compare(x.space, y.space); c != 0 {
			return c
		}
		return strings.Compare(x.local, y.local)
	})
	for _, a := range attrs {
		b.WriteString(" " + qualified(a.prefix, a.local) + `="` + attrEscaper.Replace(a.value) + `"`)
	}
	b.WriteByte('>')
	for _, c := range n.children {
		switch c := c.(type) {
		case string:
			b.WriteString(textEscaper.Replace(c))
		case *node:
			render(b, c, skip, inside)
		}
	}
	b.WriteString("</" + qualified(n.prefix, n.local) + ">")
}

func with(m map[string]string, k, v string) map[string]string {
	n := make(map[string]string, len(m)+1)
	for key, value := range m {
		n[key] = value
	}
	n[k] = v
	return n
}

func qualified(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

// Canonical XML 1.0 §2.3
var (
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)
