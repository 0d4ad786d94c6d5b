package pades

import (
	"crypto/sha256"

	"github.com/bode-erds/bode/evidence"
)

// Checker verifies a sealed evidence PDF, strictly and offline: one seal over
// every octet of the file, made with a trusted certificate that was valid at
// the time a trusted authority stamped it, and evidence.xml inside. A file with
// anything appended is refused, whatever it is. The signed XML is returned as
// Report.Content; who wants to rely on its facts verifies it as well.
//
// The zero value is ready. Safe for concurrent use.
//
// EN 319 142-1 §6.3; EN 319 102-1 §5
type Checker struct{}

// Check implements evidence.Checker. Facts are left to the checker of the XML.
func (Checker) Check(doc []byte, t evidence.Trust) evidence.Report {
	var r evidence.Report
	f, err := open(doc)
	if !r.Add(evidence.CheckFormat, err) {
		return r
	}
	der, err := f.container()
	var c *evidence.CMS
	if err == nil {
		c, err = evidence.ParseCMS(der)
	}
	if err != nil {
		r.Add(evidence.CheckSignature, err)
		return r
	}
	// Verify tells a changed file from a foreign seal in its error only: of a
	// file that was changed, nobody can say whose seal it bore.
	if !r.Add(evidence.CheckIntegrity, c.Verify(f.covered())) {
		return r
	}
	r.Add(evidence.CheckSignature, nil)
	info, err := evidence.VerifyToken(c.Token, imprint(c.Signature), t)
	if r.Add(evidence.CheckTimeStamp, err) {
		r.Add(evidence.CheckCertificate, evidence.VerifySealCertificate(c.Signer, c.Certificates, info.Time, t))
	}
	xml, beside, err := f.attached()
	r.Add(evidence.CheckContent, err)
	if !r.OK() {
		return r
	}
	r.Stamps, r.Signer, r.Content, r.Beside = []evidence.TokenInfo{info}, c.Signer.Subject.String(), xml, beside
	return r
}

// imprint is what the signature time-stamp is over. EN 319 122-1 §5.3
func imprint(signature []byte) []byte {
	sum := sha256.Sum256(signature)
	return sum[:]
}
