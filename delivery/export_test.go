package delivery

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// PostNow does what the job of a letter does.
func (s *Service) PostNow(ctx context.Context, id ID) error {
	return s.post(ctx, id, func(pgx.Tx) error { return nil })
}

// CancelPostNow does what the job that cancels a letter does.
func (s *Service) CancelPostNow(ctx context.Context, id ID) error { return s.cancelPost(ctx, id) }

// Shred does the first step of a removal and dies.
func (s *Service) Shred(ctx context.Context, id ID, at time.Time) (objects []string, due bool, err error) {
	return s.shred(ctx, id, at)
}

// Move is the door.
func (s *Service) Move(ctx context.Context, id ID, decide func(Delivery, time.Time) (Move, error)) (Delivery, error) {
	return s.move(ctx, id, decide)
}

// FirstEvent is the one with which d was submitted.
func (d Delivery) FirstEvent() evidence.Event {
	e := d.event(evidence.SubmissionAcceptance, d.Message.SubmittedAt)
	e.ID, e.Seq = evidence.NewID(), 1
	return e
}

// Deadlines of a policy.
func (p Policy) DeadlinesOf(notified, end time.Time, zone *time.Location) []Deadline {
	return p.deadlines(notified, end, zone)
}

// RetainUntil of a policy.
func (p Policy) RetainUntil(at time.Time) time.Time { return p.retainUntil(at) }

// Validate normalises and checks, on 20 November 2026.
func (s Submission) Validate(post bool) FieldErrors {
	return s.normal().validate(post, time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
}

// ParseTerms reads rules from elsewhere than the program.
func ParseTerms(b []byte) (*Terms, error) { return parseTerms(b) }

// TermsFile is the data that the program holds.
func TermsFile() []byte { return termsFile }

// WrappedTables are those that RewrapKeys looks through.
func WrappedTables() (names []string) {
	for _, w := range wrappings() {
		names = append(names, w.table)
	}
	return names
}

// MaxSeated is how many submissions may wait.
const MaxSeated = maxSeated
