package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
)

// benchEvidence makes evidence, without a database, and compares its processor
// time with that of signatures of OpenSSL.
type benchEvidence struct {
	Pieces int           `help:"Pieces of each kind in a round, which share a batch." default:"200"`
	Rounds int           `help:"Rounds; each measures every kind, in shuffled order, between two runs of OpenSSL." default:"3"`
	Span   time.Duration `help:"Time of each run of OpenSSL." default:"2s"`
}

// Run prints how many bare signatures each kind of evidence costs.
func (c benchEvidence) Run(ctx context.Context, _ *slog.Logger) (err error) {
	collectLess()
	dir, err := os.MkdirTemp("", "bode-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := newWorkshop(ctx, dir, c.Pieces)
	if err != nil {
		return err
	}
	tested := w.kinds()
	for round := range c.Rounds + 1 {
		before, err := opensslSignature(ctx, c.Span)
		if err != nil {
			return err
		}
		for _, i := range rand.Perm(len(tested)) {
			if err := tested[i].run(ctx, c.Pieces); err != nil {
				return fmt.Errorf("%s: %w", tested[i].name, err)
			}
		}
		after, err := opensslSignature(ctx, c.Span)
		if err != nil {
			return err
		}
		if round == 0 {
			continue // until everything is made that is made once
		}
		one := (before + after) / 2
		say("round %d  one P-256 signature of OpenSSL: %.1f µs before, %.1f µs after", round, us(before), us(after))
		token := tested[0].each
		for i := range tested {
			k := &tested[i]
			cost := k.each - time.Duration(k.tokens)*token
			k.costs, k.ratios = append(k.costs, us(cost)), append(k.ratios, us(cost)/us(one))
			say("round %d  %-58s %8.0f µs  %6.1f signatures", round, k.name, us(cost), us(cost)/us(one))
		}
	}
	fmt.Println()
	for _, k := range tested {
		mid := median(k.ratios)
		say("median   %-58s %8.0f µs  1/%.1f (1/%.1f to 1/%.1f)  %s", k.name, median(k.costs), mid, k.ratios[0], k.ratios[len(k.ratios)-1], k.limit)
	}
	return w.sizes(ctx)
}

func us(d time.Duration) float64 { return d.Seconds() * 1e6 }

// kind is one way to make evidence.
type kind struct {
	name, limit string
	tokens      int // time-stamps that an authority in this process makes for one
	do          func(ctx context.Context, i int) error

	each          time.Duration // processor time of one in the last round
	costs, ratios []float64     // without that of the authority
}

// leastSpent is the processor time below which a figure says more about collecting
// garbage than about evidence.
const leastSpent = 700 * time.Millisecond

// run makes n pieces, again and again until it took long enough.
func (k *kind) run(ctx context.Context, n int) error {
	before, made := spent(), 0
	for spent()-before < leastSpent {
		for i := range n {
			if err := k.do(ctx, i); err != nil {
				return err
			}
		}
		made += n
	}
	k.each = (spent() - before) / time.Duration(made)
	return nil
}

// workshop makes evidence with all the parts of the service, an authority in the
// same process, and no database.
type workshop struct {
	outside
	docs   []evidence.Document
	pieces []made // of one batch
}

// made is a piece as its PDF needs it.
type made struct {
	shared, own []byte // its XML, with the time-stamp of the batch and with its own
	beside      evidence.Beside
	stamp, mine evidence.TokenInfo
}

func newWorkshop(ctx context.Context, dir string, n int) (*workshop, error) {
	key, err := logKey(dir, demoLog, true)
	if err != nil {
		return nil, err
	}
	a, err := evidencetest.New(evidencetest.Config{})
	if err != nil {
		return nil, err
	}
	w := &workshop{outside: outside{issuer: demoIssuer("https://bode.example"), log: publicLog{key}}}
	if err := w.seal(oneKey{a.SealKey()}, a.Stamper(), a.Trust()); err != nil {
		return nil, err
	}
	history := evidencetest.History()
	last := len(history) - 1
	var entries, leaves []ledger.Hash
	for i := range n {
		doc := evidence.Document{Event: history[last], History: history[:last], Issuer: w.issuer}
		doc.Nonce = sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		w.docs = append(w.docs, doc)
		p, err := evidence.Prepare(doc)
		if err != nil {
			return nil, err
		}
		var m made
		if m.shared, err = w.engine.Sign(p, time.Now()); err != nil {
			return nil, err
		}
		if m.own, m.mine, err = w.engine.Stamp(ctx, m.shared); err != nil {
			return nil, err
		}
		w.pieces = append(w.pieces, m)
		entries, leaves = append(entries, sha256.Sum256(p.XML())), append(leaves, sha256.Sum256(m.shared))
	}
	return w, w.batch(ctx, entries, leaves)
}

// batch puts the pieces into a log and under a time-stamp.
func (w *workshop) batch(ctx context.Context, entries, leaves []ledger.Hash) error {
	grown, checkpoint, err := w.log.Grow(ctx, tiles{}, nil, entries)
	if err != nil {
		return err
	}
	stored := tiles{}
	for _, t := range grown {
		stored[place{t.Level, t.Index}] = t.Hashes
	}
	tree, err := ers.NewTree(append(leaves, sha256.Sum256(checkpoint)))
	if err != nil {
		return err
	}
	root := tree.Root()
	token, err := w.stamper.Stamp(ctx, root[:])
	if err != nil {
		return err
	}
	for i := range w.pieces {
		m := &w.pieces[i]
		if m.beside.Record, err = tree.Record(i, token); err != nil {
			return err
		}
		if m.beside.Proof, err = w.log.Prove(ctx, stored, int64(len(entries)), int64(i), checkpoint); err != nil {
			return err
		}
		r := w.engine.XMLChecker.CheckWith(m.shared, m.beside, w.engine.Trust)
		if !r.OK() || len(r.Stamps) == 0 {
			return fmt.Errorf("%w: %s", evidence.ErrSelfCheck, r.Failures())
		}
		m.stamp = r.Stamps[0]
	}
	return nil
}

// attached is what the PDF of piece i gets.
func (w *workshop) attached(i int, own bool) evidence.Attached {
	m := w.pieces[i]
	if own {
		return evidence.Attached{XML: m.own, Beside: evidence.Beside{Proof: m.beside.Proof}, Stamp: m.mine, Own: true}
	}
	return evidence.Attached{XML: m.shared, Beside: m.beside, Stamp: m.stamp}
}

// sizes prints how large the first piece is.
func (w *workshop) sizes(ctx context.Context) error {
	for _, own := range []bool{false, true} {
		a := w.attached(0, own)
		pdf, err := w.engine.PDF.SealPDF(ctx, w.docs[0], a, time.Now())
		if err != nil {
			return err
		}
		say("size     own time-stamp %t: XML %d octets, record %d, proof %d; PDF with all of them %d octets, %d pages (at most 60000 for two)",
			own, len(a.XML), len(a.Record), len(a.Proof), len(pdf), bytes.Count(pdf, []byte("/Type /Page ")))
	}
	return nil
}
