package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/pades"
	"github.com/bode-erds/bode/evidence/xades"
)

// brokenRevocation extends evidence with what issuers say of revocation: that a
// certificate was revoked by then, or something that they did not say.
func brokenRevocation(t *testing.T, w, other *world) (list []sample) {
	extended := func(name string, w *world, v evidence.Validation, want string) {
		xml, err := xades.Extend(w.pieces[own].XML, v)
		check(t, err)
		pdf, err := pades.Extend(w.pieces[own].PDF, v)
		check(t, err)
		for kind, doc := range map[string][]byte{"XML": xml, "PDF": pdf} {
			if want != "" {
				list = append(list, sample{"revocation: " + name + ", " + kind, doc, evidence.Beside{}, w.trust, want})
			} else if r := verifier().Check(doc, w.trust); !r.OK() {
				t.Errorf("%s, %s: %s", name, kind, r.Failures())
			}
		}
	}
	extended("good", w, w.Validation(), "")
	extended("good lists", w, w.ValidationByLists(), "")
	for name, of := range map[string]func(*world) *x509.Certificate{
		"seal":      func(w *world) *x509.Certificate { return w.SealChain()[0] },
		"authority": func(w *world) *x509.Certificate { return w.SealChain()[1] },
		"unit":      func(w *world) *x509.Certificate { return w.TSUChain()[0] },
	} {
		revoked, later := newWorld(t), newWorld(t)
		revoked.Revoke(of(revoked), revoked.at.Add(-time.Hour), 1)
		extended(name+" revoked, says an answer", revoked, revoked.Validation(), "revocation")
		extended(name+" revoked, says a list", revoked, revoked.ValidationByLists(), "revocation")
		later.Revoke(of(later), later.at.Add(time.Second), 4)
		extended(name+" superseded later", later, later.Validation(), "")
	}
	extended("said by a stranger", w, other.Validation(), "revocation")
	extended("listed by a stranger", w, other.ValidationByLists(), "revocation")
	v := w.Validation()
	extended("no answers", w, evidence.Validation{Certificates: v.Certificates, CRLs: v.CRLs}, "revocation")
	extended("no lists", w, evidence.Validation{Certificates: v.Certificates, OCSPs: v.OCSPs}, "revocation")
	long, err := xades.Extend(w.pieces[own].XML, v)
	check(t, err)
	from := bytes.Index(long, []byte("<xades:CertificateValues>"))
	for i := from; i < len(long)-100; i += (len(long)-from)/30 + 1 {
		b := bytes.Clone(long)
		if b[i] ^= 1; !bytes.ContainsAny(b[i:i+1], "<>&\x00") {
			list = append(list, sample{fmt.Sprintf("revocation: octet %d", i-from), b, evidence.Beside{}, w.trust, "format revocation"})
		}
	}
	return list
}
