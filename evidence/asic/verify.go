package asic

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Checker implements [evidence.Checker] for dossiers. It checks the container
// and, with the given checkers, every evidence inside, as many at a time as
// there are processors. It takes no memory for files beyond the container.
type Checker struct {
	XML    evidence.XMLChecker    // needed; it also judges what stands beside an XML
	PDF    evidence.Checker       // nil: a dossier with a PDF inside is refused; it may leave the XML inside to XML
	Record evidence.RecordChecker // nil: a dossier with an evidence record is refused
}

// Check verifies doc. Report.Members has every file; Report.Document is the
// last event.
func (c Checker) Check(doc []byte, t evidence.Trust) evidence.Report {
	var r evidence.Report
	files, err := unpack(doc)
	if !r.Add(evidence.CheckFormat, err) {
		return r
	}
	signature, manifest, members := files[len(files)-1], files[len(files)-2], files[1:len(files)-2]
	// 1. The signature says that the manifest is ours.
	stamp, ok := checkSeal(&r, signature.data, manifest.data, t)
	if !ok {
		return r
	}
	// 2. The manifests say what is in the dossier, and what is about what.
	pieces, err := sortOut(members)
	if err == nil {
		err = checkManifest(manifest.data, members)
	}
	if !r.Add(evidence.CheckManifest, err) {
		return r
	}
	// 3. Every evidence says for itself that it holds.
	events := c.checkMembers(&r, members, pieces, t)
	// 4. Together they are one delivery, from its first event on.
	err = evidence.VerifyChain(events)
	if err == nil && len(events) == 0 {
		err = errors.New("there is no evidence")
	}
	if err == nil {
		err = checkContent(events, members)
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

// checkSeal verifies the signature over the manifest, its time-stamp, and the
// certificates of both.
func checkSeal(r *evidence.Report, signature, manifest []byte, t evidence.Trust) (stamp evidence.TokenInfo, ok bool) {
	cms, err := parseSignature(signature)
	if err == nil {
		err = cms.Verify(manifest)
	}
	if !r.Add(evidence.CheckSignature, err) {
		return stamp, false
	}
	r.Signer = cms.Signer.Subject.String()
	imprint := sha256.Sum256(cms.Signature)
	if stamp, err = evidence.VerifyToken(cms.Token, imprint[:], t); err == nil {
		err = checkClaimed(signature, cms, stamp.Time)
	}
	if !r.Add(evidence.CheckTimeStamp, err) {
		return stamp, false
	}
	v := evidence.Validation{CRLs: cms.CRLs, OCSPs: cms.OCSPs}
	certs := cms.Certificates
	if !v.IsZero() {
		for _, c := range cms.Certificates {
			v.Certificates = append(v.Certificates, c.Raw)
		}
		certs = withoutTSA(certs, stamp.Time, t)
	}
	r.Add(evidence.CheckCertificate, evidence.VerifySealCertificate(cms.Signer, certs, stamp.Time, t))
	seal := evidence.Use{Certificates: append([]*x509.Certificate{cms.Signer}, cms.Certificates...), Roots: t.Seal, At: stamp.Time}
	token, err := evidence.TokenUse(cms.Token, stamp.Time, t)
	if err != nil {
		r.Add(evidence.CheckRevocation, err)
		return stamp, false
	}
	r.AddValidation(v, seal, token)
	return stamp, true
}

func parseSignature(der []byte) (*evidence.CMS, error) {
	if len(der) > maxSignature {
		return nil, errors.New("signature is too long")
	}
	cms, err := evidence.ParseCMS(der)
	if err == nil && cms.Content != nil {
		err = errors.New("signature is not detached")
	}
	return cms, err
}

// withoutTSA leaves out what belongs to the time-stamp: at level B-LT all
// certificates are in one place. What belongs nowhere stays, to be refused.
func withoutTSA(certs []*x509.Certificate, at time.Time, t evidence.Trust) []*x509.Certificate {
	between := x509.NewCertPool()
	for _, c := range certs {
		between.AddCert(c)
	}
	leads := func(c *x509.Certificate, roots *x509.CertPool) bool {
		if roots == nil {
			return false
		}
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		return err == nil
	}
	return slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool {
		return !leads(c, t.Seal) && leads(c, t.TSA)
	})
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
		if f.name != refs[i].name || !bytes.Equal(f.sum[:], refs[i].digest) {
			return fmt.Errorf("%s is not the listed file", f.name)
		}
	}
	return nil
}

// checkContent refuses content that no evidence binds.
func checkContent(events []evidence.Event, files []file) error {
	bound := map[string]bool{}
	for _, e := range events {
		for _, p := range e.Parts {
			bound[p.SHA256] = true
		}
	}
	for _, f := range files {
		if strings.HasPrefix(f.name, contentFolder) && !bound[f.hex()] {
			return fmt.Errorf("%s is not the content that was sent", f.name)
		}
	}
	return nil
}
