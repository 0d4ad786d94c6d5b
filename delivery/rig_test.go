package delivery_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
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
	"github.com/bode-erds/bode/identity/otp"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

// clock is the time of a test. It moves only when told to.
type clock struct{ us atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.us.Store(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time       { return time.UnixMicro(c.us.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.us.Add(d.Microseconds()) }
func (c *clock) set(t time.Time)      { c.us.Store(t.UnixMicro()) }

// rig is a service on a database of its own with everything real but the
// outside: jobs are enqueued and nobody works them.
type rig struct {
	*delivery.Service
	t       testing.TB
	pool    *pgxpool.Pool
	clock   *clock
	objects string // directory of the vault
	codes   codes
	people  *identity.Service
	partner *partner
	account string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigOn(t, pgtest.New(t))
}

// newRigOn is newRig on a database that the test looks after.
func newRigOn(t testing.TB, pool *pgxpool.Pool) *rig {
	t.Helper()
	r := &rig{t: t, pool: pool, clock: newClock(), objects: t.TempDir(), partner: &partner{}}
	r.account = r.newAccount()
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	r.people, err = identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: r.clock.now})
	r.must(err)
	service, err := otp.New(otp.Config{Pool: r.pool, Key: bytes.Repeat([]byte{3}, 32)})
	r.must(err)
	t.Cleanup(service.Close)
	r.codes = codes{r.pool, service, r.clock.now}
	r.Service = r.service(nil)
	return r
}

// service is one more process on the database of r.
func (r *rig) service(change func(*delivery.Config)) *delivery.Service {
	r.t.Helper()
	jobs, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	notices, err := notify.New(notify.Config{Now: func(string) time.Time { return r.clock.now() }})
	r.must(err)
	notices.UseJobs(jobs)
	book, err := ledger.New(ledger.Config{Pool: r.pool, Outbox: jobs, Issuer: evidencetest.Issuer(), Now: r.clock.now})
	r.must(err)
	keys, err := vault.OpenKeyring(r.objects+"-keys", r.clock.now)
	r.must(err)
	store, err := vault.NewDir(vault.DirConfig{Dir: r.objects, Keys: keys})
	r.must(err)
	cfg := delivery.Config{
		Pool: r.pool, Journal: book, Notices: notices, Outbox: jobs, Vault: store, Box: keys, Codes: r.codes,
		Identities: r.people, Post: r.partner, LinkKey: bytes.Repeat([]byte{4}, 32), BaseURL: "https://bode.example",
		Service: "Bode", Now: r.clock.now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := delivery.New(cfg)
	r.must(err)
	return s
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ctx() context.Context { return r.t.Context() }

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.pool.Exec(r.ctx(), sql, args...)
	r.must(err)
}

// count is the result of a query for one number.
func (r *rig) count(sql string, args ...any) (n int) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), sql, args...).Scan(&n))
	return n
}

// newAccount is a company with one person, of the same id, who may do everything
// for it.
func (r *rig) newAccount() string {
	r.t.Helper()
	id := uuid.NewString()
	r.exec(`INSERT INTO account (id, kind, name, email, country, created_at) VALUES ($1, 'company', 'Immo Zilverlinde bv', 'post@zilverlinde.example', 'BE', $2)`,
		id, r.clock.now())
	r.newPerson(id, "Lotte", "Peeters")
	r.grant(id, id, "founder", "{send,receive,administer}", "{}")
	return id
}

// newPerson has an account holder's row and nothing else.
func (r *rig) newPerson(id, given, family string) {
	r.t.Helper()
	r.exec(`INSERT INTO person (id, given, family, login, email, mobile, language, password_hash, password_at, created_at)
		VALUES ($1, $2, $3, $4, $5, '+32470000009', 'nl', '$argon2id$', $6, $6)`, id, given, family, id, given+"@zilverlinde.example", r.clock.now())
}

// grant lets a person act for an account, and returns the mandate.
func (r *rig) grant(account, person, how, powers, classes string) (id string) {
	r.t.Helper()
	id = uuid.NewString()
	r.exec(`INSERT INTO mandate (id, account_id, person_id, given, family, powers, classes, valid_from, granted_by, granted_at, proof_kind, proof_record, text_sha256)
		VALUES ($1, $2, $3, 'Lotte', 'Peeters', $4, $5, $6, 'p', $6, $7, CASE WHEN $7 IN ('approval', 'signature') THEN $1::uuid END, sha256(''))`,
		id, account, person, powers, classes, r.clock.now().AddDate(-1, 0, 0), how)
	return id
}

