package bounce_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/bounce"
)

func TestReportIsTaken(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d)
	to, notice := returnPath(t)
	if err := send(t, addr, strings.ToUpper(to), status(failedGroup)); err != nil {
		t.Fatal(err)
	}
	got := d.reports()
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	r := got[0]
	if r.Notice != notice || r.Attempt != 1 || r.Source != "dsn" || r.Fact != notify.Failed || r.Cause != notify.CauseAddress || r.Status != "5.1.1" ||
		r.Reply != "smtp; 550 5.1.1 <an@example.be>: no such user" || r.Remote != "mail.example.be" || len(r.Digest) != 64 ||
		!r.OccurredAt.Equal(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)) || len(r.Recipients) == 0 || !bytes.Contains(r.Raw, []byte("Sorry.")) {
		t.Errorf("%+v", r)
	}
}

// Only return paths that we made are written to.
func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d)
	right, notice := returnPath(t)
	other, err := notify.ReturnPath(domain, bytes.Repeat([]byte{8}, 32), notice, 1)
	if err != nil {
		t.Fatal(err)
	}
	local, _, _ := strings.Cut(right, "@")
	swapped, _ := returnPath(t)
	cases := map[string]string{
		"postmaster":          "postmaster@" + domain,
		"another key":         other,
		"another domain":      local + "@bode.example",
		"a later attempt":     strings.Replace(right, ".1-", ".2-", 1),
		"another notice":      swapped[:20] + right[20:],
		"a cut mac":           right[:strings.IndexByte(right, '@')-1] + "@" + domain,
		"no mac":              right[:strings.IndexByte(right, '-')] + "@" + domain,
		"nothing":             "@" + domain,
		"complaints, not us":  "complaints@example.be",
		"an encoded pipe":     "|/bin/sh@" + domain,
		"a path":              "b+../../etc@" + domain,
		"an empty attempt":    strings.Replace(right, ".1-", ".-", 1),
		"an enormous attempt": strings.Replace(right, ".1-", ".99999999999999999999-", 1),
	}
	for name, to := range cases {
		t.Run(name, func(t *testing.T) {
			if err := send(t, addr, to, status(failedGroup)); code(err) != 550 && code(err) != 501 {
				t.Errorf("%q: %v", to, err)
			}
		})
	}
	if len(d.reports()) != 0 {
		t.Errorf("%+v", d.reports())
	}
}

// Who tries addresses is hung up on, and one mail has one recipient.
func TestProbing(t *testing.T) {
	t.Parallel()
	addr := serve(t, &desk{})
	c, err := gosmtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("", nil); err != nil {
		t.Fatal(err)
	}
	var refused int
	for i := range 20 {
		if err = c.Rcpt(fmt.Sprintf("b%d@%s", i, domain), nil); code(err) != 550 {
			break
		}
		refused++
	}
	if refused != 9 || code(err) != 421 {
		t.Errorf("%d refused, then %v", refused, err)
	}
	if err := c.Noop(); err == nil {
		t.Error("still there")
	}
	one, _ := returnPath(t)
	two, _ := returnPath(t)
	c, err = gosmtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Mail("", nil), c.Rcpt(one, nil)); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt(two, nil); code(err) != 452 {
		t.Errorf("a second recipient: %v", err)
	}
}

// The answer says whether it is stored, and whether to come again.
func TestAnswers(t *testing.T) {
	t.Parallel()
	down := errors.New("database is gone")
	cases := map[string]struct {
		answers []error
		code    int
		kept    int
	}{
		"stored":                    {nil, 250, 1},
		"database is gone":          {[]error{down}, 451, 0},
		"notice is gone":            {[]error{notify.ErrUnknownNotice}, 250, 0},
		"makes no sense":            {[]error{notify.ErrInvalid}, 250, 0},
		"about somebody else":       {[]error{notify.ErrOtherRecipient}, 250, 0},
		"before its attempt":        {[]error{notify.ErrEarly, notify.ErrEarly, nil}, 250, 1},
		"long before its attempt":   {[]error{notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly, notify.ErrEarly}, 451, 0},
		"early, then database gone": {[]error{notify.ErrEarly, down}, 451, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{answers: c.answers}
			addr := serve(t, d, func(cfg *bounce.Config) { cfg.Patience = 500 * time.Millisecond })
			to, _ := returnPath(t)
			if err := send(t, addr, to, status(failedGroup)); code(err) != c.code {
				t.Errorf("answered %v", err)
			}
			if n := len(d.reports()); n != c.kept {
				t.Errorf("%d kept", n)
			}
		})
	}
}

// panicking falls over.
type panicking struct{}

func (panicking) Report(context.Context, notify.Report) error { panic("secret") }

