package notify_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/notify"
)

func TestEnqueueRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	sms := func(number string) func(*notify.Notice) {
		return func(n *notify.Notice) { n.Channel, n.To = notify.SMS, number }
	}
	to := func(address string) func(*notify.Notice) { return func(n *notify.Notice) { n.To = address } }
	for name, change := range map[string]func(*notify.Notice){
		"no id":                   func(n *notify.Notice) { n.ID = "" },
		"id in another form":      func(n *notify.Notice) { n.ID = "{" + n.ID + "}" },
		"no account":              func(n *notify.Notice) { n.Account = "" },
		"no delivery":             func(n *notify.Notice) { n.Delivery = "x" },
		"unknown kind":            func(n *notify.Notice) { n.Kind = "advertisement" },
		"unknown channel":         func(n *notify.Notice) { n.Channel = "fax" },
		"unknown language":        func(n *notify.Notice) { n.Language = "es" },
		"language with region":    func(n *notify.Notice) { n.Language = "nl-BE" },
		"long reference":          func(n *notify.Notice) { n.Ref = strings.Repeat("x", 201) },
		"no address":              to(""),
		"no domain":               to("an@"),
		"no local part":           to("@example.be"),
		"two addresses":           to("an@example.be,bo@example.be"),
		"display name":            to("An <an@example.be>"),
		"line break":              to("an@example.be\r\nBcc: x@y.test"),
		"control character":       to("an\x00@example.be"),
		"broken letters":          to("an\xff@example.be"),
		"a very long address":     to(strings.Repeat("a", 65) + "@example.be"),
		"national number":         sms("0470123456"),
		"number with spaces":      sms("+32 470 12 34 56"),
		"short number":            sms("+321"),
		"number and something":    sms("+32470123456;rm"),
		"mail address as number":  sms("an@example.be"),
		"number as mail address":  to("+32470123456"),
		"number with a line more": sms("+32470123456\n"),
	} {
		n := r.notice("an@example.be", change)
		err := pgx.BeginFunc(context.Background(), r.pool, func(tx pgx.Tx) error {
			return r.service.Enqueue(context.Background(), tx, r.notice("bo@example.be"), n)
		})
		if !errors.Is(err, notify.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
		if n.To != "" && strings.Contains(err.Error(), n.To) {
			t.Errorf("%s: the error holds the address", name)
		}
	}
	var rows int
	if err := r.pool.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM notice) + (SELECT count(*) FROM river_job)`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}

func TestEnqueueEdges(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	unwired, err := notify.New(notify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := unwired.Enqueue(ctx, nil, r.notice("an@example.be")); !errors.Is(err, notify.ErrNoJobs) {
		t.Errorf("no queue: %v", err)
	}
	if err := r.service.Enqueue(ctx, nil); err != nil {
		t.Errorf("nothing to enqueue: %v", err)
	}
	n := r.notice("an@example.be")
	err = pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error { return r.service.Enqueue(ctx, tx, n, n) })
	if err == nil {
		t.Error("the same notice twice was accepted")
	}
	many := make([]notify.Notice, 500)
	for i := range many {
		many[i] = r.notice("an@example.be")
	}
	r.enqueue(many...)
}

func TestWorkerConfig(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	good := notify.WorkerConfig{Pool: r.pool, Source: r.source, Sink: r.sink}
	if _, err := notify.NewWorker(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*notify.WorkerConfig){
		"no pool":          func(c *notify.WorkerConfig) { c.Pool = nil },
		"no source":        func(c *notify.WorkerConfig) { c.Source = nil },
		"no sink":          func(c *notify.WorkerConfig) { c.Sink = nil },
		"negative timeout": func(c *notify.WorkerConfig) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		if _, err := notify.NewWorker(c); !errors.Is(err, notify.ErrConfig) {
			t.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
}

// The tables refuse what the code never does.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const notice = `INSERT INTO notice (id, account_id, delivery_id, kind, channel, address, language, created_at, not_before, tries, closed_at, outcome) VALUES `
	id, open := uuid.NewString(), uuid.NewString()
	row := func(id, rest string) string {
		return notice + `('` + id + `', '` + uuid.NewString() + `', '` + uuid.NewString() + `', ` + rest + `)`
	}
	r.exec(row(id, `'code', 'sms', '+32470123456', 'nl', now(), now(), 1, now(), 'sent'`))
	r.exec(row(open, `'code', 'email', 'an@example.be', 'nl', now(), now(), 1, NULL, NULL`))
	r.exec(`INSERT INTO notify_attempt (notice_id, number, started_at, ended_at, outcome, told_at) VALUES ($1, 1, now(), now(), 'sent', now())`, id)
	r.exec(`INSERT INTO notify_attempt (notice_id, number, started_at) VALUES ($1, 1, now())`, open)
	for _, c := range []struct{ constraint, sql string }{
		{"notice_kind_known", row(uuid.NewString(), `'Spam!', 'sms', '+32470123456', 'nl', now(), now(), 0, NULL, NULL`)},
		{"notice_channel_known", row(uuid.NewString(), `'code', 'fax', 'a@b', 'nl', now(), now(), 0, NULL, NULL`)},
		{"notice_language_known", row(uuid.NewString(), `'code', 'email', 'a@b', 'es', now(), now(), 0, NULL, NULL`)},
		{"notice_address_fits_channel", row(uuid.NewString(), `'code', 'sms', 'a@b', 'nl', now(), now(), 0, NULL, NULL`)},
		{"notice_address_fits_channel", row(uuid.NewString(), `'code', 'email', E'a@b\nx', 'nl', now(), now(), 0, NULL, NULL`)},
		{"notice_closed_has_outcome", row(uuid.NewString(), `'code', 'email', 'a@b', 'nl', now(), now(), 0, now(), NULL`)},
		{"notice_closed_has_outcome", row(uuid.NewString(), `'code', 'email', 'a@b', 'nl', now(), now(), 1, NULL, 'sent'`)},
		{"notice_outcome_known", row(uuid.NewString(), `'code', 'email', 'a@b', 'nl', now(), now(), 1, now(), 'read'`)},
		{"notice_sent_was_tried", row(uuid.NewString(), `'code', 'email', 'a@b', 'nl', now(), now(), 0, now(), 'sent'`)},
		{"notice_closed_is_final", `UPDATE notice SET closed_at = NULL, outcome = NULL WHERE id = '` + id + `'`},
		{"notify_attempt_told_is_final", `UPDATE notify_attempt SET outcome = 'permanent' WHERE notice_id = '` + id + `'`},
		{"notify_attempt_number_positive", `INSERT INTO notify_attempt (notice_id, number, started_at) VALUES ('` + id + `', 0, now())`},
		{"notify_attempt_one_running", `INSERT INTO notify_attempt (notice_id, number, started_at) VALUES ('` + open + `', 2, now())`},
		{"notify_attempt_ended_has_outcome", `UPDATE notify_attempt SET ended_at = now() WHERE notice_id = '` + open + `'`},
		{"notify_attempt_outcome_known", `UPDATE notify_attempt SET ended_at = now(), outcome = 'read' WHERE notice_id = '` + open + `'`},
		{"notify_attempt_ends_after_start", `UPDATE notify_attempt SET ended_at = started_at - interval '1 s', outcome = 'sent' WHERE notice_id = '` + open + `'`},
		{"notify_attempt_doubt_is_technical", `UPDATE notify_attempt SET ended_at = now(), outcome = 'sent', in_doubt = true WHERE notice_id = '` + open + `'`},
		{"notify_attempt_sent_is_final", `UPDATE notify_attempt SET ended_at = now(), outcome = 'sent', retry_at = now() WHERE notice_id = '` + open + `'`},
		{"notify_attempt_told_has_ended", `UPDATE notify_attempt SET told_at = now() WHERE notice_id = '` + open + `'`},
		{"notify_attempt_reply_bounded", `UPDATE notify_attempt SET reply = repeat('x', 501) WHERE notice_id = '` + open + `'`},
		{"notify_attempt_digest_is_sha256", `UPDATE notify_attempt SET digest = 'abc' WHERE notice_id = '` + open + `'`},
	} {
		_, err := r.pool.Exec(context.Background(), c.sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.ConstraintName != c.constraint {
			t.Errorf("%s: %v", c.constraint, err)
		}
	}
	r.exec(`DELETE FROM notice WHERE id = $1`, id) // retention may
}

// A note to an account holder belongs to no delivery: nobody but its reader is
// told of it, and it is forgotten by its age.
func TestAccountNotes(t *testing.T) {
	t.Parallel()
	mail := &scripted{results: []notify.Result{{Outcome: notify.Temporary}, {Outcome: notify.Sent}}}
	r := newRig(t, byMail(mail))
	note := func(n *notify.Notice) { n.Kind, n.Delivery = notify.SignInChanged, "" }
	held := r.notice("an@example.org", note)
	nobodys := r.notice("els@example.org", note, func(n *notify.Notice) { n.Kind, n.Account = notify.AccountExists, "" })
	for what, bad := range map[string]notify.Notice{
		"note of a delivery":        r.notice("an@example.org", func(n *notify.Notice) { n.Kind = notify.SignInChanged }),
		"code of a delivery":        r.notice("an@example.org", func(n *notify.Notice) { n.Kind = notify.ContactCode }),
		"announcement of none":      r.notice("an@example.org", func(n *notify.Notice) { n.Delivery = "" }),
		"announcement of nobody":    r.notice("an@example.org", func(n *notify.Notice) { n.Account = "" }),
		"delegate of no delivery":   r.notice("an@example.org", func(n *notify.Notice) { n.Kind, n.Delivery = notify.DelegateNamed, "" }),
		"note of an unreal account": r.notice("an@example.org", note, func(n *notify.Notice) { n.Account = "acme" }),
	} {
		err := pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) error { return r.service.Enqueue(t.Context(), tx, bad) })
		if !errors.Is(err, notify.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", what, err)
		}
	}
	r.enqueue(held, nobodys)
	r.until("both sent", func(ctx context.Context) bool {
		r.pass(time.Minute)
		var n int
		if err := r.pool.QueryRow(ctx, `SELECT count(*) FROM notice WHERE outcome = 'sent'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 2
	})
	var told int
	if err := r.pool.QueryRow(t.Context(), `SELECT count(*) FROM told`).Scan(&told); err != nil || told != 0 {
		t.Errorf("the sink heard of %d attempts, %v", told, err)
	}
	forget := func(at time.Time) (n int) {
		t.Helper()
		err := pgx.BeginFunc(t.Context(), r.pool, func(tx pgx.Tx) (err error) {
			n, err = r.service.ForgetNotes(t.Context(), tx, at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := forget(time.Now().Add(-time.Hour)); n != 0 {
		t.Errorf("%d notes forgotten before their time", n)
	}
	if n := forget(r.clock.now("").Add(time.Hour)); n != 2 {
		t.Errorf("%d notes forgotten, want 2", n)
	}
}
