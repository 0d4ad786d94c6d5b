package pades

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// paper is one document being laid out.
type paper struct {
	*layout
	d      evidence.Document
	w      *words
	zone   *time.Location
	source source // what the attached XML says of its seal
	xmlSum string
}

// compose lays the document out: what happened first, then who, what, when and
// how to check it.
func compose(c *canvas, d evidence.Document, a evidence.Attached) (*paper, error) {
	w, err := wordsFor(d.Event.Language)
	if err != nil {
		return nil, err
	}
	if !d.Event.Name.Valid() || d.Event.At.IsZero() {
		return nil, fmt.Errorf("%w: event %q", ErrRender, d.Event.Name)
	}
	zone, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return nil, fmt.Errorf("%w: time zone data: %w", ErrRender, err)
	}
	sum := sha256.Sum256(a.XML)
	p := &paper{
		layout: &layout{canvas: c, root: &element{kind: "Document"}},
		d:      d, w: w, zone: zone, source: readSource(a), xmlSum: hex.EncodeToString(sum[:]),
	}
	p.openPage = p.strip
	p.addPage()
	p.band()
	p.opening()
	p.parties()
	p.message()
	p.documents()
	p.reasons()
	p.facts()
	p.postal()
	p.timeline()
	p.issuer()
	p.verify()
	p.notes()
	p.furniture()
	return p, nil
}

// opening says in words what happened, what this proves and what it does not.
func (p *paper) opening() {
	e := p.d.Event
	p.paragraph(p.root, "H1", fontTitle, p.w.title(e.Name), marginLeft, frameWidth)
	p.y -= 8
	if e.Test {
		p.paragraph(p.root, "P", fontAlarm, p.d.Claim().Words(p.w.lang)+" "+p.w.Label["test_would"], marginLeft, frameWidth)
		p.y -= 3
	}
	p.paragraph(p.root, "P", fontLead, p.w.Proves[string(e.Name)], marginLeft, frameWidth)
	p.y -= 4
	p.paragraph(p.root, "P", fontNote, p.w.Limit[limitOf(e.Name)], marginLeft, frameWidth)
	p.y -= 12
	p.when()
	p.claim()
}

// when is the panel with the instant of the event and who vouches for it.
func (p *paper) when() {
	const pad, labelW = 12.0, 104.0
	e := p.d.Event
	valueX, valueW := marginLeft+pad+labelW, frameWidth-2*pad-labelW
	rows := []struct {
		label string
		lines []line
	}{
		{p.w.Label["event_time"], append(p.set(fontBig, p.w.long(e.At.In(p.zone)), valueW),
			p.set(fontMono, e.At.UTC().Format("2006-01-02T15:04:05.000000Z")+"  (UTC)", valueW)...)},
	}
	if s := p.source; !s.stampedAt.IsZero() {
		rows = append(rows, struct {
			label string
			lines []line
		}{p.w.Label["stamp"], append(append(
			p.set(fontText, p.w.long(s.stampedAt.In(p.zone)), valueW),
			p.set(fontText, s.authority, valueW)...),
			p.set(fontMono, p.w.Label["serial"]+" "+s.stampSerial, valueW)...)})
	}
	rows = append(rows, struct {
		label string
		lines []line
	}{p.w.Label["evidence_id"], p.set(fontMono, e.ID, valueW)})
	total := 2 * pad
	for _, r := range rows {
		total += height(r.lines) + 4
	}
	total -= 4
	p.need(total)
	p.artifact(func() {
		p.rect(marginLeft, p.y-total, frameWidth, total, tint)
		p.rect(marginLeft, p.y-total, 3, total, accent)
	})
	tab := p.root.add("Table")
	y := p.y - pad
	for _, r := range rows {
		tr := tab.add("TR")
		p.mark(tr.header("Row"), func() { p.draw(marginLeft+pad, y, p.set(fontLabel, r.label, labelW-8)) })
		p.mark(tr.add("TD"), func() { p.draw(valueX, y, r.lines) })
		y -= height(r.lines) + 4
	}
	p.y -= total + 10
}

// claim states the legal standing, exactly as far as the issuer may go. A test
// said so above.
func (p *paper) claim() {
	if !p.d.Event.Test {
		p.paragraph(p.root, "P", fontNote, p.d.Claim().Words(p.w.lang), marginLeft, frameWidth)
	}
	p.y -= 6
}

// section starts a section; least is the room that must follow its heading.
func (p *paper) section(key string, least float64) {
	p.need(16 + 16 + least)
	p.y -= 13
	p.paragraph(p.root, "H2", fontHead, p.w.Section[key], marginLeft, frameWidth)
	p.y -= 3
	p.artifact(func() { p.rect(marginLeft, p.y, frameWidth, 1, ink) })
}

// pair is one labelled value.
type pair struct {
	label string
	value []line
}

// pairs draws labelled values below each other as a table with row headers.
func (p *paper) pairs(rows []pair, labelW float64) {
	tab := p.root.add("Table")
	for _, r := range rows {
		tr := tab.add("TR")
		p.row([]cell{
			{tr.header("Row"), marginLeft, labelW, p.set(fontLabel, r.label, labelW-10)},
			{tr.add("TD"), marginLeft + labelW, frameWidth - labelW, r.value},
		}, marginLeft, frameWidth, nil, nil)
	}
}

// message says which registered item this is about.
func (p *paper) message() {
	const labelW = 130.0
	e, w := p.d.Event, frameWidth-labelW
	rows := []pair{{p.w.Label["number"], p.set(fontBold, e.Number, w)}}
	add := func(key, v string, f font) {
		if v != "" {
			rows = append(rows, pair{p.w.Label[key], p.set(f, v, w)})
		}
	}
	add("subject", e.Subject, fontText)
	add("reference", e.Reference, fontText)
	if !e.Submitted.IsZero() {
		add("submitted", p.w.long(e.Submitted.In(p.zone)), fontText)
	}
	add("message_id", e.Message, fontMono)
	add("delivery_id", e.Delivery, fontMono)
	p.section("message", 40)
	p.pairs(rows, labelW)
}
