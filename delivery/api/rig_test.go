package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

// rig is the API on a socket, over a service on a database of its own. Jobs are
// enqueued and nobody works them; evidence is "sealed" by leaving it as it is.
type rig struct {
	t        testing.TB
	pool     *pgxpool.Pool
	service  *delivery.Service
	people   *identity.Service
	book     *ledger.Ledger
	vault    delivery.Vault
	dossiers *dossiers
	url      string
	objects  string // directory of the vault
	clock    *clock
	log      *logBuffer
	contract *spec
	fetched  func(address string) ([]byte, error) // what clients keep at their addresses
	face     *api.API

	account   string // of the keys below
	test      string
	live      string
	testID    string
	stranger  string // account of:
	otherTest string
	otherLive string
}

// clock is the time of a test. It moves only when told to.
type clock struct{ us atomic.Int64 }

func (c *clock) now() time.Time       { return time.UnixMicro(c.us.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.us.Add(d.Microseconds()) }

func newRig(t testing.TB, change ...func(*api.Config)) *rig {
	t.Helper()
	r := &rig{t: t, pool: pgtest.New(t, identity.Wall), objects: t.TempDir(), clock: &clock{}, log: &logBuffer{}, dossiers: &dossiers{}}
	r.clock.us.Store(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).UnixMicro())
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	log := slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.people, err = identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: r.clock.now, Logger: log,
		Password: identity.Cost{Memory: 8, Time: 1, Threads: 1}, FetchKeys: r.fetch})
	r.must(err)
	r.serve(log, change)
	r.account, r.test, r.live = r.newAccount("Immo Zilverlinde bv", "0403170701")
	r.stranger, r.otherTest, r.otherLive = r.newAccount("Notaris Duinen bv", "0202239951")
	r.must(r.pool.QueryRow(r.ctx(), `SELECT id FROM api_key WHERE account_id = $1 AND mode = 'test'`, r.account).Scan(&r.testID))
	return r
}

// serve builds the service and puts its API on a socket.
func (r *rig) serve(log *slog.Logger, change []func(*api.Config)) {
	r.t.Helper()
	jobs, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	notices, err := notify.New(notify.Config{Now: func(string) time.Time { return r.clock.now() }})
	r.must(err)
	notices.UseJobs(jobs)
	plain := sealer{}
	r.book, err = ledger.New(ledger.Config{Pool: r.pool, Outbox: jobs, Issuer: evidencetest.Issuer(), Now: r.clock.now, Logger: log,
		Engine:  evidence.Engine{XML: plain, XMLChecker: plain, PDF: plain, PDFChecker: plain},
		Stamper: plain, Log: plainLog{}, Records: plainRecords{}})
	r.must(err)
	keys, err := vault.OpenKeyring(r.objects+"-keys", r.clock.now)
	r.must(err)
	r.vault, err = vault.NewDir(vault.DirConfig{Dir: r.objects, Keys: keys})
	r.must(err)
	r.service, err = delivery.New(delivery.Config{
		Pool: r.pool, Journal: r.book, Notices: notices, Outbox: jobs, Vault: r.vault, Box: keys, Codes: noCodes{},
		Identities: r.people, Trials: r.people, Post: noPartner{}, Previews: previewer{}, LinkKey: bytes.Repeat([]byte{4}, 32), BaseURL: "https://bode.example",
		Service: "Bode", Now: r.clock.now, Log: log,
	})
	r.must(err)
	cfg := api.Config{Deliveries: r.service, Identity: r.people, Evidence: r.book, Dossiers: r.dossiers, Now: r.clock.now, Log: log,
		Rate: 1e6, Burst: 1e6}
	for _, c := range change {
		c(&cfg)
	}
	face, err := api.New(cfg)
	r.must(err)
	r.face = face
	server := httptest.NewServer(face.Handler())
	r.t.Cleanup(server.Close)
	r.url = server.URL
	r.contract = newSpec(r.t, r.url)
}

func (r *rig) fetch(_ context.Context, address string) ([]byte, error) {
	if r.fetched == nil {
		return nil, errors.New("nothing there")
	}
	return r.fetched(address)
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

func (r *rig) count(sql string, args ...any) (n int) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), sql, args...).Scan(&n))
	return n
}

