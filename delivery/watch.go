package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Look is one look at one part of the service.
type Look struct {
	Part    string // a plain word, also the end of a key of words
	Working bool
	Took    time.Duration
}

// Gap is how long nobody may have looked before the time counts as one in which
// the part did not work: what we did not see we do not claim.
const Gap = 5 * time.Minute

// looksKept is how long single looks are kept.
const looksKept = 90 * 24 * time.Hour

// Watched writes looks down. The first that fails begins an outage, the first
// that succeeds ends it; so does time in which nobody looked. Any number of
// processes may look.
func (s *Service) Watched(ctx context.Context, looks ...Look) error {
	var errs []error
	for _, l := range looks {
		err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return s.watched(ctx, tx, l) })
		if err != nil {
			errs = append(errs, fmt.Errorf("look at %s: %w", l.Part, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) watched(ctx context.Context, tx pgx.Tx, l Look) error {
	first := s.Now().UTC().Truncate(time.Microsecond)
	if _, err := tx.Exec(ctx, `INSERT INTO watched_part (part, since, looked_at, working) VALUES ($1, $2, $2, $3) ON CONFLICT DO NOTHING`, l.Part, first, l.Working); err != nil {
		return err
	}
	var last time.Time
	if err := tx.QueryRow(ctx, `SELECT looked_at FROM watched_part WHERE part = $1 FOR UPDATE`, l.Part).Scan(&last); err != nil {
		return err
	}
	at := s.Now().UTC().Truncate(time.Microsecond) // after the lock
	if at.Before(last) {
		return nil // another process, whose clock is ahead, has said more
	}
	if at.Sub(last) > Gap {
		if err := s.openOutage(ctx, tx, l.Part, true, last); err != nil {
			return err
		}
	}
	if l.Working {
		if _, err := tx.Exec(ctx, `UPDATE outage SET ended_at = $2 WHERE part = $1 AND ended_at IS NULL AND began_at < $2`, l.Part, at); err != nil {
			return err
		}
	} else if err := s.openOutage(ctx, tx, l.Part, false, at); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE watched_part SET looked_at = $2, working = $3 WHERE part = $1`, l.Part, at, l.Working); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO watched_look (part, at, working, took_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		l.Part, at, l.Working, l.Took.Milliseconds())
	return err
}

// openOutage begins an outage unless one is open.
func (s *Service) openOutage(ctx context.Context, tx pgx.Tx, part string, unwatched bool, from time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO outage (id, part, unwatched, began_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (part) WHERE ended_at IS NULL DO NOTHING`, evidence.NewID(), part, unwatched, from)
	return err
}

// sqlForgetLooks finds them part by part, as the key does.
const sqlForgetLooks = `
DELETE FROM watched_look WHERE (part, at) IN (
	SELECT l.part, l.at FROM watched_part p CROSS JOIN LATERAL
	       (SELECT w.part, w.at FROM watched_look w WHERE w.part = p.part AND w.at < $1 ORDER BY w.at LIMIT $2) l)`

// ForgetLooks removes single looks that are old, at most sweepMost of a part; outages stay.
func (s *Service) ForgetLooks(ctx context.Context) error {
	_, err := s.Pool.Exec(ctx, sqlForgetLooks, s.Now().Add(-looksKept), sweepMost)
	return err
}

// Outage is a time in which a part of the service did not work.
type Outage struct {
	ID          ID
	Part        string
	Unwatched   bool // nobody looked
	Began       time.Time
	Ended       time.Time // zero while it lasts
	CertifiedAt time.Time // zero without a certificate
}

const sqlOutage = `SELECT id, part, unwatched, began_at, ended_at, certified_at FROM outage`

func scanOutage(r pgx.CollectableRow) (o Outage, err error) {
	var ended, certified *time.Time
	if err = r.Scan(&o.ID, &o.Part, &o.Unwatched, &o.Began, &ended, &certified); err != nil {
		return o, err
	}
	o.Began = o.Began.UTC()
	if ended != nil {
		o.Ended = ended.UTC()
	}
	if certified != nil {
		o.CertifiedAt = certified.UTC()
	}
	return o, nil
}

// Outages returns outages, newest first, at most limit of them, those that began
// before the given one (empty: from the newest). Errors: ErrNotFound.
func (s *Service) Outages(ctx context.Context, before ID, limit int) ([]Outage, error) {
	at, id := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Max.String()
	if before != "" {
		if !isID(string(before)) {
			return nil, ErrNotFound
		}
		id = string(before)
		if err := s.Pool.QueryRow(ctx, `SELECT began_at FROM outage WHERE id = $1`, id).Scan(&at); err != nil {
			return nil, noRow(err)
		}
	}
	rows, err := s.Pool.Query(ctx, sqlOutage+` WHERE (began_at, id) < ($1, $2) ORDER BY began_at DESC, id DESC LIMIT $3`, at, id, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanOutage)
}

// noRow makes ErrNotFound of a row that is not there.
func noRow(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// Certify gives outages that ended, and have none, their certificates, at most
// limit of them. What cannot be made now is made the next time.
func (s *Service) Certify(ctx context.Context, limit int, make func(context.Context, Outage) ([]byte, error)) error {
	rows, err := s.Pool.Query(ctx, sqlOutage+` WHERE ended_at IS NOT NULL AND certificate IS NULL ORDER BY ended_at LIMIT $1`, limit)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, scanOutage)
	if err != nil {
		return err
	}
	for _, o := range list {
		pdf, err := make(ctx, o)
		if err != nil {
			return fmt.Errorf("certificate of outage %s: %w", o.ID, err)
		}
		// Another process may have been quicker; the first certificate stands.
		if _, err := s.Pool.Exec(ctx, `UPDATE outage SET certificate = $2, certified_at = $3 WHERE id = $1 AND certificate IS NULL`,
			string(o.ID), pdf, s.Now().UTC().Truncate(time.Microsecond)); err != nil {
			return err
		}
	}
	return nil
}

// OutageCertificate returns the certificate of an outage as a sealed PDF. Errors:
// ErrNotFound, also while there is none yet.
func (s *Service) OutageCertificate(ctx context.Context, id ID) (pdf []byte, err error) {
	if !isID(string(id)) {
		return nil, ErrNotFound
	}
	err = s.Pool.QueryRow(ctx, `SELECT certificate FROM outage WHERE id = $1 AND certificate IS NOT NULL`, string(id)).Scan(&pdf)
	return pdf, noRow(err)
}
