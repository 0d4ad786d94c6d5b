package logweb

import (
	"encoding/binary"
	"strings"

	merkle "golang.org/x/mod/sumdb/tlog"
)

const (
	height     = 8 // of a tile
	width      = 1 << height
	maxLevel   = 63
	entryLevel = -1 // stands for entries instead of hashes
	entrySize  = 32 // octets
)

// TilePath is where the tile at level and index is, when it holds w hashes:
// "tile/1/x001/067.p/5" under the address of the log, without ".p/5" when it
// holds all 256. Level -1 is the bundle of entries. https://c2sp.org/tlog-tiles
func TilePath(level int, index int64, w int) string {
	// The library names the height of tiles first, and entries otherwise.
	path := strings.TrimPrefix(merkle.Tile{H: height, L: level, N: index, W: w}.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// ParseTilePath is the inverse of [TilePath]. It takes no other spelling.
func ParseTilePath(path string) (level int, index int64, w int, ok bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return 0, 0, 0, false
	}
	if n, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + n
	}
	t, err := merkle.ParseTilePath("tile/8/" + rest)
	if err != nil || t.L > maxLevel || TilePath(t.L, t.N, t.W) != path {
		return 0, 0, 0, false
	}
	return t.L, t.N, t.W, true
}

// EntriesBundle writes entries, 32 octets each, as they are served: each after
// its length, two octets, the high one first. https://c2sp.org/tlog-tiles
func EntriesBundle(entries []byte) []byte {
	b := make([]byte, 0, len(entries)/entrySize*(2+entrySize))
	for ; len(entries) >= entrySize; entries = entries[entrySize:] {
		b = binary.BigEndian.AppendUint16(b, entrySize)
		b = append(b, entries[:entrySize]...)
	}
	return b
}
