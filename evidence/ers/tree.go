// Package ers writes and verifies evidence records: one time-stamp over the root
// of a hash tree dates every document whose digest is a leaf of it, and each
// document gets a small record of its own that proves so without the others.
//
// A record holds a chain of archive time-stamps. The first is over the document.
// Each following one is over the token before it and was made while that could
// still be relied on, so a record outlives certificates and authorities.
//
//	leaves ──NewTree──▶ Tree ──Root──▶ token ──Tree.Record──▶ record per leaf
//	records ──RenewalDigest──▶ NewTree ──▶ token ──Renewed──▶ records, one time-stamp longer
//
// Nodes are the digest of their two children, the smaller first. RFC 4998 does
// not tell leaves from nodes, so a file of 64 octets that is two such digests is
// dated as well; it is evidence of nothing.
//
// There is one digest, SHA-256. A record whose hash tree was renewed with another
// algorithm (a second chain) is refused, because a checker is given the SHA-256
// of a document and not the document.
//
// Sources: RFC 4998 §3 to §5.2; EN 319 162-1 §4.4 says where records lie.
package ers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrTree says that a tree cannot be built, or has no such leaf.
	ErrTree = errors.New("ers: tree")
	// ErrRecord says that octets are not an evidence record that can be read or
	// renewed.
	ErrRecord = errors.New("ers: evidence record")
)

// MaxLeaves is how many documents one token may date.
const MaxLeaves = 4096

type hash = [sha256.Size]byte

// Tree is a hash tree over SHA-256 digests. It never changes; use [NewTree].
type Tree struct {
	at     []int    // where each leaf, as given, stands on the lowest level
	levels [][]hash // from the leaves, sorted and each once, up to the root alone
}

// NewTree builds the tree over 1 to [MaxLeaves] leaves. Leaves may be equal, and
// their order does not change the tree. Errors: [ErrTree]. RFC 4998 §4.2
func NewTree(leaves [][32]byte) (Tree, error) {
	if len(leaves) == 0 || len(leaves) > MaxLeaves {
		return Tree{}, fmt.Errorf("%w: %d leaves, want 1 to %d", ErrTree, len(leaves), MaxLeaves)
	}
	level := slices.Clone(leaves)
	slices.SortFunc(level, compare)
	level = slices.Compact(level)
	t := Tree{at: make([]int, len(leaves)), levels: [][]hash{level}}
	for i, leaf := range leaves {
		t.at[i], _ = slices.BinarySearchFunc(level, leaf, compare)
	}
	for len(level) > 1 {
		level = parents(level)
		t.levels = append(t.levels, level)
	}
	return t, nil
}

// Root is what the token must be over; zero for the zero Tree.
func (t Tree) Root() [32]byte {
	if len(t.levels) == 0 {
		return hash{}
	}
	return t.levels[len(t.levels)-1][0]
}

// Len is the number of leaves, as they were given.
func (t Tree) Len() int { return len(t.at) }

// parents joins neighbours; one that is left over moves up as it is.
func parents(level []hash) []hash {
	up := make([]hash, 0, (len(level)+1)/2)
	for pair := range slices.Chunk(level, 2) {
		if len(pair) == 1 {
			up = append(up, pair[0])
			break
		}
		up = append(up, join(pair))
	}
	return up
}

// join is the digest of the hashes of one node, in ascending order. A node of one
// hash is that hash.
func join(node []hash) hash {
	if len(node) == 1 {
		return node[0]
	}
	node = slices.Clone(node)
	slices.SortFunc(node, compare)
	b := make([]byte, 0, len(node)*sha256.Size)
	for _, h := range node {
		b = append(b, h[:]...)
	}
	return sha256.Sum256(b)
}

// path is the reduced hash tree of leaf i: the leaf alone, then its sibling on
// every level that has one. RFC 4998 §4.2
func (t Tree) path(i int) (reduced [][][]byte, leaf hash, err error) {
	if i < 0 || i >= len(t.at) {
		return nil, leaf, fmt.Errorf("%w: no leaf %d among %d", ErrTree, i, len(t.at))
	}
	at := t.at[i]
	leaf = t.levels[0][at]
	reduced = [][][]byte{{leaf[:]}}
	for _, level := range t.levels[:len(t.levels)-1] {
		if sibling := at ^ 1; sibling < len(level) {
			reduced = append(reduced, [][]byte{level[sibling][:]})
		}
		at /= 2
	}
	return reduced, leaf, nil
}

func compare(a, b hash) int { return bytes.Compare(a[:], b[:]) }
