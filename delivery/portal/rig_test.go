package portal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp/totp"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/passkey"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

const password = "vier vlugge vossen"

// rig is the face with real parts behind it: deliveries, ledger and identities
// on a database of its own, and a vault. Evidence is sealed when a test says so.
type rig struct {
	t          testing.TB
	pool       *pgxpool.Pool
	deliveries *delivery.Service
	people     *identity.Service
	proofs     *proofs
	verifier   *verifier
	server     *httptest.Server
	account    string
	person     string
	secret     string       // of the authenticator
	ahead      atomic.Int64 // how far the clock is ahead of the true one
	asked      requests
	config     portal.Config
	post       *letters       // what account holders are told
	proof      identity.Proof // what whoever is sent to identify proves
}

// requests are those that reached the server, as "METHOD /path octets".
type requests struct {
	sync.Mutex
	list []string
}

func (q *requests) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.Lock()
		q.list = append(q.list, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, r.ContentLength))
		q.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *rig) pass(d time.Duration) { r.ahead.Add(int64(d)) }

func newRig(t testing.TB, with ...func(*portal.Config)) *rig {
	t.Helper()
	r := &rig{t: t, pool: pgtest.New(t, identity.Wall), verifier: &verifier{}, post: &letters{codes: map[string]letterCode{}}}
	quiet := slog.New(slog.DiscardHandler)
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	r.people, err = identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: r.now,
		Password: identity.Cost{Memory: 64, Time: 1, Threads: 1}, Teller: r.post, Codes: r.post})
	r.must(err)
	jobs, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: quiet})
	r.must(err)
	notices, err := notify.New(notify.Config{})
	r.must(err)
	notices.UseJobs(jobs)
	book, err := ledger.New(ledger.Config{Pool: r.pool, Outbox: jobs, Issuer: evidencetest.Issuer()})
	r.must(err)
	r.proofs = &proofs{Ledger: book}
	objects := t.TempDir()
	keys, err := vault.OpenKeyring(objects+"-keys", time.Now)
	r.must(err)
	store, err := vault.NewDir(vault.DirConfig{Dir: objects, Keys: keys})
	r.must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	base := "http://" + listener.Addr().String()
	r.deliveries, err = delivery.New(delivery.Config{Pool: r.pool, Journal: book, Notices: notices, Outbox: jobs, Vault: store, Box: keys,
		Codes: codes{}, Identities: r.people, Post: partner{}, LinkKey: bytes.Repeat([]byte{4}, 32), BaseURL: base, Service: "Bode", Log: quiet, Now: r.now})
	r.must(err)
	pages, err := web.New(web.Config{BaseURL: base, Now: r.now, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))})
	r.must(err)
	cfg := portal.Config{Web: pages, Deliveries: r.deliveries, Identity: r.people, Evidence: r.proofs, Dossiers: r.proofs,
		Verifier: r.verifier, Now: r.now, Log: quiet}
	cfg.Passkeys, err = passkey.New(passkey.Config{Pool: r.pool, Identity: r.people, RPID: "localhost", Origins: []string{named(base)}, Name: "Bode", Now: r.now, Log: quiet})
	r.must(err)
	for _, change := range with {
		change(&cfg)
	}
	r.config = cfg
	face, err := portal.New(cfg)
	r.must(err)
	e := pages.Echo()
	r.must(face.Register(e))
	e.GET("/identify/:id", r.identify(face))
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: r.asked.note(e), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}}
	r.server.Start()
	t.Cleanup(r.server.Close)
	r.account, r.person = r.company("lotte", "Immo Zilverlinde bv")
	r.secret = r.enrol(r.person)
	r.prove(r.person)
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// company opens an account with an administrator.
func (r *rig) company(login, name string) (account, person string) {
	r.t.Helper()
	account, person, err := r.people.CreateAccount(r.t.Context(),
		identity.NewAccount{Kind: identity.Company, Name: name, Email: login + "@firma.example", EnterpriseNumber: "0403170701", Country: "BE"},
		r.newPerson(login))
	r.must(err)
	return account, person
}

func (r *rig) newPerson(login string) identity.NewPerson {
	return identity.NewPerson{Given: "Lotte", Family: "Peeters", Login: login, Email: login + "@firma.example", Mobile: "+32470111111",
		Language: "nl", Password: password}
}

// enrol gives somebody an authenticator.
func (r *rig) enrol(person string) (secret string) {
	r.t.Helper()
	f, err := r.people.EnrolFactor(r.t.Context(), identity.System, person, "Bode")
	r.must(err)
	_, err = r.people.ConfirmFactor(r.t.Context(), identity.System, person, r.code(f.Secret))
	r.must(err)
	return f.Secret
}

// prove makes somebody known: sending takes it.
func (r *rig) prove(person string) {
	r.t.Helper()
	r.must(pgx.BeginFunc(r.t.Context(), r.pool, func(tx pgx.Tx) error {
		kept, err := r.people.SaveIdentification(r.t.Context(), tx, identity.Proof{Method: identity.MethodItsme, Provider: "https://idp.example", Subject: person,
			Given: "Lotte", Family: "Peeters", Level: identity.LevelHigh, At: r.now(), Token: []byte("t")}, identity.Occasion{Purpose: identity.SenderProofing, Person: person})
		if err != nil {
			return err
		}
		_, err = tx.Exec(r.t.Context(), `UPDATE person SET identification_id = $2 WHERE id = $1`, person, kept.Record)
		return err
	}))
}

