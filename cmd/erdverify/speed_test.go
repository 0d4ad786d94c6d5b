package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	merkle "golang.org/x/mod/sumdb/tlog"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/tlog"
	"github.com/bode-erds/bode/evidence/xades"
)

// BenchmarkEvidence makes full evidence as the service does: XML and PDF, both
// signed, both checked. It says how many bare signatures each would pay for.
// "each" has three time-stamps of an authority in the same process, "batch" the
// record and the log proof of a batch of 256, which are made beforehand, as is
// one signature; "sealing" is what both have in common, without the checks.
func BenchmarkEvidence(b *testing.B) {
	w := newWorkshop(b)
	b.Run("each", func(b *testing.B) {
		defer report(b, bareSignature(b), spent())
		for b.Loop() {
			_, err := w.engine.Seal(b.Context(), w.prepare(b, 7), w.at)
			check(b, err)
		}
	})
	batch := w.batch(b, 256)
	b.Run("batch", func(b *testing.B) {
		defer report(b, bareSignature(b), spent())
		for b.Loop() {
			p := w.prepare(b, 7)
			_, err := w.engine.Sign(p, w.at)
			check(b, err)
			_, _, err = w.engine.Finish(b.Context(), p.Document(), batch.xml, batch.beside, false, w.at)
			check(b, err)
		}
	})
	b.Run("sealing", func(b *testing.B) {
		defer report(b, bareSignature(b), spent())
		for b.Loop() {
			p := w.prepare(b, 7)
			xml, err := w.engine.XML.SignXML(p, w.at)
			check(b, err)
			_, err = w.engine.PDF.SealPDF(b.Context(), p.Document(), evidence.Attached{XML: xml, Beside: batch.beside, Stamp: batch.stamp}, w.at)
			check(b, err)
		}
	})
}

// report says how many bare signatures one piece of evidence costs, of the time
// of processors since before.
func report(b *testing.B, bare, before time.Duration) {
	each := (spent() - before) / time.Duration(b.N)
	b.ReportMetric(float64(each)/float64(bare), "signatures/op")
	b.ReportMetric(float64(each), "cpu-ns/op")
}

// spent is the time that processors gave us so far.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for ourselves
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bareSignature is how long a P-256 signature takes here and now.
func bareSignature(b *testing.B) time.Duration {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(b, err)
	digest := sha256.Sum256(nil)
	const rounds = 5000
	before := spent()
	for range rounds {
		_, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		check(b, err)
	}
	return (spent() - before) / rounds
}

// workshop makes evidence of a delivery.
type workshop struct {
	at     time.Time
	a      *evidencetest.Authority
	log    *tlog.Key
	doc    evidence.Document
	engine evidence.Engine
}

func newWorkshop(b *testing.B) *workshop {
	b.Helper()
	history := evidencetest.History()
	last := len(history) - 1
	w := &workshop{at: evidencetest.At().Add(6 * time.Hour), doc: evidencetest.Document(history[last].Name)}
	w.doc.Event, w.doc.History = history[last], history[:last]
	var err error
	w.a, err = evidencetest.New(evidencetest.Config{Now: func() time.Time { return w.at }})
	check(b, err)
	w.log, err = tlog.GenerateKey(filepath.Join(b.TempDir(), "log.key"), "log.bode.example/2026")
	check(b, err)
	x, err := xades.New(xades.Config{Key: evidence.FixedKey(w.a.SealKey()), Stamper: w.a.Stamper()})
	check(b, err)
	p, err := pades.New(pades.Config{Key: evidence.FixedKey(w.a.SealKey()), Stamper: w.a.Stamper()})
	check(b, err)
	xc := xades.Checker{Record: ers.Checker{}, Proof: tlog.Checker{}}
	w.engine = evidence.Engine{XML: x, XMLChecker: xc, PDF: p, PDFChecker: pades.Checker{XML: xc}, Trust: w.a.Trust()}
	w.engine.Trust.Log = w.log.Public()
	return w
}

// prepare prepares event n of the delivery, number n of many.
func (w *workshop) prepare(b *testing.B, n int) *evidence.Prepared {
	doc := w.doc
	doc.Nonce[0], doc.Nonce[1] = byte(n), byte(n>>8)
	p, err := evidence.Prepare(doc)
	check(b, err)
	return p
}

// lotted is one piece of a batch.
type lotted struct {
	xml    []byte
	beside evidence.Beside
	stamp  evidence.TokenInfo
}

// batch signs size pieces, and stamps and logs them together.
func (w *workshop) batch(b *testing.B, size int) lotted {
	b.Helper()
	var leaves [][32]byte
	var hashes []merkle.Hash
	read := merkle.HashReaderFunc(func(indexes []int64) (out []merkle.Hash, err error) {
		for _, i := range indexes {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	var first []byte
	for i := range size {
		p := w.prepare(b, i+7)
		xml, err := w.engine.Sign(p, w.at)
		check(b, err)
		if i == 0 {
			first = xml
		}
		leaves = append(leaves, sha256.Sum256(xml))
		entry := sha256.Sum256(p.XML())
		more, err := merkle.StoredHashes(int64(i), entry[:], read)
		check(b, err)
		hashes = append(hashes, more...)
	}
	tree, err := ers.NewTree(leaves)
	check(b, err)
	root := tree.Root()
	token, err := w.a.Stamper().Stamp(b.Context(), root[:])
	check(b, err)
	out := lotted{xml: first}
	out.beside.Record, err = tree.Record(0, token)
	check(b, err)
	top, err := merkle.TreeHash(int64(size), read)
	check(b, err)
	path, err := merkle.ProveRecord(int64(size), 0, read)
	check(b, err)
	checkpoint, err := w.log.Checkpoint(int64(size), top)
	check(b, err)
	var steps [][32]byte
	for _, h := range path {
		steps = append(steps, h)
	}
	out.beside.Proof = tlog.FormatProof(0, steps, checkpoint)
	r := w.engine.XMLChecker.CheckWith(out.xml, out.beside, w.engine.Trust)
	if !r.OK() || len(r.Stamps) == 0 {
		b.Fatal(r.Failures())
	}
	out.stamp = r.Stamps[0]
	return out
}
