package ers_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// The record as this test takes it apart and spoils it.
type parts struct {
	Version    int
	Algorithms []asn1.RawValue
	Chains     [][]part
}

type part struct {
	Algorithm asn1.RawValue `asn1:"optional,tag:0"`
	Reduced   [][][]byte    `asn1:"optional,tag:2"`
	Token     asn1.RawValue
}

func spoil(t *testing.T, der []byte, change func(*parts)) []byte {
	t.Helper()
	var p parts
	if _, err := asn1.Unmarshal(der, &p); err != nil {
		t.Fatal(err)
	}
	change(&p)
	bad, err := asn1.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return bad
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	now := evidencetest.At()
	a, stranger := authority(t, &now), authority(t, &now)
	l := leaves(8)
	tr := tree(t, l)
	token := stamp(t, a, tr.Root())
	good := record(t, tr, 5, token)
	other := stamp(t, a, sha256.Sum256([]byte("other")))
	raw := func(der []byte) asn1.RawValue { return asn1.RawValue{FullBytes: der} }
	sha1 := raw([]byte{0x30, 7, 6, 5, 0x2b, 14, 3, 2, 26})
	reduced := func(f func([][][]byte) [][][]byte) []byte {
		return spoil(t, good, func(p *parts) { p.Chains[0][0].Reduced = f(p.Chains[0][0].Reduced) })
	}
	interior := sha256.Sum256(ascending(l[5], sibling(t, good)))
	trust := a.Trust()
	policy := a.Trust()
	policy.Policies = []string{"1.1"}
	for what, c := range map[string]struct {
		record []byte
		digest [32]byte
		trust  evidence.Trust
	}{
		"nothing":            {nil, l[5], trust},
		"garbage":            {[]byte("record"), l[5], trust},
		"only a token":       {token, l[5], trust},
		"truncated":          {good[:len(good)-1], l[5], trust},
		"trailing":           {append(bytes.Clone(good), 0), l[5], trust},
		"too long":           {append(bytes.Clone(good), make([]byte, 256<<10)...), l[5], trust},
		"foreign digest":     {good, sha256.Sum256([]byte("foreign")), trust},
		"no digest":          {good, [32]byte{}, trust},
		"other leaf":         {good, l[4], trust},
		"sibling":            {good, sibling(t, good), trust},
		"node inside":        {good, interior, trust},
		"root":               {good, tr.Root(), trust},
		"stranger":           {good, l[5], stranger.Trust()},
		"nobody":             {good, l[5], evidence.Trust{}},
		"policy":             {good, l[5], policy},
		"version":            {spoil(t, good, func(p *parts) { p.Version = 2 }), l[5], trust},
		"no algorithm":       {spoil(t, good, func(p *parts) { p.Algorithms = nil }), l[5], trust},
		"two algorithms":     {spoil(t, good, func(p *parts) { p.Algorithms = append(p.Algorithms, p.Algorithms[0]) }), l[5], trust},
		"SHA-1 listed":       {spoil(t, good, func(p *parts) { p.Algorithms[0] = sha1 }), l[5], trust},
		"no chain":           {spoil(t, good, func(p *parts) { p.Chains = nil }), l[5], trust},
		"empty chain":        {spoil(t, good, func(p *parts) { p.Chains[0] = nil }), l[5], trust},
		"two chains":         {spoil(t, good, func(p *parts) { p.Chains = append(p.Chains, p.Chains[0]) }), l[5], trust},
		"wrong token":        {spoil(t, good, func(p *parts) { p.Chains[0][0].Token = raw(other) }), l[5], trust},
		"token is no token":  {spoil(t, good, func(p *parts) { p.Chains[0][0].Token = raw([]byte{5, 0}) }), l[5], trust},
		"same token twice":   {spoil(t, good, func(p *parts) { p.Chains[0] = append(p.Chains[0], p.Chains[0][0]) }), l[5], trust},
		"SHA-1 tree":         {spoil(t, good, func(p *parts) { p.Chains[0][0].Algorithm = raw([]byte{0xa0, 7, 6, 5, 0x2b, 14, 3, 2, 26}) }), l[5], trust},
		"no tree":            {reduced(func([][][]byte) [][][]byte { return nil }), l[5], trust},
		"empty tree":         {reduced(func([][][]byte) [][][]byte { return [][][]byte{} }), l[5], trust},
		"permuted":           {reduced(func(r [][][]byte) [][][]byte { r[1], r[2] = r[2], r[1]; return r }), l[5], trust},
		"reversed":           {reduced(func(r [][][]byte) [][][]byte { slices.Reverse(r); return r }), l[5], trust},
		"level missing":      {reduced(func(r [][][]byte) [][][]byte { return r[:3] }), l[5], trust},
		"leaf missing":       {reduced(func(r [][][]byte) [][][]byte { return r[1:] }), l[5], trust},
		"level added":        {reduced(func(r [][][]byte) [][][]byte { return append(r, [][]byte{make([]byte, 32)}) }), l[5], trust},
		"empty level":        {reduced(func(r [][][]byte) [][][]byte { return append(r, nil) }), l[5], trust},
		"leaf slipped in":    {reduced(func(r [][][]byte) [][][]byte { r[0] = [][]byte{make([]byte, 32), r[0][0]}; return r }), l[5], trust},
		"foreign slipped in": {reduced(func(r [][][]byte) [][][]byte { r[0] = [][]byte{make([]byte, 32), r[0][0]}; return r }), [32]byte{}, trust},
		"hash too long":      {reduced(func(r [][][]byte) [][][]byte { r[1][0] = append(r[1][0], 0); return r }), l[5], trust},
		"two hashes as one":  {reduced(func(r [][][]byte) [][][]byte { r[0][0] = append(r[0][0], r[1][0]...); return r }), l[5], trust},
		"hash twice":         {reduced(func(r [][][]byte) [][][]byte { r[1] = append(r[1], r[1][0]); return r }), l[5], trust},
		"its own sibling":    {reduced(func(r [][][]byte) [][][]byte { return append([][][]byte{r[0]}, r...) }), l[5], trust},
		"65 levels": {reduced(func(r [][][]byte) [][][]byte {
			for len(r) < 65 {
				r = append(r, [][]byte{make([]byte, 32)})
			}
			return r
		}), l[5], trust},
		"unsorted": {reduced(func(r [][][]byte) [][][]byte {
			both := [][]byte{r[0][0], r[1][0]}
			slices.SortFunc(both, func(a, b []byte) int { return bytes.Compare(b, a) })
			return append([][][]byte{both}, r[2:]...)
		}), l[5], trust},
	} {
		if _, err := (ers.Checker{}).CheckRecord(c.record, c.digest, c.trust); !errors.Is(err, evidence.ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", what, err)
		}
	}
}

