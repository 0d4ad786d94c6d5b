package post

import (
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// beside shrinks a sheet so that all of it lies to the right of keep.
func beside(keep rect) matrix {
	s := (a4W - keep.x2) / a4W
	return matrix{s, 0, 0, s, keep.x2, a4H * (1 - s) / 2}
}

// inMargin reports whether a page, drawn through m, may print where the sheet
// code goes.
func (g *graft) inMargin(page, resources types.Dict, streams []*types.StreamDict, m matrix) bool {
	objects, _ := g.src.DereferenceDict(resources["XObject"])
	i := &ink{keep: g.keep, form: func(name string) (rect, matrix, bool) { return g.formBox(objects[name]) }}
	var content []byte
	for _, sd := range streams {
		content = append(append(content, sd.Content...), '\n')
	}
	if i.look(content, m) {
		return true
	}
	if g.keep == (rect{}) {
		return false
	}
	list, _ := g.src.DereferenceArray(page["Annots"])
	for _, o := range list {
		d, _ := g.src.DereferenceDict(o)
		if r, err := boxOf(g.src, d["Rect"]); err == nil && d["AP"] != nil {
			i.meets(bounds(r, m))
		}
	}
	return i.hit
}

// formBox is the box of a form XObject and its own matrix; not ok for an image.
func (g *graft) formBox(o types.Object) (rect, matrix, bool) {
	one := matrix{1, 0, 0, 1, 0, 0}
	sd, _, err := g.src.DereferenceStreamDict(o)
	if err != nil || sd == nil {
		return rect{}, one, false
	}
	if s := sd.Subtype(); s == nil || *s != "Form" {
		return rect{}, one, false
	}
	box, err := boxOf(g.src, sd.Dict["BBox"])
	if err != nil {
		return rect{-1e6, -1e6, 1e6, 1e6}, one, true
	}
	if a, _ := g.src.DereferenceArray(sd.Dict["Matrix"]); len(a) == 6 {
		for k := range a {
			if one[k], err = g.src.DereferenceNumber(a[k]); err != nil {
				return rect{-1e6, -1e6, 1e6, 1e6}, matrix{1, 0, 0, 1, 0, 0}, true
			}
		}
	}
	return box, one, true
}
