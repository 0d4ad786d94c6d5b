package evidence_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// reading is the matrix read a second time, by component instead of by event:
// what is usual, and for which events it is otherwise.
type reading struct {
	clause, usual string
	but           map[string]string // cell to codes, separated by spaces
	// put gives e the component so often; false when it cannot be given so often.
	put func(e *evidence.Event, i *evidence.Issuer, times int) bool
	xml string // a path in the document and, after a space, an element to put there
}

func readings() []reading {
	type event = evidence.Event
	type issuer = evidence.Issuer
	proof := &evidence.Proof{Given: "Jo", Family: "Maes", Method: "itsme", At: evidencetest.At().Add(-time.Second)}
	delegate := func(times int) *evidence.Party {
		if times == 0 {
			return nil
		}
		return &evidence.Party{Kind: evidence.NaturalPerson, Family: "Maes"}
	}
	const participation = "C.3 C.4 D.1 D.2 D.6 E.1 E.2 own2"
	return []reading{
		{"§8.2 G01", "1", nil, func(e *event, _ *issuer, n int) bool { e.ID = times(n, e.ID); return n < 2 }, "EvidenceIdentifier"},
		{"§8.2 G02", "1", nil, nil, "@version"},
		{"§8.2 G03", "1", nil, nil, "ERDSEventId"},
		{"§8.2.4 G04", "0..n", map[string]string{"0": "C.3 D.6", "1..n": "A.2 B.1 B.2 B.3 C.2 C.4 C.5 D.2 D.4 E.2 F.2 own4"},
			func(e *event, _ *issuer, n int) bool {
				e.Reasons = slices.Repeat([]evidence.Reason{{Code: "technical"}}, n)
				return true
			}, "EventReasons/EventReason <e:EventReasons><e:EventReason/></e:EventReasons>"},
		{"§8.2 G05", "1", nil, func(e *event, _ *issuer, n int) bool { e.At = at(n, e.At); return n < 2 }, "EventTime"},
		{"§8.2 G06", "1", nil, func(e *event, _ *issuer, n int) bool { e.Seq = n; return n < 2 }, "TransactionLogInformation/TransactionLog"},
		{"§8.2 R01", "1..n", nil, func(_ *event, i *issuer, n int) bool { i.PolicyOIDs = slices.Repeat([]string{"1.2.3"}, n); return true },
			"EvidenceIssuerPolicyID/PolicyID"},
		{"§8.2 R02", "1", nil, func(_ *event, i *issuer, n int) bool { i.Name = times(n, i.Name); return n < 2 }, "EvidenceIssuerDetails/Identity"},
		{"§8.2 I01", "1", map[string]string{"0..1": "A.2"},
			func(e *event, _ *issuer, n int) bool { e.Sender.Name = times(n, e.Sender.Name); return n < 2 }, "SenderDetails/Identity"},
		{"§8.2 I03", "0..1", nil, func(e *event, _ *issuer, n int) bool { e.SentBy = delegate(n); return n < 2 },
			"SenderDelegateDetails <e:SenderDelegateDetails/>"},
		{"§8.2 I06", "1", nil, func(e *event, _ *issuer, n int) bool {
			e.Recipient.Email, e.Recipient.Mobile = times(n, e.Recipient.Email), ""
			return n < 2
		}, "RecipientDetails/Identifier"},
		{"§8.2 I07", "0", map[string]string{"0..1": participation, "1": "own5"}, func(e *event, _ *issuer, n int) bool { e.ReceivedBy = delegate(n); return n < 2 },
			"RecipientsDelegateDetails <e:RecipientsDelegateDetails/>"},
		{"§8.2 I09", "1", map[string]string{"0": "A.1 A.2", "0..1": "B.1 B.2 B.3"}, nil, "EvidenceRefersToRecipient <EvidenceRefersToRecipient/>"},
		{"§8.2 I10", "1..n", map[string]string{"0..n": "A.2 F.3"}, func(e *event, _ *issuer, n int) bool {
			e.Sender.Proof, e.SentBy.Proof = nil, nil
			for _, p := range []*evidence.Party{&e.Sender, e.SentBy}[:min(n, 2)] {
				p.Proof = proof
			}
			return n < 3
		}, "SenderDelegateDetails/AssuranceLevelsDetails"},
		{"§8.2 I12", "0", map[string]string{"0..n": "D.2 E.2 own2", "1..n": "C.3 C.4 D.1 D.6 E.1 own5"}, func(e *event, _ *issuer, n int) bool {
			e.ReceivedBy, e.Recipient.Proof = delegate(1), nil
			for _, p := range []*evidence.Party{e.ReceivedBy, &e.Recipient}[:min(n, 2)] {
				p.Proof = proof
			}
			return n < 3
		}, "RecipientDetails/AssuranceLevelsDetails <AssuranceLevelsDetails/>"},
		{"§8.2 M01", "1", map[string]string{"0..1": "A.2"},
			func(e *event, _ *issuer, n int) bool { e.Message = times(n, e.Message); return n < 2 }, "MessageIdentifier"},
		{"§8.2 M02", "1..n", map[string]string{"0..n": "A.2", "1": "D.6"},
			func(e *event, _ *issuer, n int) bool { e.Parts = slices.Repeat(e.Parts[:1], n); return true }, "UserContentInfo/PartsInfo/PartInfo"},
		{"§8.2.25 M03", "1", map[string]string{"0..1": "A.2"},
			func(e *event, _ *issuer, n int) bool { e.Submitted = at(n, e.Submitted); return n < 2 }, "SubmissionTime"},
		{"§8.2 M04", "0", map[string]string{"1": "F.1 F.2", "0..1": "own3 own4"},
			func(e *event, _ *issuer, n int) bool { e.External = times(n, "bpost 1"); return n < 2 }, "ForwardedToExternalSystem <ForwardedToExternalSystem/>"},
	}
}

