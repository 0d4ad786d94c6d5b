package pades

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

func TestReadProof(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		proof string
		want  source
	}{
		"proof":        {sampleProof, source{log: "log.bode.example/2026", index: 73894, size: 109482}},
		"with extra":   {strings.Replace(sampleProof, "index", "extra YWJj\nindex", 1), source{log: "log.bode.example/2026", index: 73894, size: 109482}},
		"first of one": {"c2sp.org/tlog-proof@v1\nindex 0\n\nlog\n1\nAAAA\n", source{log: "log", size: 1}},
		"nothing":      {"", source{}},
		"no index":     {"c2sp.org/tlog-proof@v1\n\nlog\n1\n", source{}},
		"negative":     {"c2sp.org/tlog-proof@v1\nindex -1\n\nlog\n1\n", source{}},
		"beyond":       {"c2sp.org/tlog-proof@v1\nindex 1\n\nlog\n1\n", source{}},
		"no number":    {"c2sp.org/tlog-proof@v1\nindex x\n\nlog\n1\n", source{}},
		"no size":      {"c2sp.org/tlog-proof@v1\nindex 1\n\nlog\n", source{}},
		"no name":      {"c2sp.org/tlog-proof@v1\nindex 0\n\n\n1\n", source{}},
		"no note":      {"c2sp.org/tlog-proof@v1\nindex 0\n", source{}},
	} {
		var s source
		if s.readProof([]byte(c.proof)); s != c.want {
			t.Errorf("%s: %+v, want %+v", name, s, c.want)
		}
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"CN=Stamp Unit,O=Stamps,C=BE":            "Stamp Unit, Stamps, BE",
		"CN=Unit,OU=TSA,O=A,L=Gent,C=BE":         "Unit, A, BE",
		"SERIALNUMBER=1,CN=Unit,C=LU":            "Unit, LU",
		`CN=Stamps\, Inc.,C=BE`:                  `CN=Stamps\, Inc.,C=BE`,
		"CN=Unit+OU=x,C=BE":                      "CN=Unit+OU=x,C=BE",
		"2.5.4.97=#0c0a,CN=Unit":                 "2.5.4.97=#0c0a,CN=Unit",
		"L=Gent":                                 "L=Gent",
		"no distinguished name, but two phrases": "no distinguished name, but two phrases",
		"":                                       "",
	} {
		if got := readable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestOctets: what a sender writes must not be read as what the seal says.
func TestOctets(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"<a><X>YWJj</X></a>":                        "abc",
		"<a><ds:X>YWJj</ds:X><ds:X>eHl6</ds:X></a>": "abc",
		`<a><ds:X xmlns:ds="urn:x">YWJj</ds:X></a>`: "abc",
		"<a>X&gt;eHl6<b></b><ds:X>YWJj</ds:X></a>":  "abc",
		`<a t="X>eHl6"></a><ds:X>YWJj</ds:X>`:       "abc",
		`<a t="y" X="1">eHl6</a>`:                   "",
		"</X>eHl6<":                                 "",
		"<a><ds:X>not base64!</ds:X></a>":           "",
		"<X":                                        "",
		"X":                                         "",
		"":                                          "",
		"<a><ds:Xy>eHl6</ds:Xy></a>":                "",
		"<a><yX>eHl6</yX></a>":                      "",
		"<a><ds:X></ds:X></a>":                      "",
		strings.Repeat("<ds:Y>", 1000) + "<ds:X>YWJj</ds:X>":   "abc",
		"<ds:X>YWJj</ds:X>" + strings.Repeat("<ds:X>eHl6", 99): "abc",
	} {
		if got := octets([]byte(doc), "X"); string(got) != want {
			t.Errorf("%.60q: %q, want %q", doc, got, want)
		}
	}
}

// TestPageSaysWhose: whose the time-stamp is and where the log has it stands on
// the page, and not what is not there.
func TestPageSaysWhose(t *testing.T) {
	t.Parallel()
	batch := besideSample()
	own := besideSample()
	own.Record, own.Proof = nil, nil
	for _, lang := range evidence.Languages() {
		w, err := wordsFor(lang)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			in          evidence.Attached
			want, never []string
		}{
			"batch": {batch, []string{w.fill(w.Label["stamp_batch"], "file", RecordName), "Stamp Unit, Stamps, BE", "4711", "log.bode.example/2026",
				w.count(73894), w.count(109482), w.fill(w.Label["log_file"], "file", ProofName)}, []string{w.Label["stamp_own"]}},
			"own":     {own, []string{w.Label["stamp_own"], "4711"}, []string{RecordName, ProofName, w.Label["log"]}},
			"nothing": {evidence.Attached{XML: []byte(sampleXML)}, nil, []string{w.Label["stamp_own"], RecordName, ProofName}},
		} {
			pdf, err := Render(sample(lang), c.in)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(run(t, "pdftotext", "-layout", write(t, t.TempDir(), "e.pdf", pdf), "-")), " ")
			for _, want := range c.want {
				// A sentence may be broken by the column beside it: its words are what counts.
				if words := strings.Fields(want); !strings.Contains(text, strings.Join(words[:min(4, len(words))], " ")) {
					t.Errorf("%s %s: page lacks %q", lang, name, want)
				}
			}
			for _, never := range c.never {
				if strings.Contains(text, never) {
					t.Errorf("%s %s: page says %q", lang, name, never)
				}
			}
		}
	}
}

// TestReadAloud: a screen reader hears words apart and digests whole.
func TestReadAloud(t *testing.T) {
	t.Parallel()
	d := sample("nl")
	pdf, err := Render(d, besideSample())
	if err != nil {
		t.Fatal(err)
	}
	text := run(t, "pdfinfo", "-struct-text", write(t, t.TempDir(), "e.pdf", pdf))
	for _, want := range []string{"Els Peeters itsme-app idp.itsme.example", "(UTC) Stamp Unit, Stamps, BE Serienummer 4711", d.Event.Parts[1].SHA256, d.Hash} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if n := bytes.Count([]byte(text), []byte("H2 (block)")); n != 7 {
		t.Errorf("%d sections", n)
	}
}
