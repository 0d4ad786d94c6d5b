package notify_test

import (
	"context"
	"errors"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/notifytest"
	"github.com/bode-erds/bode/notify/sms"
	"github.com/bode-erds/bode/notify/smtp"
)

// toCatcher are the real channels, to a catcher.
func toCatcher(t *testing.T) (*notifytest.Catcher, map[notify.Channel]notify.Transport) {
	t.Helper()
	box, err := notifytest.StartCatcher(notifytest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	texts, err := sms.New(sms.Config{URL: box.SMSURL(), From: "Bode"})
	if err != nil {
		t.Fatal(err)
	}
	return box, map[notify.Channel]notify.Transport{notify.Email: mailTo(t, box.SMTPAddr()), notify.SMS: texts}
}

func mailTo(t *testing.T, addr string) notify.Transport {
	t.Helper()
	tr, err := smtp.New(smtp.Config{Addr: addr, Security: smtp.Plain, From: mail.Address{Name: "Bode", Address: "bericht@bode.example"}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// R13: the recipient is told by e-mail and by SMS, and each attempt leaves its
// trace.
func TestTellsByMailAndSMS(t *testing.T) {
	t.Parallel()
	box, transports := toCatcher(t)
	r := newRig(t, transports)
	byMail, bySMS := r.notice("an@example.be"), r.notice("+32470123456")
	r.enqueue(byMail, bySMS)
	for _, n := range []notify.Notice{byMail, bySMS} {
		if got := r.closed(n.ID); got != "sent" {
			t.Fatalf("%s: %s", n.Channel, got)
		}
		rows := r.told(n.ID, 1)
		if len(rows) != 1 || rows[0].Number != 1 || rows[0].Outcome != notify.Sent || rows[0].RetryAt != nil || len(rows[0].Digest) != 64 || rows[0].Reply == "" {
			t.Errorf("%s: told %+v", n.Channel, rows)
		}
		history, err := r.service.History(context.Background(), r.pool, n.Delivery)
		if err != nil || len(history) != 1 || len(history[0].Attempts) != 1 || history[0].Notice != n || history[0].Outcome != "sent" || history[0].ClosedAt.IsZero() {
			t.Errorf("%s: history %+v, %v", n.Channel, history, err)
		}
	}
	got := box.Messages()
	if len(got) != 2 {
		t.Fatalf("%d messages arrived", len(got))
	}
	for _, m := range got {
		if !strings.Contains(m.Text, facts().Link) || strings.Contains(m.Text, "418302") {
			t.Errorf("%s: %q", m.Channel, m.Text)
		}
	}
	r.idle()
	if n := r.jobs(context.Background(), "completed"); n != 1 {
		t.Errorf("%d jobs completed", n)
	}
}

func TestRollbackTellsNobody(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	r := newRig(t, byMail(channel))
	errUndo := errors.New("undo")
	n := r.notice("an@example.be")
	err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) error {
		if err := r.service.Enqueue(context.Background(), tx, n); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatal(err)
	}
	if n := r.jobs(context.Background(), "available", "running", "completed", "scheduled", "retryable"); n != 0 || len(channel.messages()) != 0 {
		t.Errorf("%d jobs, %d messages", n, len(channel.messages()))
	}
}

// A grey list passes: the same notice is sent again later, as the same mail.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	box, transports := toCatcher(t)
	r := newRig(t, transports)
	n := r.notice("later2@example.be")
	r.enqueue(n)
	for try := 1; try <= 2; try++ {
		rows := r.told(n.ID, try)
		last := rows[try-1]
		if last.Outcome != notify.Temporary || last.RetryAt == nil || !last.RetryAt.After(last.EndedAt) || !strings.HasPrefix(last.Reply, "451 4.7.1") {
			t.Fatalf("try %d: %+v", try, last)
		}
		r.idle()
		r.pass(last.RetryAt.Sub(last.EndedAt))
	}
	if got := r.closed(n.ID); got != "sent" {
		t.Fatal(got)
	}
	if rows := r.told(n.ID, 3); len(rows) != 3 || rows[2].RetryAt != nil {
		t.Errorf("%+v", rows)
	}
	if got := box.Messages(); len(got) != 1 || got[0].Envelope["envid"] != n.ID+"-3" || got[0].Headers["Message-Id"] != "<"+n.ID+"@bode.example>" {
		t.Errorf("%+v", got)
	}
}

// A retry is not made early, even if the queue wakes up.
func TestWaits(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Temporary}}}
	r := newRig(t, byMail(channel))
	n := r.notice("an@example.be")
	r.enqueue(n)
	r.told(n.ID, 1)
	r.idle()
	r.pass(30 * time.Second)
	r.idle()
	if got := len(channel.messages()); got != 1 {
		t.Errorf("%d attempts after half a minute", got)
	}
	if r.jobs(context.Background(), "scheduled", "available") != 1 {
		t.Error("the retry got lost")
	}
}

