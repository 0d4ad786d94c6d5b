package submission

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
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
)

// rig is a server on loopback over a service on a database of its own. Jobs are
// enqueued and nobody works them.
type rig struct {
	t       testing.TB
	pool    *pgxpool.Pool
	people  *identity.Service
	server  *Server
	addr    string
	account string
	key     string // test
	live    string
	log     *logBuffer
	objects string
	failure atomic.Pointer[error]
	panics  atomic.Bool
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, pool: pgtest.New(t, identity.Wall), account: uuid.NewString(), objects: t.TempDir(), log: &logBuffer{}}
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	_, err := r.pool.Exec(t.Context(), `INSERT INTO account (id, kind, name, email, country, created_at)
		VALUES ($1, 'company', 'Immo Zilverlinde bv', 'post@zilverlinde.example', 'BE', $2)`, r.account, now)
	r.must(err)
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	r.people, err = identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Now: clock, Logger: logger})
	r.must(err)
	r.key, _, err = r.people.CreateKey(t.Context(), identity.System, r.account, identity.Test, "mail")
	r.must(err)
	r.live, _, err = r.people.CreateKey(t.Context(), identity.System, r.account, identity.Live, "mail")
	r.must(err)
	jobs, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	notices, err := notify.New(notify.Config{Now: func(string) time.Time { return now }})
	r.must(err)
	notices.UseJobs(jobs)
	book, err := ledger.New(ledger.Config{Pool: r.pool, Outbox: jobs, Issuer: evidencetest.Issuer(), Now: clock})
	r.must(err)
	keys, err := vault.OpenKeyring(r.objects+"-keys", clock)
	r.must(err)
	store, err := vault.NewDir(vault.DirConfig{Dir: r.objects, Keys: keys})
	r.must(err)
	parts := faulty{Vault: store, Journal: book, r: r}
	d, err := delivery.New(delivery.Config{
		Pool: r.pool, Journal: parts, Notices: notices, Outbox: jobs, Vault: parts, Box: keys, Codes: noCodes{},
		Identities: r.people, LinkKey: bytes.Repeat([]byte{4}, 32), BaseURL: "https://bode.example", Service: "Bode", Now: clock, Log: logger,
	})
	r.must(err)
	cfg := Config{Deliveries: d, Identity: r.people, Domain: "mail.bode.example", Log: logger, Now: clock}
	for _, c := range change {
		c(&cfg)
	}
	r.server, err = New(cfg)
	r.must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	r.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(r.server.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) count(table string) (n int) {
	r.t.Helper()
	r.must(r.pool.QueryRow(context.Background(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

// client is signed in.
func (r *rig) client(key string) *smtp.Client {
	r.t.Helper()
	c, err := smtp.Dial(r.addr)
	r.must(err)
	r.t.Cleanup(func() { _ = c.Close() })
	r.must(c.Auth(sasl.NewPlainClient("", "anything", key)))
	return c
}

// send submits a mail and returns the whole answer to it.
func (r *rig) send(c *smtp.Client, text string, to ...string) string {
	r.t.Helper()
	if len(to) == 0 {
		to = []string{"an@example.be"}
	}
	r.must(c.Mail("post@zilverlinde.example", nil))
	for _, a := range to {
		r.must(c.Rcpt(a, nil))
	}
	w, err := c.Data()
	r.must(err)
	_, err = io.WriteString(w, text)
	r.must(err)
	answer, err := w.CloseWithResponse()
	if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return fmt.Sprintf("%d %d.%d.%d %s", e.Code, e.EnhancedCode[0], e.EnhancedCode[1], e.EnhancedCode[2], e.Message)
	}
	r.must(err)
	return "250 " + answer.StatusText
}

// raw is a connection on which the test says what it wants.
type raw struct {
	*rig
	net.Conn
}

func (r *rig) dial() raw {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	r.must(err)
	r.t.Cleanup(func() { _ = c.Close() })
	r.must(c.SetDeadline(time.Now().Add(20 * time.Second)))
	x := raw{r, c}
	x.expect("220")
	return x
}

func (x raw) say(s string) {
	x.t.Helper()
	_, err := io.WriteString(x.Conn, s)
	x.must(err)
}

// line reads octet by octet, so that nothing is swallowed.
func (x raw) line() string {
	var b strings.Builder
	one := make([]byte, 1)
	for {
		if _, err := x.Read(one); err != nil {
			return b.String() + "(" + err.Error() + ")"
		}
		b.WriteByte(one[0])
		if one[0] == '\n' {
			return strings.TrimSpace(b.String())
		}
	}
}

func (x raw) expect(code string) string {
	x.t.Helper()
	for {
		l := x.line()
		if !strings.HasPrefix(l, code) {
			x.t.Fatalf("answer %q, want %s", l, code)
		}
		if len(l) < 4 || l[3] != '-' {
			return l
		}
	}
}

func (x raw) do(command, code string) string {
	x.t.Helper()
	x.say(command + "\r\n")
	return x.expect(code)
}

func (x raw) ready() {
	x.t.Helper()
	x.do("EHLO client.example", "250")
	x.do("AUTH PLAIN "+base64Of("\x00u\x00"+x.key), "235")
	x.envelope()
}

func (x raw) envelope() {
	x.t.Helper()
	x.do("MAIL FROM:<a@example.be>", "250")
	x.do("RCPT TO:<an@example.be>", "250")
}

// header of a good mail, without what tells its content.
const header = "From: Immo <post@zilverlinde.example>\r\nTo: An Janssens <an@example.be>\r\nSubject: Opzegging\r\nMessage-ID: <1@zilverlinde.example>\r\n" +
	"X-Bode-Language: nl\r\nX-Bode-Fallback: none\r\nX-Bode-Recipient: an@example.be; mobile=+32470000001\r\n"

const plainMail = header + "\r\nGeachte,\r\n\r\nwij zeggen op.\r\n"

// faulty is a vault or journal that fails when told to.
type faulty struct {
	delivery.Vault
	delivery.Journal
	r *rig
}

func (f faulty) Put(ctx context.Context, name string, r io.Reader) (delivery.Stored, error) {
	if err := f.r.failure.Load(); err != nil {
		return delivery.Stored{}, *err
	}
	return f.Vault.Put(ctx, name, r)
}

func (f faulty) Record(ctx context.Context, tx pgx.Tx, events ...evidence.Event) ([][32]byte, error) {
	if err := f.r.failure.Load(); err != nil {
		return nil, *err
	}
	if f.r.panics.Load() {
		panic("secret content")
	}
	return f.Journal.Record(ctx, tx, events...)
}

func (f faulty) Queue(ctx context.Context, b *pgx.Batch, events ...evidence.Event) ([][32]byte, []river.InsertManyParams, error) {
	if err := f.r.failure.Load(); err != nil {
		return nil, nil, *err
	}
	if f.r.panics.Load() {
		panic("secret content")
	}
	return f.Journal.Queue(ctx, b, events...)
}

// noCodes is enough here: nobody collects.
type noCodes struct{ delivery.Codes }

// logBuffer keeps the log and lets a test wait for a line.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	on chan struct{} // closed at the next write
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on != nil {
		close(l.on)
		l.on = nil
	}
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (r *rig) waitLog(text string) {
	r.t.Helper()
	patience := time.After(20 * time.Second)
	for {
		r.log.mu.Lock()
		if strings.Contains(r.log.b.String(), text) {
			r.log.mu.Unlock()
			return
		}
		if r.log.on == nil {
			r.log.on = make(chan struct{})
		}
		on := r.log.on
		r.log.mu.Unlock()
		select {
		case <-on:
		case <-patience:
			r.t.Fatalf("no log line with %q in:\n%s", text, r.log)
		}
	}
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// certificate is for 127.0.0.1, with the client's side of it.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// readSlowly reads with buffers of an odd size.
func readSlowly(r io.Reader, size int) (string, error) {
	var b strings.Builder
	p := make([]byte, 1+(size&0xff))
	for {
		n, err := r.Read(p)
		b.Write(p[:n])
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
	}
}
