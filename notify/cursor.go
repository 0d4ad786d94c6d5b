package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Cursor remembers how far the events of a provider were read. Several processes
// may share one: whoever moves it from where it no longer is has lost, and reads
// on from where it is. Safe for concurrent use.
type Cursor struct {
	Pool   *pgxpool.Pool
	Source string           // [a-z0-9-], at most 32
	Now    func() time.Time // wall clock
}

const selectCursor = `SELECT position FROM notify_cursor WHERE source = $1`

// Load is where it is; "" before it was ever moved.
func (c Cursor) Load(ctx context.Context) (position string, err error) {
	err = c.Pool.QueryRow(ctx, selectCursor, c.Source).Scan(&position)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("notify: read cursor: %w", err)
	}
	return position, nil
}

const (
	insertCursor = `INSERT INTO notify_cursor (source, position, moved_at) VALUES ($1, $2, $3) ON CONFLICT (source) DO NOTHING`
	moveCursor   = `UPDATE notify_cursor SET position = $2, moved_at = $3 WHERE source = $1 AND position = $4`
)

// Move puts it from one position to another, and reports false when it was not
// there.
func (c Cursor) Move(ctx context.Context, from, to string) (bool, error) {
	statement, args := moveCursor, []any{c.Source, to, instant(c.Now()), from}
	if from == "" {
		statement, args = insertCursor, args[:3]
	}
	tag, err := c.Pool.Exec(ctx, statement, args...)
	if err != nil {
		return false, fmt.Errorf("notify: move cursor: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}
