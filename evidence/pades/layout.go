package pades

// layout places content on pages from the top down. Everything it places is
// tagged under root; y is the upper edge of the free space.
type layout struct {
	*canvas
	root     *element
	y        float64
	openPage func() // draws the header of a further page and sets y
	escaped  bool   // a character had to be printed as its code
}

// line is one line of text in one font.
type line struct {
	f   font
	s   string
	end bool // of a paragraph: who reads the text without the layout sees a gap
}

// cell is what stands in one column of a row. A nil elem makes it decoration.
type cell struct {
	elem  *element
	x, w  float64
	lines []line
}

// set wraps s into lines of f, escaped for its face.
func (l *layout) set(f font, s string, width float64) []line {
	s, esc := escape(l.faces[f.spec().face], s)
	l.escaped = l.escaped || esc
	var out []line
	for _, t := range l.wrap(f, s, width) {
		out = append(out, line{f: f, s: t})
	}
	out[len(out)-1].end = true
	return out
}

func (l *layout) room() float64 { return l.y - frameBottom }

// breakPage goes on at the top of a new page.
func (l *layout) breakPage() {
	l.addPage()
	l.openPage()
}

// need breaks the page unless h points are free.
func (l *layout) need(h float64) {
	if l.room() < h {
		l.breakPage()
	}
}

// paragraph sets s across width at x as element kind.
func (l *layout) paragraph(parent *element, kind string, f font, s string, x, width float64) {
	l.put(parent.add(kind), x, l.set(f, s, width))
}

// put draws lines as pieces of e, over as many pages as they need.
func (l *layout) put(e *element, x float64, lines []line) {
	for len(lines) > 0 {
		if l.room() < lines[0].f.lead() {
			l.breakPage()
		}
		n, h := fit(lines, l.room())
		l.mark(e, func() { l.draw(x, l.y, lines[:n]) })
		l.y -= h
		lines = lines[n:]
	}
}

// draw sets lines below y.
func (l *layout) draw(x, y float64, lines []line) {
	for i, t := range lines {
		if t.end && i < len(lines)-1 {
			t.s += " "
		}
		l.text(x, y-t.f.baseline(), t.f, t.s)
		y -= t.f.lead()
	}
}

// fit is how many lines go into room, at least one, and their height.
func fit(lines []line, room float64) (n int, h float64) {
	for n < len(lines) && (n == 0 || h+lines[n].f.lead() <= room) {
		h += lines[n].f.lead()
		n++
	}
	return n, h
}

func height(lines []line) (h float64) {
	for _, t := range lines {
		h += t.f.lead()
	}
	return h
}

const cellPad = 2.6 // above and below the text of a row

// row draws the cells side by side with a rule below. A row that fits on a
// page is kept together; a longer one is split between lines. reopen, when not
// nil, is called after each page break to repeat the table's head. paint, when
// not nil, draws behind each piece before its text.
func (l *layout) row(cells []cell, x, w float64, reopen func(), paint func(y, h float64)) {
	tall := 0.0
	for _, c := range cells {
		tall = max(tall, height(c.lines))
	}
	if l.room() < tall+2*cellPad && (tall < 240 || l.room() < 60) {
		l.breakPage()
		if reopen != nil {
			reopen()
		}
	}
	rest := make([][]line, len(cells))
	for i, c := range cells {
		rest[i] = c.lines
	}
	for {
		used := 0.0
		take := make([]int, len(cells))
		for i := range cells {
			if len(rest[i]) > 0 {
				n, h := fit(rest[i], l.room()-2*cellPad)
				take[i], used = n, max(used, h)
			}
		}
		if paint != nil {
			l.artifact(func() { paint(l.y-used-2*cellPad, used+2*cellPad) })
		}
		more := false
		for i, c := range cells {
			if take[i] > 0 {
				show := func() { l.draw(c.x, l.y-cellPad, rest[i][:take[i]]) }
				if c.elem != nil {
					l.mark(c.elem, show)
				} else {
					l.artifact(show)
				}
			}
			rest[i] = rest[i][take[i]:]
			more = more || len(rest[i]) > 0
		}
		l.y -= used + 2*cellPad
		l.artifact(func() { l.rule(x, l.y, w, hair) })
		if !more {
			return
		}
		l.breakPage()
		if reopen != nil {
			reopen()
		}
	}
}
