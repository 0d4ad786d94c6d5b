package bounce_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/bounce"
)

const domain = "bounce.bode.example"

var key = bytes.Repeat([]byte{9}, 32)

// desk keeps what is reported, and answers as it is told to.
type desk struct {
	mu      sync.Mutex
	answers []error // used up first
	got     []notify.Report
}

func (d *desk) Report(_ context.Context, r notify.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.answers) > 0 {
		err := d.answers[0]
		d.answers = d.answers[1:]
		if err != nil {
			return err
		}
	}
	d.got = append(d.got, r)
	return nil
}

func (d *desk) reports() []notify.Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]notify.Report(nil), d.got...)
}

// serve starts a server and returns its address.
func serve(t *testing.T, d notify.Reporter, change ...func(*bounce.Config)) string {
	t.Helper()
	cfg := bounce.Config{Reporter: d, Domain: domain, Key: key, Complaints: "complaints"}
	for _, c := range change {
		c(&cfg)
	}
	s, err := bounce.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// returnPath is that of the first attempt of a new notice.
func returnPath(t testing.TB) (address, notice string) {
	t.Helper()
	notice = uuid.NewString()
	address, err := notify.ReturnPath(domain, key, notice, 1)
	if err != nil {
		t.Fatal(err)
	}
	return address, notice
}

// send brings one mail and returns the answer, in the form "250 2.0.0".
func send(t testing.TB, addr, to, text string) error {
	t.Helper()
	c, err := gosmtp.Dial(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.SendMail("", []string{to}, strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")))
}

func code(err error) int {
	if err == nil {
		return 250
	}
	if e, ok := err.(*gosmtp.SMTPError); ok {
		return e.Code
	}
	return -1
}

// status is a delivery report with the groups given.
func status(groups ...string) string {
	return "From: MAILER-DAEMON@mx.example\nTo: b@bounce.bode.example\nSubject: x\nMessage-ID: <1@mx.example>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/report; report-type=delivery-status;\n boundary=\"b/1\"\n\n--b/1\nContent-Type: text/plain\n\nSorry.\n\n--b/1\n" +
		"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\nArrival-Date: Fri, 20 Nov 2026 09:00:00 +0000\n\n" +
		strings.Join(groups, "\n") + "\n--b/1\nContent-Type: message/rfc822\n\nSubject: ours\n\ntext\n--b/1--\n"
}

const failedGroup = "Original-Recipient: rfc822; an@example.be\nFinal-Recipient: rfc822; an@example.be\nAction: failed\nStatus: 5.1.1\n" +
	"Remote-MTA: dns; mail.example.be\nDiagnostic-Code: smtp; 550 5.1.1 <an@example.be>: no such\n user\nLast-Attempt-Date: Fri, 20 Nov 2026 10:00:00 +0100\n"
