package evidence

// Beside is what proves a piece of evidence and does not stand inside its XML:
// it comes as files beside it, or attached to its PDF. Both may be nil.
type Beside struct {
	Record []byte // RFC 4998 evidence record over the SHA-256 of the XML file, DER
	Proof  []byte // c2sp.org/tlog-proof@v1: that the public log holds its entry
}

// The names of these files, after the name of the evidence without its ending.
const (
	RecordSuffix = ".ers"
	ProofSuffix  = ".tlog-proof"
)

// XMLChecker verifies evidence XML together with what stands beside it.
type XMLChecker interface {
	Checker
	// CheckWith is Check for evidence whose time-stamp, or whose place in the
	// log, is proven by b. Evidence without a time-stamp of its own and without
	// b.Record is not in order.
	CheckWith(doc []byte, b Beside, t Trust) Report
	// CheckSigned returns the evidence without its signature when the signature
	// is right. It judges neither certificates nor time. Errors: [ErrDocument].
	CheckSigned(doc []byte) (content []byte, err error)
}

// RecordChecker verifies evidence records. Safe for concurrent use.
type RecordChecker interface {
	// CheckRecord says when digest, a SHA-256, was first time-stamped, and every
	// renewal after it. The validation data that it returns is not judged yet. An
	// error wraps [ErrToken].
	CheckRecord(record []byte, digest [32]byte, t Trust) (Recorded, error)
}

// Recorded is what an evidence record says.
type Recorded struct {
	Stamps []TokenInfo // the first one first; never empty
	// Validation is what came with the first time-stamp about the certificates of
	// that, Unit, and of what it is over. Whoever relies on the record gives it to
	// [VerifyRevocation] together with the other uses: no signature covers it.
	Validation Validation
	Unit       Use
}

// ProofChecker verifies log proofs. Safe for concurrent use.
type ProofChecker interface {
	// CheckProof verifies that the log t.Log holds entry, and that as many of
	// t.Witnesses as t.Quorum saw its checkpoint. An error wraps [ErrProof].
	CheckProof(proof []byte, entry [32]byte, t Trust) (LogInfo, error)
}

// LogInfo is what a verified log proof says.
type LogInfo struct {
	Origin    string   `json:"origin"` // the name of the log
	Index     int64    `json:"index"`  // of the entry, from 0
	Size      int64    `json:"size"`   // of the log when it proved it, in entries
	Witnesses []string `json:"witnesses,omitempty"`
}