// sibling is the hash beside the leaf of a record.
func sibling(t *testing.T, der []byte) [32]byte {
	t.Helper()
	var p parts
	if _, err := asn1.Unmarshal(der, &p); err != nil {
		t.Fatal(err)
	}
	return [32]byte(p.Chains[0][0].Reduced[1][0])
}

func ascending(a, b [32]byte) []byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return append(a[:], b[:]...)
}

func TestCheckRefusesRenewals(t *testing.T) {
	t.Parallel()
	start := long().Truncate(time.Second)
	now := start
	a := authority(t, &now)
	l := leaves(4)
	tr := tree(t, l)
	first, second := record(t, tr, 0, stamp(t, a, tr.Root())), record(t, tr, 1, stamp(t, a, tr.Root()))
	at := func(moment time.Time, old []byte) []byte {
		now = moment
		return renew(t, a, old)
	}
	good := at(start.AddDate(1, 0, 0), first)
	// An authority with a certificate of its own renews after that of the first expired.
	now = start.AddDate(10, 0, 1)
	late := authority(t, &now)
	trust := trusting(t, a, late)
	take := func(from []byte) part {
		var p parts
		if _, err := asn1.Unmarshal(from, &p); err != nil {
			t.Fatal(err)
		}
		return p.Chains[0][len(p.Chains[0])-1]
	}
	cases := map[string][]byte{
		"at the same time":        at(start, first),
		"earlier":                 at(start.Add(-time.Hour), first),
		"earlier than the second": at(start.AddDate(0, 6, 0), good),
		"too late":                renew(t, late, first),
		"over another record":     spoil(t, first, func(p *parts) { p.Chains[0] = append(p.Chains[0], take(at(start.AddDate(1, 0, 0), second))) }),
		"over the document": spoil(t, first, func(p *parts) {
			p.Chains[0] = append(p.Chains[0], take(at(start.AddDate(1, 0, 0), overDocument(t, a, l[0]))))
		}),
		"without the first":        spoil(t, good, func(p *parts) { p.Chains[0] = p.Chains[0][1:] }),
		"in the wrong order":       spoil(t, good, func(p *parts) { slices.Reverse(p.Chains[0]) }),
		"without the middle":       spoil(t, at(start.AddDate(2, 0, 0), good), func(p *parts) { p.Chains[0] = slices.Delete(p.Chains[0], 1, 2) }),
		"twice":                    spoil(t, good, func(p *parts) { p.Chains[0] = append(p.Chains[0], p.Chains[0][1]) }),
		"as a chain of its own":    spoil(t, good, func(p *parts) { p.Chains = [][]part{p.Chains[0][:1], p.Chains[0][1:]} }),
		"of another first":         spoil(t, good, func(p *parts) { p.Chains[0][0] = take(second) }),
		"more often than may be":   spoil(t, good, func(p *parts) { p.Chains[0] = slices.Repeat(p.Chains[0], 33) }),
		"with a token of nobodies": renew(t, authority(t, ptr(start.AddDate(2, 0, 0))), good),
	}
	for what, der := range cases {
		if _, err := (ers.Checker{}).CheckRecord(der, l[0], trust); !errors.Is(err, evidence.ErrToken) {
			t.Errorf("renewed %s: got %v, want ErrToken", what, err)
		}
	}
	for what, der := range map[string][]byte{"good": good, "twice, in time": at(start.AddDate(3, 0, 0), good),
		"just in time": at(start.AddDate(10, 0, 0).Add(-time.Second), first)} {
		if _, err := (ers.Checker{}).CheckRecord(der, l[0], trust); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }

// overDocument stamps digest on its own.
func overDocument(t *testing.T, a *evidencetest.Authority, digest [32]byte) []byte {
	t.Helper()
	tr := tree(t, [][32]byte{digest})
	return record(t, tr, 0, stamp(t, a, tr.Root()))
}

// No octet of a record can be changed by any bit, nor left out.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	now := evidencetest.At()
	a := authority(t, &now)
	l := leaves(3)
	tr := tree(t, l)
	good := record(t, tr, 1, stamp(t, a, tr.Root()))
	now = now.AddDate(1, 0, 0)
	good = renew(t, a, good)
	trust := a.Trust()
	check := func(der []byte) error {
		_, err := ers.Checker{}.CheckRecord(der, l[1], trust)
		return err
	}
	if err := check(good); err != nil {
		t.Fatal(err)
	}
	var p parts
	if _, err := asn1.Unmarshal(good, &p); err != nil {
		t.Fatal(err)
	}
	token := bytes.Index(good, p.Chains[0][0].Token.FullBytes)
	end := token + len(p.Chains[0][0].Token.FullBytes)
	for i := range good {
		bits := []int{0, 1, 2, 3, 4, 5, 6, 7}
		if i >= token && i < end || i > end+200 { // bits of tokens are tried in package evidence
			bits = []int{i % 8}
		}
		for _, bit := range bits {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if check(bad) == nil {
				t.Fatalf("octet %d bit %d of %d accepted", i, bit, len(good))
			}
		}
		if check(slices.Delete(bytes.Clone(good), i, i+1)) == nil || check(good[:i]) == nil {
			t.Fatalf("accepted without octet %d", i)
		}
	}
}

