package ers_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

// shared is evidence without a time-stamp of its own, and the record of its batch.
func shared(t testing.TB) (a *evidencetest.Authority, xml, record []byte) {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return evidencetest.At().Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	s, err := xades.New(xades.Config{Key: evidence.FixedKey(a.SealKey()), Stamper: a.Stamper()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := evidence.Prepare(evidencetest.Document(evidence.NotificationForAcceptance))
	if err != nil {
		t.Fatal(err)
	}
	if xml, err = s.SignXML(p, evidencetest.At()); err != nil {
		t.Fatal(err)
	}
	tr := tree(t, append(leaves(6), sha256.Sum256(xml)))
	if record, err = tr.Record(6, stamp(t, a, tr.Root())); err != nil {
		t.Fatal(err)
	}
	return a, xml, record
}

// TestExtend judges the certificates of evidence and of its batch's time-stamp by
// what the record carries.
func TestExtend(t *testing.T) {
	t.Parallel()
	a, xml, record := shared(t)
	c := xades.Checker{Record: ers.Checker{}}
	r := c.CheckWith(xml, evidence.Beside{Record: record}, a.Trust())
	if !r.OK() || len(r.Unchecked) != 2 || r.Unchecked[0].Code != evidence.CheckRevocation {
		t.Fatalf("as issued: %s, unchecked %v", r.Failures(), r.Unchecked)
	}
	for name, v := range map[string]evidence.Validation{"responses": a.Validation(), "lists": a.ValidationByLists()} {
		long, err := ers.Extend(record, v)
		if err != nil {
			t.Fatal(err)
		}
		r := c.CheckWith(xml, evidence.Beside{Record: long}, a.Trust())
		if !r.OK() || len(r.Unchecked) != 1 || r.Unchecked[0].Code != evidence.CheckLog {
			t.Fatalf("%s: %s, unchecked %v", name, r.Failures(), r.Unchecked)
		}
		if again, err := ers.Extend(record, v); err != nil || !bytes.Equal(again, long) {
			t.Errorf("%s: another extension, %v", name, err)
		}
		if _, err := ers.Extend(long, v); !errors.Is(err, ers.ErrRecord) {
			t.Errorf("%s: extended twice: %v", name, err)
		}
		// A renewal is over what is there now.
		renewed := renew(t, a, long)
		if _, err := ers.Extend(renewed, v); !errors.Is(err, ers.ErrRecord) {
			t.Errorf("%s: extended after a renewal: %v", name, err)
		}
	}
}

// TestExtendRefuses changes every octet of what no signature of the record covers.
func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	a, xml, record := shared(t)
	c := xades.Checker{Record: ers.Checker{}}
	v := a.ValidationByLists()
	long, err := ers.Extend(record, v)
	if err != nil {
		t.Fatal(err)
	}
	for i := range long {
		bad := bytes.Clone(long)
		bad[i] ^= 1
		if c.CheckWith(xml, evidence.Beside{Record: bad}, a.Trust()).OK() {
			t.Errorf("octet %d can be changed", i)
		}
	}
	other, _, _ := shared(t)
	strange := v
	strange.CRLs = append(slices.Clone(v.CRLs), other.ValidationByLists().CRLs...)
	less := v
	less.CRLs = v.CRLs[1:]
	cases := map[string]evidence.Validation{"a list of somebody else": strange, "a list is missing": less}
	for i, der := range v.Certificates {
		if bytes.Equal(der, a.TSUChain()[0].Raw) {
			continue // the token itself has it
		}
		fewer := v
		fewer.Certificates = slices.Delete(slices.Clone(v.Certificates), i, i+1)
		cases[fmt.Sprintf("certificate %d is missing", i)] = fewer
	}
	for name, v := range cases {
		bad, err := ers.Extend(record, v)
		if err != nil {
			t.Fatal(err)
		}
		if r := c.CheckWith(xml, evidence.Beside{Record: bad}, a.Trust()); r.OK() {
			t.Errorf("%s: accepted", name)
		}
	}
}
