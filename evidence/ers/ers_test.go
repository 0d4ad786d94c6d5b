package ers_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/ers"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// authority is a time-stamping authority that started in the given year.
func authority(t testing.TB, now *time.Time) *evidencetest.Authority {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// trusting believes all of them.
func trusting(t testing.TB, all ...*evidencetest.Authority) evidence.Trust {
	t.Helper()
	trust := evidence.Trust{TSA: x509.NewCertPool()}
	for _, a := range all {
		dir := t.TempDir()
		if err := a.WritePEM(dir); err != nil {
			t.Fatal(err)
		}
		pem, err := os.ReadFile(filepath.Join(dir, evidence.TSAAnchors))
		if err != nil || !trust.TSA.AppendCertsFromPEM(pem) {
			t.Fatal("no anchor", err)
		}
	}
	return trust
}

func leaves(n int) [][32]byte {
	l := make([][32]byte, n)
	for i := range l {
		l[i] = sha256.Sum256(fmt.Appendf(nil, "evidence %d", i))
	}
	return l
}

func tree(t testing.TB, l [][32]byte) ers.Tree {
	t.Helper()
	tr, err := ers.NewTree(l)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func stamp(t testing.TB, a *evidencetest.Authority, root [32]byte) []byte {
	t.Helper()
	token, err := a.Stamper().Stamp(t.Context(), root[:])
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func record(t testing.TB, tr ers.Tree, i int, token []byte) []byte {
	t.Helper()
	r, err := tr.Record(i, token)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// renew adds one time-stamp, in a tree with two strangers.
func renew(t testing.TB, a *evidencetest.Authority, old []byte) []byte {
	t.Helper()
	digest, err := ers.RenewalDigest(old)
	if err != nil {
		t.Fatal(err)
	}
	tr := tree(t, append(leaves(2), digest))
	renewed, err := ers.Renewed(old, tr, 2, stamp(t, a, tr.Root()))
	if err != nil {
		t.Fatal(err)
	}
	return renewed
}

// walk reads a record as RFC 4998 describes it, without the package under test,
// and returns the root and the token of its last time-stamp.
func walk(t *testing.T, der []byte, digest [32]byte) (root, token []byte) {
	t.Helper()
	children := func(der []byte) (list []asn1.RawValue) {
		for len(der) > 0 {
			var v asn1.RawValue
			rest, err := asn1.Unmarshal(der, &v)
			if err != nil {
				t.Fatal(err)
			}
			list, der = append(list, v), rest
		}
		return list
	}
	fields := children(children(der)[0].Bytes)
	chain := children(fields[len(fields)-1].Bytes)[0]
	want := digest[:]
	for _, ats := range children(chain.Bytes) {
		root = want
		for _, field := range children(ats.Bytes) {
			switch {
			case field.Class == asn1.ClassContextSpecific && field.Tag == 2:
				var node []byte
				for i, list := range children(field.Bytes) {
					var hashes [][]byte
					for _, h := range children(list.Bytes) {
						hashes = append(hashes, h.Bytes)
					}
					if i == 0 && !slices.ContainsFunc(hashes, func(h []byte) bool { return bytes.Equal(h, want) }) {
						t.Fatal("first list does not have the digest")
					}
					if i > 0 {
						hashes = append(hashes, node)
					}
					slices.SortFunc(hashes, bytes.Compare)
					if node = hashes[0]; len(hashes) > 1 {
						sum := sha256.Sum256(bytes.Join(hashes, nil))
						node = sum[:]
					}
				}
				root = node
			case field.Class == asn1.ClassUniversal:
				token = field.FullBytes
				sum := sha256.Sum256(token)
				want = sum[:]
			}
		}
	}
	return root, token
}

func TestRecord(t *testing.T) {
	t.Parallel()
	now := evidencetest.At().Truncate(time.Second)
	a := authority(t, &now)
	trust := a.Trust()
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 100, ers.MaxLeaves} {
		l := leaves(n)
		tr := tree(t, l)
		root := tr.Root()
		token := stamp(t, a, root)
		step := max(1, n/25)
		for i := 0; i < n; i += step {
			der := record(t, tr, i, token)
			said, err := ers.Checker{}.CheckRecord(der, l[i], trust)
			if err != nil || len(said.Stamps) != 1 || !said.Stamps[0].Time.Equal(now) || !said.Validation.IsZero() {
				t.Fatalf("leaf %d of %d: got %v, %v", i, n, said, err)
			}
			if got, tok := walk(t, der, l[i]); !bytes.Equal(got, root[:]) || !bytes.Equal(tok, token) {
				t.Fatalf("leaf %d of %d: the record does not lead to the root", i, n)
			}
		}
	}
}

// Equal leaves get equal records, and the order of leaves is of no importance.
func TestTreeIsOfASet(t *testing.T) {
	t.Parallel()
	now := evidencetest.At()
	a := authority(t, &now)
	l := leaves(9)
	double := append(slices.Clone(l), l[3], l[3], l[0])
	slices.Reverse(double)
	tr, twice := tree(t, l), tree(t, double)
	if tr.Root() != twice.Root() || tr.Len() != 9 || twice.Len() != 12 {
		t.Fatal("the tree depends on order or number of equal leaves")
	}
	token := stamp(t, a, tr.Root())
	if !bytes.Equal(record(t, tr, 3, token), record(t, twice, 1, token)) || !bytes.Equal(record(t, tr, 0, token), record(t, twice, 0, token)) {
		t.Error("equal leaves have different records")
	}
}

func TestTreeRefuses(t *testing.T) {
	t.Parallel()
	now := evidencetest.At()
	a := authority(t, &now)
	for _, n := range []int{0, ers.MaxLeaves + 1} {
		if _, err := ers.NewTree(make([][32]byte, n)); !errors.Is(err, ers.ErrTree) {
			t.Errorf("%d leaves: got %v", n, err)
		}
	}
	tr := tree(t, leaves(3))
	token := stamp(t, a, tr.Root())
	other := stamp(t, a, sha256.Sum256([]byte("other")))
	renewable := record(t, tr, 0, token)
	digest, err := ers.RenewalDigest(renewable)
	if err != nil {
		t.Fatal(err)
	}
	again := tree(t, append(leaves(1), digest))
	good := stamp(t, a, again.Root())
	for what, c := range map[string]struct {
		err  error
		want error
	}{
		"no such leaf":              {second(tr.Record(3, token)), ers.ErrTree},
		"leaf before the first":     {second(tr.Record(-1, token)), ers.ErrTree},
		"empty tree":                {second(ers.Tree{}.Record(0, token)), ers.ErrTree},
		"token over something else": {second(tr.Record(0, other)), evidence.ErrToken},
		"no token":                  {second(tr.Record(0, nil)), evidence.ErrToken},
		"two tokens":                {second(tr.Record(0, append(bytes.Clone(token), token...))), evidence.ErrToken},
		"renewal of another leaf":   {second(ers.Renewed(renewable, again, 0, good)), ers.ErrTree},
		"renewal by another token":  {second(ers.Renewed(renewable, again, 1, token)), evidence.ErrToken},
		"renewal without a leaf":    {second(ers.Renewed(renewable, again, 2, good)), ers.ErrTree},
		"renewal of no record":      {second(ers.Renewed(token, again, 1, good)), ers.ErrRecord},
		"digest of no record":       {second(ers.RenewalDigest(token)), ers.ErrRecord},
		"expiry of no record":       {second(ers.RenewBefore(token)), ers.ErrRecord},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: got %v, want %v", what, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestRenew(t *testing.T) {
	t.Parallel()
	now := long().Truncate(time.Second)
	first := authority(t, &now) // its certificates last ten years
	l := leaves(5)
	tr := tree(t, l)
	r := record(t, tr, 2, stamp(t, first, tr.Root()))
	times := []time.Time{now}
	all := []*evidencetest.Authority{first}
	for range 3 {
		before, err := ers.RenewBefore(r)
		if err != nil || !before.Equal(now.AddDate(10, 0, 0)) {
			t.Fatalf("renew before %v, %v", before, err)
		}
		now = now.AddDate(9, 0, 0)
		a := authority(t, &now)
		all, times = append(all, a), append(times, now)
		r = renew(t, a, r)
	}
	said, err := ers.Checker{}.CheckRecord(r, l[2], trusting(t, all...))
	if err != nil || len(said.Stamps) != 4 {
		t.Fatalf("got %v, %v", said, err)
	}
	for i, info := range said.Stamps {
		if !info.Time.Equal(times[i]) {
			t.Errorf("time-stamp %d: got %v, want %v", i+1, info.Time, times[i])
		}
	}
	for i := range all {
		missing := slices.Delete(slices.Clone(all), i, i+1)
		if _, err := (ers.Checker{}).CheckRecord(r, l[2], trusting(t, missing...)); !errors.Is(err, evidence.ErrToken) {
			t.Errorf("without authority %d: got %v", i+1, err)
		}
	}
	if root, token := walk(t, r, l[2]); !bytes.Contains(token, root) {
		t.Error("the record does not lead to its last token")
	}
}

// long ago: certificates expired since, and algorithms still good for years.
func long() time.Time { return evidencetest.At().AddDate(-25, 0, 0) }

// A certificate that outlives its algorithm does not help.
func TestRenewBeforeTheAlgorithmEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := authority(t, &now)
	tr := tree(t, leaves(1))
	before, err := ers.RenewBefore(record(t, tr, 0, stamp(t, a, tr.Root())))
	if want := time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC); err != nil || !before.Equal(want) {
		t.Errorf("got %v, %v, want %v", before, err, want)
	}
}

func TestRenewIsBounded(t *testing.T) {
	t.Parallel()
	now := evidencetest.At()
	a := authority(t, &now)
	tr := tree(t, leaves(1))
	r := record(t, tr, 0, stamp(t, a, tr.Root()))
	for i := 1; ; i++ {
		digest, err := ers.RenewalDigest(r)
		if err != nil {
			t.Fatal(err)
		}
		tr := tree(t, [][32]byte{digest})
		now = now.Add(time.Minute)
		longer, err := ers.Renewed(r, tr, 0, stamp(t, a, tr.Root()))
		if errors.Is(err, ers.ErrRecord) && i == 64 {
			break
		}
		if err != nil {
			t.Fatal(i, err)
		}
		r = longer
	}
	if said, err := (ers.Checker{}).CheckRecord(r, leaves(1)[0], a.Trust()); err != nil || len(said.Stamps) != 64 {
		t.Errorf("got %d, %v", len(said.Stamps), err)
	}
}

// OpenSSL verifies the token over the root to which the record leads.
func TestOpenSSLVerifiesToken(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed: .ci/tools names the package")
	}
	now := time.Now() // openssl judges certificates by its own clock
	a := authority(t, &now)
	tr := tree(t, leaves(11))
	root, token := walk(t, record(t, tr, 7, stamp(t, a, tr.Root())), leaves(11)[7])
	dir := t.TempDir()
	if err := errors.Join(a.WritePEM(dir), os.WriteFile(filepath.Join(dir, "token"), token, 0o600)); err != nil {
		t.Fatal(err)
	}
	verify := func(root []byte) error {
		return exec.Command("openssl", "ts", "-verify", "-digest", hex.EncodeToString(root), "-in", filepath.Join(dir, "token"),
			"-token_in", "-CAfile", filepath.Join(dir, evidence.TSAAnchors)).Run()
	}
	if err := verify(root); err != nil {
		t.Error(err)
	}
	root[0] ^= 1
	if verify(root) == nil {
		t.Error("openssl accepts another root")
	}
}