func TestPanic(t *testing.T) {
	t.Parallel()
	to, _ := returnPath(t)
	err := send(t, serve(t, panicking{}), to, status(failedGroup))
	if code(err) != 451 || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// The same mail brought again is the same report, whatever was put above it on
// the way; another one is another.
func TestSameMail(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d)
	to, _ := returnPath(t)
	other, _ := returnPath(t)
	for _, m := range []struct{ to, text string }{{to, status(failedGroup)}, {to, "Received: by relay\n" + status(failedGroup)}, {other, status(failedGroup)},
		{to, status(failedGroup + "X: y\n")}} {
		if err := send(t, addr, m.to, m.text); err != nil {
			t.Fatal(err)
		}
	}
	got := d.reports()
	if got[0].ID != got[1].ID || got[0].ID == got[2].ID || got[0].ID == got[3].ID {
		t.Errorf("ids %s, %s, %s, %s", got[0].ID, got[1].ID, got[2].ID, got[3].ID)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d)
	to, _ := returnPath(t)
	big := status(failedGroup) + strings.Repeat("0123456789\n", 4<<20/11)
	if err := send(t, addr, to, big); code(err) != 552 {
		t.Errorf("%v", err)
	}
	if err := send(t, addr, to, big[:3<<20]); err != nil {
		t.Errorf("3 MiB: %v", err)
	}
	if len(d.reports()) != 1 {
		t.Errorf("%d kept", len(d.reports()))
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d, func(c *bounce.Config) { c.PerMinute = 3 })
	to, _ := returnPath(t)
	var taken int
	for range 5 {
		if code(send(t, addr, to, status(failedGroup))) == 250 {
			taken++
		}
	}
	if taken != 3 || len(d.reports()) != 3 {
		t.Errorf("%d taken", taken)
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	addr := serve(t, &desk{}, func(c *bounce.Config) { c.MaxConnections = 4 })
	var open []net.Conn
	for range 4 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if line, err := textproto.NewConn(c).ReadLine(); err != nil || !strings.HasPrefix(line, "220") {
			t.Fatalf("%q %v", line, err)
		}
		open = append(open, c)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text, _ := io.ReadAll(c); !strings.HasPrefix(string(text), "421 ") {
		t.Errorf("%q", text)
	}
	open[0].Close()
	deadline := time.Now().Add(10 * time.Second)
	for code(send(t, addr, "x@"+domain, "x\n")) != 550 { // there is room again
		if time.Now().After(deadline) {
			t.Fatal("the room of a closed connection is not free")
		}
	}
}

// Who says nothing, or one octet at a time, does not stay for ever.
func TestSilence(t *testing.T) {
	t.Parallel()
	addr := serve(t, &desk{}, func(c *bounce.Config) { c.IdleTimeout = 100 * time.Millisecond })
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("not hung up on: %v", err)
	}
}

// A report whose connection breaks is not taken in half.
func TestBroken(t *testing.T) {
	t.Parallel()
	for _, chunked := range []bool{false, true} {
		d := &desk{}
		addr := serve(t, d)
		to, _ := returnPath(t)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		text := textproto.NewConn(c)
		for _, line := range []string{"", "EHLO x", "MAIL FROM:<>", "RCPT TO:<" + to + ">"} {
			if line != "" {
				text.PrintfLine("%s", line)
			}
			if _, _, err := text.ReadResponse(0); err != nil && !strings.Contains(err.Error(), "2") {
				t.Fatal(err)
			}
		}
		mail := strings.ReplaceAll(status(failedGroup), "\n", "\r\n")
		if chunked {
			text.PrintfLine("BDAT %d LAST", len(mail)+1000)
		} else {
			text.PrintfLine("DATA")
			text.ReadResponse(354)
		}
		io.WriteString(c, mail)
		c.(*net.TCPConn).CloseWrite()
		io.ReadAll(c)
		c.Close()
		if len(d.reports()) != 0 {
			t.Errorf("chunked %v: %+v", chunked, d.reports())
		}
	}
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	d := &desk{}
	own, roots := certificate(t)
	addr := serve(t, d, func(c *bounce.Config) { c.TLS = &tls.Config{Certificates: []tls.Certificate{own}} })
	to, _ := returnPath(t)
	c, err := gosmtp.DialStartTLS(addr, &tls.Config{RootCAs: roots, ServerName: domain})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendMail("", []string{to}, strings.NewReader(status(failedGroup))); err != nil {
		t.Fatal(err)
	}
	if len(d.reports()) != 1 {
		t.Errorf("%d kept", len(d.reports()))
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]bounce.Config{
		"nothing":     {},
		"no reporter": {Domain: domain, Key: key},
		"no domain":   {Reporter: &desk{}, Key: key},
		"a short key": {Reporter: &desk{}, Domain: domain, Key: key[:31]},
		"less than 0": {Reporter: &desk{}, Domain: domain, Key: key, PerMinute: -1},
	} {
		if _, err := bounce.New(cfg); !errors.Is(err, bounce.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
