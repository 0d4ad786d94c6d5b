package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/evidence/ltv"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/xades"
)

// validator lets a ledger complete its evidence. What a document gets depends on
// who sealed and who stamped it, and is exactly what is needed for that: so the
// data of a batch is kept by chains of certificates.
type validator struct{ collector *ltv.Collector }

var _ ledger.Validator = validator{}

// recordKey stands for the evidence records of a batch, which share a token: they
// carry what judges that and the seal of what they are about.
const recordKey = "records"

// gathered is the validation data of a batch. Pieces are kept once.
type gathered struct {
	Pool   [][]byte
	Groups []group `asn1:"set"`
}

type group struct {
	Key                       []byte
	Certificates, CRLs, OCSPs []int // in the pool
}

// Collect implements [ledger.Validator].
func (v validator) Collect(ctx context.Context, at time.Time, docs iter.Seq2[evidence.Format, []byte]) ([]byte, error) {
	groups := map[string][][]*x509.Certificate{}
	seals := map[string][]*x509.Certificate{} // of what has a record
	var unit []*x509.Certificate
	var seal []*x509.Certificate
	for f, doc := range docs {
		chains, err := chainsOf(f, doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		switch {
		case f == evidence.XML && len(chains) == 1: // its record comes after it
			seal = chains[0]
		case f == evidence.ERS:
			unit = chains[0]
			seals[keyOf([][]*x509.Certificate{seal})] = seal
		default:
			groups[keyOf(chains)] = chains
		}
	}
	if len(seals) == 1 { // under two seals, the record would say too much of each
		for _, s := range seals {
			groups[recordKey] = [][]*x509.Certificate{s, unit}
		}
	}
	var g gathered
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		got, err := v.collector.CollectAt(ctx, at, groups[key]...)
		if err != nil {
			return nil, err
		}
		g.Groups = append(g.Groups, group{[]byte(key), g.keep(got.Certificates), g.keep(got.CRLs), g.keep(got.OCSPs)})
	}
	return asn1.Marshal(g)
}

// keep puts pieces into the pool and says where they are.
func (g *gathered) keep(pieces [][]byte) []int {
	at := make([]int, len(pieces))
	for i, p := range pieces {
		at[i] = slices.IndexFunc(g.Pool, func(have []byte) bool { return bytes.Equal(have, p) })
		if at[i] < 0 {
			at[i] = len(g.Pool)
			g.Pool = append(g.Pool, p)
		}
	}
	return at
}

// of takes a group out; nothing when there is none.
func (g gathered) of(key string) (v evidence.Validation, err error) {
	for _, x := range g.Groups {
		if string(x.Key) != key {
			continue
		}
		for _, part := range []struct {
			at []int
			to *[][]byte
		}{{x.Certificates, &v.Certificates}, {x.CRLs, &v.CRLs}, {x.OCSPs, &v.OCSPs}} {
			for _, i := range part.at {
				if i < 0 || i >= len(g.Pool) {
					return v, errGathered
				}
				*part.to = append(*part.to, g.Pool[i])
			}
		}
	}
	return v, nil
}

var errGathered = errors.New("stored validation data is damaged")

// Extend implements [ledger.Validator].
func (validator) Extend(f evidence.Format, doc, body []byte) ([]byte, error) {
	var g gathered
	if rest, err := asn1.Unmarshal(body, &g); err != nil || len(rest) > 0 {
		return nil, errGathered
	}
	key := recordKey
	if f != evidence.ERS {
		chains, err := chainsOf(f, doc)
		if err != nil {
			return nil, err
		}
		key = keyOf(chains)
	}
	v, err := g.of(key)
	if err != nil || v.IsZero() {
		return doc, err
	}
	switch f {
	case evidence.XML:
		return xades.Extend(doc, v)
	case evidence.PDF:
		return pades.Extend(doc, v)
	}
	return ers.Extend(doc, v)
}

// chainsOf lists the certificates of a document: of its seal, if it has one, and
// then of its time-stamp, if it has one.
func chainsOf(f evidence.Format, doc []byte) ([][]*x509.Certificate, error) {
	switch f {
	case evidence.XML:
		return xades.Chains(doc)
	case evidence.PDF:
		return pades.Chains(doc)
	}
	return ers.Chains(doc)
}

func keyOf(chains [][]*x509.Certificate) string {
	h := sha256.New()
	for _, chain := range chains {
		for _, c := range chain {
			sum := sha256.Sum256(c.Raw)
			h.Write(sum[:])
		}
		h.Write([]byte{0})
	}
	return string(h.Sum(nil))
}
