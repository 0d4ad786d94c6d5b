package smpp

import (
	"testing"
	"time"

	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

const (
	insertNotice = `INSERT INTO notice (id, kind, channel, address, language, created_at, tries, not_before)
		VALUES ($1, 'contact_code', 'sms', '+32470123456', 'nl', now(), 1, now())`
	insertAttempt = `INSERT INTO notify_attempt (notice_id, number, started_at) VALUES ($1, 1, now())`
	endAttempt    = `UPDATE notify_attempt SET ended_at = now(), outcome = 'sent', peer_id = $2, told_at = now() WHERE notice_id = $1`
	countReports  = `SELECT count(*) FROM notify_report WHERE notice_id = $1 AND source = 'smpp' AND fact = 'delivered' AND rung = 2 AND number = 1`
)

// From submission to the report about the notice, with a receipt that overtakes the
// answer: the message centre says what became of the message before we know its id.
func TestReceiptThatOvertakes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	service, err := notify.New(notify.Config{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	receipts, err := notify.NewReceipts(notify.ReceiptsConfig{Pool: pool, Reporter: service})
	if err != nil {
		t.Fatal(err)
	}
	c := startSMSC(t, nil)
	tr, _ := running(t, c.addr(), receipts)
	c.until("bound", func() bool { return c.accepted == 1 })
	const id = "018f0000-0000-7000-8000-000000000001"
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(insertNotice, id)
	exec(insertAttempt, id)
	reports := func() (n int) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), countReports, id).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	c.tell(receiptFor("m-0", "DELIVRD"))
	c.until("kept and acknowledged", func() bool { return len(c.answers) == 1 && c.answers[0].status == statusOK })
	m := message("Bode: 418302")
	m.Notice.ID = id
	r := deliver(t, tr, m)
	if r.Outcome != notify.Sent || r.ID != "one/m-0" || reports() != 0 {
		t.Fatalf("%+v, %d reports", r, reports())
	}
	exec(endAttempt, id, r.ID)
	if n, err := receipts.Settle(t.Context(), 10); err != nil || n != 1 || reports() != 1 {
		t.Fatalf("%d, %v, %d reports", n, err, reports())
	}
	c.tell(receiptFor("m-0", "DELIVRD")) // said again
	stranger := receiptFor("m-0", "UNDELIV")
	stranger.from.value = "32470999999" // the id of another message, to somebody else
	c.tell(stranger)
	c.until("acknowledged", func() bool {
		return len(c.answers) == 3 && c.answers[1].status == statusOK && c.answers[2].status == statusOK
	})
	var all int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM notify_report`).Scan(&all); err != nil || all != 1 {
		t.Errorf("%d reports, %v", all, err)
	}

	// While the database is away nothing is acknowledged as taken.
	if _, err := pool.Exec(t.Context(), `ALTER TABLE notify_receipt RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	c.tell(receiptFor("m-9", "DELIVRD"))
	c.until("refused for now", func() bool { return len(c.answers) == 4 && c.answers[3].status == statusLater })
	exec(`ALTER TABLE away RENAME TO notify_receipt`)
	c.tell(receiptFor("m-9", "DELIVRD"))
	c.until("taken", func() bool { return len(c.answers) == 5 && c.answers[4].status == statusOK })
	var waiting int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM notify_receipt WHERE received_at < $1`, time.Now().Add(time.Minute)).Scan(&waiting); err != nil || waiting != 1 {
		t.Errorf("%d wait, %v", waiting, err)
	}
}
