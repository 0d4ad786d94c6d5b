package tlog

import (
	"context"
	"crypto/sha256"
	"fmt"

	merkle "golang.org/x/mod/sumdb/tlog"
)

// maxProof bounds a proof, in hashes: none of a tree that we accept is longer.
const maxProof = 63

// Prove returns the hashes that lead from the entry at index to the root of the
// log when it had size entries, the entry's neighbour first. It reads at most
// two tiles of each level. Errors: [ErrSize], [ErrTiles], and those of r.
// RFC 6962 §2.1.1
func Prove(ctx context.Context, r Reader, size, index int64) ([][32]byte, error) {
	if size > maxSize || index < 0 || index >= size {
		return nil, fmt.Errorf("%w: index %d of %d", ErrSize, index, size)
	}
	p, err := merkle.ProveRecord(size, index, newHashReader(ctx, r))
	if err != nil {
		return nil, err
	}
	return octets(p), nil
}

// Consistency returns the hashes that show that the log of size after continues
// the log of size before. There are none when before is 0 or the same as after.
// Errors: [ErrSize], [ErrTiles], and those of r. RFC 6962 §2.1.2
func Consistency(ctx context.Context, r Reader, before, after int64) ([][32]byte, error) {
	if before < 0 || before > after || after > maxSize {
		return nil, fmt.Errorf("%w: from %d to %d", ErrSize, before, after)
	}
	if before == 0 {
		return nil, nil
	}
	p, err := merkle.ProveTree(after, before, newHashReader(ctx, r))
	if err != nil {
		return nil, err
	}
	return octets(p), nil
}

// VerifyConsistency says whether the tree after continues the tree before, as
// proof shows. Whose trees they are is not asked. Errors: [ErrSize],
// [ErrInconsistent]. RFC 6962 §2.1.2
func VerifyConsistency(proof [][32]byte, before, after Checkpoint) error {
	if before.Size < 0 || before.Size > after.Size || after.Size > maxSize {
		return fmt.Errorf("%w: from %d to %d", ErrSize, before.Size, after.Size)
	}
	for _, c := range []Checkpoint{before, after} {
		if c.Size == 0 && c.Root != emptyRoot() {
			return fmt.Errorf("%w: an empty tree has another root", ErrInconsistent)
		}
	}
	if before.Size == 0 {
		if len(proof) > 0 {
			return fmt.Errorf("%w: nothing is to be proven of the empty tree", ErrInconsistent)
		}
		return nil
	}
	if len(proof) > maxProof {
		return fmt.Errorf("%w: proof is too long", ErrInconsistent)
	}
	if err := merkle.CheckTree(nodes(proof), after.Size, after.Root, before.Size, before.Root); err != nil {
		return fmt.Errorf("%w: from %d to %d", ErrInconsistent, before.Size, after.Size)
	}
	return nil
}

// hashReader finds the hashes of the tree in tiles, and reads each tile once.
type hashReader struct {
	ctx   context.Context // of the one call that it lives for
	r     Reader
	tiles map[place][]byte
}

type place struct {
	level int
	index int64
}

func newHashReader(ctx context.Context, r Reader) hashReader {
	return hashReader{ctx, r, map[place][]byte{}}
}

// ReadHashes implements [merkle.HashReader].
func (h hashReader) ReadHashes(indexes []int64) ([]merkle.Hash, error) {
	found := make([]merkle.Hash, len(indexes))
	for i, index := range indexes {
		t := merkle.TileForIndex(height, index)
		at := place{t.L, t.N}
		b, ok := h.tiles[at]
		if !ok {
			var err error
			if b, err = h.r.Tile(h.ctx, t.L, t.N); err != nil {
				return nil, fmt.Errorf("tlog: tile %d of level %d: %w", t.N, t.L, err)
			}
			h.tiles[at] = b
		}
		var err error
		if found[i], err = merkle.HashFromTile(t, b, index); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTiles, err)
		}
	}
	return found, nil
}

// emptyRoot is the root of the tree without entries. RFC 6962 §2.1
func emptyRoot() [32]byte { return sha256.Sum256(nil) }

func octets(p []merkle.Hash) [][32]byte {
	b := make([][32]byte, len(p))
	for i := range p {
		b[i] = p[i]
	}
	return b
}

func nodes(p [][32]byte) []merkle.Hash {
	h := make([]merkle.Hash, len(p))
	for i := range p {
		h[i] = p[i]
	}
	return h
}
