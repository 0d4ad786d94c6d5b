package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// SenderParty is an account as evidence shows it: of a company nothing of its
// people, of a private account its person (R5).
func SenderParty(p identity.AccountProfile) evidence.Party {
	party := evidence.Party{Kind: evidence.NaturalPerson, Given: p.Given, Family: p.Family, Email: p.Email, Mobile: p.Mobile,
		Address: p.Address, Identifier: evidence.Identifier{Scheme: "mailto", Value: p.Email}}
	if p.Kind == identity.Company {
		party.Kind, party.Name = evidence.LegalPerson, p.Name
		party.Identifier = evidence.Identifier{Scheme: "bode:account", Value: p.ID}
		if p.EnterpriseNumber != "" {
			party.Identifier = evidence.Identifier{Scheme: p.Country + ":KBO", Value: p.EnterpriseNumber}
		}
		party.Proof = companyProof(p)
	}
	return party
}

// companyProof is how it was proven that a company is who it says: by an
// application that was approved, or by an operator. No level is claimed: the
// levels are of persons. nil when nobody vouched for it.
func companyProof(p identity.AccountProfile) *evidence.Proof {
	method := map[string]string{identity.ProofFounder: "application", identity.ProofOperator: "operator"}[p.ProvenBy]
	if method == "" || p.ProvenAt == nil {
		return nil
	}
	return &evidence.Proof{Method: method, At: p.ProvenAt.UTC().Truncate(time.Microsecond)}
}

// Check finds every fault of a submission without submitting it.
func (s *Service) Check(sub Submission) FieldErrors {
	sub = sub.normal()
	return s.check(&sub, s.Now())
}

// DefaultPolicy is what a sender of this service gets who asks for nothing.
func (s *Service) DefaultPolicy() Policy {
	p := DefaultPolicy()
	if s.Post == nil {
		p.Fallback, p.PostAtOnce = FallbackNone, false
	}
	return p
}

// Counts returns, for each message of an account, how many of its deliveries
// are in which state.
func (s *Service) Counts(ctx context.Context, account string, messages ...ID) (map[ID]map[State]int, error) {
	rows, err := s.Pool.Query(ctx, `SELECT message_id, state, count(*) FROM delivery
		WHERE message_id = ANY ($1::uuid[]) AND account_id = $2 GROUP BY message_id, state`, messages, account)
	if err != nil {
		return nil, err
	}
	out := make(map[ID]map[State]int, len(messages))
	var id ID
	var state State
	var n int
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &n}, func() error {
		if out[id] == nil {
			out[id] = map[State]int{}
		}
		out[id][state] = n
		return nil
	})
	return out, err
}

// Final reports that nothing more happens by itself in this state. An expired
// delivery is final only where nothing falls back to paper.
func (s State) Final(p Policy) bool {
	switch s {
	case HandedOver, Rejected, DeliveredByPost, Returned, Cancelled:
		return true
	case Expired:
		return p.Fallback != FallbackPost
	}
	return false
}
