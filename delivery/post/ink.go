package post

import (
	"math"
	"strconv"
	"strings"
)

// ink looks through a page's content for something that would print in a part of
// the sheet, without drawing it. It may see ink where there is none, never the
// other way round: text is taken to go on for ever, a form to fill its box, and
// clipping is not looked at.
type ink struct {
	keep rect // must stay free, in points on the sheet
	form func(name string) (box rect, m matrix, ok bool)
	hit  bool

	now   graphics
	saved []graphics

	path       []float64 // x, y, … on the sheet
	args       []string
	text, line matrix // text matrix, and that of the line
}

// graphics is what q saves.
type graphics struct {
	ctm     matrix
	width   float64 // of lines
	white   bool    // fills leave no ink
	size    float64 // of type
	leading float64
	rise    float64
}

// look runs content, drawn through m, and reports whether it meets i.keep.
func (i *ink) look(content []byte, m matrix) bool {
	if i.keep == (rect{}) {
		return false
	}
	one := matrix{1, 0, 0, 1, 0, 0}
	i.now, i.text, i.line = graphics{ctm: m, width: 1}, one, one
	s := scanner{b: content}
	for !i.hit {
		t, operator, ok := s.next()
		switch {
		case !ok:
			return i.hit
		case !operator:
			if i.args = append(i.args, t); len(i.args) > 64 {
				i.args = i.args[1:] // of an array
			}
		default:
			if t == "BI" {
				s.skipImage()
				t = "inline"
			}
			i.do(t)
			i.args = i.args[:0]
		}
	}
	return i.hit
}

// n is the k-th number before the operator, counted from its last.
func (i *ink) n(k int) float64 {
	if k >= len(i.args) {
		return 0
	}
	v, _ := strconv.ParseFloat(i.args[len(i.args)-1-k], 64)
	return v
}

func (i *ink) matrix() matrix { return matrix{i.n(5), i.n(4), i.n(3), i.n(2), i.n(1), i.n(0)} }

func (i *ink) do(op string) {
	g := &i.now
	switch op {
	case "q":
		if len(i.saved) < 1000 {
			i.saved = append(i.saved, *g)
		} else {
			i.hit = true
		}
	case "Q":
		if n := len(i.saved); n > 0 {
			*g, i.saved = i.saved[n-1], i.saved[:n-1]
		}
	case "cm":
		g.ctm = i.matrix().then(g.ctm)
	case "w":
		g.width = i.n(0)
	case "gs", "sh": // a state may set anything; a shading fills what it is clipped to
		i.hit = i.hit || op == "sh"
	case "g":
		g.white = i.n(0) == 1
	case "rg":
		g.white = i.n(0) == 1 && i.n(1) == 1 && i.n(2) == 1
	case "k":
		g.white = i.n(0) == 0 && i.n(1) == 0 && i.n(2) == 0 && i.n(3) == 0
	case "cs", "sc", "scn":
		g.white = false
	case "m", "l":
		i.point(i.n(1), i.n(0))
	case "c":
		i.point(i.n(5), i.n(4))
		i.point(i.n(3), i.n(2))
		i.point(i.n(1), i.n(0))
	case "v", "y":
		i.point(i.n(3), i.n(2))
		i.point(i.n(1), i.n(0))
	case "re":
		x, y, w, h := i.n(3), i.n(2), i.n(1), i.n(0)
		i.point(x, y)
		i.point(x+w, y)
		i.point(x, y+h)
		i.point(x+w, y+h)
	case "f", "F", "f*":
		i.paint(!g.white, false)
	case "S", "s", "B", "B*", "b", "b*":
		i.paint(true, true)
	case "n":
		i.path = i.path[:0]
	case "Do":
		i.object()
	case "inline":
		i.meets(bounds(rect{0, 0, 1, 1}, g.ctm))
	default:
		i.typeset(op)
	}
}

func (i *ink) point(x, y float64) {
	x, y = i.now.ctm.at(x, y)
	if len(i.path) < 1<<20 {
		i.path = append(i.path, x, y)
	} else {
		i.hit = true
	}
}

// paint ends a path.
func (i *ink) paint(seen, stroked bool) {
	r := rect{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for k := 0; k+1 < len(i.path); k += 2 {
		x, y := i.path[k], i.path[k+1]
		r = rect{min(r.x1, x), min(r.y1, y), max(r.x2, x), max(r.y2, y)}
	}
	if stroked {
		c := i.now.ctm
		d := (i.now.width + 1) * max(math.Hypot(c[0], c[1]), math.Hypot(c[2], c[3])) / 2
		r = rect{r.x1 - d, r.y1 - d, r.x2 + d, r.y2 + d}
	}
	if seen && len(i.path) > 0 {
		i.meets(r)
	}
	i.path = i.path[:0]
}

func (i *ink) meets(r rect) {
	k := i.keep
	if !(r.x2 < k.x1 || r.x1 > k.x2 || r.y2 < k.y1 || r.y1 > k.y2) { // also when something is no number
		i.hit = true
	}
}

// object draws an image or a form.
func (i *ink) object() {
	if len(i.args) == 0 {
		return
	}
	box, m, ok := i.form(strings.TrimPrefix(i.args[len(i.args)-1], "/"))
	if !ok {
		box, m = rect{0, 0, 1, 1}, matrix{1, 0, 0, 1, 0, 0}
	}
	i.meets(bounds(box, m.then(i.now.ctm)))
}

// typeset follows where text begins.
func (i *ink) typeset(op string) {
	g := &i.now
	next := func(x, y float64) {
		i.line = matrix{1, 0, 0, 1, x, y}.then(i.line)
		i.text = i.line
	}
	switch op {
	case "BT":
		i.text, i.line = matrix{1, 0, 0, 1, 0, 0}, matrix{1, 0, 0, 1, 0, 0}
	case "Tf":
		g.size = i.n(0)
	case "TL":
		g.leading = i.n(0)
	case "Ts":
		g.rise = i.n(0)
	case "Tm":
		i.line = i.matrix()
		i.text = i.line
	case "Td":
		next(i.n(1), i.n(0))
	case "TD":
		g.leading = -i.n(0)
		next(i.n(1), i.n(0))
	case "T*":
		next(0, -g.leading)
	case "'", "\"":
		next(0, -g.leading)
		i.show()
	case "Tj", "TJ":
		i.show()
	}
}

// show takes text to go on to the edge of the sheet and beyond, a size above and
// below its line.
func (i *ink) show() {
	s := math.Abs(i.now.size) + math.Abs(i.now.rise) + 1
	m := i.text.then(i.now.ctm)
	i.meets(bounds(rect{-s, -s, 5000, s}, m))
}
