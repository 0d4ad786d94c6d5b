package ledger

import (
	"context"
	"iter"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Hash is a SHA-256 digest.
type Hash = [32]byte

// Tiles reads the stored tiles of the log: the hashes of one tile, 32 octets
// each, as many as it has. Level -1 holds the entries. A tile that is not there
// has none.
type Tiles interface {
	Tile(ctx context.Context, level int, index int64) ([]byte, error)
}

// Tile is a tile of the log that is new or longer than it was.
type Tile struct {
	Level  int // -1 for entries
	Index  int64
	Hashes []byte // 32 octets each
}

// Log makes the public log. Safe for concurrent use.
type Log interface {
	// Grow adds entries to the log that t reads: the tiles to store, and the signed
	// checkpoint of the longer log. Tiles that do not give what last says, the
	// checkpoint so far, nil for none, are an error: nothing is signed over damage.
	Grow(ctx context.Context, t Tiles, last []byte, entries []Hash) (tiles []Tile, checkpoint []byte, err error)
	// Prove makes the proof that the log with this checkpoint, cosigned, holds the
	// entry of that index.
	Prove(ctx context.Context, t Tiles, size, index int64, checkpoint []byte) (proof []byte, err error)
	// Consistent makes the proof that the log of size old is a prefix of that of size size.
	Consistent(ctx context.Context, t Tiles, old, size int64) ([]Hash, error)
	// Check recomputes the log of that size from its entries alone.
	Check(ctx context.Context, t Tiles, size int64, checkpoint []byte) error
}

// Witness is somebody else who signs checkpoints that grow. Safe for concurrent use.
type Witness interface {
	Name() string
	// Cosign gives the signature line of the checkpoint of a log of size entries.
	// prove makes the proof from the size that the witness saw last.
	Cosign(ctx context.Context, checkpoint []byte, size int64, prove func(ctx context.Context, old int64) ([]Hash, error)) (line string, err error)
}

// Tree is a hash tree over leaves. It never changes.
type Tree interface {
	// Root is what a token is to be over.
	Root() Hash
	// Record makes the record of the leaf at pos.
	Record(pos int, token []byte) ([]byte, error)
}

// Records makes evidence records. Safe for concurrent use.
type Records interface {
	// Tree builds the tree over leaves in their order.
	Tree(leaves []Hash) (Tree, error)
	// Digest is what a renewal of this record has to be over. It is the same for
	// all records with the same newest time-stamp.
	Digest(record []byte) (Hash, error)
	// Renew adds a time-stamp over Digest, which is the leaf at pos.
	Renew(record []byte, leaves []Hash, pos int, token []byte) ([]byte, error)
	// Check judges the record of a leaf: when its newest time-stamp was made, and
	// before when it must be renewed.
	Check(record []byte, leaf Hash) (at, renew time.Time, err error)
}

// Validator completes evidence with what judges its certificates offline. Safe
// for concurrent use.
type Validator interface {
	// Collect asks the issuers of every certificate in docs, XML, PDF and evidence
	// records, which were signed and stamped around the given time.
	Collect(ctx context.Context, at time.Time, docs iter.Seq2[evidence.Format, []byte]) (body []byte, err error)
	// Extend puts what Collect gave into a document: XML with its own time-stamp, a
	// PDF, or a record. The same input gives the same octets.
	Extend(f evidence.Format, doc, body []byte) ([]byte, error)
}
