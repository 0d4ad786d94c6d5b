package evidence_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
)

// revocable is a world whose clock stands an hour after something was sealed.
func revocable(t testing.TB) (a *evidencetest.Authority, uses []evidence.Use) {
	t.Helper()
	a, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return evidencetest.At().Add(time.Hour) }, URL: "http://pki.example"})
	if err != nil {
		t.Fatal(err)
	}
	trust := a.Trust()
	return a, []evidence.Use{{a.SealChain(), trust.Seal, evidencetest.At()}, {a.TSUChain(), trust.TSA, evidencetest.At()}}
}

func TestVerifyRevocation(t *testing.T) {
	t.Parallel()
	a, uses := revocable(t)
	seal, tsu := a.SealChain()[0], a.TSUChain()[0]
	if needed, err := evidence.VerifyRevocation(evidence.Validation{}, uses...); needed != nil || err != nil {
		t.Errorf("without data: got %v, %v", needed, err)
	}
	good := func(what string, a *evidencetest.Authority) {
		t.Helper()
		for kind, v := range map[string]evidence.Validation{"answers": a.Validation(), "lists": a.ValidationByLists()} {
			needed, err := evidence.VerifyRevocation(v, uses...)
			if err != nil || len(needed) != 5 {
				t.Errorf("%s, %s: got %d, %v", what, kind, len(needed), err)
			}
		}
	}
	good("nothing revoked", a)
	a.Revoke(a.Roots()[0], evidencetest.At().Add(-time.Hour), 1) // about nobody here
	good("another revoked", a)
	a.Revoke(seal, evidencetest.At().Add(time.Second), 5)
	a.Revoke(tsu, evidencetest.At().Add(time.Minute), 4)
	good("revoked later", a)

	for _, c := range []struct {
		what   string
		cert   int
		after  time.Duration
		reason int
		word   string
	}{
		{"seal before", 0, -time.Hour, 0, "Evidence Seal"},
		{"seal at that moment", 0, 0, 4, "Evidence Seal"},
		{"seal later, key compromised", 0, time.Minute, 1, "compromised"},
		{"issuing before", 1, -time.Second, 5, "Issuing CA"},
		{"issuing later, key compromised", 1, time.Minute, 2, "compromised"},
		{"unit before", 2, -time.Hour, 4, "Time-Stamp Unit"},
		{"unit later, key compromised", 2, time.Minute, 10, "compromised"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			a, uses := revocable(t)
			cert := []*x509.Certificate{a.SealChain()[0], a.SealChain()[1], a.TSUChain()[0]}[c.cert]
			a.Revoke(cert, evidencetest.At().Add(c.after).Truncate(time.Second), c.reason)
			for kind, v := range map[string]evidence.Validation{"answers": a.Validation(), "lists": a.ValidationByLists()} {
				_, err := evidence.VerifyRevocation(v, uses...)
				if !errors.Is(err, evidence.ErrRevoked) || !strings.Contains(err.Error(), c.word) {
					t.Errorf("%s: got %v", kind, err)
				}
			}
		})
	}
}

