package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Batches. ErrBulkState is of something that a batch is not open for now;
// ErrBulkChanged is of somebody who confirms what they did not see.
var (
	ErrBulkState   = errors.New("delivery: batch is not in a state for this")
	ErrBulkChanged = errors.New("delivery: batch was changed since it was shown")
)

// BulkState is where a batch is. The zero value is not a state.
type BulkState string

// The states of a batch, and who acts next.
const (
	BulkMapping   BulkState = "mapping"   // the sender: say what the columns are
	BulkChecking  BulkState = "checking"  // we
	BulkChecked   BulkState = "checked"   // the sender: confirm, or say other columns
	BulkRunning   BulkState = "running"   // we
	BulkPaused    BulkState = "paused"    // the sender: go on, or cancel the rest
	BulkStopping  BulkState = "stopping"  // we: find out how far we were
	BulkRefused   BulkState = "refused"   // nobody: Cause says why
	BulkDone      BulkState = "done"      // nobody
	BulkCancelled BulkState = "cancelled" // nobody
)

// Ended reports that nothing more happens.
func (s BulkState) Ended() bool { return s == BulkRefused || s == BulkDone || s == BulkCancelled }

// Where batches come from.
const (
	BulkCSV = "csv"
	BulkAPI = "api"
)

// BulkSetup is what a batch sends, and how its list is read.
type BulkSetup struct {
	Template  ID       `json:"template"`
	Version   int      `json:"version"`
	Documents []string `json:"documents,omitempty"` // shared ones, that every message has
	Reference string   `json:"reference,omitempty"` // of rows that have none
	Language  string   `json:"language"`            // of recipients whose row does not say
	Mapping   Mapping  `json:"mapping,omitempty"`
}

// Bulk is a batch of an account.
type Bulk struct {
	ID        ID
	Account   string
	Test      bool
	Source    string
	Name      string // of the file
	State     BulkState
	Cause     string // why it was refused or paused: a code
	Size      int64
	SHA256    string // of the list
	Setup     BulkSetup
	Rows      int // read so far; all, once it is checked
	Faulty    int
	Warned    int // to a recipient of a row before
	Sent      int
	Failed    int
	Online    int // cents, of the rows that can be sent, when all are collected online; -1: not known
	Posted    int // cents, when every letter that can be is posted; -1: not known
	CreatedAt time.Time
	ChangedAt time.Time
	EndedAt   time.Time // zero before

	stored              Stored // no key once it ended
	encoding, separator string
	round, checked      int
	cursor              int
	confirmed           *confirmation
	preparers           [2]string // subjects of who uploaded and who mapped
}

// Ready is how many rows can be sent.
func (b Bulk) Ready() int { return b.Rows - b.Faulty }

// Left is how many rows were not tried yet.
func (b Bulk) Left() int { return max(b.Ready()-b.Sent-b.Failed, 0) }

// confirmation is who lets a batch be sent, and what they saw.
type confirmation struct {
	By     identity.Actor `json:"by"`
	Sender evidence.Party `json:"sender"`
	Digest string         `json:"digest"`
	At     time.Time      `json:"at"`
}

// BulkQueue is the queue of work on batches: it takes long, and nothing waits
// behind it.
const BulkQueue = "bulk"

// BulkArgs asks to go on with a batch.
type BulkArgs struct {
	Bulk string `json:"bulk"`
}

// Kind implements river.JobArgs.
func (BulkArgs) Kind() string { return "delivery_bulk" }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (BulkArgs) InsertOpts() river.InsertOpts { return river.InsertOpts{Queue: BulkQueue} }

// NewBulk describes a list that is uploaded.
type NewBulk struct {
	Name      string
	Template  ID
	Documents []string // shared ones of the account
	Reference string
	Language  string // default: the template's
	Test      bool
}

const sqlInsertBulk = `
INSERT INTO bulk (id, account_id, test, source, name, state, object, key_id, wrapped_key, size, sha256, encoding, separator, setup,
                  created_by, created_at, changed_at)
VALUES ($1, $2, $3, 'csv', $4, 'mapping', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)`

// UploadBulk streams a list into the vault, encrypted, and makes a batch of it
// that waits for its columns to be mapped. Memory stays flat. Errors:
// FieldErrors, at /file for what is no list; ErrTooLarge; ErrNotFound for the
// template.
func (s *Service) UploadBulk(ctx context.Context, by identity.Actor, in NewBulk, r io.Reader) (Bulk, error) {
	b, _, err := s.UploadBulkOnce(ctx, by, in, r, Once{})
	return b, err
}

