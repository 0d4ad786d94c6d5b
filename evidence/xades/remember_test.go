package xades_test

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

// counted counts how often records are checked.
type counted struct {
	records
	asked *atomic.Int64
}

func (c counted) CheckRecord(record []byte, digest [32]byte, t evidence.Trust) (evidence.Recorded, error) {
	c.asked.Add(1)
	return c.records.CheckRecord(record, digest, t)
}

func TestRemembering(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t, "P-256"), newWorld(t, "P-256")
	signed := w.seal(t, evidencetest.Document(evidence.ContentHandover))
	sum := sha256.Sum256(signed)
	var asked atomic.Int64
	plain := xades.Checker{Record: counted{records{evidencetest.At()}, &asked}}
	c := xades.Remembering(plain)
	trust, beside := w.Trust(), evidence.Beside{Record: sum[:]}
	want := plain.CheckWith(signed, beside, trust)
	if !want.OK() {
		t.Fatal(want.Failures())
	}
	for range 3 {
		if got := c.CheckWith(signed, beside, trust); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("checked %d times", n)
	}
	// Who adds to a report adds to his own.
	mine := c.CheckWith(signed, beside, trust)
	mine.Add(evidence.CheckFormat, evidence.ErrDocument)
	if !c.CheckWith(signed, beside, trust).OK() {
		t.Error("one caller changes the report of another")
	}
	// Any other question is another one.
	changed := bytes.Clone(signed)
	changed[100] ^= 1
	foreign, policy := trust, trust
	foreign.TSA = other.Trust().TSA
	policy.Policies = []string{"1.2.3"}
	for what, refused := range map[string]bool{
		"changed":       !c.CheckWith(changed, beside, trust).OK(),
		"stranger":      !c.CheckWith(signed, beside, foreign).OK(),
		"policy":        !c.CheckWith(signed, beside, policy).OK(),
		"nobody":        !c.CheckWith(signed, beside, evidence.Trust{}).OK(),
		"other record":  !c.CheckWith(signed, evidence.Beside{Record: changed[:32]}, trust).OK(),
		"empty record":  !c.CheckWith(signed, evidence.Beside{Record: []byte{}}, trust).OK(),
		"refused twice": !c.CheckWith(changed, beside, trust).OK(),
	} {
		if !refused {
			t.Errorf("%s: accepted", what)
		}
	}
	if r := c.Check(signed, trust); !r.OK() || len(r.Stamps) != 1 {
		t.Errorf("without a record: %+v", r)
	}
	// More than it remembers is still answered.
	for i := range 70 {
		policy.Policies = []string{"1.3.6.1.4.1.99999.1", string(rune('a' + i))}
		if !c.Check(signed, policy).OK() {
			t.Fatalf("refused at %d", i)
		}
	}
}
