package pades

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// paper is one document being laid out.
type paper struct {
	*layout
	d      evidence.Document
	w      *words
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
	sum := sha256.Sum256(a.XML)
	p := &paper{
		layout: &layout{canvas: c, root: &element{kind: "Document"}},
		d:      d, w: w, source: readSource(a), xmlSum: hex.EncodeToString(sum[:]),
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
	p.y -= 6
	if e.Test {
		p.paragraph(p.root, "P", fontAlarm, p.d.Claim().Words(p.w.lang)+" "+p.w.Label["test_would"], marginLeft, frameWidth)
		p.y -= 3
	}
	p.paragraph(p.root, "P", fontLead, p.w.Proves[string(e.Name)], marginLeft, frameWidth)
	p.y -= 4
	p.paragraph(p.root, "P", fontNote, p.w.Limit[limitOf(e.Name)], marginLeft, frameWidth)
	p.y -= 10
	p.when()
	p.claim()
}

// when is the panel with the instant of the event and who vouches for it.
func (p *paper) when() {
	const pad, gap, labelW = 12.0, 5.0, 104.0
	e, s := p.d.Event, p.source
	valueW := frameWidth - 2*pad - labelW
	var rows []pair
	add := func(key string, value ...[]line) {
		rows = append(rows, pair{p.w.Label[key], slices.Concat(value...)})
	}
	instant := func(f font, t time.Time) []line {
		return append(p.set(f, p.w.long(t.In(p.zone)), valueW), p.set(fontNote, utc(t), valueW)...)
	}
	add("event_time", instant(fontBig, e.At))
	if !s.stampedAt.IsZero() {
		whose := p.w.Label["stamp_own"]
		if s.batch {
			whose = p.w.fill(p.w.Label["stamp_batch"], "file", RecordName)
		}
		add("stamp", instant(fontText, s.stampedAt), p.set(fontText, s.authority, valueW),
			p.set(fontNote, p.w.Label["serial"]+" "+s.stampSerial, valueW), p.set(fontNote, whose, valueW))
	}
	if s.log != "" {
		add("log", p.set(fontText, p.w.fill(p.w.Label["log_entry"], "n", p.w.count(s.index), "of", p.w.count(s.size), "log", s.log), valueW),
			p.set(fontNote, p.w.fill(p.w.Label["log_file"], "file", ProofName), valueW))
	}
	add("evidence_id", p.set(fontMono, e.ID, valueW))
	total := 2*pad - gap
	for _, r := range rows {
		total += height(r.value) + gap
	}
	p.need(total)
	p.artifact(func() {
		p.rect(marginLeft, p.y-total, frameWidth, total, tint)
		p.rect(marginLeft, p.y-total, 3, total, accent)
	})
	tab := p.root.add("Table")
	y := p.y - pad
	for _, r := range rows {
		tr := tab.add("TR")
		label := p.set(fontLabel, r.label, labelW-8)
		drop := r.value[0].f.baseline() - fontLabel.baseline() // on one line with the value
		p.mark(tr.header("Row"), func() { p.draw(marginLeft+pad, y-drop, label) })
		p.mark(tr.add("TD"), func() { p.draw(marginLeft+pad+labelW, y, r.value) })
		y -= height(r.value) + gap
	}
	p.y -= total + 8
}

// utc is an instant as it stands in the XML.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") + " (UTC)" }

// claim states the legal standing, exactly as far as the issuer may go. A test
// said so above.
func (p *paper) claim() {
	if !p.d.Event.Test {
		p.paragraph(p.root, "P", fontNote, p.d.Claim().Words(p.w.lang), marginLeft, frameWidth)
	}
	p.y -= 4
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

// facing is how far the values of a list stand from the left.
const facing = 130.0

// list is a section of labelled values, kept together when it is short.
func (p *paper) list(section string, rows []pair) {
	total := 0.0
	for _, r := range rows {
		total += height(r.value) + 2*cellPad
	}
	if total > 160 {
		total = 40
	}
	p.section(section, total)
	p.pairs(rows, facing)
}

// message says which registered item this is about.
func (p *paper) message() {
	const w = frameWidth - facing
	e := p.d.Event
	rows := []pair{{p.w.Label["number"], p.set(fontBold, e.Number, w)}}
	add := func(key, v string, f font) {
		if v != "" {
			rows = append(rows, pair{p.w.Label[key], p.set(f, v, w)})
		}
	}
	add("subject", e.Subject, fontText)
	add("reference", e.Reference, fontText)
	if !e.Submitted.IsZero() {
		rows = append(rows, pair{p.w.Label["submitted"], append(p.set(fontText, p.w.long(e.Submitted.In(p.zone)), w),
			p.set(fontNote, utc(e.Submitted), w)...)})
	}
	add("message_id", e.Message, fontMono)
	add("delivery_id", e.Delivery, fontMono)
	p.list("message", rows)
}