// UploadBulkOnce is UploadBulk for a caller who may ask twice: the same key with
// the same list gives the batch of the first time. Errors: as UploadBulk;
// ErrKeyReused.
func (s *Service) UploadBulkOnce(ctx context.Context, by identity.Actor, in NewBulk, r io.Reader, once Once) (b Bulk, replayed bool, err error) {
	t, err := s.Template(ctx, by.Account, in.Template)
	if err != nil {
		return Bulk{}, false, err
	}
	if in.Language == "" {
		in.Language = t.Language
	}
	var c checker
	c.text("/name", in.Name, 1, MaxFilename, false)
	c.text("/reference", in.Reference, 0, MaxReference, false)
	c.language("/language", in.Language)
	c.documents(in.Documents)
	if len(c.faults) > 0 {
		return Bulk{}, false, c.faults
	}
	b = Bulk{ID: ID(evidence.NewID()), Account: by.Account, Test: in.Test, Source: BulkCSV, Name: in.Name, State: BulkMapping,
		Setup:  BulkSetup{Template: t.ID, Version: t.Version, Documents: in.Documents, Reference: strings.TrimSpace(in.Reference), Language: in.Language},
		Online: -1, Posted: -1, CreatedAt: s.Now().UTC().Truncate(time.Microsecond)}
	b.ChangedAt = b.CreatedAt
	var heard heardList
	if b.stored, heard, err = s.takeList(ctx, by.Account, b.ID, r); err != nil {
		return Bulk{}, false, err
	}
	b.encoding, b.separator, b.Size = heard.encoding, heard.separator, b.stored.Size
	asked := strings.Join(append([]string{in.Name, string(in.Template), b.Setup.Reference, in.Language, hex.EncodeToString(b.stored.SHA256)}, in.Documents...), "\x00")
	sum := sha256.Sum256(append([]byte(asked+"\x00"), once.Digest...))
	once.Digest = sum[:]
	err = s.keepBulk(ctx, by, b, once)
	if earlier, ok := errors.AsType[replay](err); ok {
		b, err = s.Bulk(ctx, by.Account, earlier.ref)
		return b, true, err
	}
	if err != nil {
		return Bulk{}, false, err
	}
	return b, false, nil
}

// keepBulk stores a batch whose list can be read. The error is a replay when once
// stands for an earlier one.
func (s *Service) keepBulk(ctx context.Context, by identity.Actor, b Bulk, once Once) error {
	l, err := s.openBulk(ctx, b)
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		s.drop(ctx, b.stored)
		return err
	}
	return s.naming(ctx, []Stored{b.stored}, func(tx pgx.Tx) error {
		if once.Key != "" {
			ref, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, by.Account, once.Key, "batch", once.Digest, string(b.ID), b.CreatedAt), "batch", once)
			if err != nil {
				return err
			}
			if ref != b.ID {
				return replay{ref}
			}
		}
		if err := s.keepShared(ctx, tx, by.Account, b.Setup.Documents, b.CreatedAt.Add(SharedFor)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlInsertBulk, string(b.ID), b.Account, b.Test, b.Name, b.stored.Name, b.stored.KeyID, b.stored.Key, b.stored.Size,
			b.stored.SHA256, b.encoding, b.separator, b.Setup, by.Subject, b.CreatedAt)
		return err
	})
}

func (s *Service) openBulk(ctx context.Context, b Bulk) (*list, error) {
	if b.stored.Key == nil {
		return nil, fmt.Errorf("%w: list of batch %s", ErrPurged, b.ID)
	}
	return s.openList(ctx, b.stored, b.encoding, b.separator)
}

const sqlMapBulk = `
UPDATE bulk SET state = 'checking', setup = $3, round = round + 1, rows = 0, faulty = 0, warned = 0, checked = 0, online = NULL, posted = NULL,
       changed_at = $4, mapped_by = $6
 WHERE id = $1 AND account_id = $2 AND state IN ('mapping', 'checked') AND round = $5`

// MapBulk says in which columns of its list a batch's recipients and variables
// stand, and has all rows checked. Errors: ErrNotFound, FieldErrors at
// /mapping, ErrBulkState.
func (s *Service) MapBulk(ctx context.Context, by identity.Actor, id ID, m Mapping) error {
	b, err := s.Bulk(ctx, by.Account, id)
	if err != nil {
		return err
	}
	if b.State != BulkMapping && b.State != BulkChecked {
		return ErrBulkState
	}
	p, err := s.bulkPlan(ctx, b)
	if err != nil {
		return err
	}
	header, err := s.bulkHeader(ctx, b)
	if err != nil {
		return err
	}
	if faults := m.check(len(header), p.template.Variables()); len(faults) > 0 {
		return faults
	}
	b.Setup.Mapping = m
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlMapBulk, string(id), by.Account, b.Setup, s.Now().UTC(), b.round, by.Subject)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrBulkState
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM bulk_row WHERE bulk_id = $1`, string(id)); err != nil {
			return err
		}
		return s.workOn(ctx, tx, id)
	})
}

// workOn puts the job for a batch into the caller's transaction.
func (s *Service) workOn(ctx context.Context, tx pgx.Tx, id ID) error {
	_, err := s.Outbox.InsertManyTx(ctx, tx, []river.InsertManyParams{{Args: BulkArgs{Bulk: string(id)}}})
	return err
}

func (s *Service) bulkHeader(ctx context.Context, b Bulk) ([]string, error) {
	l, err := s.openBulk(ctx, b)
	if err != nil {
		return nil, err
	}
	return l.header, l.Close()
}
