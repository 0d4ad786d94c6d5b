package pades

import (
	"fmt"
	"strings"
)

// element is one node of the structure tree (ISO 32000-1 §14.7): what a screen
// reader walks through. Its kids are other elements and marked pieces of pages.
type element struct {
	kind   string // a standard structure type: H1, P, Table, TH, …
	attr   string // content of /A, without brackets; may be empty
	alt    string // for a Figure
	parent *element
	kids   []kid
	ref    int
}

// kid is a child element, or else piece mcid of a page.
type kid struct {
	elem *element
	page int
	mcid int
}

// add makes a child element.
func (e *element) add(kind string) *element {
	c := &element{kind: kind, parent: e}
	e.kids = append(e.kids, kid{elem: c})
	return c
}

// header makes a TH with its scope, "Row" or "Column" (PDF/UA-1 §7.5).
func (e *element) header(scope string) *element {
	th := e.add("TH")
	th.attr = "/O /Table /Scope /" + scope
	return th
}

// writeStructure writes the tree under root and its parent tree, and returns
// the object number of the StructTreeRoot. pageRefs are the page objects,
// marks the element of every marked piece by page and number.
func writeStructure(o *objects, root *element, pageRefs []int, marks [][]*element) int {
	treeRef := o.reserve()
	var number func(e *element)
	number = func(e *element) {
		e.ref = o.reserve()
		for _, k := range e.kids {
			if k.elem != nil {
				number(k.elem)
			}
		}
	}
	number(root)
	var write func(e *element, parent int)
	write = func(e *element, parent int) {
		var b strings.Builder
		fmt.Fprintf(&b, "<< /Type /StructElem /S /%s /P %s", e.kind, ref(parent))
		if e.attr != "" {
			fmt.Fprintf(&b, " /A << %s >>", e.attr)
		}
		if e.alt != "" {
			fmt.Fprintf(&b, " /Alt %s", text(e.alt))
		}
		b.WriteString(" /K [")
		for i, k := range e.kids {
			if i > 0 {
				b.WriteByte(' ')
			}
			if k.elem != nil {
				b.WriteString(ref(k.elem.ref))
			} else {
				fmt.Fprintf(&b, "<< /Type /MCR /Pg %s /MCID %d >>", ref(pageRefs[k.page]), k.mcid)
			}
		}
		b.WriteString("] >>")
		o.put(e.ref, b.String())
		for _, k := range e.kids {
			if k.elem != nil {
				write(k.elem, e.ref)
			}
		}
	}
	write(root, treeRef)
	var nums strings.Builder
	for p, list := range marks {
		fmt.Fprintf(&nums, "%d [", p)
		for _, e := range list {
			nums.WriteString(ref(e.ref) + " ")
		}
		nums.WriteString("] ")
	}
	parents := o.add("<< /Nums [" + nums.String() + "] >>")
	o.put(treeRef, fmt.Sprintf("<< /Type /StructTreeRoot /K [%s] /ParentTree %s /ParentTreeNextKey %d >>",
		ref(root.ref), ref(parents), len(marks)))
	return treeRef
}
