package pades

import (
	"fmt"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// column of a table with a head; the last one is as wide as what is left.
type column struct {
	label string
	w     float64
}

// grid draws a table with a head that is repeated on every page it reaches.
// Each entry of rows has the lines of one row; the cell of column th is the
// row's header. strong rows are tinted.
func (p *paper) grid(cols []column, rows [][][]line, th, strong int) {
	tab := p.root.add("Table")
	x := make([]float64, len(cols))
	x[0] = marginLeft
	for i := 1; i < len(cols); i++ {
		x[i] = x[i-1] + cols[i-1].w
	}
	head := func(tr *element) {
		cells := make([]cell, len(cols))
		for i, c := range cols {
			cells[i] = cell{nil, x[i], c.w, p.set(fontLabel, c.label, c.w-8)}
			if tr != nil && c.label == "" {
				cells[i].elem = tr.add("TD")
			} else if tr != nil {
				cells[i].elem = tr.header("Column")
			}
		}
		p.row(cells, marginLeft, frameWidth, nil, nil)
	}
	head(tab.add("TR"))
	for n, r := range rows {
		tr := tab.add("TR")
		cells := make([]cell, len(cols))
		for i, lines := range r {
			kind := tr.add
			if i == th {
				kind = func(string) *element { return tr.header("Row") }
			}
			cells[i] = cell{kind("TD"), x[i], cols[i].w, lines}
		}
		var paint func(y, h float64)
		if n == strong {
			paint = func(y, h float64) { p.rect(marginLeft-4, y, frameWidth+8, h, tint) }
		}
		p.row(cells, marginLeft, frameWidth, func() { head(nil) }, paint)
	}
}

// documents lists what was sent, each bound by its digest.
func (p *paper) documents() {
	if len(p.d.Event.Parts) == 0 {
		return
	}
	p.section("documents", 60)
	cols := []column{{"", 22}, {p.w.Label["document"], 214}, {p.w.Label["size"], 82}, {"SHA-256", frameWidth - 318}}
	var rows [][][]line
	for i, part := range p.d.Event.Parts {
		name := append(p.set(fontBold, part.Name, cols[1].w-10), p.set(fontNote, part.MediaType, cols[1].w-10)...)
		var digest []line
		for _, s := range chunks(part.SHA256, 32) {
			digest = append(digest, p.set(fontMono, s, cols[3].w)...)
			digest[len(digest)-1].end = false // no gap inside a digest
		}
		rows = append(rows, [][]line{p.set(fontLabel, fmt.Sprint(i+1), 20), name,
			p.set(fontText, p.w.bytes(part.Size), cols[2].w-8), digest})
	}
	p.grid(cols, rows, 1, -1)
}

// reasons says why, in words.
func (p *paper) reasons() {
	if len(p.d.Event.Reasons) == 0 {
		return
	}
	p.section("reason", 30)
	p.y -= 4
	for _, r := range p.d.Event.Reasons {
		p.paragraph(p.root, "P", fontText, p.w.reason(r), marginLeft, frameWidth)
		if r.Text != "" {
			p.paragraph(p.root, "P", fontNote, r.Text, marginLeft+10, frameWidth-10)
		}
	}
}

// facts lists the details of the event, addresses masked.
func (p *paper) facts() {
	var rows []pair
	for _, d := range p.d.Event.Details {
		rows = append(rows, pair{p.w.detail(d.Key), p.set(fontText, p.w.value(d, p.zone), frameWidth-facing)})
	}
	if len(rows) > 0 {
		p.list("facts", rows)
	}
}

// postal gathers the leg outside the service: operator, item and what became of it.
func (p *paper) postal() {
	const w = frameWidth - facing
	var rows []pair
	for _, e := range slices.Concat(p.d.History, []evidence.Event{p.d.Event}) {
		if e.External != "" {
			rows = append(rows, pair{p.w.title(e.Name), append(p.set(fontText, e.External, w),
				p.set(fontNote, p.w.long(e.At.In(p.zone)), w)...)})
		}
	}
	if len(rows) > 0 {
		p.list("postal", rows)
	}
}

// timeline lists every event of the delivery so far, this one last and marked.
func (p *paper) timeline() {
	all := slices.Concat(p.d.History, []evidence.Event{p.d.Event})
	p.section("timeline", 60)
	cols := []column{{"", 26}, {p.w.Label["time"], 112}, {p.w.Label["event"], frameWidth - 138}}
	var rows [][][]line
	for _, e := range all {
		f := fontText
		if e.Seq == p.d.Event.Seq {
			f = fontBold
		}
		what := p.set(f, p.w.title(e.Name), cols[2].w)
		for _, s := range p.w.summary(e, p.zone) {
			what = append(what, p.set(fontNote, s, cols[2].w)...)
		}
		rows = append(rows, [][]line{
			p.set(fontLabel, fmt.Sprint(e.Seq), 24),
			append(p.set(f, p.w.short(e.At.In(p.zone)), cols[1].w), p.set(fontTiny, utc(e.At.Truncate(time.Second)), cols[1].w)...),
			what,
		})
	}
	p.grid(cols, rows, 0, len(rows)-1)
}
