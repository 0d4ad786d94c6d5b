package tlog_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/bode-erds/bode/evidence/tlog"
)

// indexes of a tree of that size that are worth a look: all of a small one.
func indexes(size int64) []int64 {
	var list []int64
	for i := range size {
		if size <= 130 || i < 2 || i >= size-2 || i%256 <= 1 || i%256 == 255 {
			list = append(list, i)
		}
	}
	if len(list) > 300 {
		list = slices.Concat(list[:20], list[len(list)-20:])
	}
	return list
}

func TestEverySizeAgainstNaiveTree(t *testing.T) {
	t.Parallel()
	const last = 1030
	tree, l := newNaive(entries(0, last)), newLog(t)
	for size := int64(0); ; size++ {
		if want := tree.mth(0, size); l.root != want {
			t.Fatalf("size %d: root is not MTH", size)
		}
		if size <= 130 || size%97 == 0 || size%256 <= 1 || size%256 == 255 || size == last {
			checkProofs(t, l, tree)
		}
		if size == last {
			return
		}
		l.grow(t, entries(size, size+1))
	}
}

func TestLargeSizesAgainstNaiveTree(t *testing.T) {
	t.Parallel()
	tree := newNaive(entries(0, 65537))
	for _, steps := range [][]int64{
		{65535, 65536, 65537}, {65537}, {255, 257, 1000, 65536},
	} {
		l := newLog(t, steps...)
		if l.root != tree.mth(0, l.size) {
			t.Fatalf("%d: root is not MTH", steps)
		}
		checkProofs(t, l, tree)
	}
}

// checkProofs holds the proofs of l against those of the naive tree and against
// the verification of RFC 9162.
func checkProofs(t *testing.T, l *log, tree *naive) {
	t.Helper()
	prover := tlog.NewProver(l, l.size)
	for _, i := range indexes(l.size) {
		p, err := prover.Prove(t.Context(), i)
		if alone, err := tlog.Prove(t.Context(), l, l.size, i); err != nil || !slices.Equal(p, alone) {
			t.Fatalf("inclusion of %d in %d, alone: %v", i, l.size, err)
		}
		if err != nil || !slices.Equal(p, tree.path(i, 0, l.size)) || !included(p, l.size, i, entry(i), l.root) {
			t.Fatalf("inclusion of %d in %d: %v", i, l.size, err)
		}
	}
	now := tlog.Checkpoint{Size: l.size, Root: l.root}
	for _, i := range append(indexes(l.size), l.size) {
		p, err := tlog.Consistency(t.Context(), l, i, l.size)
		before := tlog.Checkpoint{Size: i, Root: tree.mth(0, i)}
		if i > 0 && (!slices.Equal(p, tree.proof(i, 0, l.size, true)) || !continued(p, i, l.size, before.Root, l.root)) {
			t.Fatalf("consistency of %d with %d", i, l.size)
		}
		if err = errors.Join(err, tlog.VerifyConsistency(p, before, now)); err != nil {
			t.Fatalf("consistency of %d with %d: %v", i, l.size, err)
		}
	}
}

// Old tree heads stay provable while the log grows: a proof for a size needs
// nothing but what was stored at that size, and a reader that has more.
func TestProofsForEarlierSizes(t *testing.T) {
	t.Parallel()
	tree, l := newNaive(entries(0, 70000)), newLog(t, 300, 70000)
	for _, size := range []int64{1, 2, 255, 256, 257, 300, 511, 512, 65535, 65536, 65537, 69999} {
		for _, i := range []int64{0, size / 3, size - 1} {
			p, err := tlog.Prove(t.Context(), l, size, i)
			if err != nil || !slices.Equal(p, tree.path(i, 0, size)) {
				t.Errorf("inclusion of %d in %d: %v", i, size, err)
			}
		}
		p, err := tlog.Consistency(t.Context(), l, size, 70000)
		if err != nil || !continued(p, size, 70000, tree.mth(0, size), l.root) {
			t.Errorf("consistency of %d: %v", size, err)
		}
	}
}

func TestGrowInAnyStepsGivesTheSame(t *testing.T) {
	t.Parallel()
	const last = 1500
	want := newLog(t, last)
	for _, step := range []int64{7, 255, 256, 257, 1000, last - 1} {
		l := newLog(t)
		for l.size < last {
			l.grow(t, entries(l.size, min(last, l.size+step)))
		}
		if l.root != want.root || len(l.tiles) != len(want.tiles) {
			t.Errorf("by %d: another tree", step)
		}
		for at, b := range want.tiles {
			if !slices.Equal(l.tiles[at], b) {
				t.Errorf("by %d: tile %d of level %d differs", step, at.index, at.level)
			}
		}
	}
}

