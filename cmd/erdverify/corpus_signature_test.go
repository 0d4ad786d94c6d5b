package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/xades"
)

// b64 is base64 as it stands in XML.
func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// brokenSignatures changes what signs, not what is said.
func brokenSignatures(t *testing.T, w, other *world) (list []sample) {
	xml := w.pieces[own].XML
	add := func(name string, doc []byte, want string) {
		list = append(list, sample{"signature: " + name, doc, evidence.Beside{}, w.trust, want})
	}
	_, value, _ := between(xml[bytes.Index(xml, []byte("<ds:SignatureValue ")):], ">", "<")
	raw, err := base64.StdEncoding.DecodeString(string(value))
	check(t, err)
	flip := func(i int) []byte { b := bytes.Clone(raw); b[i] ^= 1; return b }
	for _, i := range []int{0, 31, 32, 63} {
		add(fmt.Sprintf("octet %d", i), withValue(xml, flip(i)), "signature")
	}
	add("zero", withValue(xml, make([]byte, 64)), "signature")
	add("r is zero", withValue(xml, append(make([]byte, 32), raw[32:]...)), "signature")
	add("s is zero", withValue(xml, append(bytes.Clone(raw[:32]), make([]byte, 32)...)), "signature")
	add("r and s exchanged", withValue(xml, append(bytes.Clone(raw[32:]), raw[:32]...)), "signature")
	add("short", withValue(xml, raw[:63]), "signature")
	add("long", withValue(xml, append(bytes.Clone(raw), 0)), "signature")
	add("empty", withValue(xml, nil), "signature")
	add("of another evidence", withValue(xml, valueOf(w.pieces[0].XML)), "signature")
	add("method of RSA", apply(t, xml, swap{"rsa", "xmldsig-more#ecdsa-sha256", "xmldsig-more#rsa-sha256"}), "signature")
	add("method with SHA-1", apply(t, xml, swap{"sha1", "xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha1"}), "signature")
	add("method with a longer digest", apply(t, xml, swap{"sha384", "xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha384"}), "signature")
	add("signing time", apply(t, xml, swap{"time", "<xades:SigningTime>2026", "<xades:SigningTime>2025"}), "integrity")
	add("format of the data", apply(t, xml, swap{"mime", "text/xml", "text/htm"}), "format")

	certs, strange := w.SealKey().Certificates(), other.SealKey().Certificates()
	leaf, between := b64(certs[0].Raw), b64(certs[1].Raw)
	cert := func(s string) string { return "<ds:X509Certificate>" + s + "</ds:X509Certificate>" }
	both := cert(leaf) + cert(between)
	for _, s := range []struct{ name, certs, want string }{
		{"certificate of a stranger", cert(b64(strange[0].Raw)) + cert(between), "format integrity"},
		{"certificates exchanged", cert(between) + cert(leaf), "format integrity"},
		{"no certificate", "", "format"},
		{"authority missing", cert(leaf), "certificate"},
		{"certificate of a stranger beside", both + cert(b64(strange[1].Raw)), "certificate"},
		{"certificate cut short", cert(leaf[:len(leaf)/8*4]) + cert(between), "format"},
	} {
		add(s.name, apply(t, xml, swap{s.name, both, s.certs}), s.want)
	}
	add("of a stranger, in whole", bytes.Replace(xml, []byte(signatureOf(xml)), []byte(signatureOf(other.pieces[own].XML)), 1), "timestamp")
	add("of the event before", bytes.Replace(xml, []byte(signatureOf(xml)), []byte(signatureOf(w.pieces[0].XML)), 1), "format integrity")

	// A stranger who seals the same facts properly, with the authority that we trust.
	imitation, err := xades.New(xades.Config{Key: evidence.FixedKey(other.SealKey()), Stamper: w.Stamper()})
	check(t, err)
	add("by a stranger, stamped by the right authority", seal(t, imitation, evidencetest.Document(evidence.ContentHandover), w.at), "certificate")
	return list
}

func valueOf(doc []byte) []byte {
	_, value, _ := between(doc[bytes.Index(doc, []byte("<ds:SignatureValue ")):], ">", "<")
	raw, _ := base64.StdEncoding.DecodeString(string(value))
	return raw
}

// seal signs and stamps the evidence of d.
func seal(t *testing.T, s *xades.Sealer, d evidence.Document, at time.Time) []byte {
	t.Helper()
	p, err := evidence.Prepare(d)
	check(t, err)
	signed, err := s.SignXML(p, at)
	check(t, err)
	doc, err := s.StampXML(t.Context(), signed)
	check(t, err)
	return doc
}

// brokenTimes has times that cannot be.
func brokenTimes(t *testing.T, w, _ *world) (list []sample) {
	add := func(name string, d evidence.Document, at time.Time, want string) {
		list = append(list, sample{"time: " + name, seal(t, w.xades, d, at), evidence.Beside{}, w.trust, want})
	}
	d := evidencetest.Document(evidence.NotificationForAcceptance)
	add("stamped an hour before it was signed", d, w.at.Add(time.Hour), "timestamp")
	add("stamped a year before it was signed", d, w.at.AddDate(1, 0, 0), "timestamp")
	d.Event.At = w.at.Add(3 * time.Minute)
	add("event three minutes after the time-stamp", d, w.at, "content")
	d.Event.At = w.at.AddDate(0, 1, 0)
	add("event a month after the time-stamp", d, w.at, "content")
	return list
}
