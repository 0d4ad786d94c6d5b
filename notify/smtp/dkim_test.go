package smtp_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/smtp"
)

// dkimCase is a mail, and the selectors of which a signature has to hold.
type dkimCase struct {
	Name    string            `json:"name"`
	Mail    []byte            `json:"mail"`
	Records map[string]string `json:"records"`
	want    bool
}

// dkimpy verifies each signature of each mail with python3-dkim, an implementation
// that shares nothing with ours, and answers which hold, by selector.
func dkimpy(t *testing.T, cases []dkimCase) []map[string]bool {
	t.Helper()
	program, err := exec.LookPath("dkimverify")
	if err != nil {
		t.Fatal("dkimverify of python3-dkim is needed: run .ci/tools")
	}
	head, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(head), "\n") // the Python that has the module
	const script = `
import sys, json, base64, dkim
answers = []
for case in json.load(sys.stdin):
    mail = base64.b64decode(case["mail"])
    def txt(name, timeout=5):
        return case["records"].get((name.decode() if isinstance(name, bytes) else name).rstrip("."), "").encode()
    found = {}
    for i in range(sum(1 for k, _ in dkim.DKIM(mail).headers if k.lower() == b"dkim-signature")):
        d = dkim.DKIM(mail, minkey=2048)
        try:
            ok = d.verify(idx=i, dnsfunc=txt)
        except dkim.DKIMException:
            ok = False
        found[(d.signature_fields or {}).get(b"s", b"%d" % i).decode()] = ok
    answers.append(found)
print(json.dumps(answers))
`
	asked, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strings.Fields(strings.TrimPrefix(line, "#!"))[0], "-c", script)
	cmd.Stdin = bytes.NewReader(asked)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3-dkim: %v: %s", err, stderr.String())
	}
	var found []map[string]bool
	if err := json.Unmarshal(out, &found); err != nil || len(found) != len(cases) {
		t.Fatalf("%s: %v", out, err)
	}
	return found
}

func signingKeys(t *testing.T) []smtp.DKIMKey {
	t.Helper()
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, small, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []smtp.DKIMKey{{Selector: "r1", Key: big}, {Selector: "e1", Key: small}}
}

// Both signatures hold for somebody else's verifier, and what anybody changes or
// adds on the way breaks both.
func TestDKIM(t *testing.T) {
	t.Parallel()
	keys := signingKeys(t)
	records := map[string]string{}
	for _, k := range keys {
		name, value := k.Record("bode.example")
		records[name] = value
	}
	box := catcher(t, notifytest.Config{})
	tr := transport(t, box.SMTPAddr(), func(c *smtp.Config) { c.DKIM = keys })
	m := message("an@example.be")
	m.Text = "Grüße  \n\n.\n" + strings.Repeat("long line ", 50) + " \n\n\n"
	r, _ := tr.Deliver(within(t, time.Minute), m)
	if r.Outcome != notify.Sent {
		t.Fatalf("%+v", r)
	}
	if x := traceOf(t, r); strings.Join(x.Signatures, " ") != "r1._domainkey.bode.example e1._domainkey.bode.example" {
		t.Errorf("signatures %v", x.Signatures)
	}
	mail := box.Messages()[0].Raw
	var cases []dkimCase
	hold := func(name string, mail []byte, records map[string]string, want bool) {
		cases = append(cases, dkimCase{name, mail, records, want})
	}
	hold("as sent", mail, records, true)
	hold("an unrelated field added", append([]byte("X-Spam-Score: 1\r\n"), mail...), records, true)
	hold("received by a relay", append([]byte("Received: from a by b; Sun, 22 Nov 2026 10:00:00 +0000\r\n"), mail...), records, true)
	for _, field := range []string{"From: Evil <evil@evil.example>", "To: else@example.be", "Subject: Pay here", "Date: Sun, 22 Nov 2026 10:00:00 +0000",
		"Reply-To: evil@evil.example", "Cc: evil@evil.example", "Content-Type: text/html", "MIME-Version: 2.0", "Message-ID: <x@evil.example>"} {
		name, _, _ := strings.Cut(field, ":")
		hold(name+" prepended", append([]byte(field+"\r\n"), mail...), records, false)
	}
	for name, change := range map[string][2]string{
		"subject altered":   {"Subject: ", "Subject: Re: "},
		"kind altered":      {"X-Bode-Kind: announcement", "X-Bode-Kind: code"},
		"sender altered":    {"<bericht@bode.example>", "<bericht@bode.examp1e>"},
		"body altered":      {"long line", "lang line"},
		"address altered":   {"<an@example.be>", "<bo@example.be>"},
		"automatic altered": {"auto-generated", "no"},
	} {
		altered := bytes.Replace(mail, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(altered, mail) {
			t.Fatalf("%s: nothing to change", name)
		}
		hold(name, altered, records, false)
	}
	other := map[string]string{}
	for _, k := range signingKeys(t) {
		name, value := k.Record("bode.example")
		other[name] = value
	}
	hold("another key published", mail, other, false)
	hold("no key published", mail, map[string]string{}, false)
	for i, got := range dkimpy(t, cases) {
		for _, selector := range []string{"r1", "e1"} {
			if ok, there := got[selector]; !there || ok != cases[i].want {
				t.Errorf("%s: %s holds: %v", cases[i].Name, selector, ok)
			}
		}
	}
}

func TestDKIMKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, key any, mode os.FileMode) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keys := signingKeys(t)
	short, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // what is refused
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		got, err := smtp.LoadDKIMKey(k.Selector, file(k.Selector, k.Key, 0o600))
		if err != nil || !got.Key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(k.Key.Public()) {
			t.Errorf("%s: %v", k.Selector, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ selector, path string }{
		"short":              {"r1", file("short", short, 0o600)},
		"readable by others": {"r1", file("open", keys[0].Key, 0o644)},
		"no PEM":             {"r1", filepath.Join(dir, "text")},
		"another domain":     {"r1.evil", file("dot", keys[0].Key, 0o600)},
		"empty selector":     {"", file("empty", keys[0].Key, 0o600)},
		"injection":          {"r1;d=evil.example", file("inject", keys[0].Key, 0o600)},
	} {
		if _, err := smtp.LoadDKIMKey(c.selector, c.path); !errors.Is(err, smtp.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := smtp.LoadDKIMKey("r1", filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}
