package xades

import (
	"bytes"
	"errors"
	"strings"
)

// Bounds on what is parsed.
const (
	maxDocument   = 4 << 20
	maxDepth      = 64
	maxTags       = 1 << 16
	maxAttributes = 64 // of one element, declarations included
)

// node is an element. It keeps names as written and as resolved.
type node struct {
	name          string // with its prefix
	prefix, local string
	space         string
	scope         *scope
	attrs         []attribute
	children      []child
}

// child is an element, or text when that is nil.
type child struct {
	element *node
	text    string
}

type attribute struct{ prefix, local, space, value string }

// scope is a namespace declaration and those around it.
type scope struct {
	prefix, uri string
	outer       *scope
}

// lookUp gives the namespace of a prefix. No prefix is no namespace at first.
func (s *scope) lookUp(prefix string) (uri string, ok bool) {
	for ; s != nil; s = s.outer {
		if s.prefix == prefix {
			return s.uri, true
		}
	}
	return "", prefix == ""
}

// is reports whether n is that element of that namespace.
func (n *node) is(space, local string) bool { return n.local == local && n.space == space }

// child is the only child element of that name, or nil.
func (n *node) child(space, local string) *node {
	var found *node
	for _, c := range n.children {
		if c.element != nil && c.element.is(space, local) {
			if found != nil {
				return nil
			}
			found = c.element
		}
	}
	return found
}

func (n *node) elements() []*node {
	var list []*node
	for _, c := range n.children {
		if c.element != nil {
			list = append(list, c.element)
		}
	}
	return list
}

// text is the character data directly in n.
func (n *node) text() string {
	if len(n.children) == 1 && n.children[0].element == nil {
		return n.children[0].text
	}
	var b strings.Builder
	for _, c := range n.children {
		b.WriteString(c.text)
	}
	return b.String()
}

// parse reads a document that has elements, attributes and text, and refuses
// everything else XML knows: comments, processing instructions, CDATA, a document
// type, undeclared prefixes, attributes given twice.
func parse(doc []byte) (*node, error) {
	tags := bytes.Count(doc, []byte("<"))
	if len(doc) > maxDocument || tags > maxTags {
		return nil, errors.New("too long")
	}
	r := reader{rest: string(doc)}
	if !isText(r.rest) {
		return nil, errors.New("not the characters of XML")
	}
	var root *node
	nodes := make([]node, tags) // all at once: more than there are elements
	open := make([]*node, 0, maxDepth)
	for r.rest != "" {
		if len(open) == 0 && (root != nil || r.rest[0] != '<') {
			return nil, errors.New("something outside of the root")
		}
		switch {
		case r.rest[0] != '<':
			text, err := r.text()
			if err != nil {
				return nil, err
			}
			top := open[len(open)-1]
			top.children = append(top.children, child{text: text})
		case strings.HasPrefix(r.rest, "</"):
			if len(open) == 0 || !r.end(open[len(open)-1].name) {
				return nil, errors.New("elements are not nested")
			}
			open = open[:len(open)-1]
		default:
			if len(open) == maxDepth {
				return nil, errors.New("nested too deeply")
			}
			n := &nodes[0]
			nodes = nodes[1:]
			if len(open) == 0 {
				root = n
			} else {
				top := open[len(open)-1]
				n.scope = top.scope
				top.children = append(top.children, child{element: n})
			}
			empty, err := r.start(n)
			if err != nil {
				return nil, err
			}
			if !empty {
				open = append(open, n)
			}
		}
	}
	if root == nil || len(open) > 0 {
		return nil, errors.New("document ends early")
	}
	return root, nil
}

// declare takes the namespace declarations out of the attributes of n, and
// resolves the names that are left.
func (n *node) declare() error {
	around := n.scope
	kept := n.attrs[:0]
	for _, a := range n.attrs {
		prefix, declares := a.local, a.prefix == "xmlns"
		if a.prefix == "" && a.local == "xmlns" {
			prefix, declares = "", true
		}
		if !declares {
			kept = append(kept, a)
			continue
		}
		for s := n.scope; s != around; s = s.outer {
			if s.prefix == prefix {
				return errors.New("namespace declared twice")
			}
		}
		if prefix != "" && a.value == "" || strings.HasPrefix(prefix, "xml") {
			return errors.New("namespace declaration not allowed")
		}
		n.scope = &scope{prefix, a.value, n.scope}
	}
	n.attrs = kept
	return n.resolve()
}

func (n *node) resolve() error {
	var ok bool
	if n.space, ok = n.scope.lookUp(n.prefix); !ok {
		return errors.New("undeclared prefix " + n.prefix)
	}
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.prefix != "" {
			if a.space, ok = n.scope.lookUp(a.prefix); !ok {
				return errors.New("undeclared prefix " + a.prefix)
			}
		}
		for _, b := range n.attrs[:i] {
			if a.local == b.local && a.space == b.space {
				return errors.New("attribute given twice")
			}
		}
	}
	return nil
}