// newAccount opens a company with a key of each kind.
func (r *rig) newAccount(name, number string) (account, test, live string) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), `INSERT INTO account (id, kind, name, email, enterprise_number, country, created_at)
		VALUES (gen_random_uuid(), 'company', $1, 'post@zilverlinde.example', $2, 'BE', $3) RETURNING id`, name, number, r.clock.now()).Scan(&account))
	var err error
	test, _, err = r.people.CreateKey(r.ctx(), identity.System, account, identity.Test, "t")
	r.must(err)
	live, _, err = r.people.CreateKey(r.ctx(), identity.System, account, identity.Live, "l")
	r.must(err)
	return account, test, live
}

// stored is everything that a request may leave behind: rows, and objects of
// the vault. A refused request leaves it as it was.
func (r *rig) stored() string {
	r.t.Helper()
	var b strings.Builder
	for _, table := range []string{"message", "document", "delivery", "erds_event", "notice", "idempotency", "deadline", "test_clock", "river_job"} {
		fmt.Fprintf(&b, "%s %d\n", table, r.count(`SELECT count(*) FROM `+table))
	}
	fmt.Fprintf(&b, "objects %d", len(r.files()))
	return b.String()
}

// files lists the objects of the vault, finished or not.
func (r *rig) files() (paths []string) {
	r.t.Helper()
	r.must(filepath.WalkDir(r.objects, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, p)
		}
		return err
	}))
	return paths
}

// seal makes the evidence of every event.
func (r *rig) seal() {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), `SELECT delivery_id, seq FROM erds_event ORDER BY delivery_id, seq`)
	r.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.Ref])
	r.must(err)
	r.must(r.book.Seal(r.ctx(), list...))
	_, err = r.book.Batch(r.ctx())
	r.must(err)
	r.must(r.book.Finish(r.ctx(), list...))
}

