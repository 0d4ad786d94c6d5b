package evidence

import (
	"bytes"
	"errors"
)

// Verifier is the [Checker] for whatever somebody brings: it looks at the first
// octets and asks the checker of that format. A format whose checker is nil is
// refused. The checkers of PDFs and dossiers look at the XML inside themselves.
// Safe for concurrent use when its parts are.
type Verifier struct {
	XML     XMLChecker
	PDF     Checker
	Dossier Checker
}

// Check verifies doc, with nothing beside it.
func (v Verifier) Check(doc []byte, t Trust) Report {
	return v.CheckWith(doc, Beside{}, t)
}

// CheckWith verifies doc with the files that came beside it. Only XML has such
// files: a PDF or a dossier that comes with some is refused.
func (v Verifier) CheckWith(doc []byte, b Beside, t Trust) Report {
	xml := bytes.HasPrefix(doc, []byte("<"))
	switch {
	case xml && v.XML != nil:
		return v.XML.CheckWith(doc, b, t)
	case !xml && (b.Record != nil || b.Proof != nil):
		return refused("only evidence XML has files beside it")
	case bytes.HasPrefix(doc, []byte("PK\x03\x04")) && v.Dossier != nil:
		return v.Dossier.Check(doc, t)
	case bytes.HasPrefix(doc, []byte("%PDF-")) && v.PDF != nil:
		return v.PDF.Check(doc, t)
	}
	return refused("neither evidence XML, evidence PDF nor dossier")
}

func refused(why string) (r Report) {
	r.Add(CheckFormat, errors.New(why))
	return r
}