func TestRevocationRefuses(t *testing.T) {
	t.Parallel()
	a, uses := revocable(t)
	other, otherUses := revocable(t)
	v, lists, foreign := a.Validation(), a.ValidationByLists(), other.Validation()
	with := func(change func(v *evidence.Validation)) evidence.Validation {
		v := evidence.Validation{Certificates: slices.Clone(v.Certificates), CRLs: slices.Clone(v.CRLs), OCSPs: slices.Clone(v.OCSPs)}
		change(&v)
		return v
	}
	at := func(when time.Time) []evidence.Use {
		u := slices.Clone(uses)
		u[0].At = when
		return u
	}
	for what, c := range map[string]struct {
		v    evidence.Validation
		uses []evidence.Use
		word string
	}{
		"no list":              {with(func(v *evidence.Validation) { v.CRLs = nil }), uses, "says nothing"},
		"one answer missing":   {with(func(v *evidence.Validation) { v.OCSPs = v.OCSPs[:1] }), uses, "says nothing"},
		"an answer twice":      {with(func(v *evidence.Validation) { v.OCSPs = append(v.OCSPs, v.OCSPs[0]) }), uses, "not needed"},
		"a list twice":         {with(func(v *evidence.Validation) { v.CRLs = append(v.CRLs, v.CRLs[0]) }), uses, "not needed"},
		"a certificate twice":  {with(func(v *evidence.Validation) { v.Certificates = append(v.Certificates, v.Certificates[0]) }), uses, "twice"},
		"both kinds":           {with(func(v *evidence.Validation) { v.CRLs = lists.CRLs }), uses, "not needed"},
		"a stranger's list":    {with(func(v *evidence.Validation) { v.CRLs = append(v.CRLs, foreign.CRLs[0]) }), uses, "by nobody"},
		"a stranger's answer":  {with(func(v *evidence.Validation) { v.OCSPs = append(v.OCSPs, foreign.OCSPs[0]) }), uses, "no certificate here"},
		"a stranger's root":    {with(func(v *evidence.Validation) { v.Certificates = append(v.Certificates, other.Roots()[0].Raw) }), uses, "not needed"},
		"all of a stranger":    {foreign, uses, "no certificate here"},
		"used by a stranger":   {v, otherUses, ""},
		"nothing used":         {v, nil, "no certificate here"},
		"one use only":         {v, uses[:1], ""},
		"nobody trusted":       {v, []evidence.Use{{Certificates: a.SealChain(), At: evidencetest.At()}}, "nobody is trusted"},
		"no certificate":       {v, []evidence.Use{{Roots: a.Trust().Seal}}, "nobody is trusted"},
		"wrong roots":          {v, []evidence.Use{{a.SealChain(), a.Trust().TSA, evidencetest.At()}, uses[1]}, "unknown authority"},
		"used too late":        {v, at(evidencetest.At().Add(48 * time.Hour)), "out of date"},
		"lists, used too late": {lists, at(evidencetest.At().Add(48 * time.Hour)), "out of date"},
		"used before issued":   {v, at(evidencetest.At().AddDate(-1, 0, 0)), "expired or is not yet valid"},
		"garbage answer":       {with(func(v *evidence.Validation) { v.OCSPs[0] = []byte("answer") }), uses, "OCSP response 1"},
		"garbage list":         {with(func(v *evidence.Validation) { v.CRLs[0] = []byte("list") }), uses, "CRL 1"},
		"garbage certificate":  {with(func(v *evidence.Validation) { v.Certificates[0] = []byte("cert") }), uses, ""},
		"a list as answer":     {with(func(v *evidence.Validation) { v.OCSPs[0] = v.CRLs[0] }), uses, "OCSP response 1"},
		"huge list":            {with(func(v *evidence.Validation) { v.CRLs = append(v.CRLs, make([]byte, 17<<20)) }), uses, "too long"},
		"huge altogether": {with(func(v *evidence.Validation) {
			v.CRLs = append(v.CRLs, make([]byte, 16<<20), make([]byte, 16<<20))
		}), uses, "too long"},
		"huge answer":  {with(func(v *evidence.Validation) { v.OCSPs = append(v.OCSPs, make([]byte, 65<<10)) }), uses, "too long"},
		"many answers": {with(func(v *evidence.Validation) { v.OCSPs = slices.Repeat(v.OCSPs, 50) }), uses, "too many"},
	} {
		if _, err := evidence.VerifyRevocation(c.v, c.uses...); !errors.Is(err, evidence.ErrRevoked) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: got %v, want %q", what, err, c.word)
		}
	}
}

func TestRevocationLapses(t *testing.T) {
	t.Parallel()
	for lapse, lists := range map[evidencetest.Lapse]bool{
		evidencetest.CRLExpired: true, evidencetest.CRLWrongIssuer: true,
		evidencetest.OCSPExpired: false, evidencetest.OCSPUnknown: false, evidencetest.OCSPWrongKey: false,
	} {
		a, uses := revocable(t)
		for i := range uses {
			uses[i].At = evidencetest.At().Add(time.Hour)
		}
		a.SetLapses(lapse)
		v := a.Validation()
		if lists {
			v = a.ValidationByLists()
		}
		if _, err := evidence.VerifyRevocation(v, uses...); !errors.Is(err, evidence.ErrRevoked) {
			t.Errorf("%s: got %v", lapse, err)
		}
	}
}

