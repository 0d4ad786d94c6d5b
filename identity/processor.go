package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ProcessorNotice is how long before a sub-processor begins senders are told: the
// time in which they can object.
//
// GDPR art. 28(2)
const ProcessorNotice = 30 * 24 * time.Hour

// Processor is a sub-processor as everybody may read of it.
type Processor struct {
	Entry   string
	Name    string
	Country string
	Task    map[string]string // by language
	Data    map[string]string // by language
	From    time.Time         // first day
	Until   time.Time         // first day on which it does not any more; zero: no end is known
}

// announced refuses a sub-processor that would begin before senders had their time
// to object. A day that has been is taken: the register tells what is so. Then, and
// where they were told otherwise, it has to say when they were.
func announced(e Entry, at time.Time) FieldErrors {
	from, err := registerTime(e.Fields["from"])
	if err != nil || e.State == "ended" || e.By == System.Subject || !from.Before(at.Add(ProcessorNotice).Truncate(24*time.Hour)) {
		return nil
	}
	if told, err := registerTime(e.Fields["told_at"]); err == nil && !told.After(from) {
		return nil
	}
	return FieldErrors{{"from", "too_soon"}}
}

func processorOf(e Entry) (p Processor, ok bool) {
	p = Processor{Entry: e.ID, Name: e.Fields["name"], Country: e.Fields["country"], Task: map[string]string{}, Data: map[string]string{}}
	for name, text := range e.Fields {
		if lang, ok := strings.CutPrefix(name, "task_"); ok {
			p.Task[lang] = text
		}
		if lang, ok := strings.CutPrefix(name, "data_"); ok {
			p.Data[lang] = text
		}
	}
	var err error
	if p.From, err = registerTime(e.Fields["from"]); err != nil {
		return p, false
	}
	if until, err := registerTime(e.Fields["until"]); err == nil {
		p.Until = until
	} else if e.State == "ended" {
		p.Until = e.At.UTC().Truncate(24 * time.Hour)
	}
	return p, p.Until.IsZero() || p.Until.After(p.From)
}

// Processors lists every sub-processor that works for us, did, or will, by the day
// on which it begins: what everybody may know of the register (R24).
func (s *Service) Processors(ctx context.Context) ([]Processor, error) {
	entries, err := s.Entries(ctx, System, Processors)
	if err != nil {
		return nil, err
	}
	var all []Processor
	for _, e := range entries {
		if p, ok := processorOf(e); ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Processor) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

// SeedProcessors fills an empty register of sub-processors; one that has entries is
// left alone. Only the system may. It reports how many were written.
func (s *Service) SeedProcessors(ctx context.Context, all []Processor) (n int, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE register_processor IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return fmt.Errorf("identity: seed: %w", err)
		}
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM register_processor)`).Scan(&there); err != nil || there {
			return err
		}
		for _, p := range all {
			e := Entry{State: "active", By: System.Subject, Version: 1, Fields: map[string]string{"name": p.Name, "country": p.Country, "from": p.From.Format(time.DateOnly)}}
			if !p.Until.IsZero() {
				e.Fields["until"] = p.Until.Format(time.DateOnly)
			}
			for lang := range p.Task {
				e.Fields["task_"+lang], e.Fields["data_"+lang] = p.Task[lang], p.Data[lang]
			}
			if err := Processors.check(&e).orNil(); err != nil {
				return err
			}
			var err error
			if e.ID, err = newID(); err != nil {
				return err
			}
			if err := s.insertEntry(ctx, tx, Processors, e, s.now()); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// sqlTellProcessor takes accounts that do not know yet. Two processes never tell
// the same account: the primary key decides, and the loser tells nobody.
const sqlTellProcessor = `
INSERT INTO processor_told (entry, starts, account_id, told_at)
SELECT $1, $2, a.id, $3 FROM account a
 WHERE a.closed_at IS NULL AND NOT EXISTS (SELECT FROM processor_told t WHERE t.entry = $1 AND t.starts = $2 AND t.account_id = a.id)
 ORDER BY a.id LIMIT $4
ON CONFLICT DO NOTHING RETURNING account_id`

// TellOfProcessors tells the administrators of at most limit accounts of a
// sub-processor that will begin, each account once for a day, and writes that down
// in the same transaction. It returns how many accounts were told; with limit, there
// may be more. GDPR art. 28(2) (R24).
func (s *Service) TellOfProcessors(ctx context.Context, limit int) (told int, err error) {
	all, err := s.Processors(ctx)
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if !p.From.After(s.now()) {
			continue
		}
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sqlTellProcessor, p.Entry, p.From, s.now(), limit-told)
			if err != nil {
				return fmt.Errorf("identity: tell of processors: %w", err)
			}
			accounts, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return fmt.Errorf("identity: tell of processors: %w", err)
			}
			for _, a := range accounts {
				if err := s.tellAdministrators(ctx, tx, a, Note{Kind: NoteProcessor, Account: a, Ref: p.Entry}); err != nil {
					return err
				}
			}
			told += len(accounts)
			return nil
		})
		if err != nil || told >= limit {
			return told, err
		}
	}
	return told, nil
}

// ProcessorTold is when an account was told of a sub-processor.
type ProcessorTold struct {
	Entry  string    `json:"-"`
	Starts time.Time `json:"starts"`
	ToldAt time.Time `json:"told_at"`
}

// ProcessorsTold lists of which sub-processors the actor's account was told, for
// its administrators, latest first. Errors: ErrForbidden, ErrNotFound.
func (s *Service) ProcessorsTold(ctx context.Context, by Actor) ([]ProcessorTold, error) {
	if err := s.administers(ctx, s.pool, by, by.Account); err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT entry, starts, told_at FROM processor_told WHERE account_id = $1 ORDER BY told_at DESC, entry LIMIT $2`, by.Account, maxRegistered)
	if err != nil {
		return nil, fmt.Errorf("identity: processors told: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ProcessorTold])
}
