package xades

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on what is parsed. Tags take many times their length in memory, and
// each element that declares a prefix copies those around it.
const (
	maxDocument = 4 << 20
	maxTags     = 1 << 16
	maxDepth    = 64
	maxPrefixes = 16
)

// node is an element. It keeps names as written and as resolved.
type node struct {
	prefix, local string
	space         string
	scope         map[string]string // prefix to namespace, as seen inside
	attrs         []attribute
	children      []any // *node or string, in document order
}

type attribute struct{ prefix, local, space, value string }

// is reports whether n is that element of that namespace.
func (n *node) is(space, local string) bool { return n.space == space && n.local == local }

// child is the only child element of that name, or nil.
func (n *node) child(space, local string) *node {
	var found *node
	for _, c := range n.elements() {
		if c.is(space, local) {
			if found != nil {
				return nil
			}
			found = c
		}
	}
	return found
}

func (n *node) elements() []*node {
	var list []*node
	for _, c := range n.children {
		if el, ok := c.(*node); ok {
			list = append(list, el)
		}
	}
	return list
}

// text is the character data directly in n.
func (n *node) text() string {
	var b strings.Builder
	for _, c := range n.children {
		if s, ok := c.(string); ok {
			b.WriteString(s)
		}
	}
	return b.String()
}

// parse reads a document that has elements, attributes and text, and refuses
// everything else XML knows: comments, processing instructions, a document
// type, undeclared prefixes, attributes given twice.
func parse(doc []byte) (*node, error) {
	if len(doc) > maxDocument || bytes.Count(doc, []byte("<")) > maxTags {
		return nil, errors.New("too long")
	}
	dec := xml.NewDecoder(bytes.NewReader(doc))
	dec.Entity = map[string]string{}
	var root *node
	var open []*node
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if root != nil && len(open) == 0 || len(open) >= maxDepth {
				return nil, errors.New("more than one root, or nested too deeply")
			}
			n, err := newNode(t, open)
			if err != nil {
				return nil, err
			}
			if len(open) == 0 {
				root = n
			} else {
				top := open[len(open)-1]
				top.children = append(top.children, n)
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].prefix != t.Name.Space || open[len(open)-1].local != t.Name.Local {
				return nil, errors.New("elements are not nested")
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 {
				return nil, errors.New("text outside of the root")
			}
			top := open[len(open)-1]
			top.children = append(top.children, string(t))
		default:
			return nil, fmt.Errorf("%T is not allowed", tok)
		}
	}
	if root == nil || len(open) > 0 {
		return nil, errors.New("document ends early")
	}
	return root, nil
}

// newNode resolves the names of an element against those around it.
func newNode(t xml.StartElement, open []*node) (*node, error) {
	n := &node{prefix: t.Name.Space, local: t.Name.Local, scope: map[string]string{"": ""}}
	if len(open) > 0 {
		n.scope = open[len(open)-1].scope
	}
	own := map[string]string{}
	for _, a := range t.Attr {
		prefix, declares := a.Name.Local, a.Name.Space == "xmlns"
		if a.Name.Space == "" && a.Name.Local == "xmlns" {
			prefix, declares = "", true
		}
		if !declares {
			n.attrs = append(n.attrs, attribute{prefix: a.Name.Space, local: a.Name.Local, value: a.Value})
			continue
		}
		if _, twice := own[prefix]; twice || prefix != "" && a.Value == "" || strings.HasPrefix(prefix, "xml") {
			return nil, errors.New("namespace declaration not allowed")
		}
		own[prefix] = a.Value
	}
	if len(n.scope)+len(own) > maxPrefixes {
		return nil, errors.New("too many prefixes")
	}
	if len(own) > 0 {
		scope := make(map[string]string, len(n.scope)+len(own))
		for p, uri := range n.scope {
			scope[p] = uri
		}
		for p, uri := range own {
			scope[p] = uri
		}
		n.scope = scope
	}
	return n, n.resolve()
}

func (n *node) resolve() error {
	var ok bool
	if n.space, ok = n.scope[n.prefix]; !ok {
		return errors.New("undeclared prefix " + n.prefix)
	}
	seen := map[[2]string]bool{}
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.prefix != "" {
			if a.space, ok = n.scope[a.prefix]; !ok {
				return errors.New("undeclared prefix " + a.prefix)
			}
		}
		key := [2]string{a.space, a.local}
		if seen[key] {
			return errors.New("attribute given twice")
		}
		seen[key] = true
	}
	return nil
}
