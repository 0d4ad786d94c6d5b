package delivery

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Telling is when somebody who works for an account is told of an event by mail.
type Telling string

const (
	TellNot    Telling = ""
	TellAtOnce Telling = "at_once"
	TellDaily  Telling = "daily" // in one mail with everything of a day
)

// SenderEvent is something of which a member of an account may be told.
type SenderEvent string

const (
	EventCollected SenderEvent = "collected"
	EventRefused   SenderEvent = "refused"
	EventExpired   SenderEvent = "expired"
	EventPosted    SenderEvent = "posted" // the letter went to the printer
	EventReturned  SenderEvent = "returned"
	EventFailed    SenderEvent = "failed" // nothing reached the recipient
	EventSoon      SenderEvent = "soon"   // the window ends within SoonWithin; told daily only
)

// SenderEvents lists every event, in the order of a life.
var SenderEvents = []SenderEvent{EventCollected, EventRefused, EventSoon, EventExpired, EventPosted, EventReturned, EventFailed}

// Preferences say when a member of an account is told of which event; of what is
// not in it, never.
type Preferences map[SenderEvent]Telling

func (p Preferences) check() (faults FieldErrors) {
	for _, e := range slices.Sorted(maps.Keys(p)) {
		how := p[e]
		if !slices.Contains(SenderEvents, e) || how != TellAtOnce && how != TellDaily || e == EventSoon && how == TellAtOnce {
			faults = append(faults, FieldError{Pointer: "/" + string(e), Code: "unsupported", Args: map[string]string{"allowed": choicesOf([]Telling{TellAtOnce, TellDaily})}})
		}
	}
	return faults
}

// Preferences are those of a member of an account; none when nothing was chosen.
func (s *Service) Preferences(ctx context.Context, account, person string) (p Preferences, err error) {
	err = s.Pool.QueryRow(ctx, `SELECT how FROM sender_preference WHERE account_id = $1 AND person_id = $2`, account, person).Scan(&p)
	if errors.Is(err, pgx.ErrNoRows) {
		return Preferences{}, nil
	}
	return p, err
}

const sqlPrefer = `
INSERT INTO sender_preference (account_id, person_id, how, told_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, person_id) DO UPDATE SET how = excluded.how`

// Prefer sets the preferences of a member of an account; empty ones turn every
// mail off. Errors: FieldErrors, ErrNotFound for who is no member.
func (s *Service) Prefer(ctx context.Context, account, person string, p Preferences) error {
	p = maps.Clone(p)
	maps.DeleteFunc(p, func(_ SenderEvent, how Telling) bool { return how == TellNot })
	if faults := p.check(); len(faults) > 0 {
		return faults
	}
	if len(p) == 0 {
		_, err := s.Pool.Exec(ctx, `DELETE FROM sender_preference WHERE account_id = $1 AND person_id = $2`, account, person)
		return err
	}
	_, err := s.Pool.Exec(ctx, sqlPrefer, account, person, p, s.Now().UTC().Truncate(time.Microsecond))
	if bad, ok := errors.AsType[*pgconn.PgError](err); ok && bad.ConstraintName == "sender_preference_of_member" {
		return ErrNotFound
	}
	return err
}
