package submission

import (
	"context"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outside runs somebody else's program, which has to be there.
func outside(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: .ci/tools names the package", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// What swaks sends, with both mechanisms, in the clear and under TLS.
func TestSwaks(t *testing.T) {
	t.Parallel()
	server, _ := certificate(t)
	for how, flags := range map[string][]string{"PLAIN": nil, "LOGIN": {"-tls"}, "PLAIN over TLS": {"-tlsc"}} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *Config) {
				if flags != nil {
					c.TLS, c.ImplicitTLS = server, flags[0] == "-tlsc"
				}
			})
			file := filepath.Join(t.TempDir(), "brief.pdf")
			r.must(os.WriteFile(file, []byte("%PDF-1.7"), 0o600))
			mechanism, _, _ := strings.Cut(how, " ")
			out := outside(t, "swaks", append(flags, "--server", r.addr, "--auth", mechanism, "--auth-user", "u", "--auth-password", r.key,
				"--from", "post@zilverlinde.example", "--to", "an@example.be", "--header", "Subject: Opzegging", "--body", "wij zeggen op",
				"--h-X-Bode-Recipient", "an@example.be; given=An; family=Janssens; mobile=+32470000001", "--h-X-Bode-Language", "nl",
				"--attach-type", "application/pdf", "--attach", "@"+file)...)
			if !strings.Contains(out, "250 2.0.0 registered as ") {
				t.Error(out)
			}
			if n := r.count("document"); n != 2 {
				t.Errorf("%d documents, want the text and one more", n)
			}
		})
	}
}

const script = `
import smtplib, ssl, sys
from email.message import EmailMessage
m = EmailMessage()
m["From"], m["To"] = "post@zilverlinde.example", "zoe@example.be"
m["Subject"] = "Résiliation du contrat de location à la fin du mois de décembre – dernière relance avant clôture"
m["Message-ID"] = "<py-1@zilverlinde.example>"
m["X-Bode-Recipient"] = 'zoe@example.be; given=Zoé; family="Van den Bergh; épouse Noël"; mobile=+32470000002; language=fr; address="Rue de l\'Église 1; boîte 2"; postcode=1000; city=Liège; country=BE'
m["X-Bode-Reference"] = "dossier 12/345"
m["X-Bode-Language"] = "fr"
m["X-Bode-Collect-Days"] = "20"
m.set_content("Chère Zoé,\n\nnous résilions.\n")
m.add_alternative("<p>Chère Zoé</p>", subtype="html")
m.add_attachment(b"%PDF-1.7\n" * 1000, maintype="application", subtype="pdf", filename="été.pdf")
with smtplib.SMTP(sys.argv[1], int(sys.argv[2])) as s:
    s.starttls(context=ssl.create_default_context(cafile=sys.argv[3]))
    s.login("anything", sys.argv[4])
    s.mail("post@zilverlinde.example"); s.rcpt("zoe@example.be")
    print(s.data(m.as_bytes(policy=m.policy.clone(linesep="\r\n"))))
`

// What a script of a sender does: headers with accents, folded and encoded by
// somebody else's library.
func TestPython(t *testing.T) {
	t.Parallel()
	server, _ := certificate(t)
	r := newRig(t, func(c *Config) { c.TLS = server })
	anchor := filepath.Join(t.TempDir(), "ca.pem")
	r.must(os.WriteFile(anchor, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificates[0].Certificate[0]}), 0o600))
	host, port, _ := strings.Cut(r.addr, ":")
	out := outside(t, "python3", "-c", script, host, port, anchor, r.key)
	if !strings.Contains(out, "(250, b'2.0.0 registered as ") {
		t.Fatal(out)
	}
	list, err := r.server.Deliveries.Messages(t.Context(), r.account, true, "", 1)
	r.must(err)
	if m := list[0]; !strings.HasPrefix(m.Subject, "Résiliation du contrat") || m.Reference != "dossier 12/345" || m.Policy.CollectDays != 20 ||
		len(m.Parts) != 2 || m.Parts[1].Name != "été.pdf" || m.Parts[1].Size != 9000 {
		t.Errorf("message %+v", m)
	}
	ds, err := r.server.Deliveries.Deliveries(t.Context(), r.account, list[0].ID, 0, 1)
	r.must(err)
	if p := ds[0].Recipient; p.Given != "Zoé" || p.Family != "Van den Bergh; épouse Noël" || p.Address == nil || p.Address.Lines[0] != "Rue de l'Église 1; boîte 2" || p.Address.City != "Liège" {
		t.Errorf("recipient %+v", p)
	}
}

// Shutdown ends who waits, and lets who is sending finish.
func TestShutdown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	idle, sending := r.dial(), r.dial()
	sending.ready()
	sending.do("DATA", "354")
	done := make(chan error, 1)
	go func() { done <- r.server.Shutdown(context.Background()) }()
	idle.expect("421")
	sending.say(plainMail + ".\r\n")
	sending.expect("250 2.0.0 registered as")
	if l := sending.line(); !strings.Contains(l, "EOF") {
		t.Errorf("after the answer: %q", l)
	}
	r.must(<-done)
	// And who does not finish is cut off.
	r = newRig(t)
	sending = r.dial()
	sending.ready()
	sending.do("DATA", "354")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.server.Shutdown(ctx); err == nil {
		t.Error("a cut is not told")
	}
	for l := ""; !strings.Contains(l, "("); {
		l = sending.line()
	}
}
