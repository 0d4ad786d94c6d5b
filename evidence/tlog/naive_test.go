package tlog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math/bits"
	"sync/atomic"
	"testing"

	"github.com/bode-erds/bode/evidence/tlog"
)

type hash = [32]byte

// entry is the i-th entry of every log in these tests.
func entry(i int64) hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("entry"), uint64(i)))
}

func entries(from, to int64) []hash {
	list := make([]hash, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, entry(i))
	}
	return list
}

// naive is the tree as RFC 6962 §2.1 defines it, from all its entries, and not
// as we keep it.
type naive struct {
	leaves []hash
	known  map[[2]int64]hash
}

func newNaive(list []hash) *naive { return &naive{list, map[[2]int64]hash{}} }

func naiveNode(l, r hash) hash {
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

// split is the largest power of two smaller than n.
func split(n int64) int64 { return 1 << (bits.Len64(uint64(n-1)) - 1) }

// mth is MTH(D[lo:hi]).
func (t *naive) mth(lo, hi int64) hash {
	at := [2]int64{lo, hi}
	if h, ok := t.known[at]; ok {
		return h
	}
	var h hash
	switch hi - lo {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		h = sha256.Sum256(append([]byte{0}, t.leaves[lo][:]...))
	default:
		k := split(hi - lo)
		h = naiveNode(t.mth(lo, lo+k), t.mth(lo+k, hi))
	}
	if (hi-lo)&(hi-lo-1) == 0 {
		t.known[at] = h
	}
	return h
}

// path is PATH(m, D[lo:hi]). RFC 6962 §2.1.1
func (t *naive) path(m, lo, hi int64) []hash {
	if hi-lo == 1 {
		return nil
	}
	k := split(hi - lo)
	if m < k {
		return append(t.path(m, lo, lo+k), t.mth(lo+k, hi))
	}
	return append(t.path(m-k, lo+k, hi), t.mth(lo, lo+k))
}

// proof is SUBPROOF(m, D[lo:hi], whole). RFC 6962 §2.1.2
func (t *naive) proof(m, lo, hi int64, whole bool) []hash {
	if m == hi-lo {
		if whole {
			return nil
		}
		return []hash{t.mth(lo, hi)}
	}
	k := split(hi - lo)
	if m <= k {
		return append(t.proof(m, lo, lo+k, whole), t.mth(lo+k, hi))
	}
	return append(t.proof(m-k, lo+k, hi, false), t.mth(lo, lo+k))
}

// included verifies an inclusion proof as RFC 9162 §2.1.3.2 says.
func included(path []hash, size, index int64, leaf, root hash) bool {
	if index >= size {
		return false
	}
	fn, sn, r := index, size-1, sha256.Sum256(append([]byte{0}, leaf[:]...))
	for _, p := range path {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = naiveNode(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = naiveNode(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && r == root
}

// continued verifies a consistency proof as RFC 9162 §2.1.4.2 says.
func continued(proof []hash, first, second int64, firstRoot, secondRoot hash) bool {
	if first == second {
		return len(proof) == 0 && firstRoot == secondRoot
	}
	if first&(first-1) == 0 {
		proof = append([]hash{firstRoot}, proof...)
	}
	if len(proof) == 0 {
		return false
	}
	fn, sn := first-1, second-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = naiveNode(c, fr), naiveNode(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = naiveNode(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return fr == firstRoot && sr == secondRoot && sn == 0
}

type at struct {
	level int
	index int64
}

// memory stores tiles, and watches that a tile only ever grows.
type memory struct {
	tiles map[at][]byte
	reads atomic.Int64
	fail  error
}

func newMemory() *memory { return &memory{tiles: map[at][]byte{}} }

func (m *memory) Tile(_ context.Context, level int, index int64) ([]byte, error) {
	m.reads.Add(1)
	return m.tiles[at{level, index}], m.fail
}

// log is a stored log and where it stands.
type log struct {
	*memory
	size int64
	root hash
}

func newLog(t testing.TB, sizes ...int64) *log {
	t.Helper()
	l := &log{newMemory(), 0, sha256.Sum256(nil)}
	for _, size := range sizes {
		l.grow(t, entries(l.size, size))
	}
	return l
}

// copy is the same log, whose tiles can be replaced.
func (l *log) copy() *log {
	return &log{&memory{tiles: maps.Clone(l.tiles)}, l.size, l.root}
}

func (l *log) grow(t testing.TB, list []hash) tlog.Growth {
	t.Helper()
	g, err := tlog.Grow(t.Context(), l, l.size, list)
	if err != nil {
		t.Fatalf("grow %d by %d: %v", l.size, len(list), err)
	}
	if g.Before != l.root || g.Size != l.size+int64(len(list)) {
		t.Fatalf("grow %d by %d: from another tree, to %d", l.size, len(list), g.Size)
	}
	for _, tile := range append(g.Tiles, g.Entries...) {
		old := l.tiles[at{tile.Level, tile.Index}]
		if n := len(tile.Hashes); n <= len(old) || n > 256*32 || n%32 != 0 || !bytes.HasPrefix(tile.Hashes, old) {
			t.Fatalf("tile %d of level %d goes from %d to %d octets", tile.Index, tile.Level, len(old), n)
		}
		l.tiles[at{tile.Level, tile.Index}] = tile.Hashes
	}
	l.size, l.root = g.Size, g.Root
	return g
}
