package submission

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// number is the message number in a 250.
func number(t *testing.T, answer string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(answer, "250 2.0.0 registered as ")
	n, digest, two := strings.Cut(rest, " sha256=")
	if !ok || !two || len(n) != 14 || len(digest) != 64 {
		t.Fatalf("answer %q", answer)
	}
	return n
}

// mixed is a mail with a text and documents.
func mixed(text string, documents ...string) string {
	var b strings.Builder
	b.WriteString(header + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\npreamble\r\n")
	b.WriteString("--b1\r\n" + text)
	for _, d := range documents {
		b.WriteString("\r\n--b1\r\n" + d)
	}
	return b.String() + "\r\n--b1--\r\nepilogue\r\n"
}

const textPart = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nBeste An,\r\nco=F6peratief.\r\n"

func attachment(name string, content []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=%q\r\nContent-Transfer-Encoding: base64\r\n\r\n", name)
	for line := base64.StdEncoding.EncodeToString(content); line != ""; {
		n := min(76, len(line))
		b.WriteString(line[:n] + "\r\n")
		line = line[n:]
	}
	return b.String()
}

func TestRegistersTextAndDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	content := bytes.Repeat([]byte("%PDF-1.7 \x00\x01\r\n"), 20000)
	text := mixed(textPart, attachment("brief.pdf", content), attachment("=?utf-8?q?M=C3=A9moire=2Epdf?=", nil))
	answer := r.send(r.client(r.key), text)
	n := number(t, answer)
	sum := sha256.Sum256([]byte(text))
	if !strings.HasSuffix(answer, hex.EncodeToString(sum[:])) {
		t.Errorf("answer %q has not the digest of what was sent", answer)
	}
	list, err := r.server.Deliveries.Messages(t.Context(), r.account, true, "", 10)
	r.must(err)
	if len(list) != 1 || list[0].Number != n || !list[0].Test || list[0].Subject != "Opzegging" || list[0].Policy.Fallback != delivery.FallbackNone {
		t.Fatalf("messages %+v", list)
	}
	parts := list[0].Parts
	want := sha256.Sum256(content)
	body := sha256.Sum256([]byte("Opzegging\n\nBeste An,\ncoöperatief.\n"))
	if len(parts) != 3 || parts[1].Name != "brief.pdf" || parts[1].SHA256 != hex.EncodeToString(want[:]) || parts[1].MediaType != "application/pdf" ||
		parts[2].Name != "Mémoire.pdf" || parts[0].SHA256 != hex.EncodeToString(body[:]) {
		t.Errorf("parts %+v", parts)
	}
	ds, err := r.server.Deliveries.Deliveries(t.Context(), r.account, list[0].ID, 0, 10)
	r.must(err)
	if got := ds[0].Recipient; got.Given != "An" || got.Family != "Janssens" || got.Email != "an@example.be" || got.Language != "nl" {
		t.Errorf("recipient %+v", got)
	}
	if by := list[0].SentBy; by.Identifier.Scheme != "bode:key" {
		t.Errorf("sent by %+v", by)
	}
}

