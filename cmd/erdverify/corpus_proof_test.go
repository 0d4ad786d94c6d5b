package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// brokenProofs breaks what stands beside the XML: evidence records and proofs of
// the log.
func brokenProofs(t *testing.T, w, other *world) (list []sample) {
	p, next := w.pieces[batched], w.pieces[batched-1]
	add := func(name string, b evidence.Beside, trust evidence.Trust, want string) {
		list = append(list, sample{name, p.XML, b, trust, want})
	}
	record := func(name string, der []byte) {
		add("record: "+name, evidence.Beside{Record: der, Proof: p.Proof}, w.trust, "record")
	}
	add("record: none", evidence.Beside{Proof: p.Proof}, w.trust, "timestamp")
	record("empty", []byte{})
	record("of another evidence", next.Record)
	record("of the same evidence elsewhere", other.pieces[batched].Record)
	record("cut short", p.Record[:len(p.Record)-1])
	record("one octet more", append(bytes.Clone(p.Record), 0))
	record("doubled", append(bytes.Clone(p.Record), p.Record...))
	record("no DER", []byte("a record"))
	record("longer than any record", append(bytes.Clone(p.Record), make([]byte, 1<<20)...))
	for i := 0; i < len(p.Record); i += len(p.Record)/20 + 1 {
		b := bytes.Clone(p.Record)
		b[i] ^= 0x10
		record(fmt.Sprintf("octet %d", i), b)
	}
	stranger := w.trust
	stranger.TSA = other.trust.TSA
	add("record: by a stranger", p.Beside, stranger, "record")
	policy := w.trust
	policy.Policies = []string{"1.2.3.4"}
	add("record: of another policy", p.Beside, policy, "record")
	list = append(list, sample{"record: of another evidence, beside an own time-stamp", w.pieces[own].XML,
		evidence.Beside{Record: p.Record}, w.trust, "record"})
	for _, s := range lies()[10:14] {
		doc := apply(t, p.XML, swap{s.name, "Opzegging", "Verlenging" + fmt.Sprint(len(s.name))})
		list = append(list, sample{"record: content changed, " + s.name, doc, p.Beside, w.trust, "integrity"},
			sample{"record: content changed, digest corrected, " + s.name, digested(doc), p.Beside, w.trust, "signature"})
	}

	proof := func(name, text string) {
		if text == string(p.Proof) {
			t.Errorf("%s: nothing changed", name)
		}
		add("log: "+name, evidence.Beside{Record: p.Record, Proof: []byte(text)}, w.trust, "log")
	}
	text := string(p.Proof)
	lines := strings.SplitAfter(text, "\n")
	proof("empty", "")
	proof("of another evidence", string(next.Proof))
	proof("of another log", string(other.pieces[batched].Proof))
	proof("of another version", strings.Replace(text, "@v1", "@v2", 1))
	proof("other index", strings.Replace(text, "index 3", "index 2", 1))
	proof("index beyond the log", strings.Replace(text, "index 3", "index 5", 1))
	proof("index with a sign", strings.Replace(text, "index 3", "index +3", 1))
	proof("index with a zero", strings.Replace(text, "index 3", "index 03", 1))
	proof("first hash missing", strings.Replace(text, lines[2], "", 1))
	proof("hash twice", strings.Replace(text, lines[2], lines[2]+lines[2], 1))
	proof("hashes exchanged", strings.Replace(text, lines[2]+lines[3], lines[3]+lines[2], 1))
	proof("smaller log", strings.Replace(text, "\n5\n", "\n4\n", 1))
	proof("larger log", strings.Replace(text, "\n5\n", "\n6\n", 1))
	proof("other origin", strings.ReplaceAll(text, "bode.example/log", "bode.example/gol"))
	proof("line added to the checkpoint", strings.Replace(text, "\n5\n", "\n5\nx\n", 1))
	proof("signature removed", text[:strings.LastIndex(text, "— ")])
	proof("signature of another log", text[:strings.LastIndex(text, "— ")]+lastLine(other.pieces[batched].Proof))
	proof("cut short", text[:len(text)-1])
	proof("text after", text+"x")
	proof("other line ends", strings.ReplaceAll(text, "\n", "\r\n"))
	for i := 30; i < len(text); i += len(text)/16 + 1 {
		b := []byte(text)
		b[i] ^= 1
		proof(fmt.Sprintf("octet %d", i), string(b))
	}
	foreign, watched := w.trust, w.trust
	foreign.Log = other.trust.Log
	add("log: key of another log", p.Beside, foreign, "log")
	foreign.Log = "not a key"
	add("log: no key", p.Beside, foreign, "log")
	watched.Quorum = 1
	add("log: nobody watched", p.Beside, watched, "log")
	watched.Witnesses = []string{other.trust.Log}
	add("log: the witness did not sign", p.Beside, watched, "log")
	return list
}

func lastLine(proof []byte) string {
	s := string(proof)
	return s[strings.LastIndex(s, "— "):]
}
