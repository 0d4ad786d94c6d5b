package notifytest_test

import (
	"net/http"
	"net/smtp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bode-erds/bode/notify/notifytest"
)

func TestPieces(t *testing.T) {
	t.Parallel()
	text := func(s string) notifytest.Piece { return notifytest.Piece{Text: s} }
	link := func(s string) notifytest.Piece { return notifytest.Piece{Text: s, Link: true} }
	for in, want := range map[string][]notifytest.Piece{
		"":                                {text("")},
		"hallo":                           {text("hallo")},
		"open https://a.example/c/1 now":  {text("open "), link("https://a.example/c/1"), text(" now")},
		"http://a.example":                {text(""), link("http://a.example"), text("")},
		"<script>https://a.example/</b>":  {text("<script>"), link("https://a.example/"), text("</b>")},
		"javascript:alert(1) ftp://a.b/c": {text("javascript:alert(1) ftp://a.b/c")},
	} {
		if diff := cmp.Diff(want, notifytest.Pieces(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

const htmlMail = "From: A <a@example.be>\r\nTo: b@example.be\r\nSubject: x\r\nX-Bode-Kind: announcement\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: text/html; charset=utf-8\r\n\r\n<!DOCTYPE html><html><head><title>x</title></head><body><script>alert(1)</script><a href=\"https://bode.example/\">x</a></body></html>\r\n"

// The page shows mails in frames that run nothing and text messages as text.
func TestPageShowsMailsInFrames(t *testing.T) {
	t.Parallel()
	c := start(t, notifytest.Config{})
	if err := smtp.SendMail(c.SMTPAddr(), nil, "a@example.be", []string{"b@example.be"}, []byte(htmlMail)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(c.SMSURL()+"/messages", "application/json", strings.NewReader(`{"to":"+32470123456","from":"Bode","text":"<b>open</b> https://bode.example/c/1","tag":"t1","kind":"code"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	resp, body := get(t, c.URL())
	for _, want := range []string{`sandbox="allow-popups allow-popups-to-escape-sandbox"`, `src="/messages/1/html"`,
		`&lt;b&gt;open&lt;/b&gt; <a href="https://bode.example/c/1">`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s:\n%s", want, body)
		}
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-src 'self'") || strings.Contains(csp, "script-src") {
		t.Errorf("policy of the page: %s", csp)
	}
	resp, body = get(t, c.URL()+"/messages/1/html")
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox") || strings.Contains(csp, "allow-scripts") || !strings.Contains(csp, "frame-ancestors 'self'") {
		t.Errorf("policy of the mail: %s", csp)
	}
	if !strings.Contains(body, `<head><base target="_blank">`) {
		t.Error("a link of the mail would open inside the frame")
	}
}