// No octet of the data can be changed, signed or not.
func TestEveryBitOfAValidationCounts(t *testing.T) {
	t.Parallel()
	a, uses := revocable(t)
	a.Revoke(a.SealChain()[0], evidencetest.At().Add(time.Minute), 4)
	for kind, v := range map[string]evidence.Validation{"answers": a.Validation(), "lists": a.ValidationByLists()} {
		all := [][][]byte{v.CRLs, v.OCSPs}
		if kind == "answers" { // the certificates are the same
			all = append(all, v.Certificates)
		}
		for _, pieces := range all {
			for p, good := range pieces {
				for i := range good {
					bad := bytes.Clone(good)
					bad[i] ^= 1 << (i % 8)
					pieces[p] = bad
					if needed, err := evidence.VerifyRevocation(v, uses...); err == nil && len(needed) == len(v.Certificates) {
						t.Fatalf("%s: octet %d of %d accepted in %x", kind, i, len(good), bad[max(0, i-8):min(len(bad), i+8)])
					}
				}
				pieces[p] = good
			}
		}
	}
}

func TestAddValidation(t *testing.T) {
	t.Parallel()
	a, uses := revocable(t)
	v := a.Validation()
	for what, c := range map[string]struct {
		v    evidence.Validation
		ok   bool
		left int
	}{
		"complete":         {v, true, 0},
		"nothing":          {evidence.Validation{}, false, 1},
		"no certificates":  {evidence.Validation{CRLs: v.CRLs, OCSPs: v.OCSPs}, false, 0},
		"one missing":      {evidence.Validation{Certificates: v.Certificates[1:], CRLs: v.CRLs, OCSPs: v.OCSPs}, false, 0},
		"only these":       {evidence.Validation{Certificates: v.Certificates}, false, 0},
		"no word about it": {evidence.Validation{Certificates: v.Certificates, OCSPs: v.OCSPs}, false, 0},
	} {
		var r evidence.Report
		r.AddValidation(c.v, uses...)
		if r.OK() != c.ok || len(r.Unchecked) != c.left {
			t.Errorf("%s: got %+v", what, r)
		}
	}
}

// The library that others use understands the answers of the test authority.
func TestAnswersAreOCSP(t *testing.T) {
	t.Parallel()
	a, _ := revocable(t)
	a.Revoke(a.SealChain()[0], evidencetest.At(), ocsp.Superseded)
	var got []int
	for _, der := range a.Validation().OCSPs {
		r, err := ocsp.ParseResponse(der, nil)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Status)
	}
	if slices.Sort(got); !slices.Equal(got, []int{ocsp.Good, ocsp.Revoked}) {
		t.Errorf("got %v", got)
	}
}

const pkiConf = `[req]
distinguished_name=dn
prompt=no
[dn]
CN=x
[leaf]
keyUsage=digitalSignature
[responder]
keyUsage=digitalSignature
extendedKeyUsage=OCSPSigning
noCheck=ignored
[revocable]
keyUsage=digitalSignature
extendedKeyUsage=OCSPSigning
[ca]
default_ca=c
[c]
dir=.
database=index
serial=serial
crlnumber=crlnumber
new_certs_dir=.
certificate=ca.pem
private_key=ca.key
default_md=sha256
default_days=9
default_crl_days=1
policy=p
[p]
commonName=supplied
`