func TestStructures(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	alternative := "Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\ntekst\r\n--a\r\n"
	html := "Content-Type: text/html\r\n\r\n<p>tekst</p>\r\n"
	for i, c := range []struct {
		mail string
		docs int // or, negative, refused
	}{
		{mixed(alternative + html + "--a--\r\n"), 0},
		{mixed(alternative+html+"--a--\r\n", attachment("a.pdf", []byte("1"))), 1},
		{mixed(alternative + "Content-Type: multipart/related; boundary=r\r\n\r\n--r\r\n" + html + "--r\r\nContent-Type: image/png\r\nContent-ID: <1>\r\n\r\nx\r\n--r--\r\n--a--\r\n"), 0},
		{mixed(alternative + "Content-Type: multipart/mixed; boundary=r\r\n\r\n--r\r\n" + html + "--r\r\n" + attachment("in.pdf", []byte("2")) + "--r--\r\n--a--\r\n"), 1},
		{mixed("\r\ntekst\r\n", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n"), 1},
		{mixed("\r\ntekst\r\n", "\r\nvoettekst\r\n"), 0},
		{mixed("\r\ntekst\r\n", "Content-Type: text/plain; name=a.txt\r\n\r\nx\r\n"), 1},
		{mixed("\r\ntekst\r\n", html), -1},
		{header + html, -1},
		{mixed("Content-Type: text/html\r\n\r\nx\r\n"), -1},
	} {
		mail := strings.Replace(c.mail, "<1@", fmt.Sprintf("<s%d@", i), 1)
		answer := r.send(r.client(r.key), mail)
		if c.docs < 0 {
			if !strings.HasPrefix(answer, "554 5.6.0 html_only") {
				t.Errorf("case %d: %s", i, answer)
			}
			continue
		}
		number(t, answer)
		list, err := r.server.Deliveries.Messages(t.Context(), r.account, true, "", 1)
		r.must(err)
		if got := len(list[0].Parts) - 1; got != c.docs {
			t.Errorf("case %d: %d documents, want %d: %+v", i, got, c.docs, list[0].Parts)
		}
	}
}

func TestSameMailSameNumber(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	mail := mixed(textPart, attachment("a.pdf", []byte("x")))
	first := r.send(c, mail)
	number(t, first)
	for _, again := range []string{mail, "Received: from a by b;\r\n\tFri, 20 Nov 2026 10:00:00 +0100\r\n" + mail} {
		if got := r.send(r.client(r.key), again); got != first {
			t.Errorf("again: %q, want %q", got, first)
		}
	}
	if got := r.send(c, strings.Replace(mail, "Beste", "Geachte", 1)); got != "554 5.6.0 message_id_reused" {
		t.Errorf("other content: %q", got)
	}
	if got := r.send(r.client(r.live), mail); number(t, got) == number(t, first) {
		t.Errorf("a live key was answered with a test: %q", got)
	}
	if n := r.count("message"); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// A relay splits a mail with many recipients: each of them must be served.
func TestSplitByRelay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	mail := strings.Replace(plainMail, "X-Bode-Recipient", "Cc: Zoë Vermeiren <zoe@example.be>\r\nX-Bode-Recipient: zoe@example.be; mobile=+32470000002\r\nX-Bode-Recipient", 1)
	one, two := r.send(r.client(r.key), mail), r.send(r.client(r.key), mail, "zoe@example.be")
	if number(t, one) == number(t, two) {
		t.Error("the second recipient was swallowed")
	}
	both := r.send(r.client(r.key), mail, "an@example.be", "ZOE@example.be", "an@EXAMPLE.be")
	again := r.send(r.client(r.key), mail, "zoe@example.be", "an@example.be")
	if number(t, both) != number(t, again) {
		t.Error("the order of recipients made another mail")
	}
	if n := r.count("delivery"); n != 4 {
		t.Errorf("%d deliveries, want 4", n)
	}
}

// The client is gone when the commit is there: it asks again and learns the
// number that exists.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	x := r.dial()
	x.ready()
	x.do("DATA", "354")
	x.say(plainMail + ".\r\n")
	r.must(x.Close())
	r.waitLog("answer=registered")
	n := number(t, r.send(r.client(r.key), plainMail))
	var stored string
	r.must(r.pool.QueryRow(t.Context(), `SELECT number FROM message`).Scan(&stored))
	if n != stored {
		t.Errorf("retry answered %s, stored is %s", n, stored)
	}
}

// Before the commit an error leaves nothing, and the same mail goes through
// later.
func TestFailureBeforeCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	broken := errors.New("store: multipart: unexpected EOF") // not of the mail, whatever it sounds like
	r.failure.Store(&broken)
	for _, mail := range []string{plainMail, mixed(textPart, attachment("a.pdf", []byte("x")))} {
		if got := r.send(c, mail); !strings.HasPrefix(got, "451 4.3.0 internal_error ") {
			t.Errorf("answer %q", got)
		}
	}
	r.failure.Store(nil)
	r.panics.Store(true)
	if got := r.send(c, plainMail); got != "451 4.3.0 internal_error" {
		t.Errorf("answer %q", got)
	}
	r.panics.Store(false)
	if n := r.count("message"); n != 0 {
		t.Errorf("%d messages", n)
	}
	number(t, r.send(c, plainMail))
	if strings.Contains(r.log.String(), "secret content") {
		t.Error("the log has the value of a panic")
	}
}

func TestNothingOfTheMailInTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(r.key)
	number(t, r.send(c, mixed(textPart, attachment("geheim.pdf", []byte("x")))))
	r.send(c, strings.Replace(plainMail, "+32470000001", "0470", 1))
	r.send(c, strings.Replace(plainMail, "an@example.be;", "piet@example.be;", 1))
	r.send(c, header+"Content-Type: text/html\r\n\r\ngeheim")
	for _, secret := range []string{"geheim", "example.be", "Opzegging", "Janssens", "0470", "zilverlinde", r.key, "Beste"} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, r.log)
		}
	}
}

func BenchmarkSubmit(b *testing.B) {
	r := newRig(b)
	c := r.client(r.key)
	random := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		mail := strings.Replace(plainMail, "<1@", fmt.Sprintf("<%d@", random.Uint64()), 1)
		if answer := r.send(c, mail); !strings.HasPrefix(answer, "250 ") {
			b.Fatal(answer)
		}
	}
}
