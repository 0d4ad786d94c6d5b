package delivery

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const sqlBulk = `SELECT id, account_id, test, source, name, state, cause, coalesce(object, ''), coalesce(key_id, ''), wrapped_key, size, coalesce(sha256, ''),
       encoding, separator, setup, round, rows, faulty, warned, checked, cursor, sent, failed, confirmed, coalesce(online, -1), coalesce(posted, -1), created_by, mapped_by,
       created_at, changed_at, ended_at FROM bulk`

func scanBulk(row pgx.Row) (b Bulk, err error) {
	var ended *time.Time
	err = row.Scan(&b.ID, &b.Account, &b.Test, &b.Source, &b.Name, &b.State, &b.Cause, &b.stored.Name, &b.stored.KeyID, &b.stored.Key, &b.Size, &b.stored.SHA256,
		&b.encoding, &b.separator, &b.Setup, &b.round, &b.Rows, &b.Faulty, &b.Warned, &b.checked, &b.cursor, &b.Sent, &b.Failed, &b.confirmed,
		&b.Online, &b.Posted, &b.preparers[0], &b.preparers[1], &b.CreatedAt, &b.ChangedAt, &ended)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	b.stored.Size, b.SHA256 = b.Size, hex.EncodeToString(b.stored.SHA256)
	b.CreatedAt, b.ChangedAt = b.CreatedAt.UTC(), b.ChangedAt.UTC()
	if ended != nil {
		b.EndedAt = ended.UTC()
	}
	return b, err
}

func (s *Service) bulkByID(ctx context.Context, id ID) (Bulk, error) {
	if !isID(string(id)) {
		return Bulk{}, ErrNotFound
	}
	return scanBulk(s.Pool.QueryRow(ctx, sqlBulk+` WHERE id = $1`, string(id)))
}

// Bulk returns a batch of an account. Errors: ErrNotFound.
func (s *Service) Bulk(ctx context.Context, account string, id ID) (Bulk, error) {
	if !isID(string(id)) {
		return Bulk{}, ErrNotFound
	}
	return scanBulk(s.Pool.QueryRow(ctx, sqlBulk+` WHERE id = $1 AND account_id = $2`, string(id), account))
}

// Bulks returns the batches of an account, newest first, older than before
// (empty: from the newest), at most limit. Errors: ErrNotFound for what is no id.
func (s *Service) Bulks(ctx context.Context, account string, test bool, before ID, limit int) ([]Bulk, error) {
	if before == "" {
		before = ID(uuid.Max.String())
	}
	if !isID(string(before)) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlBulk+` WHERE account_id = $1 AND test = $2 AND id < $3 ORDER BY id DESC LIMIT $4`, account, test, string(before),
		min(max(limit, 1), MaxPage+1))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Bulk, error) { return scanBulk(r) })
}

// BulkRow is what became of a row of a batch.
type BulkRow struct {
	Position int
	Line     int    // of the file
	State    string // ready, faulty, sent, failed
	SameAs   int    // line of the same recipient before; 0: none
	Faults   []CellFault
	Message  ID     // once it is sent
	Number   string // of the message
	Delivery State  // where its delivery is; empty when the message was removed
}

// Rows of which kind are asked for.
const (
	AllRows    = ""
	FaultyRows = "faulty" // that cannot be sent, or could not
	WarnedRows = "warned"
	SentRows   = "sent"
)

const sqlBulkRows = `
SELECT r.position, r.line, r.state, coalesce(r.same_as, 0), r.faults, coalesce(r.message_id::text, ''), coalesce(r.number, ''), coalesce(d.state, '')
  FROM bulk_row r JOIN bulk b ON b.id = r.bulk_id
  LEFT JOIN delivery d ON d.message_id = r.message_id AND d.position = 1
 WHERE r.bulk_id = $1 AND b.account_id = $2 AND r.position > $3
   AND CASE $4 WHEN 'faulty' THEN r.state IN ('faulty', 'failed') WHEN 'warned' THEN r.same_as IS NOT NULL WHEN 'sent' THEN r.state = 'sent' ELSE true END
 ORDER BY r.position LIMIT $5`

// BulkRows returns rows of a batch of an account in order, after a position, at
// most limit.
func (s *Service) BulkRows(ctx context.Context, account string, id ID, kind string, after, limit int) ([]BulkRow, error) {
	if !isID(string(id)) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlBulkRows, string(id), account, after, kind, min(max(limit, 1), 1000))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r BulkRow, err error) {
		err = row.Scan(&r.Position, &r.Line, &r.State, &r.SameAs, &r.Faults, &r.Message, &r.Number, &r.Delivery)
		return r, err
	})
}

// BulkView is a list as its sender sees it before it is sent.
type BulkView struct {
	Header  []string
	Guess   Mapping // what the columns are, or seem to be
	Samples []BulkSample
}

// BulkSample is one of the first rows, as it would be sent.
type BulkSample struct {
	Line       int
	Cells      []string
	Submission Submission
	Faults     []CellFault
}

// BulkView reads how a batch's list begins. Errors: ErrNotFound, ErrPurged once
// the batch has ended.
func (s *Service) BulkView(ctx context.Context, account string, id ID, samples int) (v BulkView, err error) {
	b, err := s.Bulk(ctx, account, id)
	if err != nil {
		return v, err
	}
	p, err := s.bulkPlan(ctx, b)
	if err != nil {
		return v, err
	}
	l, err := s.openBulk(ctx, b)
	if err != nil {
		return v, err
	}
	defer l.Close()
	v.Header, v.Guess = l.header, b.Setup.Mapping
	if v.Guess == nil {
		if v.Guess, err = GuessMapping(l.header, p.template.Variables()); err != nil {
			return v, err
		}
		p.setup.Mapping = v.Guess
	}
	rows, err := l.take(samples)
	if err != nil {
		return v, err
	}
	list, err := s.planRows(ctx, p, rows)
	for i, r := range list {
		v.Samples = append(v.Samples, BulkSample{r.line, rows[i].cells, r.sub, cellFaults(r.faults)})
	}
	return v, err
}