// posted gives a delivery a letter of so many octets.
func (r *rig) posted(id string, content io.Reader) {
	r.t.Helper()
	s, err := r.vault.Put(r.ctx(), r.account+"/letter-"+id, content)
	r.must(err)
	r.exec(`INSERT INTO letter (delivery_id, object, key_id, wrapped_key, size, sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, s.Name, s.KeyID, s.Key, s.Size, s.SHA256, r.clock.now())
	if s, err = r.vault.Put(r.ctx(), r.account+"/paper-"+id, strings.NewReader("%PDF deposit")); err != nil {
		r.t.Fatal(err)
	}
	r.exec(`INSERT INTO postal_document (delivery_id, position, kind, report_id, media_type, object, key_id, wrapped_key, size, sha256, created_at)
		VALUES ($1, 1, 'deposit_proof', 'r-1', 'application/pdf', $2, $3, $4, $5, $6, $7)`, id, s.Name, s.KeyID, s.Key, s.Size, s.SHA256, r.clock.now())
}

// proposed is a better address of a delivery to which the sender agreed.
func (r *rig) proposed(id string) (proposal string) {
	r.t.Helper()
	proposal = evidence.NewID()
	r.exec(`INSERT INTO contact_proposal (id, delivery_id, account_id, channel, address, created_at, proven_at, decided_at, agreed)
		VALUES ($1, $2, (SELECT account_id FROM delivery WHERE id = $2), 'sms', '+32478998877', $3, $3, $3, true)`, proposal, id, r.clock.now())
	return proposal
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// sealer seals and checks by leaving everything as it is.
type sealer struct{}

func (sealer) SignXML(p *evidence.Prepared, _ time.Time) ([]byte, error) { return p.XML(), nil }

func (sealer) StampXML(_ context.Context, signed []byte) ([]byte, error) { return signed, nil }

func (sealer) Stamp(context.Context, []byte) ([]byte, error) { return []byte("token"), nil }

func (sealer) SealPDF(_ context.Context, _ evidence.Document, a evidence.Attached, _ time.Time) ([]byte, error) {
	return append([]byte("%PDF "), a.XML...), nil
}

func (sealer) CheckSigned(doc []byte) ([]byte, error) { return doc, nil }

func (s sealer) CheckWith(doc []byte, _ evidence.Beside, t evidence.Trust) evidence.Report {
	return s.Check(doc, t)
}

func (sealer) Check(doc []byte, _ evidence.Trust) evidence.Report {
	return evidence.Report{Content: bytes.TrimPrefix(doc, []byte("%PDF ")), Checks: []evidence.Check{{Code: evidence.CheckFormat, OK: true}},
		Stamps: []evidence.TokenInfo{{Time: time.Date(2026, 11, 20, 9, 0, 1, 0, time.UTC), Serial: "7"}}}
}

// plainLog keeps entries and proves nothing.
type plainLog struct{}

func (plainLog) Grow(ctx context.Context, t ledger.Tiles, last []byte, entries []ledger.Hash) ([]ledger.Tile, []byte, error) {
	var size int64
	fmt.Sscanf(string(last), "size %d\n", &size)
	grown := map[int64][]byte{}
	for i, e := range entries {
		at := (size + int64(i)) / 256
		if grown[at] == nil {
			kept, err := t.Tile(ctx, -1, at)
			if err != nil {
				return nil, nil, err
			}
			grown[at] = kept
		}
		grown[at] = append(grown[at], e[:]...)
	}
	var tiles []ledger.Tile
	for at, hashes := range grown {
		tiles = append(tiles, ledger.Tile{Level: -1, Index: at, Hashes: hashes})
	}
	return tiles, fmt.Appendf(nil, "size %d\n", size+int64(len(entries))), nil
}

func (plainLog) Prove(_ context.Context, _ ledger.Tiles, _, index int64, checkpoint []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d in %s", index, checkpoint), nil
}

func (plainLog) Consistent(_ context.Context, _ ledger.Tiles, old, _ int64) ([]ledger.Hash, error) {
	return make([]ledger.Hash, old), nil
}

func (plainLog) Check(context.Context, ledger.Tiles, int64, []byte) error { return nil }

// plainRecords writes down what it is asked.
type plainRecords struct{}

func (plainRecords) Tree(leaves []ledger.Hash) (ledger.Tree, error) { return plainTree(leaves), nil }

type plainTree []ledger.Hash

func (t plainTree) Root() ledger.Hash { return sha256.Sum256(fmt.Append(nil, t)) }

func (plainTree) Record(pos int, token []byte) ([]byte, error) {
	return fmt.Appendf(nil, "record %d %s", pos, token), nil
}

func (plainRecords) Digest(record []byte) (ledger.Hash, error) { return sha256.Sum256(record), nil }

func (plainRecords) Renew(record []byte, _ []ledger.Hash, pos int, token []byte) ([]byte, error) {
	return fmt.Appendf(record, " renewed %d %s", pos, token), nil
}

func (plainRecords) Check([]byte, ledger.Hash) (at, renew time.Time, err error) {
	at = time.Date(2026, 11, 20, 9, 0, 1, 0, time.UTC)
	return at, at.AddDate(5, 0, 0), nil
}

// dossiers writes what it is told to, then fails as it is told to.
type dossiers struct {
	content io.Reader
	err     error
}

func (d *dossiers) WriteDossier(_ context.Context, w io.Writer, _ string, _ ...evidence.File) error {
	if d.content != nil {
		if _, err := io.Copy(w, d.content); err != nil {
			return err
		}
	}
	return d.err
}

var errFake = errors.New("not of this test")

// noCodes: nobody collects in these tests.
type noCodes struct{}

func (noCodes) Issue(context.Context, pgx.Tx, string, notify.Channel, time.Time) (string, time.Time, error) {
	return "", time.Time{}, errFake
}
func (noCodes) Code(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, errFake
}
func (noCodes) Check(context.Context, string, notify.Channel, string, time.Time) error {
	return errFake
}
func (noCodes) Forget(context.Context, pgx.Tx, string) error { return nil }

// noPartner is there, so that paper is offered, and never called.
type noPartner struct{}

func (noPartner) HandOver(context.Context, delivery.Letter) (delivery.PostReceipt, error) {
	return delivery.PostReceipt{}, errFake
}
func (noPartner) Cancel(context.Context, string) (bool, error)           { return false, errFake }
func (noPartner) Reports(context.Context) ([]delivery.PostReport, error) { return nil, errFake }
func (noPartner) Done(context.Context, delivery.PostReport) error        { return errFake }
