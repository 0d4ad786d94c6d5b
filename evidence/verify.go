package evidence

import (
	"crypto/x509"
	"strings"
	"time"
)

// Trust is whom a verifier believes. Both pools are needed: an empty pool
// believes nobody.
type Trust struct {
	Seal *x509.CertPool // roots of the certificates that seal evidence
	TSA  *x509.CertPool // roots of the time-stamping authorities
	// Policies, when not empty, are the only time-stamp policies accepted (dotted).
	Policies []string
	// Log is the verifier key of the public log, as a signed note has it. Empty:
	// log proofs cannot be checked.
	Log string
	// Witnesses are the verifier keys of who watches the log, and Quorum how many
	// of them must have signed its checkpoint.
	Witnesses []string
	Quorum    int
}

// Checker verifies one signed format offline. Check never panics and never
// changes doc, whatever doc is. Safe for concurrent use.
type Checker interface {
	Check(doc []byte, t Trust) Report
}

// Code names one question a verifier answers; words.json says it in words.
type Code string

// The questions. A checker answers those that its format has.
const (
	CheckFormat      Code = "format"      // readable, and nothing beside what belongs there
	CheckIntegrity   Code = "integrity"   // every octet is covered and unchanged since it was sealed
	CheckSignature   Code = "signature"   // the seal was made with the key of the certificate
	CheckCertificate Code = "certificate" // the certificate was issued by somebody trusted, and valid when stamped
	CheckTimeStamp   Code = "timestamp"   // a trusted authority says the seal existed at that time
	CheckContent     Code = "content"     // the evidence inside says what evidence must say
	CheckManifest    Code = "manifest"    // a dossier holds exactly the listed files
	CheckMember      Code = "member"      // a file inside a dossier passes its own check
	CheckChain       Code = "chain"       // no event of the delivery is missing or changed
	CheckRevocation  Code = "revocation"  // no certificate was revoked when the seal and the time-stamp were made
	CheckRecord      Code = "record"      // an evidence record says that it existed at that time
	CheckLog         Code = "log"         // the public log holds it
)

// Check is the answer to one question.
type Check struct {
	Code   Code   `json:"code"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // for engineers, in English; file name inside a dossier
}

// Report is what a [Checker] found. The zero value is not OK.
type Report struct {
	Checks []Check `json:"checks"`
	// Unchecked are the questions that nobody could answer with what was there,
	// and what was missing. They are no failures.
	Unchecked []Unchecked `json:"unchecked,omitempty"`
	Stamps    []TokenInfo `json:"stamps,omitempty"` // of the seal first
	Log       *LogInfo    `json:"log,omitempty"`    // where the public log holds it
	Signer    string      `json:"signer,omitempty"` // subject of the sealing certificate
	// Document is what the evidence says, read back from its XML; only set when OK.
	Document *Document `json:"document,omitempty"`
	// Content is what the seal protects, only set when OK: for XML the evidence
	// without its signature, for PDF the attached signed XML.
	Content []byte `json:"-"`
	// Beside is what a PDF carries beside its XML.
	Beside Beside `json:"-"`
	// Members are the reports on the files of a dossier, by name.
	Members []Member `json:"members,omitempty"`
}

// Member is one verified file of a dossier.
type Member struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Report Report `json:"report,omitzero"` // zero for a file that is no evidence
}

// OK reports whether something was checked and every answer is yes.
func (r Report) OK() bool {
	for _, c := range r.Checks {
		if !c.OK {
			return false
		}
	}
	return len(r.Checks) > 0
}

// Failures lists what failed, for logs and errors.
func (r Report) Failures() string {
	var s []string
	for _, c := range r.Checks {
		if !c.OK {
			s = append(s, strings.TrimSuffix(string(c.Code)+": "+c.Detail, ": "))
		}
	}
	if len(r.Checks) == 0 {
		return "nothing was checked"
	}
	return strings.Join(s, "; ")
}

// Add appends one answer; a nil err is a yes. It returns whether it was.
func (r *Report) Add(code Code, err error) bool {
	c := Check{Code: code, OK: err == nil}
	if err != nil {
		c.Detail = err.Error()
	}
	r.Checks = append(r.Checks, c)
	return c.OK
}

// Unchecked is a question without an answer.
type Unchecked struct {
	Code   Code   `json:"code"`
	Detail string `json:"detail"` // what was missing, for engineers, in English
}

// Leave notes that a question could not be answered, and why.
func (r *Report) Leave(code Code, missing string) {
	r.Unchecked = append(r.Unchecked, Unchecked{code, missing})
}

// TokenInfo is what a verified time-stamp token says. RFC 3161 §2.4.2
type TokenInfo struct {
	Time      time.Time `json:"time"`      // UTC
	Serial    string    `json:"serial"`    // decimal
	Authority string    `json:"authority"` // subject of the time-stamping certificate
	Policy    string    `json:"policy"`    // dotted
	Nonce     []byte    `json:"-"`         // as requested; nil without
}