// https://c2sp.org/tlog-tiles names the tiles of a tree of 70 000 entries.
func TestTilesOf70000(t *testing.T) {
	t.Parallel()
	l := newLog(t, 70000)
	for at, want := range map[at]int{
		{0, 0}: 256, {0, 272}: 256, {0, 273}: 112, {0, 274}: 0, {1, 0}: 256, {1, 1}: 17, {1, 2}: 0, {2, 0}: 1, {2, 1}: 0, {3, 0}: 0,
		{tlog.EntryLevel, 272}: 256, {tlog.EntryLevel, 273}: 112,
	} {
		if got := len(l.tiles[at]) / 32; got != want {
			t.Errorf("tile %d of level %d has %d hashes, want %d", at.index, at.level, got, want)
		}
	}
	if full := newLog(t, 256); len(full.tiles[at{0, 0}]) != 8192 || len(full.tiles[at{1, 0}]) != 32 || len(full.tiles) != 3 {
		t.Errorf("a log of 256 has %d tiles", len(full.tiles))
	}
}

func TestReadsAreFew(t *testing.T) {
	t.Parallel()
	l := newLog(t, 65535, 70001)
	count := func(f func() error) int64 {
		l.reads.Store(0)
		if err := f(); err != nil {
			t.Error(err)
		}
		return l.reads.Load()
	}
	if n := count(func() error { _, err := tlog.Grow(t.Context(), l, l.size, entries(0, 1000)); return err }); n > 4 {
		t.Errorf("grow read %d tiles", n)
	}
	if n := count(func() error { _, err := tlog.Prove(t.Context(), l, l.size, 12345); return err }); n > 6 {
		t.Errorf("prove read %d tiles", n)
	}
	if n := count(func() error { _, err := tlog.Consistency(t.Context(), l, 12345, l.size); return err }); n > 6 {
		t.Errorf("consistency read %d tiles", n)
	}
}

