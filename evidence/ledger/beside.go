package ledger

import (
	"context"
	"slices"
	"sync"

	"github.com/bode-erds/bode/evidence"
)

// place is where a piece is in its batch and in the log.
type place struct {
	batch int64
	pos   int
	index int64
	own   bool // it has a time-stamp of its own, and needs no record
}

// cover is what the evidence of one batch has in common: its token with all that
// was added since, and its checkpoint.
type cover struct {
	token      []byte
	validation []byte // nil while there is none
	renewals   []renewal
	size       int64 // of the log
	checkpoint string
}

// cover reads that of a batch.
func (l *Ledger) cover(ctx context.Context, batch int64) (c cover, err error) {
	var cosignatures string
	err = l.Pool.QueryRow(ctx, `SELECT b.token, b.log_size, b.checkpoint, b.cosignatures, v.body
		FROM evidence_batch b LEFT JOIN evidence_validation v ON v.id = b.validation_id WHERE b.id = $1`, batch).
		Scan(&c.token, &c.size, &c.checkpoint, &cosignatures, &c.validation)
	if err != nil {
		return c, err
	}
	c.checkpoint += cosignatures
	c.renewals, err = l.renewals(ctx, batch)
	return c, err
}

// beside makes what proves a piece from outside, from what is stored now.
func (l *Ledger) beside(ctx context.Context, p place) (b evidence.Beside, err error) {
	c, err := l.cover(ctx, p.batch)
	if err != nil {
		return b, err
	}
	return l.under(ctx, c, p)
}

// under makes what proves a piece from outside: the log proof and, unless it
// stands for itself, the evidence record, renewed as often as its batch was.
func (l *Ledger) under(ctx context.Context, c cover, p place) (b evidence.Beside, err error) {
	s := l.shelf(p.batch)
	if !p.own {
		tree, err := s.tree(ctx)
		if err != nil {
			return b, err
		}
		if b.Record, err = l.record(c, tree, p.pos); err != nil {
			return b, err
		}
	}
	b.Proof, err = l.Log.Prove(ctx, s, c.size, p.index, []byte(c.checkpoint))
	return b, err
}

// record makes the evidence record of a leaf. What judges its certificates was
// added before the first renewal, which is over that as well.
func (l *Ledger) record(c cover, tree Tree, pos int) ([]byte, error) {
	record, err := tree.Record(pos, c.token)
	if err != nil {
		return nil, err
	}
	if record, err = l.completed(evidence.ERS, record, c.validation); err != nil {
		return nil, err
	}
	for _, r := range c.renewals {
		if record, err = l.Records.Renew(record, r.leaves, r.pos, r.token); err != nil {
			return nil, err
		}
	}
	return record, nil
}

// maxShelves bounds for how many batches is remembered what does not change; each
// takes up to half a megabyte.
const maxShelves = 8

// shelf is what all pieces of a batch need for their proofs: without it, the
// tree and the tiles would be made and read for each of them. Safe for concurrent
// use.
type shelf struct {
	ledger *Ledger
	batch  int64
	mu     sync.Mutex
	made   Tree
	tiles  map[tileAt][]byte
}

type tileAt struct {
	level int
	index int64
}

// shelf gives that of a batch, which must be stored: its tiles then hold all that
// its log has. The one that was asked for longest ago makes place.
func (l *Ledger) shelf(batch int64) *shelf {
	l.shelvesMu.Lock()
	defer l.shelvesMu.Unlock()
	s := &shelf{ledger: l, batch: batch, tiles: map[tileAt][]byte{}}
	if i := slices.IndexFunc(l.shelves, func(s *shelf) bool { return s.batch == batch }); i >= 0 {
		s = l.shelves[i]
		l.shelves = slices.Delete(l.shelves, i, i+1)
	} else if len(l.shelves) == maxShelves {
		l.shelves = slices.Delete(l.shelves, 0, 1)
	}
	l.shelves = append(l.shelves, s)
	return s
}

// tree is the tree over the leaves of the batch.
func (s *shelf) tree(ctx context.Context) (Tree, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil {
		return s.made, nil
	}
	var leaves []byte
	if err := s.ledger.Pool.QueryRow(ctx, `SELECT leaves FROM evidence_batch WHERE id = $1`, s.batch).Scan(&leaves); err != nil {
		return nil, err
	}
	t, err := s.ledger.Records.Tree(split(leaves))
	if err == nil {
		s.made = t
	}
	return t, err
}

// Tile implements [Tiles] for the log as it was when the batch was stored, or
// longer.
func (s *shelf) Tile(ctx context.Context, level int, index int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := tileAt{level, index}
	if hashes, ok := s.tiles[at]; ok {
		return hashes, nil
	}
	hashes, err := s.ledger.Tile(ctx, level, index)
	if err == nil && hashes != nil {
		s.tiles[at] = hashes
	}
	return hashes, err
}
