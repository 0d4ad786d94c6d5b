package evidence_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

func TestEveryEventPasses(t *testing.T) {
	t.Parallel()
	if n := len(evidence.Names()); n != 32 {
		t.Errorf("got %d names, want ETSI's 22 and our 10", n)
	}
	for _, name := range evidence.Names() {
		if found := evidencetest.Event(name).Lint(evidencetest.Issuer()); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
		p, err := evidence.Prepare(evidencetest.Document(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d, err := evidence.ReadXML(p.XML()); err != nil || d.Event.Name != name {
			t.Errorf("%s: read back: %v", name, err)
		}
	}
}

// Each row breaks one rule beside the matrix; every rule has a row.
func TestEveryRuleBites(t *testing.T) {
	t.Parallel()
	qualified := func(d *evidence.Document) {
		d.Issuer.Qualified, d.Issuer.TrustedListEntry = true, "https://tl.example/1"
		d.Issuer.QualifiedSeal, d.Issuer.QualifiedTimeStamp = "CN=Seal", "QTSA"
	}
	type doc = evidence.Document
	const a1, e1 = evidence.SubmissionAcceptance, evidence.ContentHandover
	rows := []struct {
		name   evidence.Name
		change func(*doc)
		clause string
	}{
		{a1, func(d *doc) { d.Event.ID = "x" }, "G01"},
		{a1, func(d *doc) { d.Event.Delivery = "x" }, "G01"},
		{a1, func(d *doc) { d.Event.Reasons = []evidence.Reason{{Code: "because"}} }, "§8.3.3"},
		{a1, func(d *doc) { d.Event.ID = strings.ToUpper(d.Event.ID) }, "G01"},
		{a1, func(d *doc) { d.Event.ID = strings.ReplaceAll(d.Event.ID, "-", "0") }, "G01"},
		{evidence.SubmissionRejection, func(d *doc) { d.Event.Message = "x" }, "M01"},
		{e1, func(d *doc) { d.Event.Parts[1].SHA256 = strings.ToUpper(d.Event.Parts[1].SHA256) }, "M02"},
		{e1, func(d *doc) { d.Event.Parts[1].SHA256 = "00" }, "M02"},
		{e1, func(d *doc) { d.Event.Parts[0].Name = "" }, "M02"},
		{e1, func(d *doc) { d.Event.Parts[0].MediaType = "text" }, "M02"},
		{e1, func(d *doc) { d.Event.Parts[0].Size = -1 }, "M02"},
		{e1, func(d *doc) { d.Event.Submitted = d.Event.At.Add(time.Second) }, "M03"},
		{a1, func(d *doc) { d.Event.Sender.Name = "" }, "I01"},
		{a1, func(d *doc) { d.Event.Sender.Kind = "" }, "I01"},
		{a1, func(d *doc) { d.Event.SentBy.Given, d.Event.SentBy.Family, d.Event.SentBy.Kind = "", "", "" }, "I03"},
		{a1, func(d *doc) { d.Event.Recipient.Email, d.Event.Recipient.Mobile = "", "" }, "I06"},
		{e1, func(d *doc) { d.Event.ReceivedBy = &evidence.Party{Kind: evidence.NaturalPerson} }, "I08"},
		{a1, func(d *doc) { d.Event.SentBy = nil }, "I10"},
		{e1, func(d *doc) { d.Event.Recipient.Proof.Method = "" }, "I12"},
		{e1, func(d *doc) { d.Event.Recipient.Proof.Method = "it is me" }, "I12"},
		{e1, func(d *doc) { d.Event.Recipient.Proof.At = time.Time{} }, "I12"},
		{e1, func(d *doc) { d.Event.Recipient.Proof.At = d.Event.At.Add(time.Second) }, "REQ-QERDS-5.2.1"},
		{e1, func(d *doc) { qualified(d); d.Event.Recipient.Proof.Level = "http://eidas.europa.eu/LoA/low" }, "REQ-QERDS-5.2.1"},
		{e1, func(d *doc) { qualified(d); d.Event.Recipient.Proof.Level = "" }, "REQ-QERDS-5.2.1"},
		{a1, func(d *doc) { d.Event.Language = "es" }, "language"},
		{a1, func(d *doc) { d.Event.Number = "" }, "number"},
		{a1, func(d *doc) { d.Event.Details[0].Key = "User Agent" }, "details"},
		{a1, func(d *doc) {
			d.Event.Recipient.Identifier = evidence.Identifier{Scheme: "BE:NRN", Value: "85073003328"}
		}, "national number"},
		{e1, func(d *doc) { d.Event.Recipient.Proof.Level = "very high" }, "levels"},
		{a1, func(d *doc) { d.Event.SentBy.Mandate = &evidence.Mandate{Given: "founder", At: evidencetest.At()} }, "mandate"},
		{a1, func(d *doc) { d.Event.SentBy.Mandate = &evidence.Mandate{ID: "m-1", At: evidencetest.At()} }, "mandate"},
		{a1, func(d *doc) {
			d.Event.SentBy.Mandate = &evidence.Mandate{ID: "m-1", Given: "Mr X", At: evidencetest.At()}
		}, "mandate"},
		{a1, func(d *doc) { d.Event.SentBy.Mandate = &evidence.Mandate{ID: "m-1", Given: "founder"} }, "mandate"},
		{a1, func(d *doc) {
			d.Event.Sender.Mandate = &evidence.Mandate{ID: "m-1", Given: "founder", At: evidencetest.At()}
		}, "mandate"},
		{e1, func(d *doc) {
			d.Event.Recipient.Mandate = &evidence.Mandate{ID: "m-1", Given: "founder", At: evidencetest.At()}
		}, "mandate"},
		{evidence.DelegateNamed, func(d *doc) { d.Event.ReceivedBy = nil }, "I07"},
		{evidence.DelegateNamed, func(d *doc) { d.Event.Recipient.Proof = nil }, "I12"},
		{a1, func(d *doc) { d.Hash = strings.Repeat("0", 64) }, "chain"},
		{a1, func(d *doc) { d.Nonce = [evidence.NonceSize]byte{} }, "chain"},
		{a1, func(d *doc) { d.History = evidencetest.History()[:2] }, "chain"},
	}
	for i, row := range rows {
		d := evidencetest.Document(row.name)
		row.change(&d)
		p, err := evidence.Prepare(d)
		var lint *evidence.LintError
		if p != nil || !errors.Is(err, evidence.ErrLint) || !errors.As(err, &lint) {
			t.Errorf("row %d (%s, %s): got %v, want ErrLint", i, row.name, row.clause, err)
			continue
		}
		if !slices.ContainsFunc(lint.Findings, func(f evidence.Finding) bool { return strings.Contains(f.Clause, row.clause) }) {
			t.Errorf("row %d (%s): got %v, want %s", i, row.name, err, row.clause)
		}
	}
}

// What the matrix leaves open must stay open.
func TestAllowed(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*evidence.Document){
		"a refused submission of an unknown sender": func(d *evidence.Document) {
			d.Event.Name, d.Event.Reasons = evidence.SubmissionRejection, []evidence.Reason{{Code: "malware"}}
			d.Event.Message, d.Event.Parts, d.Event.SentBy, d.Event.Submitted, d.Event.Number = "", nil, nil, time.Time{}, ""
			d.Event.Sender, d.Event.Recipient.Proof = evidence.Party{}, nil
		},
		"a delegate identified instead of the recipient": func(d *evidence.Document) {
			d.Event.ReceivedBy, d.Event.Recipient.Proof = &evidence.Party{Kind: evidence.NaturalPerson, Given: "Jo", Family: "Maes",
				Proof: d.Event.Recipient.Proof}, nil
		},
		"a delegate under a mandate": func(d *evidence.Document) {
			d.Event.SentBy.Mandate = &evidence.Mandate{ID: "m-1", Given: "approval", At: evidencetest.At(), Record: "r-2"}
		},
		"a company that receives": func(d *evidence.Document) {
			d.Event.Recipient = evidence.Party{Kind: evidence.LegalPerson, Name: "NV", Email: "x@nv.example", Proof: d.Event.Recipient.Proof}
		},
		"an API key without a level": func(d *evidence.Document) { d.Event.SentBy.Proof.Method, d.Event.SentBy.Proof.Level = "api-key", "" },
		"a sender identified in person": func(d *evidence.Document) {
			d.Event.Sender = evidence.Party{Kind: evidence.NaturalPerson, Given: "Els", Family: "Janssens", Proof: d.Event.SentBy.Proof}
			d.Event.SentBy = nil
		},
		"nothing optional": func(d *evidence.Document) {
			d.Event.Reference, d.Event.Subject, d.Event.Details, d.Issuer.VerifyURL = "", "", nil, ""
			d.Event.Recipient.Address, d.Event.Recipient.Mobile = nil, ""
		},
		"a test": func(d *evidence.Document) { d.Event.Test = true },
	} {
		d := evidencetest.Document(evidence.ContentHandover)
		change(&d)
		p, err := evidence.Prepare(d)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if _, err := evidence.ReadXML(p.XML()); err != nil {
			t.Errorf("%s: read back: %v", what, err)
		}
		if out, err := schema(t, p.XML()); err != nil {
			t.Errorf("%s: schema: %s", what, out)
		}
	}
}

func TestHonestIssuer(t *testing.T) {
	t.Parallel()
	full := evidencetest.Issuer()
	full.Qualified, full.TrustedListEntry, full.QualifiedSeal, full.QualifiedTimeStamp = true, "https://tl.example/1", "CN=Seal", "QTSA"
	e := evidencetest.Event(evidence.ContentHandover)
	if got := full.Claim(e); got != evidence.ClaimQualified {
		t.Errorf("got %q", got)
	}
	e.Test = true
	if got := full.Claim(e); got != evidence.ClaimTest {
		t.Errorf("a test key: got %q", got)
	}
	for i, change := range []func(*evidence.Issuer){
		func(i *evidence.Issuer) { i.TrustedListEntry = "" }, func(i *evidence.Issuer) { i.QualifiedSeal = "" },
		func(i *evidence.Issuer) { i.QualifiedTimeStamp = "" }, func(i *evidence.Issuer) { i.Name = "" },
		func(i *evidence.Issuer) { i.Country = "be" }, func(i *evidence.Issuer) { i.PolicyOIDs = nil },
		func(i *evidence.Issuer) { i.PolicyOIDs = []string{"1.02"} }, func(i *evidence.Issuer) { i.PolicyOIDs = []string{"urn:oid:1"} },
		func(i *evidence.Issuer) { i.Identifier.Value = "" }, func(i *evidence.Issuer) { i.ServiceName = "a\x00" },
	} {
		broken := full
		change(&broken)
		d := evidencetest.Document(evidence.ContentHandover)
		d.Issuer = broken
		if _, err := evidence.Prepare(d); !errors.Is(err, evidence.ErrIssuer) {
			t.Errorf("issuer %d: got %v, want ErrIssuer", i, err)
		}
		if got := broken.Claim(d.Event); got == evidence.ClaimQualified {
			t.Errorf("issuer %d claims to be qualified", i)
		}
	}
	for _, name := range evidence.Names() {
		p, err := evidence.Prepare(evidencetest.Document(name))
		if err != nil {
			t.Fatal(err)
		}
		if s := strings.ToLower(strings.ReplaceAll(string(p.XML()), "nonqualified", "")); strings.Contains(s, "qualified") {
			t.Errorf("%s: a non-qualified document speaks of qualification", name)
		}
	}
}