func TestOutsideTheLog(t *testing.T) {
	t.Parallel()
	l := newLog(t, 300)
	const huge = 1<<48 + 1
	_, growNegative := tlog.Grow(t.Context(), l, -1, entries(0, 1))
	_, growHuge := tlog.Grow(t.Context(), l, 1<<48, entries(0, 1))
	_, proveNegative := tlog.Prove(t.Context(), l, 300, -1)
	_, proveSize := tlog.Prove(t.Context(), l, 300, 300)
	_, proveHuge := tlog.Prove(t.Context(), l, huge, 5)
	_, proveMax := tlog.Prove(t.Context(), l, 1<<63-1, 5)
	_, fromNegative := tlog.Consistency(t.Context(), l, -1, 300)
	_, backwards := tlog.Consistency(t.Context(), l, 301, 300)
	_, toHuge := tlog.Consistency(t.Context(), l, 300, huge)
	for i, err := range []error{growNegative, growHuge, proveNegative, proveSize, proveHuge, proveMax, fromNegative, backwards, toHuge,
		tlog.VerifyConsistency(nil, tlog.Checkpoint{Size: 2}, tlog.Checkpoint{Size: 1}),
		tlog.VerifyConsistency(nil, tlog.Checkpoint{Size: -1}, tlog.Checkpoint{Size: 1}),
		tlog.VerifyConsistency(nil, tlog.Checkpoint{Size: 1}, tlog.Checkpoint{Size: 1<<63 - 1}),
	} {
		if !errors.Is(err, tlog.ErrSize) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestDamagedTiles(t *testing.T) {
	t.Parallel()
	whole := newLog(t, 70000)
	for _, c := range []struct {
		name   string
		damage func(l *log)
	}{
		{"missing", func(l *log) { delete(l.tiles, at{0, 273}) }},
		{"shorter", func(l *log) { l.tiles[at{0, 273}] = l.tiles[at{0, 273}][:111*32] }},
		{"half a hash", func(l *log) { l.tiles[at{0, 273}] = l.tiles[at{0, 273}][:112*32-1] }},
		{"too long", func(l *log) { l.tiles[at{0, 273}] = make([]byte, 257*32) }},
		{"level above missing", func(l *log) { delete(l.tiles, at{1, 1}) }},
		{"top missing", func(l *log) { delete(l.tiles, at{2, 0}) }},
		{"entries missing", func(l *log) { delete(l.tiles, at{-1, 273}) }},
		{"other entries", func(l *log) { l.tiles[at{-1, 273}] = slices.Clone(l.tiles[at{-1, 272}]) }},
		{"one entry changed", func(l *log) {
			l.tiles[at{-1, 273}] = slices.Clone(l.tiles[at{-1, 273}])
			l.tiles[at{-1, 273}][111*32] ^= 1
		}},
	} {
		l := whole.copy()
		c.damage(l)
		if _, err := tlog.Grow(t.Context(), l, l.size, entries(0, 1)); !errors.Is(err, tlog.ErrTiles) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	l := whole.copy()
	delete(l.tiles, at{0, 5})
	if _, err := tlog.Prove(t.Context(), l, l.size, 5*256+3); !errors.Is(err, tlog.ErrTiles) {
		t.Errorf("prove without tile: %v", err)
	}
	if _, err := tlog.Consistency(t.Context(), l, 5*256+3, l.size); !errors.Is(err, tlog.ErrTiles) {
		t.Errorf("consistency without tile: %v", err)
	}
	// A changed hash at the edge shows in the root before.
	l = whole.copy()
	l.tiles[at{1, 1}] = slices.Clone(l.tiles[at{1, 1}])
	l.tiles[at{1, 1}][16*32] ^= 1
	if g, err := tlog.Grow(t.Context(), l, l.size, entries(0, 1)); err != nil || g.Before == l.root {
		t.Errorf("a damaged tile was not noticed: %v", err)
	}
}

func TestReaderFails(t *testing.T) {
	t.Parallel()
	l := newLog(t, 300)
	l.fail = errors.New("no database")
	_, grow := tlog.Grow(t.Context(), l, 300, entries(0, 1))
	_, prove := tlog.Prove(t.Context(), l, 300, 0)
	_, consistency := tlog.Consistency(t.Context(), l, 7, 300)
	for _, err := range []error{grow, prove, consistency} {
		if !errors.Is(err, l.fail) || errors.Is(err, tlog.ErrTiles) {
			t.Error(err)
		}
	}
}

// Rewriting history cannot be proven, whatever proof is shown.
func TestRewrittenHistory(t *testing.T) {
	t.Parallel()
	before, honest := newLog(t, 700), newLog(t, 700, 900)
	other := newLog(t)
	rewritten := entries(0, 900)
	rewritten[400][0] ^= 1
	other.grow(t, rewritten)
	shorter := newLog(t)
	shorter.grow(t, slices.Delete(entries(0, 901), 400, 401)) // one entry taken out
	old := tlog.Checkpoint{Size: 700, Root: before.root}
	for name, l := range map[string]*log{"changed": other, "taken out": shorter} {
		p, err := tlog.Consistency(t.Context(), l, 700, 900)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.VerifyConsistency(p, old, tlog.Checkpoint{Size: 900, Root: l.root}); !errors.Is(err, tlog.ErrInconsistent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := tlog.Consistency(t.Context(), honest, 700, 900)
	if err != nil {
		t.Fatal(err)
	}
	now := tlog.Checkpoint{Size: 900, Root: honest.root}
	if err := tlog.VerifyConsistency(p, old, now); err != nil {
		t.Fatal(err)
	}
	empty, wrongEmpty := tlog.Checkpoint{Root: newLog(t).root}, tlog.Checkpoint{}
	for name, err := range map[string]error{
		"fork":             tlog.VerifyConsistency(nil, now, tlog.Checkpoint{Size: 900, Root: other.root}),
		"cut":              tlog.VerifyConsistency(p[:len(p)-1], old, now),
		"longer":           tlog.VerifyConsistency(append(slices.Clone(p), p[0]), old, now),
		"much longer":      tlog.VerifyConsistency(make([]hash, 1<<16), old, now),
		"swapped":          tlog.VerifyConsistency(append([]hash{p[1], p[0]}, p[2:]...), old, now),
		"none":             tlog.VerifyConsistency(nil, old, now),
		"of another size":  tlog.VerifyConsistency(p, tlog.Checkpoint{Size: 699, Root: before.root}, now),
		"to another size":  tlog.VerifyConsistency(p, old, tlog.Checkpoint{Size: 1100, Root: honest.root}),
		"something empty":  tlog.VerifyConsistency(p, empty, now),
		"empty with root":  tlog.VerifyConsistency(nil, wrongEmpty, now),
		"same with proof":  tlog.VerifyConsistency(p, now, now),
		"both wrong empty": tlog.VerifyConsistency(nil, wrongEmpty, wrongEmpty),
	} {
		if !errors.Is(err, tlog.ErrInconsistent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range p {
		wrong := slices.Clone(p)
		wrong[i][i] ^= 1
		if err := tlog.VerifyConsistency(wrong, old, now); !errors.Is(err, tlog.ErrInconsistent) {
			t.Errorf("hash %d changed: %v", i, err)
		}
	}
}
