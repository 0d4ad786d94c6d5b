package identity

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Purpose is in which part somebody identifies: the law sets a bar for each.
type Purpose string

const (
	RecipientProofing Purpose = "recipient_proofing" // who the addressee is: "very high confidence"
	SenderProofing    Purpose = "sender_proofing"    // who an account holder is
	Authentication    Purpose = "authentication"     // that it is the account holder again
)

// Assurance is the policy that turns what a means claims into the level it is
// granted, for each purpose. It has a version, kept with every identification,
// because an assessment body may change a row. A means, or a claim, that has no
// row is granted nothing.
//
// For a means of our own (a passkey, an authenticator) the claim is the level of
// the identification that the person is bound to.
//
// CIR (EU) 2025/1944 annex I REQ-QERDS-5.2.1.1-01, REQ-QERDS-5.2.2-03
type Assurance struct {
	Version string
	rows    []assuranceRow
}

type assuranceRow struct {
	Method    string `json:"method"`
	Claimed   Level  `json:"claimed"`
	Recipient Level  `json:"recipient_proofing"`
	Sender    Level  `json:"sender_proofing"`
	Again     Level  `json:"authentication"`
}

//go:embed assurance.json
var ownAssurance []byte

// ReadAssurance reads a policy as JSON; see assurance.json. Errors: malformed, a
// level that is none, a level above the claim, a row twice.
func ReadAssurance(r io.Reader) (Assurance, error) {
	var file struct {
		Version string         `json:"version"`
		Rows    []assuranceRow `json:"rows"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return Assurance{}, fmt.Errorf("identity: assurance policy: %w", err)
	}
	if file.Version == "" || file.Version != clean(file.Version, 60) {
		return Assurance{}, fmt.Errorf("identity: assurance policy: version is missing or too long")
	}
	for i, row := range file.Rows {
		for _, l := range []Level{row.Claimed, row.Recipient, row.Sender, row.Again} {
			if l != LevelNone && l.rank() == 0 || !row.Claimed.AtLeast(l) {
				return Assurance{}, fmt.Errorf("identity: assurance policy: row %d (%s): level %q", i+1, row.Method, l)
			}
		}
		if slices.ContainsFunc(file.Rows[:i], func(o assuranceRow) bool { return o.Method == row.Method && o.Claimed == row.Claimed }) {
			return Assurance{}, fmt.Errorf("identity: assurance policy: row %d repeats %s, %q", i+1, row.Method, row.Claimed)
		}
	}
	return Assurance{file.Version, file.Rows}, nil
}

// Grant is the level that a claim of a means is worth for a purpose.
func (a Assurance) Grant(p Purpose, method string, claimed Level) Level {
	for _, row := range a.rows {
		if row.Method != method || row.Claimed != claimed {
			continue
		}
		return row.granted(p)
	}
	return LevelNone
}

func (r assuranceRow) granted(p Purpose) Level {
	switch p {
	case RecipientProofing:
		return r.Recipient
	case SenderProofing:
		return r.Sender
	case Authentication:
		return r.Again
	}
	return LevelNone
}

// best is the highest level that any claim of a means is worth for a purpose.
func (a Assurance) best(p Purpose, method string) (l Level) {
	for _, row := range a.rows {
		if g := row.granted(p); row.Method == method && !l.AtLeast(g) {
			l = g
		}
	}
	return l
}

// Assurance is the policy in force.
func (s *Service) Assurance() Assurance { return s.assurance }
