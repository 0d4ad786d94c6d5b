package pades

import (
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Checker verifies a sealed evidence PDF, strictly and offline: one seal over
// every octet of the file, made with a trusted certificate that was valid then,
// and inside evidence.xml with what proves it. After the seal only what [Extend]
// writes may follow; that and everything else inside is verified as well, and
// the XML's facts are reported with the signed XML as Report.Content. Safe for
// concurrent use.
//
// EN 319 142-1 §6.3; EN 319 102-1 §5
type Checker struct {
	// XML verifies what is inside. Nil: nobody does, no facts are reported, and a
	// seal without a time-stamp of its own is refused.
	XML evidence.XMLChecker
}

// skew is how far the clock of a time-stamping authority may be behind ours.
const skew = 2 * time.Minute

// Check implements [evidence.Checker]. Each answer presupposes the ones before it.
func (c Checker) Check(doc []byte, t evidence.Trust) evidence.Report {
	var r evidence.Report
	f, err := open(doc)
	var v evidence.Validation
	if err == nil {
		v, err = f.validation()
	}
	if !r.Add(evidence.CheckFormat, err) {
		return r
	}
	seal, err := f.seal()
	if err != nil {
		r.Add(evidence.CheckSignature, err)
		return r
	}
	// Verify tells a changed file from a foreign seal in its error only: of a
	// file that was changed, nobody can say whose seal it bore.
	if !r.Add(evidence.CheckIntegrity, seal.Verify(f.covered())) {
		return r
	}
	r.Add(evidence.CheckSignature, nil)
	r.Signer = seal.Signer.Subject.String()
	// What is inside comes first: it may be what says when the seal was made.
	xml, beside, err := f.attached()
	var inside evidence.Report
	var verified []byte
	if err == nil && c.XML != nil {
		inside, verified = c.XML.CheckWith(xml, beside, t), xml
	}
	stamps := checkTime(&r, f, seal, inside, beside, t)
	if stamps != nil {
		r.Add(evidence.CheckCertificate, evidence.VerifySealCertificate(seal.Signer, seal.Certificates, stamps[0].Time, t))
	}
	if err != nil || c.XML == nil {
		r.Add(evidence.CheckContent, err)
	} else {
		join(&r, inside)
	}
	if !r.OK() {
		return r
	}
	at := stamps[0].Time
	if seal.Token == nil && f.claimed.After(at) { // nothing but the claim says when
		at = f.claimed
	}
	checkRevocation(&r, seal, v, verified, beside, at, t)
	if r.OK() {
		r.Stamps, r.Document, r.Content, r.Beside = stamps, inside.Document, xml, beside
	}
	return r
}

// checkTime says when the seal existed: by its own time-stamp or, without one,
// after the evidence record of what is inside. The first of what it returns is
// the time to judge the certificate by; nil when there is none.
func checkTime(r *evidence.Report, f *sealedFile, seal *evidence.CMS, inside evidence.Report, b evidence.Beside, t evidence.Trust) []evidence.TokenInfo {
	if seal.Token == nil {
		var err error
		switch {
		case b.Record == nil || len(inside.Stamps) == 0:
			err = errors.New("nothing says when the seal was made: neither a time-stamp of its own nor an evidence record inside")
		case f.claimed.Before(inside.Stamps[0].Time.Add(-skew)):
			err = errors.New("sealed before the evidence inside was time-stamped")
		}
		if err != nil {
			r.Add(evidence.CheckTimeStamp, err)
			return nil
		}
		r.Leave(evidence.CheckTimeStamp, "the seal of the PDF has no time-stamp of its own; the evidence inside has")
		return inside.Stamps
	}
	own, err := evidence.VerifyToken(seal.Token, imprint(seal.Signature), t)
	if err == nil && own.Time.Before(f.claimed.Add(-skew)) {
		err = errors.New("time-stamp is earlier than the signing")
	}
	if !r.Add(evidence.CheckTimeStamp, err) {
		return nil
	}
	return append([]evidence.TokenInfo{own}, inside.Stamps...)
}

// join takes over what only the XML inside answers. A failure there is one of
// content, but for the proofs beside the XML.
func join(r *evidence.Report, inside evidence.Report) {
	if !inside.OK() {
		r.Add(evidence.CheckContent, errors.New("XML inside: "+inside.Failures()))
	}
	for _, c := range inside.Checks {
		if !slices.ContainsFunc(r.Checks, func(known evidence.Check) bool { return known.Code == c.Code }) {
			r.Checks = append(r.Checks, c)
		}
	}
	for _, u := range inside.Unchecked {
		if u.Code != evidence.CheckRevocation {
			r.Leave(u.Code, u.Detail)
		}
	}
	r.Log = inside.Log
}

// imprint is what the signature time-stamp is over. EN 319 122-1 §5.3
func imprint(signature []byte) []byte {
	sum := sha256.Sum256(signature)
	return sum[:]
}