func times(n int, s string) string { return strings.Repeat(s, n) }

func at(n int, t time.Time) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return t
}

// codes are the codes of EN 319 522-1 Table 1, in the order of Names.
func codes() []string {
	return strings.Fields("A.1 A.2 B.1 B.2 B.3 C.1 C.2 C.3 C.4 C.5 C.6 D.1 D.2 D.3 D.4 D.5 D.6 E.1 E.2 F.1 F.2 F.3 own1 own2 own3 own3 own4 own3 own3 own5 own5 own2")
}

// cell is how often the component occurs in an event of that code.
func (r reading) cell(code string) string {
	for cell, codes := range r.but {
		if slices.Contains(strings.Fields(codes), code) {
			return cell
		}
	}
	return r.usual
}

func holds(cell string, n int) bool {
	least, most, ok := strings.Cut(cell, "..")
	if !ok {
		most = least
	}
	if most == "n" {
		most = "1000"
	}
	from, err := strconv.Atoi(least)
	to, err2 := strconv.Atoi(most)
	if err != nil || err2 != nil {
		panic(cell)
	}
	return from <= n && n <= to
}

// asked reports whether the matrix was found broken at that clause.
func asked(found []evidence.Finding, clause string) bool {
	return slices.ContainsFunc(found, func(f evidence.Finding) bool {
		return f.Source == "en319522" && f.Clause == "EN 319 522-2 "+clause && strings.Contains(f.What, "asks for")
	})
}

// Every component of every event, given none, one, two and three times.
func TestMatrixOfEvents(t *testing.T) {
	t.Parallel()
	broken := 0
	for k, name := range evidence.Names() {
		for _, r := range readings() {
			cell := r.cell(codes()[k])
			if r.put == nil {
				continue
			}
			for n := range 4 {
				e, i := evidencetest.Event(name), evidencetest.Issuer()
				if !r.put(&e, &i, n) {
					continue
				}
				if got := !asked(e.Lint(i), r.clause); got != holds(cell, n) {
					t.Errorf("%s, %s, %d times: allowed is %v, the cell is %s", name, r.clause, n, got, cell)
				}
				if !holds(cell, n) {
					broken++
				}
			}
		}
	}
	if broken < 300 {
		t.Errorf("only %d cells were broken", broken)
	}
}

// What an event may tell of the recipient's identification follows the matrix.
func TestMayIdentify(t *testing.T) {
	t.Parallel()
	for k, name := range evidence.Names() {
		for _, r := range readings() {
			if may := r.cell(codes()[k]) != "0"; r.clause == "§8.2 I12" && name.MayIdentify() != may {
				t.Errorf("%s: got %v, want %v", name, name.MayIdentify(), may)
			}
		}
	}
	if evidence.Name("Telepathy").MayIdentify() {
		t.Error("an unknown event identifies")
	}
}
