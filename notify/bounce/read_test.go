package bounce_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/bounce"
)

const aNotice = "0193aa00-0000-7000-8000-00000000000d"

func read(text string) []notify.Report { return bounce.Reports([]byte(text), aNotice, 1) }

// group is one recipient of a report.
func group(action, status string, more ...string) string {
	return "Final-Recipient: rfc822; an@example.be\nAction: " + action + "\nStatus: " + status + "\n" + strings.Join(append(more, ""), "\n")
}

const (
	passedOn  = "Remote-MTA: dns; mx2.example"
	answered  = "Diagnostic-Code: smtp; 250 2.0.0 ok"
	diagnosed = "Diagnostic-Code: smtp; "
)

// Action decides, the status explains, and who answered says on which rung.
func TestFacts(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		group string
		fact  notify.Fact
		rung  notify.Rung
		cause notify.Cause
	}{
		{"delivered, here", group("delivered", "2.0.0"), notify.Delivered, notify.RungMailbox, ""},
		{"delivered, passed on", group("delivered", "2.0.0", passedOn, answered), notify.Relayed, notify.RungFarSide, ""},
		{"delivered, by an SMTP answer", group("delivered", "2.0.0", answered), notify.Relayed, notify.RungFarSide, ""},
		{"delivered, to a program", group("delivered", "2.0.0", "Diagnostic-Code: x-unix; 0"), notify.Delivered, notify.RungMailbox, ""},
		{"relayed", group("relayed", "2.0.0", passedOn, answered), notify.Relayed, notify.RungFarSide, ""},
		{"expanded", group("expanded", "2.0.0"), notify.Relayed, notify.RungFarSide, ""},
		{"in capitals, with a comment", group("FAILED (see below)", "5.1.1 (no such)"), notify.Failed, notify.RungAccepted, notify.CauseAddress},
		{"delayed, permanent status", group("delayed", "5.0.0"), notify.Delayed, notify.RungAccepted, ""},
		{"failed, success status", group("failed", "2.0.0"), notify.Failed, notify.RungAccepted, notify.CauseOther},
		{"delivered, failure status", group("delivered", "5.1.1"), notify.Delivered, notify.RungMailbox, ""},
		{"the queue gave up", group("failed", "4.4.1"), notify.Failed, notify.RungAccepted, notify.CauseUnreachable},
		{"the queue gave up, full", group("failed", "4.2.2"), notify.Failed, notify.RungAccepted, notify.CauseFull},
		{"the queue gave up, grey", group("failed", "4.7.1"), notify.Failed, notify.RungAccepted, notify.CauseUnreachable},
		{"full", group("failed", "5.2.2"), notify.Failed, notify.RungAccepted, notify.CauseFull},
		{"disabled", group("failed", "5.2.1"), notify.Failed, notify.RungAccepted, notify.CauseAddress},
		{"bad domain", group("failed", "5.1.2"), notify.Failed, notify.RungAccepted, notify.CauseAddress},
		{"no route", group("failed", "5.4.4"), notify.Failed, notify.RungAccepted, notify.CauseAddress},
		{"a loop", group("failed", "5.4.6"), notify.Failed, notify.RungAccepted, notify.CauseUnreachable},
		{"our sender", group("failed", "5.1.8"), notify.Failed, notify.RungAccepted, notify.CauseOurs},
		{"policy", group("failed", "5.7.1"), notify.Failed, notify.RungAccepted, notify.CauseOurs},
		{"content", group("failed", "5.6.1"), notify.Failed, notify.RungAccepted, notify.CauseOurs},
		{"too big", group("failed", "5.3.4"), notify.Failed, notify.RungAccepted, notify.CauseOurs},
		{"non-ASCII address", group("failed", "5.6.7"), notify.Failed, notify.RungAccepted, notify.CauseOther},
		{"nothing said", group("failed", "5.0.0"), notify.Failed, notify.RungAccepted, notify.CauseOther},
		{"no status at all", group("failed", ""), notify.Failed, notify.RungAccepted, notify.CauseOther},
		{"a status that is none", group("failed", "none of it"), notify.Failed, notify.RungAccepted, notify.CauseOther},
		{"said in the reply", group("failed", "5.0.0", diagnosed+"550 5.1.1 <an@example.be>: no such"), notify.Failed, notify.RungAccepted, notify.CauseAddress},
		{"said in a longer reply", group("failed", "5.0.0", diagnosed+"550-5.7.26 unauthenticated"), notify.Failed, notify.RungAccepted, notify.CauseOther},
		{"an address in the reply is no code", group("failed", "5.0.0", diagnosed+"550 host 5.1.1.9 says no"), notify.Failed, notify.RungAccepted, notify.CauseOther},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := read(status(c.group))
			if len(got) != 1 || got[0].Fact != c.fact || got[0].Rung != c.rung || got[0].Cause != c.cause {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What does not say Action says nothing that changes anything.
func TestNoEvidence(t *testing.T) {
	t.Parallel()
	human := "From: an@example.be\nSubject: Re\n\nwho are you?\n"
	inner := strings.ReplaceAll(status(failedGroup), "b/1", "b/2")
	cases := map[string]struct{ text, status string }{
		"no action":             {status("Final-Recipient: rfc822; an@example.be\nStatus: 5.1.1\n"), "delivery"},
		"a strange action":      {status(group("read", "2.0.0")), "delivery"},
		"no recipient":          {status("Action: failed\nStatus: 5.1.1\n"), "delivery"},
		"no groups":             {status(""), "delivery"},
		"an empty mail":         {"", "other"},
		"a human":               {human, "other"},
		"an absence note":       {"Auto-Submitted: auto-replied (vacation)\n" + human, "automatic"},
		"an old absence note":   {"Precedence: auto_reply\n" + human, "automatic"},
		"no absence note":       {"Auto-Submitted: no\n" + human, "other"},
		"a bounce in prose":     {"From: MAILER-DAEMON\nSubject: failure notice\n\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; an@example.be\n", "other"},
		"a forwarded report":    {"Content-Type: multipart/mixed; boundary=b/1\n\n--b/1\n\nsee\n--b/1\nContent-Type: message/rfc822\n\n" + inner + "\n--b/1--\n", "other"},
		"a returned report":     {strings.Replace(strings.Replace(status(""), "message/delivery-status", "text/plain", 1), "Subject: ours\n\ntext", inner, 1), "automatic"},
		"another report type":   {strings.Replace(status(failedGroup), "report-type=delivery-status", "report-type=tlsrpt", 1), "automatic"},
		"a disposition":         {strings.NewReplacer("delivery-status", "disposition-notification").Replace(status("Disposition: manual-action/MDN-sent-manually; displayed\n" + failedGroup)), "disposition"},
		"not spam":              {arf("not-spam"), "complaint"},
		"parts six deep":        {deep(6, status(failedGroup)), "other"},
		"no boundary":           {strings.Replace(status(failedGroup), "boundary=\"b/1\"", "", 1), "automatic"},
		"plain, named a report": {strings.Replace(status(failedGroup), "multipart/report", "text/report", 1), "automatic"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(c.text)
			if len(got) != 1 || got[0].Fact != notify.Answered || got[0].Rung != notify.RungAccepted || got[0].Cause != "" || got[0].Status != c.status || len(got[0].Recipients) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// arf is a complaint.
func arf(about string) string {
	return "From: <feedback@isp.example>\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nA complaint.\n--b\n" +
		"Content-Type: message/feedback-report\n\nFeedback-Type: " + about + "\nUser-Agent: ISP/1\nVersion: 1\nOriginal-Mail-From: <%s>\n\n--b\n" +
		"Content-Type: message/rfc822\n\nReturn-Path: <%[1]s>\nSubject: x\n\nx\n--b--\n"
}

// deep wraps text into n multiparts.
func deep(n int, text string) string {
	for i := range n {
		text = fmt.Sprintf("Content-Type: multipart/mixed; boundary=d%d\n\n--d%[1]d\n%s\n--d%[1]d--\n", i, text)
	}
	return text
}

// What comes back is written by programs of every age.
func TestTolerance(t *testing.T) {
	t.Parallel()
	good := status(failedGroup)
	cases := map[string]string{
		"four deep":               deep(4, good),
		"ends in the middle":      good[:strings.Index(good, "--b/1\nContent-Type: message/rfc822")],
		"CRLF":                    strings.ReplaceAll(good, "\n", "\r\n"),
		"no blank line":           strings.Replace(good, "+0000\n\n", "+0000\n", 1),
		"three blank lines":       strings.Replace(good, "+0000\n\n", "+0000\n\n\n\n", 1),
		"a broken line":           strings.Replace(good, "Status:", "what is this\nStatus:", 1),
		"a broken header":         "broken\n" + good,
		"an mbox line":            "From MAILER-DAEMON Fri Nov 20\n" + good,
		"lower case":              strings.Replace(good, "Action: failed", "action:FAILED", 1),
		"space before the colon":  strings.Replace(good, "Action: failed", "Action : failed", 1),
		"no report type":          strings.Replace(good, " report-type=delivery-status;", "", 1),
		"base64":                  strings.Replace(good, "Reporting-MTA: dns; mx.example\nArrival-Date: Fri, 20 Nov 2026 09:00:00 +0000\n\n"+failedGroup, "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFuQGV4YW1wbGUuYmUKQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQo=\n", 1),
		"global":                  strings.NewReplacer("report-type=delivery-status", "report-type=global-delivery-status", "message/delivery-status", "message/global-delivery-status").Replace(good),
		"an odd date":             strings.Replace(good, "Last-Attempt-Date: Fri", "Last-Attempt-Date: Someday", 1),
		"a note of a gateway":     "Content-Type: multipart/mixed; boundary=g\n\n--g\nContent-Type: text/plain\n\nscanned\n--g\n" + good + "\n--g--\n",
		"no space in the address": strings.Replace(good, "rfc822; an@", "rfc822;<an@", 1),
	}
	// the encoded part has to be one
	cases["base64"] = strings.Replace(cases["base64"], "message/delivery-status\n", "message/delivery-status\nContent-Transfer-Encoding: base64\n", 1)
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(text)
			if len(got) != 1 || got[0].Fact != notify.Failed || got[0].Cause != notify.CauseAddress || got[0].Status != "5.1.1" {
				t.Errorf("%+v", got)
			}
			if name != "no space in the address" && !slices.Contains(got[0].Recipients, "an@example.be") {
				t.Errorf("%q", got[0].Recipients)
			}
		})
	}
}

// Of several recipients the one that was reached comes first, and each is told
// by itself.
func TestSeveralRecipients(t *testing.T) {
	t.Parallel()
	for _, between := range []string{"\n", ""} { // the blank line is lost
		got := read(status(strings.TrimSuffix(strings.Replace(failedGroup, "Original-Recipient: rfc822; an@example.be\n", "", 1), "\n") + "\n" + between +
			strings.ReplaceAll(group("relayed", "2.0.0", passedOn), "an@", "bo@")))
		if len(got) != 2 || got[0].Fact != notify.Relayed || got[0].Recipients[0] != "bo@example.be" || got[1].Fact != notify.Failed ||
			got[1].Recipients[0] != "an@example.be" || got[0].ID == got[1].ID {
			t.Errorf("%+v", got)
		}
	}
	var many []string
	for i := range 3000 {
		many = append(many, strings.ReplaceAll(group("failed", "5.1.1"), "an@", fmt.Sprintf("r%d@", i)))
	}
	if got := read(status(many...)); len(got) != 1000 {
		t.Errorf("%d recipients", len(got))
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"rfc822; an@example.be":              "an@example.be",
		"rfc822;<an@example.be>":             "an@example.be",
		"RFC822; an+2Btag@example.be":        "an+tag@example.be",
		"rfc822; an+tag@example.be":          "an+tag@example.be",
		`utf-8; j\x{E9}r\x{F4}me@example.be`: "jérôme@example.be",
		"utf-8; jérôme@example.be":           "jérôme@example.be",
		`utf-8; j\x{110000}x@example.be`:     `j\x{110000}x@example.be`,
		`utf-8; j\x{zz@example.be`:           `j\x{zz@example.be`,
		"an@example.be":                      "an@example.be",
		"rfc822; an+@example.be":             "an+@example.be",
		"rfc822; an+4":                       "an+4",
		`rfc822; \x{41}\x{`:                  `A\x{`,
	} {
		if got := bounce.Decode(field); !slices.Contains(got, want) {
			t.Errorf("%s: %q", field, got)
		}
	}
	for _, field := range []string{"", "rfc822;", "rfc822; <>", ";"} {
		if got := bounce.Decode(field); got != nil {
			t.Errorf("%q: %q", field, got)
		}
	}
}

// A complaint finds its notice by our return path in it, wherever it was sent.
func TestComplaints(t *testing.T) {
	t.Parallel()
	d := &desk{}
	addr := serve(t, d)
	to, notice := returnPath(t)
	forged, _ := returnPath(t)
	forged = strings.Replace(forged, ".1-", ".2-", 1)
	for _, c := range []struct{ rcpt, named string }{{"complaints@" + domain, to}, {to, "redacted"}, {"Complaints@" + strings.ToUpper(domain), to},
		{"complaints@" + domain, forged}, {"complaints@" + domain, "an@example.be"}} {
		if err := send(t, addr, c.rcpt, fmt.Sprintf(arf("abuse"), c.named)); err != nil {
			t.Fatal(err)
		}
	}
	if err := send(t, addr, "complaints@"+domain, status(failedGroup)); err != nil { // not what the address is for
		t.Fatal(err)
	}
	got := d.reports()
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	for _, r := range got {
		if r.Notice != notice || r.Attempt != 1 || r.Source != "arf" || r.Fact != notify.Complained || r.Status != "abuse" || r.Cause != "" {
			t.Errorf("%+v", r)
		}
	}
	for _, strict := range []string{"fraud", "virus", "opt-out", "other"} {
		if r := read(arf(strict)); r[0].Fact != notify.Complained {
			t.Errorf("%s: %+v", strict, r)
		}
	}
}

// Reports as real systems wrote them.
func TestRealReports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports (%v)", err)
	}
	type want struct {
		fact   notify.Fact
		rung   notify.Rung
		cause  notify.Cause
		status string
	}
	fail := func(c notify.Cause, status string) want { return want{notify.Failed, notify.RungAccepted, c, status} }
	expected := map[string]want{
		"postfix-an-box-delivered":  {notify.Delivered, notify.RungMailbox, "", "2.0.0"},
		"postfix-an-plain-relayed":  {notify.Relayed, notify.RungFarSide, "", "2.0.0"},
		"postfix-an-busy-delayed":   {notify.Delayed, notify.RungAccepted, "", "4.3.0"},
		"postfix-an-busy-failed":    fail(notify.CauseUnreachable, "4.3.0"),
		"postfix-an-unknown-failed": fail(notify.CauseAddress, "5.1.1"),
		"postfix-an-full-failed":    fail(notify.CauseFull, "5.2.2"),
		"postfix-an-policy-failed":  fail(notify.CauseOurs, "5.7.1"),
		"postfix-an-bare-failed":    fail(notify.CauseOther, "5.0.0"),
		"postfix-utf8-plain-failed": fail(notify.CauseOther, "5.6.7"),
		"exim-an-box-delivered":     {notify.Delivered, notify.RungMailbox, "", "2.0.0"},
		"exim-an-plain-relayed":     {notify.Relayed, notify.RungFarSide, "", "2.0.0"},
		"exim-an-busy-delayed":      {notify.Delayed, notify.RungAccepted, "", "4.0.0"},
		"exim-an-busy-failed":       fail(notify.CauseUnreachable, "5.0.0"),
		"exim-an-unknown-failed":    fail(notify.CauseAddress, "5.0.0"),
		"exim-an-full-failed":       fail(notify.CauseFull, "5.0.0"),
		"exim-an-policy-failed":     fail(notify.CauseOurs, "5.0.0"),
		"exim-an-bare-failed":       fail(notify.CauseOther, "5.0.0"),
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".eml")
		w, ok := expected[name]
		if !ok {
			t.Errorf("%s is not expected", name)
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got := read(string(raw))
		if len(got) != 1 || got[0].Fact != w.fact || got[0].Rung != w.rung || got[0].Cause != w.cause || got[0].Status != w.status {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// FuzzRead lets anything come back: it ends soon, within bounds, with something
// that can be stored.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"", status(failedGroup), arf("abuse"), deep(3, status(failedGroup, group("relayed", "2.0.0")))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		began := time.Now()
		got := bounce.Reports(raw, aNotice, 1)
		if len(got) == 0 || len(got) > 1000 {
			t.Fatalf("%d reports", len(got))
		}
		seen := map[string]bool{}
		for _, r := range got {
			if seen[r.ID] || len(r.ID) > 200 || !slices.Contains(notify.AllFacts(), r.Fact) || (r.Fact == notify.Failed) != (r.Cause != "") || r.Rung > notify.RungMailbox {
				t.Fatalf("%+v", r)
			}
			seen[r.ID] = true
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Fatalf("took %s for %d octets", d, len(raw))
		}
	})
}
