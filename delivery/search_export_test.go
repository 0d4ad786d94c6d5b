package delivery

import (
	"context"
	"strconv"
	"strings"
	"time"
)

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

// OverviewStatements are the statements of an overview, with arguments.
func OverviewStatements(account string, now time.Time) map[string][]any {
	set := strings.NewReplacer("{set}", strconv.Itoa(maxSet+1))
	return map[string][]any{
		set.Replace(sqlSetRecipient):      {account, false, "janssens", "janssens", topRune},
		set.Replace(sqlSetSoon):           {account, false, now},
		sqlOldest:                         {account, false, now},
		sqlNewest:                         {account, false, now},
		sqlCounts:                         {account, false, States, now},
		sqlCollectedDays:                  {account, false, now, now},
		sqlProposal + sqlProposalsWaiting: {account, false, MaxProposed},
	}
}
