package bounce_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/mtatest"
	"github.com/bode-erds/bode/notify/smtp"
)

// town is the whole way of a notice: deliveries, a worker, a real mail server,
// recipients' sides, and the way back.
type town struct {
	*delivery.Service
	t        *testing.T
	pool     *pgxpool.Pool
	notices  *notify.Service
	suppress *notify.Suppressions
	account  string
	back     string // where reports come back
	mta      *mtatest.Server
}

// texts is an SMS gateway that takes everything but what ends in 99.
type texts struct{}

func (texts) Deliver(_ context.Context, m notify.Message) (notify.Result, string) {
	if strings.HasSuffix(m.Notice.To, "99") {
		return notify.Result{Outcome: notify.Permanent, Reply: "no such number"}, strings.Repeat("a", 64)
	}
	return notify.Result{Outcome: notify.Sent, Reply: "ok"}, strings.Repeat("a", 64)
}

func newTown(t *testing.T, start func(testing.TB, mtatest.Config) *mtatest.Server) *town {
	t.Helper()
	w := &town{t: t, pool: pgtest.New(t), account: uuid.NewString()}
	idle, err := river.NewClient(riverpgxv5.New(w.pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.suppress, err = notify.NewSuppressions(notify.SuppressionsConfig{Pool: w.pool, Key: bytes.Repeat([]byte{5}, 32)})
	w.must(err)
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	w.must(err)
	w.notices, err = notify.New(notify.Config{Pool: w.pool, Sealer: box, Suppressions: w.suppress})
	w.must(err)
	w.notices.UseJobs(idle)
	w.deliveries(box, idle)
	w.notices.UseListener(w.Service)
	w.back = serve(t, w.notices)
	w.mta = start(t, far(t, w.back))
	w.work(w.mta.Addr)
	return w
}

// deliveries is the service of a company with one person.
func (w *town) deliveries(box identity.Box, idle *river.Client[pgx.Tx]) {
	w.t.Helper()
	people, err := identity.New(identity.Config{Pool: w.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32)})
	w.must(err)
	book, err := ledger.New(ledger.Config{Pool: w.pool, Outbox: idle, Issuer: evidencetest.Issuer()})
	w.must(err)
	keys, err := vault.OpenKeyring(w.t.TempDir()+"/keys", time.Now)
	w.must(err)
	store, err := vault.NewDir(vault.DirConfig{Dir: w.t.TempDir(), Keys: keys})
	w.must(err)
	w.Service, err = delivery.New(delivery.Config{Pool: w.pool, Journal: book, Notices: w.notices, Outbox: idle, Vault: store, Box: keys,
		Codes: struct{ delivery.Codes }{}, Identities: people, Post: struct{ delivery.PostPartner }{}, LinkKey: bytes.Repeat([]byte{4}, 32), BaseURL: "https://bode.example",
		Service: "Bode", Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	now := time.Now()
	for _, sql := range []string{
		`INSERT INTO account (id, kind, name, email, country, created_at) VALUES ($1, 'company', 'Immo Zilverlinde bv', 'post@zilverlinde.example', 'BE', $2)`,
		`INSERT INTO person (id, given, family, login, email, mobile, language, password_hash, password_at, created_at)
			VALUES ($1, 'Lotte', 'Peeters', 'lotte', 'lotte@zilverlinde.example', '+32470000009', 'nl', '$argon2id$', $2, $2)`,
		`INSERT INTO mandate (id, account_id, person_id, given, family, powers, classes, valid_from, granted_by, granted_at, proof_kind, text_sha256)
			VALUES (gen_random_uuid(), $1, $1, 'Lotte', 'Peeters', '{send,receive,administer}', '{}', $2, 'p', $2, 'founder', sha256(''))`,
	} {
		_, err := w.pool.Exec(w.t.Context(), sql, w.account, now)
		w.must(err)
	}
}

// work sends notices: mails through addr.
func (w *town) work(addr string) {
	w.t.Helper()
	mailer, err := smtp.New(smtp.Config{Addr: addr, Security: smtp.Plain, From: mail.Address{Name: "Bode", Address: "bode@bode.example"},
		BounceDomain: domain, BounceKey: key, SuccessReports: true})
	w.must(err)
	worker, err := notify.NewWorker(notify.WorkerConfig{Pool: w.pool, Source: w.Service, Sink: w.Service, Timeout: 20 * time.Second,
		Transports: map[notify.Channel]notify.Transport{notify.Email: w.suppress.Guard(mailer), notify.SMS: w.suppress.Guard(texts{})}})
	w.must(err)
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(w.pool), &river.Config{Queues: map[string]river.QueueConfig{notify.Queue: {MaxWorkers: 4}},
		Workers: workers, SkipUnknownJobCheck: true, Logger: slog.New(slog.DiscardHandler), FetchCooldown: 5 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond})
	w.must(err)
	w.must(client.Start(context.Background()))
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := client.StopAndCancel(ctx); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// submit sends a message to somebody.
func (w *town) submit(email, mobile string) delivery.Delivery {
	w.t.Helper()
	by := delivery.Submitter{By: identity.Actor{Kind: identity.ActorPerson, Subject: w.account, Account: w.account, Given: "Lotte", Family: "Peeters",
		Method: "password+totp", Level: identity.LevelSubstantial, ProvenAt: time.Now().Add(-time.Minute), IP: "192.0.2.1", UserAgent: "test"},
		Sender: evidence.Party{Kind: evidence.LegalPerson, Name: "Immo Zilverlinde bv", Email: "post@zilverlinde.example",
			Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0403170701"}}}
	m, _, err := w.Submit(w.t.Context(), by, delivery.Submission{Subject: "Opzegging", Body: "Geachte", Language: "nl", Policy: delivery.DefaultPolicy(),
		Recipients: []delivery.Recipient{{Given: "An", Family: "Janssens", Email: email, Mobile: mobile, Language: "nl",
			Address: &delivery.PostalAddress{Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE"}}}}, delivery.Once{})
	w.must(err)
	list, err := w.Deliveries(w.t.Context(), w.account, m.ID, 0, 1)
	w.must(err)
	return list[0]
}

// until waits for a delivery to be as it should.
func (w *town) until(d delivery.Delivery, what string, done func(delivery.Delivery, []evidence.Event) bool) delivery.Delivery {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := w.Delivery(ctx, w.account, d.ID)
		if err != nil {
			w.t.Fatalf("%s: %s: %v", d.Recipient.Email, what, err)
		}
		if done(now, w.events(d)) {
			return now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("%s: waited in vain: %s; it is %s, e-mail %q, SMS %q, events %v", d.Recipient.Email, what, now.State, now.Email, now.SMS, w.names(d))
		}
	}
}

func (w *town) events(d delivery.Delivery) (list []evidence.Event) {
	w.t.Helper()
	recorded, err := w.Events(context.Background(), w.account, d.ID)
	w.must(err)
	for _, r := range recorded {
		list = append(list, r.Event)
	}
	return list
}

func (w *town) names(d delivery.Delivery) (names []string) {
	w.t.Helper()
	for _, e := range w.events(d) {
		names = append(names, fmt.Sprintf("%s %s", e.Name, detail(e, "channel")))
	}
	return names
}

func (w *town) count(sql string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.pool.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

// history is the announcement by e-mail and what was said of it.
func (w *town) history(d delivery.Delivery) notify.Told {
	w.t.Helper()
	all, err := w.notices.History(context.Background(), w.pool, string(d.ID))
	w.must(err)
	for _, told := range all {
		if told.Notice.Kind == notify.Announcement && told.Notice.Channel == notify.Email {
			return told
		}
	}
	w.t.Fatal("no announcement")
	return notify.Told{}
}

func detail(e evidence.Event, key string) string {
	for _, d := range e.Details {
		if d.Key == key {
			return d.Value
		}
	}
	return ""
}
