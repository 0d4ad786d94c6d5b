package delivery

import (
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// actingParty is the person or key behind an act, as evidence shows it, with the
// mandate it acted under. Of a company it shows that an authorised person or key
// acted, how that one was authenticated, by which mandate and where the records
// are, but no personal data (R5): evidence goes to correspondents.
func actingParty(a identity.Actor, sender evidence.Party, under identity.Mandate) evidence.Party {
	p := evidence.Party{Kind: evidence.NaturalPerson, Given: a.Given, Family: a.Family, Mandate: mandateOf(under),
		Identifier: evidence.Identifier{Scheme: "bode:" + string(a.Kind), Value: a.Subject}}
	if a.Method != "" {
		p.Proof = proofOf(a)
	}
	switch {
	case a.Kind == identity.ActorKey:
		p.Kind, p.Name = evidence.LegalPerson, a.Name
	case sender.Kind == evidence.LegalPerson:
		p.Kind, p.Name, p.Given, p.Family = evidence.LegalPerson, sender.Name, "", ""
		if p.Proof != nil {
			p.Proof.Given, p.Proof.Family = "", ""
		}
	}
	return p
}

// mandateOf is a mandate as evidence cites it; nil for the zero Mandate, which is
// of those who need none.
func mandateOf(m identity.Mandate) *evidence.Mandate {
	if m.ID == "" {
		return nil
	}
	return &evidence.Mandate{ID: m.ID, Given: m.ProofKind, At: m.From.UTC().Truncate(time.Microsecond), Record: m.ProofRecord}
}
