package tlog

import (
	"context"
	"fmt"

	merkle "golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8           // of a tile, in levels of the tree
	width  = 1 << height // hashes in a full tile
	// maxSize bounds the log, in entries. It keeps all arithmetic far from the
	// limits of an int64; at 1 000 entries a second it is reached in 8 900 years.
	maxSize = 1 << 48
	// EntryLevel is the level of tiles that hold entries instead of hashes.
	EntryLevel = -1
)

// Reader gives stored tiles. Implementations are safe for concurrent use.
type Reader interface {
	// Tile returns the hashes of one tile, 32 octets each, from the left: 256 of
	// them or, at the right edge of the log, fewer; nothing for a tile that is
	// not there. It may hold more than the size asked about demands.
	Tile(ctx context.Context, level int, index int64) ([]byte, error)
}

// Tile is one tile as it has to be stored. At [EntryLevel] it holds entries, at
// level 0 their hashes, at level n the roots of the full tiles of level n-1.
type Tile struct {
	Level  int
	Index  int64
	Hashes []byte // 32 octets each, 1 to 256 of them
}

// Growth is what changes when entries are appended.
type Growth struct {
	// Before is the root of the tree that the stored tiles gave before. Compare
	// it with the last checkpoint before signing the next one: what differs was
	// damaged, and the next checkpoint would be a fork.
	Before  [32]byte
	Size    int64    // of the log after, in entries
	Root    [32]byte // of the tree after
	Tiles   []Tile   // every tile that is new or longer, whole
	Entries []Tile   // the same of the entries
}

// Grow appends entries to a log of size entries. It stores nothing: it reads the
// tiles at the right edge, one of each level, and returns those to be written,
// which belong in one transaction with the checkpoint. The same input always
// gives the same growth. Errors: [ErrSize], [ErrTiles], and those of r.
// RFC 6962 §2.1
func Grow(ctx context.Context, r Reader, size int64, entries [][32]byte) (Growth, error) {
	if size < 0 || size > maxSize-int64(len(entries)) {
		return Growth{}, fmt.Errorf("%w: %d and %d more", ErrSize, size, len(entries))
	}
	e, err := readEdge(ctx, r, size)
	if err != nil {
		return Growth{}, err
	}
	g := Growth{Before: e.root(), Size: size + int64(len(entries))}
	if g.Entries, err = bundles(ctx, r, size, entries, e); err != nil {
		return Growth{}, err
	}
	add := make([]merkle.Hash, len(entries))
	for i := range entries {
		add[i] = merkle.RecordHash(entries[i][:])
	}
	for level := 0; len(add) > 0; level++ {
		if level == len(e) {
			e = append(e, nil)
		}
		all := append(e[level][:len(e[level]):len(e[level])], add...)
		add, e[level] = nil, nil
		for index := size >> (height * (level + 1)); len(all) > 0; index++ {
			n := min(len(all), width)
			g.Tiles = append(g.Tiles, Tile{level, index, join(all[:n])})
			if n == width {
				add = append(add, perfect(all[:n])) // a full tile is one hash of the level above
			} else {
				e[level] = all
			}
			all = all[n:]
		}
	}
	g.Root = e.root()
	return g, nil
}

// bundles appends entries to the stored ones. Those of the last bundle must be
// the ones that were hashed into the tree.
func bundles(ctx context.Context, r Reader, size int64, entries [][32]byte, e edge) ([]Tile, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	var all []merkle.Hash
	if size%width > 0 {
		var err error
		if all, err = readTile(ctx, r, EntryLevel, size>>height, int(size%width)); err != nil {
			return nil, err
		}
	}
	for i, entry := range all {
		if merkle.RecordHash(entry[:]) != e[0][i] {
			return nil, fmt.Errorf("%w: entry %d is not the one in the tree", ErrTiles, size-size%width+int64(i))
		}
	}
	for _, entry := range entries {
		all = append(all, entry)
	}
	var tiles []Tile
	for index := size >> height; len(all) > 0; index++ {
		n := min(len(all), width)
		tiles = append(tiles, Tile{EntryLevel, index, join(all[:n])})
		all = all[n:]
	}
	return tiles, nil
}

// edge is the right edge of a tree: by level, the hashes of the tile that is not
// full. It is all there is to know for going on.
type edge [][]merkle.Hash

func readEdge(ctx context.Context, r Reader, size int64) (edge, error) {
	var e edge
	for ; size > 0; size >>= height {
		var hashes []merkle.Hash
		if w := int(size % width); w > 0 {
			var err error
			if hashes, err = readTile(ctx, r, len(e), size>>height, w); err != nil {
				return nil, err
			}
		}
		e = append(e, hashes)
	}
	return e, nil
}

// readTile reads the hashes of a tile: the first w, or all for 0.
func readTile(ctx context.Context, r Reader, level int, index int64, w int) ([]merkle.Hash, error) {
	b, err := r.Tile(ctx, level, index)
	if err != nil {
		return nil, fmt.Errorf("tlog: tile %d of level %d: %w", index, level, err)
	}
	if len(b) < w*merkle.HashSize || len(b) > width*merkle.HashSize || len(b)%merkle.HashSize != 0 {
		return nil, fmt.Errorf("%w: tile %d of level %d has %d octets", ErrTiles, index, level, len(b))
	}
	if w == 0 {
		w = len(b) / merkle.HashSize
	}
	hashes := make([]merkle.Hash, w)
	for i := range hashes {
		hashes[i] = merkle.Hash(b[i*merkle.HashSize:])
	}
	return hashes, nil
}

// root hashes the perfect subtrees that the edge is made of, the largest on the
// left, from right to left. RFC 6962 §2.1
func (e edge) root() [32]byte {
	var roots []merkle.Hash
	for level := len(e) - 1; level >= 0; level-- {
		rest := e[level]
		for k := width / 2; k > 0; k /= 2 {
			if len(rest) >= k {
				roots = append(roots, perfect(rest[:k]))
				rest = rest[k:]
			}
		}
	}
	if len(roots) == 0 {
		return emptyRoot()
	}
	root := roots[len(roots)-1]
	for i := len(roots) - 2; i >= 0; i-- {
		root = merkle.NodeHash(roots[i], root)
	}
	return root
}

// perfect is the root over hashes, a power of two of them.
func perfect(hashes []merkle.Hash) merkle.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return merkle.NodeHash(perfect(hashes[:half]), perfect(hashes[half:]))
}

func join(hashes []merkle.Hash) []byte {
	b := make([]byte, 0, len(hashes)*merkle.HashSize)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}
