package asic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bode-erds/bode/evidence"
)

// Checker implements [evidence.Checker] for dossiers. It checks the container
// and, with the given checkers, every evidence inside.
type Checker struct {
	XML evidence.Checker // needed
	PDF evidence.Checker // nil: a dossier with a PDF inside is refused
}

// Check verifies doc. Report.Members has every file; Report.Document is the
// last event.
func (c Checker) Check(doc []byte, t evidence.Trust) evidence.Report {
	var r evidence.Report
	files, err := unpack(doc)
	if !r.Add(evidence.CheckFormat, err) {
		return r
	}
	signature, manifest := files[len(files)-1], files[len(files)-2]
	// 1. The signature says that the manifest is ours.
	cms, err := evidence.ParseCMS(signature.data)
	if err == nil && cms.Content != nil {
		err = errors.New("signature is not detached")
	}
	if err == nil {
		err = cms.Verify(manifest.data)
	}
	if !r.Add(evidence.CheckSignature, err) {
		return r
	}
	r.Signer = cms.Signer.Subject.String()
	imprint := sha256.Sum256(cms.Signature)
	stamp, err := evidence.VerifyToken(cms.Token, imprint[:], t)
	if !r.Add(evidence.CheckTimeStamp, err) {
		return r
	}
	r.Add(evidence.CheckCertificate, evidence.VerifySealCertificate(cms.Signer, cms.Certificates, stamp.Time, t))
	// 2. The manifest says what is in the dossier.
	if !r.Add(evidence.CheckManifest, checkManifest(manifest.data, files[1:len(files)-2])) {
		return r
	}
	// 3. Every evidence says for itself that it holds.
	events := c.members(&r, files[1:len(files)-2], t)
	// 4. Together they are one delivery, from its first event on.
	err = evidence.VerifyChain(events)
	if err == nil && len(events) == 0 {
		err = errors.New("there is no evidence")
	}
	if err == nil {
		err = checkContent(events, files)
	}
	r.Add(evidence.CheckChain, err)
	if !r.OK() {
		return r
	}
	r.Stamps = []evidence.TokenInfo{stamp}
	for _, m := range r.Members {
		if m.Report.Document != nil {
			r.Document = m.Report.Document
		}
	}
	return r
}

// checkManifest compares the files with the list: all of them, in order.
func checkManifest(doc []byte, files []file) error {
	refs, err := readManifest(doc)
	if err != nil {
		return err
	}
	if len(refs) != len(files) {
		return fmt.Errorf("%d files are listed, %d are there", len(refs), len(files))
	}
	for i, f := range files {
		sum := sha256.Sum256(f.data)
		if f.name != refs[i].name || !bytes.Equal(sum[:], refs[i].digest) {
			return fmt.Errorf("%s is not the listed file", f.name)
		}
	}
	return nil
}

// members checks every file by its folder and returns the events.
func (c Checker) members(r *evidence.Report, files []file, t evidence.Trust) []evidence.Event {
	var events []evidence.Event
	var lastXML file
	for _, f := range files {
		m := evidence.Member{Name: f.name, SHA256: f.hex()}
		var err error
		switch {
		case strings.HasPrefix(f.name, evidenceFolder) && path.Ext(f.name) == ".xml":
			m.Report = c.XML.Check(f.data, t)
			if m.Report.OK() {
				e := m.Report.Document.Event
				events, lastXML = append(events, e), f
				if want := fmt.Sprintf("%s%03d-%s.xml", evidenceFolder, e.Seq, e.Name); f.name != want {
					err = errors.New("is about another event")
				}
			}
		case strings.HasPrefix(f.name, evidenceFolder) && path.Ext(f.name) == ".pdf":
			if c.PDF == nil {
				err = errors.New("cannot be checked")
				break
			}
			m.Report = c.PDF.Check(f.data, t)
			if m.Report.OK() && (!bytes.Equal(m.Report.Content, lastXML.data) || strings.TrimSuffix(f.name, ".pdf") != strings.TrimSuffix(lastXML.name, ".xml")) {
				err = errors.New("does not carry the XML beside it")
			}
		case strings.HasPrefix(f.name, contentFolder), strings.HasPrefix(f.name, attachFolder), f.name == readmeName:
			r.Members = append(r.Members, m)
			continue
		default:
			err = errors.New("does not belong here")
		}
		if err == nil && !m.Report.OK() {
			err = errors.New(m.Report.Failures())
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", f.name, err)
		}
		r.Add(evidence.CheckMember, err)
		r.Members = append(r.Members, m)
	}
	return events
}

// checkContent refuses content that no evidence binds.
func checkContent(events []evidence.Event, files []file) error {
	for _, f := range files {
		if !strings.HasPrefix(f.name, contentFolder) {
			continue
		}
		bound := slices.ContainsFunc(events[len(events)-1].Parts, func(p evidence.Part) bool { return p.SHA256 == f.hex() })
		if !bound {
			return fmt.Errorf("%s is not the content that was sent", f.name)
		}
	}
	return nil
}

func (f file) hex() string {
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}
