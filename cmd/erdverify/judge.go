package main

import (
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// result is the report on one file.
type result struct {
	File    string          `json:"file"`
	OK      bool            `json:"ok"`
	Verdict string          `json:"verdict"`
	Report  evidence.Report `json:"report"`
	Content []given         `json:"content,omitempty"` // what was compared with its parts
	Words   *telling        `json:"words,omitempty"`   // ready to be shown; in browsers only
}

// verifier knows every form of evidence.
func verifier() evidence.Verifier {
	xml := xades.Checker{Record: ers.Checker{}, Proof: tlog.Checker{}}
	pdf := pades.Checker{XML: xml}
	return evidence.Verifier{XML: xml, PDF: pdf, Dossier: asic.Checker{XML: xml, PDF: pdf, Record: ers.Checker{}}}
}

// judge reports on one file.
func judge(doc []byte, b evidence.Beside, t evidence.Trust) result {
	r := result{Report: verifier().CheckWith(doc, b, t)}
	r.OK = r.Report.OK()
	return r
}