func (r *rig) revoke(mandate string) {
	r.t.Helper()
	r.exec(`UPDATE mandate SET revoked_at = $2, revoked_by = 'p' WHERE id = $1`, mandate, r.clock.now())
}

// sender is somebody of an account who signed in.
func (r *rig) sender(account string) delivery.Submitter {
	return delivery.Submitter{
		By: identity.Actor{Kind: identity.ActorPerson, Subject: account, Account: account, Given: "Lotte", Family: "Peeters",
			Method: "password+totp", Level: identity.LevelSubstantial, ProvenAt: r.clock.now().Add(-time.Minute), IP: "192.0.2.1", UserAgent: "test"},
		Sender: evidence.Party{Kind: evidence.LegalPerson, Name: "Immo Zilverlinde bv", Email: "post@zilverlinde.example",
			Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0403170701"}},
	}
}

// submission is to n people unless changed.
func submission(n int, change ...func(*delivery.Submission)) delivery.Submission {
	s := delivery.Submission{Subject: "Opzegging", Body: "Geachte,\n\nwij zeggen op.", Reference: "dossier 12/345", Language: "nl",
		Policy: delivery.DefaultPolicy()}
	for i := range n {
		s.Recipients = append(s.Recipients, delivery.Recipient{Given: "An", Family: "Janssens", Email: fmt.Sprintf("an%d@example.be", i),
			Mobile: fmt.Sprintf("+3247%07d", i), Language: "nl",
			Address: &delivery.PostalAddress{Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE"}})
	}
	for _, c := range change {
		c(&s)
	}
	return s
}

func (r *rig) submit(n int, change ...func(*delivery.Submission)) delivery.Message {
	r.t.Helper()
	m, replayed, err := r.Submit(r.ctx(), r.sender(r.account), submission(n, change...), delivery.Once{})
	r.must(err)
	if replayed {
		r.t.Fatal("a fresh submission was answered as a replay")
	}
	return m
}

// deliveries of a message, as they are now.
func (r *rig) deliveries(m delivery.Message) []delivery.Delivery {
	r.t.Helper()
	list, err := r.Deliveries(r.ctx(), m.Account, m.ID, 0, 10000)
	r.must(err)
	return list
}

// again reads a delivery once more.
func (r *rig) again(d delivery.Delivery) delivery.Delivery {
	r.t.Helper()
	d, err := r.Delivery(r.ctx(), d.Message.Account, d.ID)
	r.must(err)
	return d
}

func (r *rig) names(d delivery.Delivery) (names []evidence.Name) {
	r.t.Helper()
	list, err := r.Events(r.ctx(), d.Message.Account, d.ID)
	r.must(err)
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// attempt tells that an announcement ended so.
func (r *rig) attempt(d delivery.Delivery, ch notify.Channel, o notify.Outcome) delivery.Delivery {
	r.t.Helper()
	n := notify.Notice{ID: evidence.NewID(), Account: d.Message.Account, Delivery: string(d.ID), Kind: notify.Announcement, Channel: ch,
		To: d.Recipient.Email, Language: "nl"}
	if ch == notify.SMS {
		n.To = d.Recipient.Mobile
	}
	a := notify.Attempt{Number: 1, StartedAt: r.clock.now(), EndedAt: r.clock.now(), Digest: strings.Repeat("a", 64),
		Result: notify.Result{Outcome: o, Reply: "250 2.0.0 Ok", Remote: "127.0.0.1:25", TLS: "TLS 1.3"}}
	r.tell(n, a)
	return r.again(d)
}

// tell says that an attempt of a notice ended.
func (r *rig) tell(n notify.Notice, a notify.Attempt) {
	r.t.Helper()
	r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error { return r.NoticeAttempted(r.ctx(), tx, n, a) }))
}

// notified is a message to one person whom the announcement reached.
func (r *rig) notified(change ...func(*delivery.Submission)) delivery.Delivery {
	r.t.Helper()
	d := r.deliveries(r.submit(1, change...))[0]
	return r.attempt(r.attempt(d, notify.Email, notify.Sent), notify.SMS, notify.Sent)
}

// proof is somebody who identified as the addressee.
func (r *rig) proof() identity.Proof {
	return identity.Proof{Method: "itsme", Provider: "https://idp.example", Subject: "s-1", Given: "An", Family: "Janssens",
		Level: identity.LevelHigh, At: r.clock.now(), Token: []byte("token")}
}

// visit follows the link and enters both codes. It returns the session.
func (r *rig) visit(d delivery.Delivery) string {
	r.t.Helper()
	kind := notify.Announcement
	if d.State != delivery.Notified {
		kind = notify.Accepted
	}
	f, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: kind})
	r.must(err)
	_, token, _ := strings.Cut(f.Link, "/c/")
	found, err := r.ByLink(r.ctx(), token)
	r.must(err)
	session, err := r.SendCodes(r.ctx(), found, "", identity.Actor{IP: "192.0.2.9", UserAgent: "browser"})
	r.must(err)
	r.must(r.EnterCodes(r.ctx(), r.session(d, session), r.code(d, notify.Email), r.code(d, notify.SMS)))
	return session
}

func (r *rig) session(d delivery.Delivery, session string) delivery.Collecting {
	r.t.Helper()
	c, err := r.Session(r.ctx(), d, session)
	r.must(err)
	return c
}

// errand is one on which somebody identified.
func (r *rig) errand() identity.Login {
	r.t.Helper()
	id, secret, err := r.people.OpenLogin(r.ctx(), identity.NewLogin{Errand: "collect", Session: "s", Language: "nl", Back: "/c/x"})
	r.must(err)
	l, err := r.people.Login(r.ctx(), id, secret)
	r.must(err)
	return l
}

// identified is the browser of the addressee, who may decide.
func (r *rig) identified(d delivery.Delivery) delivery.Collecting {
	r.t.Helper()
	session := r.visit(d)
	r.must(r.Identify(r.ctx(), r.session(d, session), r.errand(), r.proof(), "192.0.2.9", "browser"))
	return r.session(d, session)
}

// read transfers every part to the recipient.
func (r *rig) read(c delivery.Collecting, m delivery.Message) delivery.Delivery {
	r.t.Helper()
	var parts []int
	for i, p := range m.Parts {
		_, body, err := r.OpenPart(r.ctx(), c, i)
		r.must(err)
		sum := sha256.New()
		_, err = io.Copy(sum, body)
		r.must(err)
		r.must(body.Close())
		if got := hex.EncodeToString(sum.Sum(nil)); got != p.SHA256 {
			r.t.Errorf("part %d: digest %s, want %s", i, got, p.SHA256)
		}
		parts = append(parts, i)
	}
	d, err := r.Transferred(r.ctx(), c, parts...)
	r.must(err)
	return d
}

// upload stores a document of the account.
func (r *rig) upload(content string) string {
	r.t.Helper()
	d, _, err := r.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: "opzegging.pdf", MediaType: "application/pdf"},
		strings.NewReader(content), delivery.Once{})
	r.must(err)
	return string(d.ID)
}

// clean fails the test for every fault that Fsck finds.
func (r *rig) clean() {
	r.t.Helper()
	if faults := r.faults(); len(faults) > 0 {
		r.t.Errorf("fsck: %s", strings.Join(faults, "; "))
	}
}

func (r *rig) faults() (faults []string) {
	r.t.Helper()
	_, err := r.Fsck(r.ctx(), func(f delivery.Fault) { faults = append(faults, f.What) })
	r.must(err)
	return faults
}

// code is the newest one sent on a channel.
func (r *rig) code(d delivery.Delivery, ch notify.Channel) string {
	r.t.Helper()
	var ref string
	r.must(r.pool.QueryRow(r.ctx(), `SELECT ref FROM notice WHERE delivery_id = $1 AND kind = 'code' AND channel = $2 ORDER BY id DESC LIMIT 1`,
		d.ID, ch).Scan(&ref))
	code, _, err := r.codes.Code(r.ctx(), ref)
	r.must(err)
	return code
}
