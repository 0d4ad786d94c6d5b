package pades

import "github.com/bode-erds/bode/evidence"

// The names under which files stand in the PDF.
const (
	AttachmentName = "evidence.xml"
	RecordName     = "evidence" + evidence.RecordSuffix
	ProofName      = "evidence" + evidence.ProofSuffix
)

// attachment is a file inside the PDF.
type attachment struct {
	name     string
	media    string // as a PDF name
	relation string // AFRelationship: what it is to the page
	label    string // key of its description
	data     []byte
}

// attachments are the files that a stands for, sorted by name as a name tree
// must be. ISO 32000-1 §7.9.6; ISO 19005-3 §6.8
func attachments(a evidence.Attached) []attachment {
	var out []attachment
	if a.Record != nil {
		out = append(out, attachment{RecordName, "application#2Fers", "Supplement", "attached_record", a.Record})
	}
	if a.Proof != nil {
		out = append(out, attachment{ProofName, "text#2Fplain", "Supplement", "attached_proof", a.Proof})
	}
	return append(out, attachment{AttachmentName, "text#2Fxml", "Source", "attached", a.XML})
}
