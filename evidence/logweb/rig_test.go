package logweb_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"path/filepath"
	"sync"
	"testing"

	"filippo.io/torchwood"

	"github.com/bode-erds/bode/evidence/tlog"
)

type (
	hash = [32]byte
	at   struct {
		level int
		index int64
	}
)

// store is a log in memory with the key that signs it.
type store struct {
	mu         sync.Mutex
	key        *tlog.Key
	tiles      map[at][]byte
	size       int64
	root       hash
	checkpoint []byte
	fail       error
}

func newStore(t testing.TB, size int64) *store {
	t.Helper()
	k, err := tlog.GenerateKey(filepath.Join(t.TempDir(), "log.key"), "erds.example/log")
	if err != nil {
		t.Fatal(err)
	}
	s := &store{key: k, tiles: map[at][]byte{}}
	if size > 0 {
		s.grow(t, entries(0, size))
	}
	return s
}

func (s *store) grow(t testing.TB, list []hash) {
	t.Helper()
	g, err := tlog.Grow(t.Context(), s, s.size, list)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := s.key.Checkpoint(g.Size, g.Root)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tile := range append(g.Tiles, g.Entries...) {
		s.tiles[at{tile.Level, tile.Index}] = tile.Hashes
	}
	s.size, s.root, s.checkpoint = g.Size, g.Root, checkpoint
}

func (s *store) Tile(_ context.Context, level int, index int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tiles[at{level, index}], s.fail
}

func (s *store) Checkpoint(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoint, s.fail
}

// prove is what a witness has to be shown.
func (s *store) prove(size int64) func(context.Context, int64) ([][32]byte, error) {
	return func(ctx context.Context, before int64) ([][32]byte, error) {
		return tlog.Consistency(ctx, s, before, size)
	}
}

func entry(i int64) hash { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i))) }

func entries(from, to int64) []hash {
	var list []hash
	for i := from; i < to; i++ {
		list = append(list, entry(i))
	}
	return list
}

func cosigner(t testing.TB, name string, seed byte) *torchwood.CosignatureSigner {
	t.Helper()
	s := sha256.Sum256([]byte{seed})
	c, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(s[:]))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
