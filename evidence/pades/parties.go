package pades

import (
	"strings"

	"github.com/bode-erds/bode/evidence"
)

// parties says who sent and who was to receive, side by side: what the sender
// declared of each, and what was proven, by which means and when.
func (p *paper) parties() {
	const labelW, gap = 92.0, 12.0
	w := (frameWidth - labelW) / 2
	cols := []column{{"", labelW}, {p.w.Label["sender"], w}, {p.w.Label["recipient"], w}}
	e := p.d.Event
	var rows [][][]line
	add := func(key string, sender, recipient []line) {
		if len(sender)+len(recipient) > 0 {
			rows = append(rows, [][]line{p.set(fontLabel, p.w.Label[key], labelW-gap), sender, recipient})
		}
	}
	set := func(f font, s string) []line {
		if s == "" {
			return nil
		}
		return p.set(f, s, w-gap)
	}
	both := func(key string, f font, of func(evidence.Party) string) {
		add(key, set(f, of(e.Sender)), set(f, of(e.Recipient)))
	}
	both("name", fontBold, nameOf)
	both("identifier", fontText, func(q evidence.Party) string {
		if q.Identifier.Value == q.Email || q.Identifier.Value == "" {
			return ""
		}
		return p.w.scheme(q.Identifier.Scheme) + " " + q.Identifier.Value
	})
	both("email", fontText, func(q evidence.Party) string { return q.Email })
	both("mobile", fontText, func(q evidence.Party) string { return q.Mobile })
	address := func(q evidence.Party) []line { return set(fontText, strings.Join(q.Address, ", ")) }
	add("address", address(e.Sender), address(e.Recipient))
	// Whoever acted for a party stands with what was proven, if anything was.
	acting := func(q *evidence.Party) []line {
		if q == nil || q.Proof != nil {
			return nil
		}
		return append(set(fontBold, nameOf(*q)), p.mandate(q, w-gap)...)
	}
	add("acting", acting(e.SentBy), acting(e.ReceivedBy))
	proven := func(q evidence.Party, actor *evidence.Party) (out []line) {
		if q.Proof != nil {
			out = p.proof("", *q.Proof, w-gap)
		}
		if actor != nil && actor.Proof != nil {
			out = append(out, p.proof(nameOf(*actor), *actor.Proof, w-gap)...)
			out = append(out, set(fontNote, p.w.fill(p.w.Label["acted_for"], "name", nameOf(q)))...)
			out = append(out, p.mandate(actor, w-gap)...)
		}
		return out
	}
	recipient := proven(e.Recipient, e.ReceivedBy)
	if recipient == nil {
		recipient = set(fontText, p.w.Label["not_proven"])
	}
	add("proven", proven(e.Sender, e.SentBy), recipient)
	p.section("parties", 110)
	p.grid(cols, rows, 0, -1)
}

// proof says what an identity provider proved, how strongly and when. A name
// known otherwise is given first, and the proven one when it differs.
func (p *paper) proof(known string, r evidence.Proof, w float64) []line {
	var out []line
	name := strings.TrimSpace(r.Given + " " + r.Family)
	if known != "" {
		out = p.set(fontBold, known, w)
	}
	if name != "" && name != known {
		out = append(out, p.set(fontBold, name, w)...)
	}
	out = append(out, p.set(fontText, p.w.method(r.Method), w)...)
	if r.Provider != "" {
		out = append(out, p.set(fontNote, r.Provider, w)...)
	}
	out = append(out, p.set(fontText, p.w.Label["level"]+": "+p.w.level(r.Level), w)...)
	if !r.At.IsZero() {
		out = append(out, p.set(fontText, p.w.short(r.At.In(p.zone))+" "+p.w.Label["brussels"], w)...)
		out = append(out, p.set(fontTiny, utc(r.At), w)...)
	}
	if r.Record != "" {
		out = append(out, p.set(fontTiny, p.w.Label["record"]+" "+r.Record, w)...)
	}
	return out
}

// mandate says under what somebody acted, how it was given and since when.
func (p *paper) mandate(q *evidence.Party, w float64) []line {
	m := q.Mandate
	if m == nil {
		return nil
	}
	out := p.set(fontText, p.w.detail("mandate")+": "+p.w.value(evidence.Detail{Key: "mandate", Value: m.Given}, p.zone)+", "+p.w.short(m.At.In(p.zone)), w)
	out = append(out, p.set(fontTiny, m.ID, w)...)
	if m.Record != "" {
		out = append(out, p.set(fontTiny, p.w.Label["record"]+" "+m.Record, w)...)
	}
	return out
}

// nameOf is how a party is called: the legal name, or given and family name.
func nameOf(q evidence.Party) string {
	if q.Name != "" {
		return q.Name
	}
	if n := strings.TrimSpace(q.Given + " " + q.Family); n != "" {
		return n
	}
	if q.Email != "" {
		return q.Email
	}
	return q.Identifier.Value
}
