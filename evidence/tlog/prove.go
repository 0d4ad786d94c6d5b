package tlog

import (
	"context"
	"crypto/sha256"
	"fmt"

	merkle "golang.org/x/mod/sumdb/tlog"
)

// maxProof bounds a proof, in hashes: none of a tree that we accept is longer.
const maxProof = 63

// Prover proves what is in the log of one size. It reads each tile once and
// hashes it once, so that proving the entries of a batch costs little more than
// proving one. Not safe for concurrent use.
type Prover struct {
	r     Reader
	size  int64
	tiles map[place]subtrees
}

type place struct {
	level int
	index int64
}

// subtrees are the hashes of a tile, those of the pairs above them, and so on:
// the roots of all perfect subtrees, by height.
type subtrees [height + 1][]merkle.Hash

// NewProver proves from the tiles in r, which may hold more than size entries.
func NewProver(r Reader, size int64) *Prover {
	return &Prover{r, size, map[place]subtrees{}}
}

// Prove returns the hashes that lead from the entry at index to the root, the
// entry's neighbour first. It reads at most two tiles of each level. Errors:
// [ErrSize], [ErrTiles], and those of the reader. RFC 6962 §2.1.1
func (p *Prover) Prove(ctx context.Context, index int64) ([][32]byte, error) {
	if p.size > maxSize || index < 0 || index >= p.size {
		return nil, fmt.Errorf("%w: index %d of %d", ErrSize, index, p.size)
	}
	path, err := merkle.ProveRecord(p.size, index, p.reader(ctx))
	if err != nil {
		return nil, err
	}
	return octets(path), nil
}

// Prove is [Prover.Prove] for one entry.
func Prove(ctx context.Context, r Reader, size, index int64) ([][32]byte, error) {
	return NewProver(r, size).Prove(ctx, index)
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
	proof, err := merkle.ProveTree(after, before, NewProver(r, after).reader(ctx))
	if err != nil {
		return nil, err
	}
	return octets(proof), nil
}

// reader finds hashes by their number in the order of the library.
func (p *Prover) reader(ctx context.Context) merkle.HashReader {
	return merkle.HashReaderFunc(func(numbers []int64) ([]merkle.Hash, error) {
		found := make([]merkle.Hash, len(numbers))
		for i, number := range numbers {
			level, n := merkle.SplitStoredHashIndex(number)
			up := level % height // within the tile
			at := place{level / height, n >> (height - up)}
			t, err := p.tile(ctx, at)
			if err != nil {
				return nil, err
			}
			if n -= at.index << (height - up); n >= int64(len(t[up])) {
				return nil, fmt.Errorf("%w: tile %d of level %d has only %d hashes", ErrTiles, at.index, at.level, len(t[0]))
			}
			found[i] = t[up][n]
		}
		return found, nil
	})
}

func (p *Prover) tile(ctx context.Context, at place) (subtrees, error) {
	if t, ok := p.tiles[at]; ok {
		return t, nil
	}
	hashes, err := readTile(ctx, p.r, at.level, at.index, 0)
	if err != nil {
		return subtrees{}, err
	}
	t := subtrees{hashes}
	for up := range height {
		for pair := t[up]; len(pair) >= 2; pair = pair[2:] {
			t[up+1] = append(t[up+1], merkle.NodeHash(pair[0], pair[1]))
		}
	}
	p.tiles[at] = t
	return t, nil
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
