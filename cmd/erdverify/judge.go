package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"

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

// said is r with the name of its file, its verdict and its words.
func (r result) said(file, lang string) result {
	r.File, r.Verdict = file, r.Report.Verdict(lang)
	words := tell(r, lang)
	r.Words = &words
	return r
}

// anchor is a certificate that was believed.
type anchor struct {
	Use     string `json:"use"` // "seal" or "timestamp"
	Subject string `json:"subject"`
	SHA256  string `json:"sha256"`
}

// anchorsOf lists the certificates of a PEM file.
func anchorsOf(use string, file []byte) (list []anchor) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // it is not believed either
		}
		sum := sha256.Sum256(c.Raw)
		list = append(list, anchor{use, c.Subject.String(), hex.EncodeToString(sum[:])})
	}
	return list
}
