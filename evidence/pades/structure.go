package pades

import (
	"fmt"
	"strconv"
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
		o.begin(e.ref)
		o.element(e, parent, pageRefs)
		o.end()
		for _, k := range e.kids {
			if k.elem != nil {
				write(k.elem, e.ref)
			}
		}
	}
	write(root, treeRef)
	parents := o.reserve()
	o.begin(parents)
	o.buf = append(o.buf, "<< /Nums ["...)
	for p, list := range marks {
		o.buf = append(strconv.AppendInt(o.buf, int64(p), 10), '[')
		for _, e := range list {
			o.ref(e.ref)
			o.buf = append(o.buf, ' ')
		}
		o.buf = append(o.buf, ']')
	}
	o.buf = append(o.buf, "] >>"...)
	o.end()
	o.put(treeRef, fmt.Sprintf("<< /Type /StructTreeRoot /K [%s] /ParentTree %s /ParentTreeNextKey %d >>",
		ref(root.ref), ref(parents), len(marks)))
	return treeRef
}

// element appends the dictionary of e. There are hundreds, so it is written as
// short as can be: one page for all pieces, where they are on one.
func (o *objects) element(e *element, parent int, pageRefs []int) {
	o.buf = append(append(o.buf, "<</S/"...), e.kind...)
	o.buf = append(o.buf, "/P "...)
	o.ref(parent)
	if e.attr != "" {
		o.buf = append(append(append(o.buf, "/A<<"...), e.attr...), ">>"...)
	}
	if e.alt != "" {
		o.buf = append(append(o.buf, "/Alt "...), text(e.alt)...)
	}
	page := -1
	for _, k := range e.kids {
		if k.elem == nil {
			page = k.page
			o.buf = append(o.buf, "/Pg "...)
			o.ref(pageRefs[page])
			break
		}
	}
	o.buf = append(o.buf, "/K["...)
	for i, k := range e.kids {
		if i > 0 {
			o.buf = append(o.buf, ' ')
		}
		switch {
		case k.elem != nil:
			o.ref(k.elem.ref)
		case k.page == page:
			o.buf = strconv.AppendInt(o.buf, int64(k.mcid), 10)
		default:
			o.buf = fmt.Appendf(o.buf, "<</Type/MCR/Pg %s/MCID %d>>", ref(pageRefs[k.page]), k.mcid)
		}
	}
	o.buf = append(o.buf, "]>>"...)
}

// ref appends an indirect reference.
func (o *objects) ref(id int) {
	o.buf = append(strconv.AppendInt(o.buf, int64(id), 10), " 0 R"...)
}
