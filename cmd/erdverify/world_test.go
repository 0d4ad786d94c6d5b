package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// world is a service of its own with one delivery: some of its evidence has its
// own time-stamp, the other that of a batch, and a log holds all of it.
type world struct {
	*evidencetest.Authority
	at     time.Time
	trust  evidence.Trust
	xades  *xades.Sealer
	asic   *asic.Writer
	pieces []asic.Piece
	key    *tlog.Key
}

// The pieces that the samples are made of.
const (
	batched = 3 // ContentConsignment, with an evidence record
	own     = 4 // ContentHandover, with a time-stamp of its own
)

// tiles is a log in memory.
type tiles map[[2]int64][]byte

func (t tiles) Tile(_ context.Context, level int, index int64) ([]byte, error) {
	return t[[2]int64{int64(level), index}], nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	at := evidencetest.At().Add(6 * time.Hour)
	w := &world{at: at}
	var err error
	w.Authority, err = evidencetest.New(evidencetest.Config{Now: func() time.Time { return at }})
	check(t, err)
	w.xades, err = xades.New(xades.Config{Key: evidence.FixedKey(w.SealKey()), Stamper: w.Stamper()})
	check(t, err)
	w.asic, err = asic.New(asic.Config{Key: evidence.FixedKey(w.SealKey()), Stamper: w.Stamper()})
	check(t, err)
	w.key, err = tlog.GenerateKey(filepath.Join(t.TempDir(), "log.key"), "bode.example/log")
	check(t, err)
	w.trust = w.Trust()
	w.trust.Log = w.key.Public()
	p, err := pades.New(pades.Config{Key: evidence.FixedKey(w.SealKey()), Stamper: w.Stamper()})
	check(t, err)
	v := verifier()
	engine := evidence.Engine{XML: w.xades, XMLChecker: v.XML, PDF: p, PDFChecker: v.PDF, Trust: w.trust}

	// 1. Every piece is signed, and two of them are stamped.
	var docs []evidence.Document
	var leaves, entries [][32]byte
	history := evidencetest.History()
	for i, e := range history {
		doc := evidencetest.Document(e.Name)
		doc.Event, doc.History = e, history[:i]
		prepared, err := evidence.Prepare(doc)
		check(t, err)
		xml, err := engine.Sign(prepared, at)
		check(t, err)
		if i == 0 || i == own {
			xml, _, err = engine.Stamp(t.Context(), xml)
			check(t, err)
		}
		docs = append(docs, doc)
		w.pieces = append(w.pieces, asic.Piece{Seq: e.Seq, Event: e.Name, XML: xml})
		leaves = append(leaves, sha256.Sum256(xml))
		entries = append(entries, sha256.Sum256(prepared.XML()))
	}
	// 2. One time-stamp and one checkpoint are over all of them.
	w.batch(t, leaves, entries)
	// 3. The PDF of each is made around its XML and proofs.
	for i := range w.pieces {
		w.pieces[i].PDF, _, err = engine.Finish(t.Context(), docs[i], w.pieces[i].XML, w.pieces[i].Beside, i == 0 || i == own, at)
		check(t, err)
	}
	return w
}

// batch gives every piece its log proof, and an evidence record to those without
// a time-stamp of their own.
func (w *world) batch(t testing.TB, leaves, entries [][32]byte) {
	t.Helper()
	tree, err := ers.NewTree(leaves)
	check(t, err)
	root := tree.Root()
	token, err := w.Stamper().Stamp(t.Context(), root[:])
	check(t, err)
	log := tiles{}
	growth, err := tlog.Grow(t.Context(), log, 0, entries)
	check(t, err)
	for _, tile := range growth.Tiles {
		log[[2]int64{int64(tile.Level), tile.Index}] = tile.Hashes
	}
	checkpoint, err := w.key.Checkpoint(growth.Size, growth.Root)
	check(t, err)
	for i := range w.pieces {
		path, err := tlog.Prove(t.Context(), log, growth.Size, int64(i))
		check(t, err)
		w.pieces[i].Proof = tlog.FormatProof(int64(i), path, checkpoint)
		if i != 0 && i != own {
			w.pieces[i].Record, err = tree.Record(i, token)
			check(t, err)
		}
	}
}

// file is a file that goes into a dossier.
func file(name, content string) asic.File {
	return asic.File{Name: name, MediaType: "text/plain", Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

// pack gives the dossier of pieces, sealed by this world.
func (w *world) pack(t testing.TB, pieces []asic.Piece, content ...asic.File) []byte {
	t.Helper()
	var b bytes.Buffer
	check(t, w.asic.Write(t.Context(), &b, asic.Dossier{Pieces: pieces, Content: content}, w.at))
	return b.Bytes()
}

// dossier is the complete one.
func (w *world) dossier(t testing.TB) []byte {
	t.Helper()
	return w.pack(t, w.pieces, file("message.txt", "hello world"), file("opzegging.pdf", "%PDF-1.7"))
}