// code is a fresh code: each is good once, so time passes.
func (r *rig) code(secret string) string {
	r.t.Helper()
	r.pass(30 * time.Second)
	code, err := totp.GenerateCode(secret, r.now())
	r.must(err)
	return code
}

// submitter is the person of an account, signed in with two factors.
func (r *rig) submitter(account string) delivery.Submitter {
	r.t.Helper()
	p, err := r.people.Profile(r.t.Context(), account)
	r.must(err)
	if account != r.account { // Lotte has no mandate there, so a program of theirs sends
		return delivery.Submitter{Sender: delivery.SenderParty(p), By: identity.Actor{Kind: identity.ActorKey, Subject: evidence.NewID(), Account: account,
			Name: "kassa", Method: "api-key", ProvenAt: r.now(), IP: "192.0.2.1"}}
	}
	return delivery.Submitter{Sender: delivery.SenderParty(p), By: identity.Actor{Kind: identity.ActorPerson, Subject: r.person, Account: account,
		Given: "Lotte", Family: "Peeters", Method: identity.MethodTOTP, Level: identity.LevelSubstantial, ProvenAt: r.now(), IP: "192.0.2.1"}}
}

func submission(change ...func(*delivery.Submission)) delivery.Submission {
	s := delivery.Submission{Subject: "Opzegging van de huur", Body: "Geachte,\n\nwij zeggen op.", Reference: "HUUR-2026-0117", Language: "nl", Policy: delivery.DefaultPolicy(),
		Recipients: []delivery.Recipient{{Given: "An", Family: "Janssens", Email: "an@example.be", Mobile: "+32470123456", Language: "nl",
			Address: &delivery.PostalAddress{Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE"}}}}
	for _, c := range change {
		c(&s)
	}
	return s
}

// message submits a message of an account and gives its deliveries.
func (r *rig) message(account string, change ...func(*delivery.Submission)) []delivery.Delivery {
	r.t.Helper()
	m, _, err := r.deliveries.Submit(r.t.Context(), r.submitter(account), submission(change...), delivery.Once{})
	r.must(err)
	return r.all(m)
}

func (r *rig) all(m delivery.Message) []delivery.Delivery {
	r.t.Helper()
	list, err := r.deliveries.Deliveries(r.t.Context(), m.Account, m.ID, 0, 100)
	r.must(err)
	return list
}

// attempt tells that an announcement ended so.
func (r *rig) attempt(d delivery.Delivery, ch notify.Channel, o notify.Outcome) {
	r.t.Helper()
	n := notify.Notice{ID: evidence.NewID(), Account: d.Message.Account, Delivery: string(d.ID), Kind: notify.Announcement, Channel: ch, To: d.Recipient.Email, Language: "nl"}
	a := notify.Attempt{Number: 1, StartedAt: r.now(), EndedAt: r.now(), Digest: strings.Repeat("a", 64),
		Result: notify.Result{Outcome: o, Reply: "250 2.0.0 <b>Ok</b>", Remote: "127.0.0.1:25", TLS: "TLS 1.3"}}
	r.must(pgx.BeginFunc(r.t.Context(), r.pool, func(tx pgx.Tx) error { return r.deliveries.NoticeAttempted(r.t.Context(), tx, n, a) }))
}

func (r *rig) count(sql string, args ...any) (n int) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.t.Context(), sql, args...).Scan(&n))
	return n
}

// proofs is the ledger, with documents once a test sealed them.
type proofs struct {
	*ledger.Ledger
	sealed atomic.Bool
}

func (p *proofs) Get(ctx context.Context, account, id, piece string, f evidence.Format) ([]byte, evidence.Piece, error) {
	_, found, err := p.Ledger.Get(ctx, account, id, piece, f)
	if p.sealed.Load() && errors.Is(err, evidence.ErrPending) {
		return []byte("sealed " + string(f)), evidence.Piece{ID: piece, Seq: 1, Event: evidence.SubmissionAcceptance}, nil
	}
	return nil, found, err
}

func (p *proofs) WriteDossier(_ context.Context, w io.Writer, id string, _ ...evidence.File) error {
	if !p.sealed.Load() {
		return evidence.ErrPending
	}
	_, err := io.WriteString(w, "dossier of "+id)
	return err
}

// verifier gives the report it was told to, and counts what it read.
type verifier struct {
	report evidence.Report
	err    error
	read   atomic.Int64
	hold   chan struct{} // each look takes one, when it is there
	begun  atomic.Int64
}

func (v *verifier) Verify(_ context.Context, _ string, r io.Reader) (evidence.Report, error) {
	n, err := io.Copy(io.Discard, r)
	v.read.Store(n)
	v.begun.Add(1)
	if v.hold != nil {
		<-v.hold
	}
	return v.report, errors.Join(err, v.err)
}

// partner never prints and codes are never asked for: nobody collects here.
type partner struct{ delivery.PostPartner }

type codes struct{ delivery.Codes }
