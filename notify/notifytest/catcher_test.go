package notifytest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/smtp"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify/notifytest"
)

const mail = "From: A <a@example.be>\r\nTo: b@example.be\r\nSubject: =?utf-8?q?=C3=89t=C3=A9?=\r\nX-Bode-Kind: code\r\n\r\nBonjour <script>alert(1)</script>\r\nhttps://bode.example/c/1\r\n"

func start(t *testing.T, cfg notifytest.Config) *notifytest.Catcher {
	t.Helper()
	c, err := notifytest.StartCatcher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestShowsWhatArrived(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.FixedZone("", 3600))
	c := start(t, notifytest.Config{Now: func() time.Time { return at }})
	if _, body := get(t, c.URL()+"/messages.json"); strings.TrimSpace(body) != "[]" {
		t.Errorf("empty list: %s", body)
	}
	if err := smtp.SendMail(c.SMTPAddr(), nil, "a@example.be", []string{"b@example.be", "c@example.be"}, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(c.SMSURL()+"/messages", "application/json", strings.NewReader(`{"to":"+32470123456","from":"Bode","text":"hallo","tag":"t1","kind":"code"}`))
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp, err)
	}
	resp.Body.Close()

	var all []map[string]any
	_, body := get(t, c.URL()+"/messages.json")
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) != 3 {
		t.Fatalf("%v: %s", err, body)
	}
	first, last := all[0], all[2]
	if first["to"] != "b@example.be" || first["subject"] != "Été" || first["channel"] != "email" || first["kind"] != "code" || first["received_at"] != "2026-11-22T09:00:00Z" ||
		!strings.HasPrefix(first["text"].(string), "Bonjour") || first["headers"].(map[string]any)["Subject"] != "Été" {
		t.Errorf("mail %v", first)
	}
	if last["channel"] != "sms" || last["text"] != "hallo" || last["to"] != "+32470123456" || last["html"] != "" {
		t.Errorf("sms %v", last)
	}
	if _, body := get(t, c.URL()+"/messages.json?to=%2B32470123456"); strings.Count(body, `"id"`) != 1 {
		t.Errorf("filter: %s", body)
	}
	page, body := get(t, c.URL()+"/")
	if strings.Contains(body, "<script") || !strings.Contains(body, `href="https://bode.example/c/1"`) || !strings.Contains(page.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("page: %s", body)
	}
	if resp, _ := get(t, c.URL()+"/messages/1/html"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("HTML of a mail without it: %s", resp.Status)
	}
	if _, body := get(t, c.URL()+"/messages/1/raw"); body != mail {
		t.Errorf("raw: %q", body)
	}
}

func TestKeepsSoMany(t *testing.T) {
	t.Parallel()
	c := start(t, notifytest.Config{Keep: 2})
	for range 3 {
		if err := smtp.SendMail(c.SMTPAddr(), nil, "a@example.be", []string{"b@example.be"}, []byte(mail)); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Messages(); len(got) != 2 || got[0].ID != "2" || got[1].ID != "3" {
		t.Errorf("%d messages", len(got))
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	c := start(t, notifytest.Config{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	any := func(notifytest.Message) bool { return true }
	if _, err := c.Wait(ctx, 1, any); err == nil {
		t.Error("waited for nothing and got it")
	}
	go smtp.SendMail(c.SMTPAddr(), nil, "a@example.be", []string{"b@example.be"}, []byte(mail))
	ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if got, err := c.Wait(ctx, 1, any); err != nil || len(got) != 1 {
		t.Errorf("%d messages, %v", len(got), err)
	}
}

func TestRefusesBadOrders(t *testing.T) {
	t.Parallel()
	c := start(t, notifytest.Config{SMSToken: "s"})
	for _, body := range []string{``, `{`, `{"to":"+32470123456","text":"x"}`, `{"to":"","text":"x","tag":"t"}`} {
		req, err := http.NewRequest(http.MethodPost, c.SMSURL()+"/messages", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer s")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %s", body, resp.Status)
		}
	}
	if resp, _ := get(t, c.SMSURL()+"/status?tag=t"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("no token: %s", resp.Status)
	}
	if _, err := notifytest.StartCatcher(notifytest.Config{ImplicitTLS: true}); err == nil {
		t.Error("TLS without a certificate")
	}
	if _, err := notifytest.StartCatcher(notifytest.Config{SMTPAddr: c.SMTPAddr()}); err == nil {
		t.Error("listens where somebody else does")
	}
}

// An SMTP client written by others gets the same answers.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("no python3 to ask: .ci/tools names the package")
	}
	c := start(t, notifytest.Config{})
	host, port, _ := strings.Cut(c.SMTPAddr(), ":")
	script := `
import smtplib, sys
s = smtplib.SMTP(sys.argv[1], int(sys.argv[2]))
s.ehlo()
print(s.has_extn("dsn"), s.has_extn("smtputf8"))
for to in ["bounce@x.test", "later2@x.test", "later2@x.test", "later2@x.test", "full@x.test", "policy@x.test", "an@x.test"]:
    s.mail("me@x.test")
    code, text = s.rcpt(to)
    print(code, text.decode())
    s.rset()
`
	cmd := exec.Command(python, "-c", script, host, port)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "True True\n550 5.1.1 No such user here\n451 4.7.1 Please try again later\n451 4.7.1 Please try again later\n250 2.0.0 "
	if !strings.HasPrefix(string(out), want) || !strings.Contains(string(out), "\n552 5.2.2 ") || !strings.Contains(string(out), "\n550 5.7.1 ") {
		t.Errorf("%s", out)
	}
}
