package evidence

import (
	"bytes"
	"errors"
)

// Verifier is the [Checker] for whatever somebody brings: it looks at the first
// octets and asks the checker of that format. A format whose checker is nil is
// refused. Safe for concurrent use when its parts are.
type Verifier struct {
	XML     Checker
	PDF     Checker
	Dossier Checker
}

// Check verifies doc. Of a PDF the XML inside is verified as well, and its
// facts are reported.
func (v Verifier) Check(doc []byte, t Trust) Report {
	unknown := func() Report {
		var r Report
		r.Add(CheckFormat, errors.New("neither evidence XML, evidence PDF nor dossier"))
		return r
	}
	switch {
	case bytes.HasPrefix(doc, []byte("<")) && v.XML != nil:
		return v.XML.Check(doc, t)
	case bytes.HasPrefix(doc, []byte("PK\x03\x04")) && v.Dossier != nil:
		return v.Dossier.Check(doc, t)
	case bytes.HasPrefix(doc, []byte("%PDF-")) && v.PDF != nil && v.XML != nil:
		return v.checkPDF(doc, t)
	}
	return unknown()
}

// checkPDF joins the report on the PDF with that on the XML inside.
func (v Verifier) checkPDF(doc []byte, t Trust) Report {
	r := v.PDF.Check(doc, t)
	if !r.OK() {
		return r
	}
	inside := v.XML.Check(r.Content, t)
	if !inside.OK() {
		r.Add(CheckContent, errors.New("XML inside: "+inside.Failures()))
		r.Stamps, r.Content = nil, nil
		return r
	}
	r.Document = inside.Document
	r.Stamps = append(r.Stamps, inside.Stamps...)
	return r
}
