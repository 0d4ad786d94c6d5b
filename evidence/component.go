package evidence

import "sync"

// component is a row of the matrix: how to count it in an event, and where it
// stands in XML.
type component struct {
	row, clause, what string
	count             func(Event, Issuer) int
	paths             []string // below the root; "@" for an attribute of the root
}

// components are the rows of the matrix, in its order.
var components = sync.OnceValue(func() []component {
	always := func(Event, Issuer) int { return 1 }
	return []component{
		{"G01", "EN 319 522-2 §8.2 G01", "evidence identifier, a UUID",
			func(e Event, _ Issuer) int { return once(isUUID(e.ID) && isUUID(e.Delivery)) }, []string{"EvidenceIdentifier"}},
		{"G02", "EN 319 522-2 §8.2 G02", "version of the format", always, []string{"@version"}},
		{"G03", "EN 319 522-2 §8.2 G03", "event identifier",
			func(e Event, _ Issuer) int { return once(e.Name.Valid()) }, []string{"ERDSEventId"}},
		{"G04", "EN 319 522-2 §8.2.4 G04", "reasons",
			func(e Event, _ Issuer) int { return len(e.Reasons) }, []string{"EventReasons/EventReason"}},
		{"G05", "EN 319 522-2 §8.2 G05", "event time",
			func(e Event, _ Issuer) int { return once(!e.At.IsZero()) }, []string{"EventTime"}},
		{"G06", "EN 319 522-2 §8.2 G06", "place in the transaction log",
			func(e Event, _ Issuer) int { return once(e.Seq > 0) }, []string{"TransactionLogInformation/TransactionLog"}},
		{"R01", "EN 319 522-2 §8.2 R01", "policies of the issuer",
			func(_ Event, i Issuer) int { return len(i.PolicyOIDs) }, []string{"EvidenceIssuerPolicyID/PolicyID"}},
		{"R02", "EN 319 522-2 §8.2 R02", "details of the issuer",
			func(_ Event, i Issuer) int { return once(i.Name != "") }, []string{"EvidenceIssuerDetails/Identity"}},
		{"I01", "EN 319 522-2 §8.2 I01", "name of the sender",
			func(e Event, _ Issuer) int { return once(named(e.Sender)) }, []string{"SenderDetails/Identity"}},
		{"I03", "EN 319 522-2 §8.2 I03", "delegate of the sender",
			func(e Event, _ Issuer) int { return once(e.SentBy != nil) }, []string{"SenderDelegateDetails"}},
		{"I06", "EN 319 522-2 §8.2 I06", "identifier of the recipient",
			func(e Event, _ Issuer) int { return once(e.Recipient.reachable()) }, []string{"RecipientDetails/Identifier"}},
		{"I07", "EN 319 522-2 §8.2 I07", "delegate of the recipient",
			func(e Event, _ Issuer) int { return once(e.ReceivedBy != nil) }, []string{"RecipientsDelegateDetails"}},
		{"I09", "EN 319 522-2 §8.2 I09", "which recipient it is about",
			func(e Event, _ Issuer) int { return once(e.Name.may("I09")) }, []string{"EvidenceRefersToRecipient"}},
		{"I10", "EN 319 522-2 §8.2 I10", "authentications of the sender or who acted for it",
			func(e Event, _ Issuer) int { return proofs(&e.Sender, e.SentBy) },
			[]string{"SenderDetails/AssuranceLevelsDetails", "SenderDelegateDetails/AssuranceLevelsDetails"}},
		{"I12", "EN 319 522-2 §8.2 I12", "identifications of the recipient or who acted for it",
			func(e Event, _ Issuer) int { return proofs(&e.Recipient, e.ReceivedBy) },
			[]string{"RecipientDetails/AssuranceLevelsDetails", "RecipientsDelegateDetails/AssuranceLevelsDetails"}},
		{"M01", "EN 319 522-2 §8.2 M01", "message identifier, a UUID",
			func(e Event, _ Issuer) int { return once(isUUID(e.Message)) }, []string{"MessageIdentifier"}},
		{"M02", "EN 319 522-2 §8.2 M02", "digests of the user content",
			func(e Event, _ Issuer) int { return len(e.Parts) }, []string{"UserContentInfo/PartsInfo/PartInfo"}},
		{"M03", "EN 319 522-2 §8.2.25 M03", "submission time",
			func(e Event, _ Issuer) int { return once(!e.Submitted.IsZero()) }, []string{"SubmissionTime"}},
		{"M04", "EN 319 522-2 §8.2 M04", "external system",
			func(e Event, _ Issuer) int { return once(e.External != "") }, []string{"ForwardedToExternalSystem"}},
	}
})

func once(is bool) int {
	if is {
		return 1
	}
	return 0
}

// isUUID knows the one spelling that we write.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// proofs counts who of a side was authenticated.
func proofs(sides ...*Party) (n int) {
	for _, p := range sides {
		n += once(p != nil && p.Proof != nil)
	}
	return n
}
