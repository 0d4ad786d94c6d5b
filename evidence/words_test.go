package evidence_test

import (
	"strings"
	"testing"

	"github.com/bode-erds/bode/evidence"
)

// Everything can be said in every language, and no language was copied.
func TestWordsAreComplete(t *testing.T) {
	t.Parallel()
	say := map[string]func(lang string) string{}
	for _, n := range evidence.Names() {
		say["event "+string(n)] = n.Title
	}
	for _, c := range []evidence.Code{evidence.CheckFormat, evidence.CheckIntegrity, evidence.CheckSignature, evidence.CheckCertificate,
		evidence.CheckTimeStamp, evidence.CheckContent, evidence.CheckManifest, evidence.CheckMember, evidence.CheckChain,
		evidence.CheckRevocation, evidence.CheckRecord, evidence.CheckLog} {
		say["yes "+string(c)] = evidence.Check{Code: c, OK: true}.Words
		say["no "+string(c)] = evidence.Check{Code: c}.Words
	}
	for _, c := range []evidence.Code{evidence.CheckTimeStamp, evidence.CheckRevocation, evidence.CheckRecord, evidence.CheckLog} {
		say["unchecked "+string(c)] = evidence.Unchecked{Code: c}.Words
		say["need "+string(c)] = evidence.Unchecked{Code: c}.Need
	}
	for _, c := range []evidence.Claim{evidence.ClaimTest, evidence.ClaimNonQualified, evidence.ClaimQualified} {
		say["claim "+string(c)] = c.Words
	}
	for _, code := range evidence.ReasonCodes() {
		say["reason "+code] = func(lang string) string { return evidence.ReasonWords(code, lang) }
	}
	say["verdict"] = evidence.Report{}.Verdict
	for what, words := range say {
		seen := map[string]string{}
		for _, lang := range evidence.Languages() {
			s := words(lang)
			if len(s) < 10 {
				t.Errorf("%s in %s: got %q", what, lang, s)
			}
			if other, ok := seen[s]; ok {
				t.Errorf("%s: %s and %s say the same", what, other, lang)
			}
			seen[s] = lang
		}
	}
	for _, key := range []string{"file", "event", "event_time", "stamp_time", "authority", "message", "subject", "submitted", "sender",
		"recipient", "issuer", "signer", "claim", "part", "detail", "reason", "method", "acting", "log", "log_index", "log_size", "witness",
		"need", "content_part", "content_none", "content_missing", "yes", "no", "unchecked"} {
		for _, lang := range evidence.Languages() {
			if evidence.Label(key, lang) == "" {
				t.Errorf("label %s in %s is missing", key, lang)
			}
		}
	}
	if got := evidence.ContentHandover.Title("xx"); got != evidence.ContentHandover.Title("en") {
		t.Errorf("unknown language: got %q, want English", got)
	}
}

func TestReasonRegister(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, code := range evidence.ReasonCodes() {
		uri := evidence.ReasonURI(code)
		own := uri == "urn:bode-erds:reason:"+code
		if !own && !strings.HasPrefix(uri, "http://uri.etsi.org/19522/EventReason/") {
			t.Errorf("%s: URI %q is neither ETSI's nor ours", code, uri)
		}
		if seen[uri] != "" {
			t.Errorf("%s and %s share a URI", code, seen[uri])
		}
		seen[uri] = code
	}
	if evidence.ReasonURI("because") != "" || evidence.ReasonWords("because", "nl") != "" || evidence.ReasonWords("quota", "xx") != "" {
		t.Error("an unknown reason has a URI or words")
	}
}

func TestReportIsNotOKByDefault(t *testing.T) {
	t.Parallel()
	var r evidence.Report
	if r.OK() || r.Failures() == "" || !strings.HasPrefix(r.Verdict("en"), "NOT") {
		t.Error("an empty report is in order")
	}
	for _, doc := range []string{"", "hello", "<e/>", "%PDF-1.7", "PK\x03\x04"} {
		if (evidence.Verifier{}).Check([]byte(doc), evidence.Trust{}).OK() {
			t.Errorf("%q: in order", doc)
		}
	}
}
