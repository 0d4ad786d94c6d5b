package delivery

import "context"

// Candidates is the statement by which a list is found, for those who explain it.
func (s *Service) Candidates(ctx context.Context, account string, f Find, from Place, messages bool) (sql string, args []any, err error) {
	seek := s.seek
	if messages {
		seek = s.seekMessages
	}
	q, err := seek(ctx, account, f, from)
	return q.sql, q.args, err
}

// MaxSet is how many deliveries are sorted by time after they were found otherwise.
const MaxSet = maxSet

// LookSome is how many candidates a page looks at.
const LookSome = lookSome
