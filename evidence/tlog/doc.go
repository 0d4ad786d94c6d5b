// Package tlog is the public log of evidence: a Merkle tree that only grows.
//
// An entry is 32 octets, the SHA-256 of the evidence as prepared, which holds a
// random nonce: nobody can guess what an entry stands for, and forgetting the
// evidence does not touch the log. The tree is kept as tiles of 256 hashes. A
// [Checkpoint], signed with the key of the log, states its size and root. With
// a proof of some twenty hashes anybody can see that a checkpoint holds an
// entry, and that one checkpoint continues another:
//
//	entries ──Grow──▶ tiles, root ──Key.Checkpoint──▶ checkpoint ──Prove, FormatProof──▶ proof ──Checker──▶ LogInfo
//
// Witnesses add their cosignatures to a checkpoint: they saw it continue what
// they saw before. Without them the log shows only that we agree with ourselves.
//
// The package knows neither database nor network; who stores tiles implements
// [Reader].
//
// Sources: RFC 6962 §2.1 (the tree), https://c2sp.org/tlog-tiles,
// https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint,
// https://c2sp.org/tlog-cosignature, https://c2sp.org/tlog-proof.
package tlog

import "errors"

var (
	// ErrKey says that a key of the log, or of a witness, is not usable.
	ErrKey = errors.New("tlog: key not usable")
	// ErrSize says that a size or an index is outside the log, or beyond what a
	// log may hold.
	ErrSize = errors.New("tlog: outside the log")
	// ErrTiles says that stored tiles are shorter than the size of the log
	// demands, or do not agree with each other. Sign nothing that was made of them.
	ErrTiles = errors.New("tlog: stored tiles do not fit")
	// ErrCheckpoint says that a checkpoint is malformed or not signed by the log.
	ErrCheckpoint = errors.New("tlog: checkpoint refused")
	// ErrInconsistent says that one tree does not continue another: history was
	// rewritten, or the proof is not one.
	ErrInconsistent = errors.New("tlog: trees are not consistent")
)
