package notify_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/notify"
)

const crashDatabase = "BODE_NOTIFY_CRASH_DATABASE"

// perhapsSent delivers, and then the process never hears the end of it.
type perhapsSent struct{ inner notify.Transport }

func (p perhapsSent) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	p.inner.Deliver(ctx, m)
	fmt.Println("delivered")
	select {}
}

// TestCrashChild is the process that gets killed; by itself it does nothing.
func TestCrashChild(t *testing.T) {
	t.Parallel()
	url, addr, _ := strings.Cut(os.Getenv(crashDatabase), " ")
	if url == "" {
		return
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	_, client := queue(t, pool, &clock{}, &source{}, &sink{}, byMail(perhapsSent{mailTo(t, addr)}))
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {}
}

// Killed after the mail was handed over and before that was stored: the attempt
// is told as in doubt, and the same mail goes out again under its Message-ID.
func TestKilledBetweenTheTransactions(t *testing.T) {
	t.Parallel()
	box, transports := toCatcher(t)
	r := newRig(t, transports)
	if err := r.client.QueuePause(context.Background(), notify.Queue, nil); err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.client.StopAndCancel(stopped); err != nil {
		t.Fatal(err)
	}
	n := r.notice("an@example.be")
	r.enqueue(n)
	if err := r.client.QueueResume(context.Background(), notify.Queue, nil); err != nil {
		t.Fatal(err)
	}
	kill(t, r.pool.Config().ConnString(), box.SMTPAddr())

	if rows := r.told(n.ID, 0); len(rows) != 0 || len(box.Messages()) != 1 {
		t.Fatalf("after the kill: told %+v, %d mails", rows, len(box.Messages()))
	}
	history, err := r.service.History(context.Background(), r.pool, n.Delivery)
	if err != nil || len(history[0].Attempts) != 1 || !history[0].Attempts[0].EndedAt.IsZero() {
		t.Fatalf("the attempt was not registered first: %+v, %v", history, err)
	}

	// The queue gives the job of a dead process back after a while.
	r.exec(`UPDATE river_job SET state = 'retryable' WHERE state = 'running'`)
	_, client := queue(t, r.pool, r.clock, r.source, r.sink, transports)
	if err := client.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer client.StopAndCancel(stopped)
	r.pass(0)
	r.idle()
	if rows := r.told(n.ID, 0); len(rows) != 0 {
		t.Fatalf("given up while it could still be running: %+v", rows)
	}
	r.pass(5 * time.Minute)
	rows := r.told(n.ID, 1)
	if rows[0].Outcome != notify.Technical || !rows[0].InDoubt || rows[0].RetryAt == nil {
		t.Fatalf("the interrupted attempt: %+v", rows[0])
	}
	r.idle()
	r.pass(rows[0].RetryAt.Sub(rows[0].EndedAt))
	if got := r.closed(n.ID); got != "sent" {
		t.Fatal(got)
	}
	if rows := r.told(n.ID, 2); rows[1].Number != 2 || rows[1].Outcome != notify.Sent {
		t.Errorf("%+v", rows)
	}
	mails := box.Messages()
	if len(mails) != 2 || mails[0].Headers["Message-Id"] != mails[1].Headers["Message-Id"] || mails[0].Envelope["envid"] == mails[1].Envelope["envid"] {
		t.Errorf("%d mails", len(mails))
	}
}

// kill runs a worker on the database until it delivered, and kills it.
func kill(t *testing.T, database, addr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), crashDatabase+"="+database+" "+addr)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	overdue := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer overdue.Stop()
	lines := bufio.NewScanner(out)
	reached := false
	for !reached && lines.Scan() {
		reached = lines.Text() == "delivered"
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !reached {
		t.Fatal("the child ended before it delivered")
	}
}

// TestDatabaseFull: while the tables of notices take no row nothing goes out, because
// no attempt can be written down first; once there is room it goes, once.
func TestDatabaseFull(t *testing.T) {
	t.Parallel()
	box, transports := toCatcher(t)
	r := newRig(t, transports)
	n := r.notice("an@example.be")
	r.exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`)
	r.exec(`CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON notify_attempt FOR EACH ROW EXECUTE FUNCTION full_disk()`)
	r.enqueue(n)
	r.until("a try that failed", func(ctx context.Context) bool {
		var failed bool
		if err := r.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM river_job WHERE array_length(errors, 1) > 0)`).Scan(&failed); err != nil {
			t.Fatal(err)
		}
		return failed
	})
	if rows := r.told(n.ID, 0); len(rows) != 0 || len(box.Messages()) != 0 {
		t.Fatalf("on a full disk: told %+v, %d mails", rows, len(box.Messages()))
	}
	r.exec(`DROP TRIGGER full_disk ON notify_attempt`)
	r.pass(0)
	if rows := r.told(n.ID, 1); rows[0].Outcome != notify.Sent || len(box.Messages()) != 1 {
		t.Errorf("with room again: told %+v, %d mails", rows, len(box.Messages()))
	}
}
