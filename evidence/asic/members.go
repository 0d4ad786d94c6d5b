package asic

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/bode-erds/bode/evidence"
)

// piece is one evidence of a dossier: the places of its files, 0 for none, as
// the readme has that place.
type piece struct {
	number                  string // as in the names of its files
	base                    string // its name without ending
	xml, pdf, proof, record int
	described               bool // the record has its manifest
}

// sortOut says which files belong together. It refuses what belongs nowhere, a
// file beside no evidence, and a record that is not exactly about one XML.
func sortOut(files []file) ([]*piece, error) {
	if files[0].name != readmeName {
		return nil, fmt.Errorf("%s is not first", readmeName)
	}
	var pieces []*piece
	byNumber := map[string]*piece{}
	for i, f := range files {
		var err error
		switch name := f.name; {
		case strings.HasPrefix(name, evidenceFolder) && strings.HasSuffix(name, ".xml"):
			p := &piece{base: strings.TrimSuffix(name, ".xml"), xml: i}
			p.number, _, _ = strings.Cut(strings.TrimPrefix(name, evidenceFolder), "-")
			if byNumber[p.number] != nil {
				err = errors.New("has the number of another one")
			}
			pieces, byNumber[p.number] = append(pieces, p), p
		case strings.HasPrefix(name, evidenceFolder):
			err = beside(pieces, name, i)
		case between(name, recordName, evidence.RecordSuffix) != "":
			p := byNumber[between(name, recordName, evidence.RecordSuffix)]
			if p == nil {
				err = errors.New("is about evidence that is not there")
				break
			}
			p.record = i
		case between(name, recordManifest, ".xml") != "":
			err = describe(byNumber[between(name, recordManifest, ".xml")], files, f)
		case i == 0, strings.HasPrefix(name, contentFolder), strings.HasPrefix(name, attachFolder):
		default:
			err = errors.New("does not belong here")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %w", f.name, err)
		}
	}
	for _, p := range pieces {
		if p.record != 0 && !p.described {
			return nil, fmt.Errorf("%s has no manifest", files[p.record].name)
		}
	}
	return pieces, nil
}

// beside notes a file that stands beside the last XML.
func beside(pieces []*piece, name string, i int) error {
	if len(pieces) > 0 {
		p := pieces[len(pieces)-1]
		switch name {
		case p.base + ".pdf":
			p.pdf = i
			return nil
		case p.base + evidence.ProofSuffix:
			p.proof = i
			return nil
		}
	}
	return errors.New("is beside no evidence")
}

// describe checks that a record manifest is the one that the record of p has.
// EN 319 162-1 §4.4.3.2, §4.4.4.2
func describe(p *piece, files []file, manifest file) error {
	if p == nil || p.record == 0 {
		return errors.New("is about a record or a file that is not there")
	}
	var seq int
	if _, err := fmt.Sscanf(p.number, "%d", &seq); err != nil {
		return errors.New("has no number")
	}
	xml := files[p.xml]
	if !bytes.Equal(manifest.data, writeRecordManifest(seq, reference{xml.name, xmlType, xml.sum[:]})) {
		return fmt.Errorf("does not say that the record is about %s as it is", xml.name)
	}
	p.described = true
	return nil
}

// between is what stands between a prefix and a suffix, "" when they do not.
func between(name, prefix, suffix string) string {
	rest, ok := strings.CutPrefix(name, prefix)
	if rest, found := strings.CutSuffix(rest, suffix); ok && found {
		return rest
	}
	return ""
}

// found is what there is to say of one evidence.
type found struct {
	xml, pdf       evidence.Report
	xmlErr, pdfErr error
}

// checkMembers checks every evidence, lists all files in their order and returns
// the events.
func (c Checker) checkMembers(r *evidence.Report, files []file, pieces []*piece, t evidence.Trust) []evidence.Event {
	results := make([]found, len(pieces))
	var wait sync.WaitGroup
	hands := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, p := range pieces {
		hands <- struct{}{}
		wait.Go(func() {
			defer func() { <-hands }()
			results[i] = c.checkPiece(files, p, t)
		})
	}
	wait.Wait()
	for _, f := range files {
		r.Members = append(r.Members, evidence.Member{Name: f.name, SHA256: f.hex()})
	}
	var events []evidence.Event
	for i, p := range pieces {
		res := results[i]
		add(r, p.xml, res.xml, res.xmlErr)
		if p.pdf != 0 {
			add(r, p.pdf, res.pdf, res.pdfErr)
		}
		if res.xmlErr == nil {
			events = append(events, res.xml.Document.Event)
		}
	}
	return events
}

func add(r *evidence.Report, at int, report evidence.Report, err error) {
	r.Members[at].Report = report
	if err != nil {
		err = fmt.Errorf("%s: %w", r.Members[at].Name, err)
	}
	r.Add(evidence.CheckMember, err)
}

func (c Checker) checkPiece(files []file, p *piece, t evidence.Trust) (f found) {
	var b evidence.Beside
	if p.record != 0 {
		b.Record = files[p.record].data
	}
	if p.proof != 0 {
		b.Proof = files[p.proof].data
	}
	xml := files[p.xml].data
	f.xml = c.XML.CheckWith(xml, b, t)
	switch {
	case !f.xml.OK() || f.xml.Document == nil:
		f.xmlErr = errors.New(f.xml.Failures())
	case p.base != (Piece{Seq: f.xml.Document.Event.Seq, Event: f.xml.Document.Event.Name}).base():
		f.xmlErr = errors.New("is about another event")
	case p.record != 0:
		f.xmlErr = c.checkRecord(b.Record, files[p.xml], t)
	}
	switch {
	case p.pdf == 0:
	case c.PDF == nil:
		f.pdfErr = errors.New("cannot be checked")
	default:
		f.pdf = c.PDF.Check(files[p.pdf].data, t)
		f.pdfErr = c.checkInside(f, xml, t)
	}
	return f
}

// checkRecord makes sure that a record is about the file that its manifest names,
// and not about what that was before validation data was added.
func (c Checker) checkRecord(record []byte, xml file, t evidence.Trust) error {
	if c.Record == nil {
		return errors.New("has an evidence record that cannot be checked")
	}
	_, err := c.Record.CheckRecord(record, xml.sum, t)
	return err
}

// checkInside makes sure that a PDF carries the evidence beside it. The XML in it
// is as it was issued, without the validation data that may be in the file here.
func (c Checker) checkInside(f found, xml []byte, t evidence.Trust) error {
	if !f.pdf.OK() {
		return errors.New(f.pdf.Failures())
	}
	if f.pdf.Document == nil { // its checker did not look at what is inside
		if inside := c.XML.CheckWith(f.pdf.Content, f.pdf.Beside, t); !inside.OK() {
			return errors.New("XML inside: " + inside.Failures())
		}
	}
	if bytes.Equal(f.pdf.Content, xml) {
		return nil
	}
	issued, err := c.XML.CheckSigned(f.pdf.Content)
	if err != nil || f.xml.Content == nil || !bytes.Equal(issued, f.xml.Content) {
		return errors.New("does not carry the evidence beside it")
	}
	return nil
}