// What OpenSSL's authority and its responder say, with RSA keys.
func TestForeignRevocation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, s := range map[string]string{"c.cnf": pkiConf, "index": "", "serial": "1001", "crlnumber": "01"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(line string, args ...any) {
		t.Helper()
		openssl(t, dir, strings.Fields(fmt.Sprintf(line, args...))...)
	}
	run("req -x509 -newkey rsa:3072 -nodes -keyout ca.key -out ca.pem -subj /CN=Root -days 9")
	issue := func(name, kind string) {
		t.Helper()
		run("req -new -newkey rsa:3072 -nodes -keyout %s.key -out %s.csr -subj /CN=%s", name, name, name)
		run("ca -batch -config c.cnf -in %s.csr -out %s.pem -extensions %s -notext", name, name, kind)
	}
	issue("seal", "leaf")
	issue("responder", "responder")
	issue("revocable", "revocable")
	read := func(file string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	der := func(file, as string) []byte {
		t.Helper()
		run("%s -in %s -outform DER -out der", as, file)
		return read("der")
	}
	parse := func(b []byte) *x509.Certificate {
		t.Helper()
		c, err := x509.ParseCertificate(b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	answer := func(signer string, args string) []byte {
		t.Helper()
		run("ocsp -index index -CA ca.pem -rsigner %s.pem -rkey %s.key -reqin req -respout resp -ndays 1 %s", signer, signer, args)
		return read("resp")
	}
	list := func() []byte {
		t.Helper()
		run("ca -gencrl -config c.cnf -out crl.pem")
		return der("crl.pem", "crl")
	}
	root, seal := parse(der("ca.pem", "x509")), parse(der("seal.pem", "x509"))
	pool := x509.NewCertPool()
	pool.AddCert(root)
	use := evidence.Use{Certificates: []*x509.Certificate{seal}, Roots: pool, At: seal.NotBefore}
	lists := func(b []byte) evidence.Validation { return evidence.Validation{CRLs: [][]byte{b}} }
	answers := func(b []byte) evidence.Validation { return evidence.Validation{OCSPs: [][]byte{b}} }
	check := func(what string, u evidence.Use, v evidence.Validation, ok bool) {
		t.Helper()
		if _, err := evidence.VerifyRevocation(v, u); (err == nil) != ok {
			t.Errorf("%s: got %v", what, err)
		}
	}
	run("ocsp -issuer ca.pem -cert seal.pem -no_nonce -reqout req")
	check("list", use, lists(list()), true)
	check("answer by the authority", use, answers(answer("ca", "")), true)
	check("answer by the authority's key", use, answers(answer("ca", "-resp_key_id")), true)
	check("answer by a responder", use, answers(answer("responder", "")), true)
	check("answer by a responder's key", use, answers(answer("responder", "-resp_key_id")), true)
	check("answer by a responder that may be revoked", use, answers(answer("revocable", "")), false)
	check("answer by somebody", use, answers(answer("seal", "")), false)
	check("answer with SHA-1", use, answers(answer("ca", "-rmd sha1")), false)
	check("responder left out", use, answers(answer("responder", "-resp_no_certs")), false)
	alone := answers(answer("responder", "-resp_no_certs"))
	alone.Certificates = [][]byte{der("responder.pem", "x509")}
	check("responder beside it", use, alone, true)
	alone.Certificates = [][]byte{der("revocable.pem", "x509")}
	check("another beside it", use, alone, false)

	run("ca -config c.cnf -revoke seal.pem -crl_reason superseded")
	late := use
	late.At = time.Now().Add(time.Second)
	check("revoked later", use, lists(list()), true)
	check("revoked later, answer", use, answers(answer("ca", "")), true)
	check("revoked before", late, lists(list()), false)
	check("revoked before, answer", late, answers(answer("ca", "")), false)
}

func FuzzVerifyRevocation(f *testing.F) {
	a, uses := revocable(f)
	v := a.Validation()
	f.Add(v.CRLs[0], v.OCSPs[0])
	f.Add(a.ValidationByLists().CRLs[1], v.OCSPs[1])
	f.Fuzz(func(t *testing.T, list, answer []byte) {
		_, err := evidence.VerifyRevocation(evidence.Validation{Certificates: v.Certificates, CRLs: [][]byte{list}, OCSPs: [][]byte{answer}}, uses...)
		if err == nil {
			t.Fatal("two pieces cannot speak of three certificates")
		}
	})
}
