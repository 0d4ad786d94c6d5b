package delivery

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// MaxPaper bounds a paper that a partner sends along, in octets.
const MaxPaper = 32 << 20

// MaxPapers bounds how many come with one report.
const MaxPapers = 20

// paperTypes are the media types that a paper may have, and their file endings.
var paperTypes = map[string]string{"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tif", "application/json": "json"}

// ErrPaper: a paper that is too large, of an unknown kind, or not what its
// digest says. Its report is not taken in.
var ErrPaper = errors.New("delivery: unusable paper of a letter")

// Paper is one paper of a letter that is kept: a proof of deposit, an
// acknowledgement of receipt, the scan of what came back.
type Paper struct {
	Kind      PostPaper
	Position  int // from 1, in the order in which they came
	MediaType string
	Size      int64
	SHA256    string
	At        time.Time
}

// Name is what it is called where papers are numbered anyway.
func (p Paper) Name() string {
	return strings.ReplaceAll(string(p.Kind), "_", "-") + "." + paperTypes[p.MediaType]
}

// Filename is under what name people get it.
func (p Paper) Filename() string { return fmt.Sprintf("%02d-%s", p.Position, p.Name()) }

// keepPapers puts the papers of a report into the vault, before anything is
// recorded. On error none is left.
func (s *Service) keepPapers(ctx context.Context, id ID, docs []PostDocument) (kept []Stored, err error) {
	defer func() {
		if err != nil {
			s.drop(ctx, kept...)
		}
	}()
	if len(docs) > MaxPapers {
		return nil, fmt.Errorf("%w: %d of them", ErrPaper, len(docs))
	}
	for _, d := range docs {
		if paperTypes[d.MediaType] == "" || !slices.Contains([]PostPaper{DepositProof, ReceiptScan, EnvelopeScan, TrackingHistory}, d.Kind) ||
			d.Size < 1 || d.Size > MaxPaper || d.Open == nil {
			return kept, fmt.Errorf("%w: %q of type %q, %d octets", ErrPaper, d.Kind, d.MediaType, d.Size)
		}
		st, err := s.keepPaper(ctx, id, d)
		if err != nil {
			return kept, err
		}
		kept = append(kept, st)
	}
	return kept, nil
}

func (s *Service) keepPaper(ctx context.Context, id ID, d PostDocument) (Stored, error) {
	r, err := d.Open(ctx)
	if err != nil {
		return Stored{}, err
	}
	defer r.Close()
	st, err := s.Vault.Put(ctx, "paper/"+string(id)+"/"+evidence.NewID(), io.LimitReader(r, MaxPaper+1))
	if err != nil {
		return Stored{}, err
	}
	if hex.EncodeToString(st.SHA256) != d.SHA256 || st.Size != d.Size {
		s.drop(ctx, st)
		return Stored{}, fmt.Errorf("%w: %s is not what its digest says", ErrPaper, d.Kind)
	}
	return st, nil
}

// drop removes objects that no row refers to; what cannot be removed now is swept.
func (s *Service) drop(ctx context.Context, objects ...Stored) {
	for _, st := range objects {
		if err := s.Vault.Delete(context.WithoutCancel(ctx), st.Name); err != nil {
			s.Log.WarnContext(ctx, "orphan object left for the sweep", "object", st.Name, "err", err)
		}
	}
}

// naming runs the transaction that names objects. When it fails before COMMIT is
// asked for, they are removed. When the answer to COMMIT is lost nobody knows: the
// rows may be there, and without its object each would be content lost, so the
// objects stay, and those that no row names are swept.
func (s *Service) naming(ctx context.Context, objects []Stored, name func(pgx.Tx) error) error {
	asked := false
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		err := name(tx)
		asked = err == nil
		return err
	})
	if err != nil && !asked {
		s.drop(ctx, objects...)
	}
	return err
}

const sqlKnownPapers = `SELECT count(*) FROM postal_document WHERE delivery_id = $1 AND report_id = $2`

const sqlPaper = `INSERT INTO postal_document (delivery_id, position, kind, report_id, media_type, object, key_id, wrapped_key, size, sha256, created_at)
SELECT $1, count(*) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM postal_document WHERE delivery_id = $1`

// takeReport records one report of the partner with its papers. Errors:
// ErrNotOpen when it says nothing new, ErrPaper.
func (s *Service) takeReport(ctx context.Context, id ID, r PostReport) (err error) {
	kept, err := s.keepPapers(ctx, id, r.Documents)
	if err != nil {
		return err
	}
	return s.naming(ctx, kept, func(tx pgx.Tx) error {
		after, err := s.moveTx(ctx, tx, id, func(d Delivery, at time.Time) (Move, error) {
			var known int
			if err := tx.QueryRow(ctx, sqlKnownPapers, string(id), r.ID).Scan(&known); err != nil {
				return Move{}, err
			}
			if known > 0 {
				return Move{}, ErrNotOpen
			}
			return d.Reported(r, at)
		})
		if err != nil {
			return err
		}
		for i, st := range kept {
			if _, err := tx.Exec(ctx, sqlPaper, string(id), r.Documents[i].Kind, r.ID, r.Documents[i].MediaType,
				st.Name, st.KeyID, st.Key, st.Size, st.SHA256, after.LastAt); err != nil {
				return err
			}
		}
		return nil
	})
}

const sqlPapers = `SELECT kind, position, media_type, size, encode(sha256, 'hex'), created_at FROM postal_document
 WHERE delivery_id = $1 AND wrapped_key IS NOT NULL ORDER BY position`

// Papers lists the papers of a letter that are kept, in the order in which they
// came. The caller has seen to it that it may know of the delivery.
func (s *Service) Papers(ctx context.Context, id ID) ([]Paper, error) {
	rows, err := s.Pool.Query(ctx, sqlPapers, string(id))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Paper, err error) {
		err = row.Scan(&p.Kind, &p.Position, &p.MediaType, &p.Size, &p.SHA256, &p.At)
		p.At = p.At.UTC()
		return p, err
	})
}

// OpenPaper streams one paper of a letter. Errors: ErrNotFound, ErrPurged.
func (s *Service) OpenPaper(ctx context.Context, id ID, position int) (io.ReadCloser, error) {
	var st Stored
	err := s.Pool.QueryRow(ctx, `SELECT object, key_id, wrapped_key, size, sha256 FROM postal_document WHERE delivery_id = $1 AND position = $2`,
		string(id), position).Scan(&st.Name, &st.KeyID, &st.Key, &st.Size, &st.SHA256)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	case st.Key == nil:
		return nil, ErrPurged
	}
	return s.Vault.Open(ctx, st)
}
