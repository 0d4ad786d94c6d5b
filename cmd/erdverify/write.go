package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/bode-erds/bode/evidence"
)

// printer writes lines for people and keeps the first error.
type printer struct {
	w    io.Writer
	lang string
	err  error
}

// line writes a labelled fact. What a document says is foreign text: control
// characters, which a terminal might obey, are not passed on.
func (p *printer) line(indent, label, text string) {
	if text == "" || p.err != nil {
		return
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
	_, p.err = fmt.Fprintf(p.w, "%s%s: %s\n", indent, label, text)
}

func (p *printer) fact(key, text string) {
	p.line("  ", evidence.Label(key, p.lang), text)
}

// write prints the verdict on one file, what the evidence says, and every
// answer that led to the verdict.
func write(w io.Writer, lang string, r result) error {
	p := &printer{w: w, lang: lang}
	p.line("", evidence.Label("file", lang), r.File)
	p.line("", "»", r.Verdict)
	if r.OK {
		p.facts(r.Report)
	}
	p.checks(r.Report)
	return p.err
}

func (p *printer) facts(r evidence.Report) {
	if d := r.Document; d != nil {
		e := d.Event
		p.fact("claim", d.Claim().Words(p.lang))
		p.fact("event", e.Name.Title(p.lang))
		p.fact("event_time", instant(e.At))
		p.fact("message", e.Number)
		p.fact("subject", e.Subject)
		p.fact("submitted", instant(e.Submitted))
		p.fact("sender", person(e.Sender))
		p.fact("recipient", person(e.Recipient))
		for _, part := range e.Parts {
			p.fact("part", part.Name+" (SHA-256 "+part.SHA256+")")
		}
		p.fact("issuer", d.Issuer.Name)
	}
	p.fact("signer", r.Signer)
	for _, s := range r.Stamps {
		p.fact("stamp_time", instant(s.Time)+" ("+s.Serial+")")
		p.fact("authority", s.Authority)
	}
}

// checks prints every answer; of the good ones each only once.
func (p *printer) checks(r evidence.Report) {
	seen := map[evidence.Code]bool{}
	for _, c := range r.Checks {
		answer := "no"
		if c.OK {
			if seen[c.Code] {
				continue
			}
			seen[c.Code], answer = true, "yes"
		}
		p.line("  ", "["+evidence.Label(answer, p.lang)+"]", c.Words(p.lang))
		p.line("        ", evidence.Label("detail", p.lang), c.Detail)
	}
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// person names a party: as identified if it was, and as declared otherwise.
func person(p evidence.Party) string {
	name := p.Name
	if name == "" {
		name = strings.TrimSpace(p.Given + " " + p.Family)
	}
	if p.Proof != nil {
		if proven := strings.TrimSpace(p.Proof.Given + " " + p.Proof.Family); proven != "" && proven != name {
			name += " (" + p.Proof.Method + ": " + proven + ")"
		}
	}
	return name
}
