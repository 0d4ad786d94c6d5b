//go:build !js

package main

import (
	"cmp"
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

// line writes a labelled text. What a document says is foreign: control
// characters, which a terminal might obey, are not passed on.
func (p *printer) line(indent, label, text string) {
	if text == "" || p.err != nil {
		return
	}
	_, p.err = fmt.Fprintf(p.w, "%s%s: %s\n", indent, clean(label), clean(text))
}

func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, text)
}

// write prints the verdict on one file, what the evidence says, every answer
// that led to the verdict, and what nobody could answer.
func write(w io.Writer, lang string, r result) error {
	p := &printer{w: w, lang: lang}
	t := tell(r, lang)
	p.line("", p.label("file"), r.File)
	p.line("", "»", t.Verdict)
	for _, f := range t.Facts {
		p.line("  ", f.Label, f.Text)
	}
	for _, f := range t.Parts {
		p.line("  ", f.Label, f.Text)
	}
	for _, g := range r.Content {
		p.content(g)
	}
	for _, m := range t.Members {
		label, at := "no", time.Time{}
		if m.OK {
			label = "yes"
		}
		if m.Time != nil {
			at = *m.Time
		}
		p.line("  ", "["+p.label(label)+"] "+m.Name, join(" – ", cmp.Or(m.Title, m.Verdict), instant(at)))
	}
	for _, a := range t.Checks {
		p.answer(a)
	}
	for _, a := range t.Unchecked {
		p.answer(a)
	}
	return p.err
}

func (p *printer) label(key string) string { return evidence.Label(key, p.lang) }

func (p *printer) answer(a answer) {
	p.line("  ", "["+a.Label+"]", a.Text)
	p.line("        ", p.label("detail"), a.Detail)
	p.line("        ", p.label("need"), a.Need)
}

// content says what a given file is, or which part nobody gave.
func (p *printer) content(g given) {
	switch {
	case g.File == "":
		p.line("  ", "["+p.label("unchecked")+"] "+g.Part, p.label("content_missing"))
	case g.Part == "":
		p.line("  ", "["+p.label("no")+"] "+g.File, p.label("content_none"))
	case g.Part == g.File:
		p.line("  ", "["+p.label("yes")+"] "+g.File, p.label("content_part"))
	default:
		p.line("  ", "["+p.label("yes")+"] "+g.File, p.label("content_part")+" ("+g.Part+")")
	}
}
