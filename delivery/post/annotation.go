package post

import (
	"fmt"
	"math"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// Annotation flags, ISO 32000-1 §12.5.3.
const (
	flagHidden = 1 << 1
	flagPrint  = 1 << 2
)

// annotations draws what the page's annotations would print, ISO 32000-1
// §12.5.5, so that a filled form or a stamp is on the paper too.
func (g *graft) annotations(page types.Dict, l *leaf) error {
	list, err := g.src.DereferenceArray(page["Annots"])
	if err != nil {
		return refuse(Broken, "annotations: %w", err)
	}
	for i, o := range list {
		d, err := g.src.DereferenceDict(o)
		if err != nil {
			return refuse(Broken, "annotation: %w", err)
		}
		flags := d.IntEntry("F")
		if d == nil || flags == nil || *flags&flagPrint == 0 || *flags&flagHidden != 0 {
			continue
		}
		look, err := g.appearance(d)
		if err != nil {
			return err
		}
		if look == nil {
			if g.filled(d) {
				return refuse(Form, "field without appearance")
			}
			continue
		}
		if err := g.draw(d, *look, fmt.Sprintf("A%d", i), l); err != nil {
			return err
		}
	}
	return nil
}

// appearance finds the normal appearance of an annotation, or nil.
func (g *graft) appearance(d types.Dict) (*types.IndirectRef, error) {
	ap, err := g.src.DereferenceDict(d["AP"])
	if err != nil {
		return nil, refuse(Broken, "appearance: %w", err)
	}
	n := ap["N"]
	if states, _ := g.src.Dereference(n); states != nil {
		if sub, ok := states.(types.Dict); ok {
			state := d.NameEntry("AS")
			if state == nil {
				return nil, nil
			}
			n = sub[*state]
		}
	}
	if r, ok := n.(types.IndirectRef); ok {
		return &r, nil
	}
	return nil, nil
}

// filled reports whether d is a field with a value that only a viewer would
// draw.
func (g *graft) filled(d types.Dict) bool {
	if t := d.NameEntry("Subtype"); t == nil || *t != "Widget" {
		return false
	}
	for depth := 0; d != nil && depth < 32; depth++ {
		if v, _ := g.src.Dereference(d["V"]); v != nil {
			switch v := v.(type) {
			case types.StringLiteral:
				return v != ""
			case types.HexLiteral:
				return v != ""
			case types.Array:
				return len(v) > 0
			case types.Name:
				return v != "Off"
			}
		}
		d, _ = g.src.DereferenceDict(d["Parent"])
	}
	return false
}

// draw places an appearance: its box, transformed by its own matrix, is
// stretched onto the annotation's rectangle.
func (g *graft) draw(d types.Dict, look types.IndirectRef, name string, l *leaf) error {
	sd, _, err := g.src.DereferenceStreamDict(look)
	if err != nil || sd == nil {
		return refuse(Broken, "appearance: %v", err)
	}
	to, err1 := boxOf(g.src, d["Rect"])
	box, err2 := boxOf(g.src, sd.Dict["BBox"])
	if err1 != nil || err2 != nil {
		return refuse(Broken, "annotation without a box")
	}
	own := matrix{1, 0, 0, 1, 0, 0}
	if a, _ := g.src.DereferenceArray(sd.Dict["Matrix"]); len(a) == 6 {
		for i := range a {
			if own[i], err = g.src.DereferenceNumber(a[i]); err != nil {
				return refuse(Broken, "appearance matrix: %w", err)
			}
		}
	}
	from := bounds(box, own)
	w, h := from.x2-from.x1, from.y2-from.y1
	if w <= 0 || h <= 0 {
		return nil
	}
	sx, sy := (to.x2-to.x1)/w, (to.y2-to.y1)/h
	m := matrix{sx, 0, 0, sy, to.x1 - from.x1*sx, to.y1 - from.y1*sy}
	l.resources += "/" + name + " " + ref(g.id(int(look.ObjectNumber)))
	l.content += "q " + m.String() + " cm /" + name + " Do Q\n"
	return nil
}

// bounds is the upright rectangle around a transformed one.
func bounds(r rect, m matrix) rect {
	out := rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, p := range [][2]float64{{r.x1, r.y1}, {r.x2, r.y1}, {r.x1, r.y2}, {r.x2, r.y2}} {
		x, y := m.at(p[0], p[1])
		out = rect{min(out.x1, x), min(out.y1, y), max(out.x2, x), max(out.y2, y)}
	}
	return out
}

// boxOf reads a rectangle, in whatever order its corners are given.
func boxOf(doc *model.Context, o types.Object) (rect, error) {
	a, err := doc.DereferenceArray(o)
	if err != nil || len(a) != 4 {
		return rect{}, refuse(Broken, "not a rectangle")
	}
	var v [4]float64
	for i := range a {
		if v[i], err = doc.DereferenceNumber(a[i]); err != nil {
			return rect{}, refuse(Broken, "not a rectangle: %w", err)
		}
	}
	return rect{min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])}, nil
}

// visible is the part of a page that is shown: the crop box, within the media
// box.
func visible(doc *model.Context, page types.Dict, inherited *model.InheritedPageAttrs) (rect, error) {
	if inherited == nil || inherited.MediaBox == nil {
		return rect{}, refuse(Broken, "page without a media box")
	}
	m := upright(inherited.MediaBox)
	if inherited.CropBox == nil {
		return m, nil
	}
	c := upright(inherited.CropBox)
	c = rect{max(c.x1, m.x1), max(c.y1, m.y1), min(c.x2, m.x2), min(c.y2, m.y2)}
	if c.x2-c.x1 < 1 || c.y2-c.y1 < 1 {
		return m, nil
	}
	return c, nil
}

func upright(r *types.Rectangle) rect {
	return rect{min(r.LL.X, r.UR.X), min(r.LL.Y, r.UR.Y), max(r.LL.X, r.UR.X), max(r.LL.Y, r.UR.Y)}
}