func TestGivesUp(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Temporary, Reply: "451 later"}}}
	r := newRig(t, byMail(channel))
	n := r.notice("an@example.be")
	r.enqueue(n)
	for try := 1; try < 8; try++ {
		rows := r.told(n.ID, try)
		r.idle()
		r.pass(rows[try-1].RetryAt.Sub(rows[try-1].EndedAt))
	}
	if got := r.closed(n.ID); got != "temporary" {
		t.Error(got)
	}
	if rows := r.told(n.ID, 8); len(rows) != 8 || rows[7].RetryAt != nil {
		t.Errorf("%d attempts, the last %+v", len(rows), rows[len(rows)-1])
	}
	r.pass(100 * time.Hour)
	r.idle()
	if got := len(channel.messages()); got != 8 {
		t.Errorf("%d attempts", got)
	}
}

func TestPermanentEndsAtOnce(t *testing.T) {
	t.Parallel()
	_, transports := toCatcher(t)
	r := newRig(t, transports)
	for _, to := range []string{"bounce@example.be", "+32470120000"} {
		n := r.notice(to)
		r.enqueue(n)
		if got := r.closed(n.ID); got != "permanent" {
			t.Errorf("%s: %s", to, got)
		}
		if rows := r.told(n.ID, 1); len(rows) != 1 || rows[0].RetryAt != nil {
			t.Errorf("%s: %+v", to, rows)
		}
	}
}

func TestStaleIsClosedUnsent(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	r := newRig(t, byMail(channel))
	r.source.answer = func(notify.Notice) (notify.Facts, error) { return notify.Facts{}, notify.ErrStale }
	n := r.notice("an@example.be")
	r.enqueue(n)
	if got := r.closed(n.ID); got != "stale" {
		t.Error(got)
	}
	r.idle()
	if len(channel.messages()) != 0 || len(r.told(n.ID, 0)) != 0 {
		t.Error("it was sent, or told")
	}
}

// A source that fails is no attempt: nothing was tried.
func TestSourceFailureIsNoAttempt(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	r := newRig(t, byMail(channel))
	fail := true
	r.source.answer = func(n notify.Notice) (notify.Facts, error) {
		if fail {
			fail = false
			return notify.Facts{}, errors.New("no database")
		}
		return factsOf(n.Kind), nil
	}
	n := r.notice("an@example.be", func(n *notify.Notice) { n.Kind = notify.Cancelled })
	r.enqueue(n)
	r.until("the queue to try again", func(ctx context.Context) bool {
		r.pass(0)
		return len(channel.messages()) == 1
	})
	if r.closed(n.ID) != "sent" || r.told(n.ID, 1)[0].Number != 1 {
		t.Error("the failure of the source was counted")
	}
}

// What cannot be rendered, and a channel that is not there, are our own fault:
// tried again, told each time, nothing sent.
func TestOurOwnFaults(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Sent}}}
	r := newRig(t, byMail(channel))
	r.source.answer = func(n notify.Notice) (notify.Facts, error) {
		f := factsOf(n.Kind)
		if n.Channel == notify.Email {
			f.Link = "https://elsewhere.example/c/1"
		}
		return f, nil
	}
	for _, to := range []string{"an@example.be", "+32470123456"} {
		n := r.notice(to)
		r.enqueue(n)
		if rows := r.told(n.ID, 1); rows[0].Outcome != notify.Technical || rows[0].InDoubt || rows[0].RetryAt == nil || rows[0].Digest != "" {
			t.Errorf("%s: %+v", to, rows)
		}
	}
	if len(channel.messages()) != 0 {
		t.Error("something was sent")
	}
}

// A sink that fails loses no result: the mail is not sent twice for our fault,
// and the attempt is told again.
func TestSinkFailureKeepsTheResult(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: notify.Sent, Reply: "250 taken"}}}
	r := newRig(t, byMail(channel))
	r.sink.failures.Store(2)
	n := r.notice("an@example.be")
	r.enqueue(n)
	r.until("the queue to try again", func(ctx context.Context) bool {
		r.pass(0)
		return len(r.told(n.ID, 0)) == 1
	})
	rows := r.told(n.ID, 1)
	if r.closed(n.ID) != "sent" || rows[0].Number != 1 || rows[0].Outcome != notify.Sent || rows[0].Reply != "250 taken" || rows[0].InDoubt {
		t.Errorf("%+v", rows)
	}
	if got := len(channel.messages()); got != 1 {
		t.Errorf("sent %d times", got)
	}
}

// A peer's words are foreign text.
func TestHostileReply(t *testing.T) {
	t.Parallel()
	channel := &scripted{results: []notify.Result{{Outcome: "splendid", InDoubt: true, Reply: "550 \x00\xff\x1b[31m" + strings.Repeat("é", 400), Remote: "\x00", ID: "\xfe"}}}
	r := newRig(t, byMail(channel))
	n := r.notice("an@example.be")
	r.enqueue(n)
	row := r.told(n.ID, 1)[0]
	if row.Outcome != notify.Technical || !row.InDoubt || len(row.Reply) > 500 || !utf8.ValidString(row.Reply) || strings.ContainsAny(row.Reply, "\x00\x1b") {
		t.Errorf("%+v", row)
	}
}
