package bounce_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/mtatest"
)

var record = flag.Bool("record", false, "write the reports of real mail servers to testdata")

// servers are the real ones.
var servers = map[string]func(testing.TB, mtatest.Config) *mtatest.Server{"postfix": mtatest.Postfix, "exim": mtatest.Exim}

// far is a recipient's side of every kind: domain by what it does.
func far(t testing.TB, reports string) mtatest.Config {
	refuse := func(reply string) string { return mtatest.Sink(t, "-f", "RCPT", "-B", reply) }
	return mtatest.Config{Warn: 1, Expire: 5, Mailboxes: []string{"an@box.example"}, Routes: map[string]string{
		domain:                reports,
		"plain.example":       mtatest.Sink(t, "-N"),
		"dsn.example":         mtatest.Sink(t),
		"unknown.example":     refuse("550 5.1.1 no such user"),
		"full.example":        refuse("552 5.2.2 mailbox is full"),
		"policy.example":      refuse("550 5.7.1 we do not like you"),
		"bare.example":        refuse("550 no"),
		"zilverlinde.example": mtatest.Sink(t), // the sender's own
		"busy.example":        mtatest.Sink(t, "-r", "RCPT"),
	}}
}

// result is what a report has to come to.
type result struct {
	to     string
	fact   notify.Fact
	rung   notify.Rung
	cause  notify.Cause
	status string // or the beginning of it
}

func failure(to string, c notify.Cause, status string) result {
	return result{to, notify.Failed, notify.RungAccepted, c, status}
}

// Real mail servers report what became of mails in their own ways, and all of it
// is understood.
func TestRealServers(t *testing.T) {
	t.Parallel()
	results := map[string][]result{
		"postfix": {
			{"an@box.example", notify.Delivered, notify.RungMailbox, "", "2.0.0"},
			{"an@plain.example", notify.Relayed, notify.RungFarSide, "", "2.0.0"},
			failure("an@unknown.example", notify.CauseAddress, "5.1.1"),
			failure("an@full.example", notify.CauseFull, "5.2.2"),
			failure("an@policy.example", notify.CauseOurs, "5.7.1"),
			failure("an@bare.example", notify.CauseOther, "5.0.0"),
			failure("bö@plain.example", notify.CauseOther, "5.6.7"),
			{"an@busy.example", notify.Delayed, notify.RungAccepted, "", "4."},
			failure("an@busy.example", notify.CauseUnreachable, "4."),
		},
		"exim": {
			{"an@box.example", notify.Delivered, notify.RungMailbox, "", "2.0.0"},
			{"an@plain.example", notify.Relayed, notify.RungFarSide, "", "2.0.0"},
			failure("an@unknown.example", notify.CauseAddress, "5.0.0"),
			failure("an@full.example", notify.CauseFull, "5.0.0"),
			failure("an@policy.example", notify.CauseOurs, "5.0.0"),
			failure("an@bare.example", notify.CauseOther, "5.0.0"),
			{"an@busy.example", notify.Delayed, notify.RungAccepted, "", "4."},
			failure("an@busy.example", notify.CauseUnreachable, "5.0.0"),
		},
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &inbound{byTo: map[string][]notify.Report{}}
			s := start(t, far(t, serve(t, d)))
			sent := map[string]string{} // notice by recipient
			for _, want := range append(results[name], result{to: "an@dsn.example"}) {
				if sent[want.to] == "" {
					sent[want.to] = submit(t, s.Addr, want.to)
				}
			}
			for _, want := range results[name] {
				r := d.wait(t, sent[want.to], want.fact)
				if r.Rung != want.rung || r.Cause != want.cause || !strings.HasPrefix(r.Status, want.status) || !about(r, want.to) {
					t.Errorf("%s %s: rung %d, cause %q, status %q, reply %q, recipients %q", want.to, want.fact, r.Rung, r.Cause, r.Status, r.Reply, r.Recipients)
				}
				if *record {
					file := filepath.Join("testdata", name+"-"+strings.NewReplacer("@", "-", ".example", "", "bö", "utf8").Replace(want.to)+"-"+string(want.fact)+".eml")
					if err := os.WriteFile(file, r.Raw, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			// The next system took on the duty to report, and never did.
			if got := d.of(sent["an@dsn.example"]); len(got) != 0 && name == "postfix" {
				t.Errorf("reported although the request was passed on: %+v", got)
			}
			for _, r := range d.all() {
				if r.Fact == notify.Answered {
					t.Errorf("not understood:\n%s", r.Raw)
				}
			}
		})
	}
}

func about(r notify.Report, to string) bool {
	for _, a := range r.Recipients {
		if strings.EqualFold(a, to) {
			return true
		}
	}
	return false
}

// submit hands a mail to a server as we do, and returns its notice.
func submit(t *testing.T, addr, to string) (notice string) {
	t.Helper()
	notice = uuid.NewString()
	from, err := notify.ReturnPath(domain, key, notice, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := gosmtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	kind, international := gosmtp.DSNAddressTypeRFC822, strings.Contains(to, "ö")
	if international {
		kind = gosmtp.DSNAddressTypeUTF8
	}
	err = errors.Join(
		c.Mail(from, &gosmtp.MailOptions{EnvelopeID: notice + "-1", Return: gosmtp.DSNReturnHeaders, UTF8: international}),
		c.Rcpt(to, &gosmtp.RcptOptions{Notify: []gosmtp.DSNNotify{gosmtp.DSNNotifySuccess, gosmtp.DSNNotifyFailure, gosmtp.DSNNotifyDelayed},
			OriginalRecipientType: kind, OriginalRecipient: to}))
	if err != nil {
		t.Fatalf("%s: %v", to, err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write([]byte("From: Bode <bode@bode.example>\r\nSubject: Een zending\r\nMessage-ID: <" + notice + "@bode.example>\r\n\r\nx\r\n"))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return notice
}

// inbound sorts what is reported by notice.
type inbound struct {
	mu   sync.Mutex
	byTo map[string][]notify.Report
}

func (d *inbound) Report(_ context.Context, r notify.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byTo[r.Notice+"-"+strconv.Itoa(r.Attempt)] = append(d.byTo[r.Notice+"-"+strconv.Itoa(r.Attempt)], r)
	return nil
}

func (d *inbound) of(notice string) []notify.Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]notify.Report(nil), d.byTo[notice+"-1"]...)
}

func (d *inbound) all() (list []notify.Report) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.byTo {
		list = append(list, l...)
	}
	return list
}

// wait waits for a report of a fact.
func (d *inbound) wait(t *testing.T, notice string, f notify.Fact) notify.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, r := range d.of(notice) {
			if r.Fact == f {
				return r
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no report that notice %s is %s; got %+v", notice, f, d.of(notice))
		}
	}
}