type vectors struct {
	Anchor  []byte
	Vectors []vector
}

type vector struct {
	Name             string
	Document, Stamps int
	Root, Record     []byte
}

// foreign reads records that BouncyCastle made; see testdata/Vectors.java.
func foreign(t testing.TB) (vectors, evidence.Trust) {
	t.Helper()
	b, err := os.ReadFile("testdata/bouncycastle.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	anchor, err := x509.ParseCertificate(v.Anchor)
	if err != nil {
		t.Fatal(err)
	}
	trust := evidence.Trust{TSA: x509.NewCertPool()}
	trust.TSA.AddCert(anchor)
	return v, trust
}

func TestForeignRecords(t *testing.T) {
	t.Parallel()
	all, trust := foreign(t)
	if len(all.Vectors) < 14 {
		t.Fatalf("got %d vectors", len(all.Vectors))
	}
	for _, v := range all.Vectors {
		digest := leaves(v.Document + 1)[v.Document]
		said, err := ers.Checker{}.CheckRecord(v.Record, digest, trust)
		if err != nil || len(said.Stamps) != v.Stamps {
			t.Errorf("%s: got %v, %v", v.Name, said, err)
		}
		var n, i int
		if _, err := fmt.Sscanf(v.Name, "leaf %d of %d", &i, &n); err == nil && v.Stamps == 1 {
			if root := tree(t, leaves(n)).Root(); !bytes.Equal(root[:], v.Root) {
				t.Errorf("%s: root %x, theirs is %x", v.Name, root, v.Root)
			}
		}
		if _, err := (ers.Checker{}).CheckRecord(v.Record, sha256.Sum256([]byte("other")), trust); !errors.Is(err, evidence.ErrToken) {
			t.Errorf("%s: accepted for another document: %v", v.Name, err)
		}
	}
}

func FuzzCheckRecord(f *testing.F) {
	all, trust := foreign(f)
	for _, v := range all.Vectors {
		f.Add(v.Record)
	}
	digest := leaves(1)[0]
	f.Fuzz(func(t *testing.T, der []byte) {
		_, err := ers.Checker{}.CheckRecord(der, digest, trust)
		known := slices.ContainsFunc(all.Vectors, func(v vector) bool { return bytes.Equal(v.Record, der) })
		if err == nil && !known {
			t.Errorf("accepted %x", der)
		}
		if _, err := ers.RenewalDigest(der); err == nil {
			ers.RenewBefore(der)
		}
	})
}
