package collect_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/collect"
	"github.com/bode-erds/bode/delivery/identify"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/identitytest"
	"github.com/bode-erds/bode/identity/oidc"
	"github.com/bode-erds/bode/identity/otp"
	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

// testKeys are made once: RSA keys are most of what a rig costs.
var testKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = k
	}
	return keys
})

// rig is the face with everything real behind it: deliveries and ledger on a
// database of its own, a vault, one-time codes, and an OpenID provider across
// the network. Only sealing is missing: evidence stays in the making unless a
// test puts it there.
type rig struct {
	t          testing.TB
	pool       *pgxpool.Pool
	deliveries *delivery.Service
	provider   *identitytest.Provider
	codes      codes
	server     *httptest.Server
	objects    string // directory of the vault
	vault      *altering
	account    string
	proofs     *proofs
	refusals   refusals
	viewer     delivery.PageViewer
	finished   *atomic.Int64 // when the provider's answers were finished, as Finish was told
	ahead      atomic.Int64  // how far delivery's clock is ahead of the true one
}

// now is the clock of deliveries: the true one unless a test moved it.
func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }

func (r *rig) pass(d time.Duration) { r.ahead.Add(int64(d)) }

func newRig(t testing.TB, change ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, pool: pgtest.New(t, identity.Wall), objects: t.TempDir(), finished: &atomic.Int64{}, viewer: drawing{}}
	for _, c := range change {
		c(r)
	}
	r.account = r.newAccount()
	box, err := identity.NewBox(bytes.Repeat([]byte{1}, 32))
	r.must(err)
	people, err := identity.New(identity.Config{Pool: r.pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32)})
	r.must(err)
	service, err := otp.New(otp.Config{Pool: r.pool, Key: bytes.Repeat([]byte{3}, 32)})
	r.must(err)
	t.Cleanup(service.Close)
	r.codes = codes{r.pool, service}
	jobs, err := river.NewClient(riverpgxv5.New(r.pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	r.must(err)
	notices, err := notify.New(notify.Config{})
	r.must(err)
	notices.UseJobs(jobs)
	book, err := ledger.New(ledger.Config{Pool: r.pool, Outbox: jobs, Issuer: evidencetest.Issuer()})
	r.must(err)
	r.proofs = &proofs{Evidence: book}
	keys, err := vault.OpenKeyring(r.objects+"-keys", time.Now)
	r.must(err)
	store, err := vault.NewDir(vault.DirConfig{Dir: r.objects, Keys: keys})
	r.must(err)
	r.vault = &altering{Vault: store}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	base := "http://" + listener.Addr().String()
	r.deliveries, err = delivery.New(delivery.Config{
		Pool: r.pool, Journal: book, Notices: notices, Outbox: jobs, Vault: r.vault, Box: keys, Codes: r.codes,
		Identities: people, Post: partner{}, Refusals: &r.refusals, LinkKey: bytes.Repeat([]byte{4}, 32), BaseURL: base, Service: "Bode",
		Log: slog.New(slog.DiscardHandler), Now: r.now,
	})
	r.must(err)
	login := r.startProvider(base)
	pages, err := web.New(web.Config{BaseURL: base, FormActions: []string{strings.TrimSuffix(r.provider.Issuer(), "/v2")},
		Log: slog.New(slog.DiscardHandler)})
	r.must(err)
	face, err := collect.New(collect.Config{Web: pages, Deliveries: r.deliveries, Errands: people,
		Evidence: r.proofs, Dossiers: r.proofs, Viewer: r.viewer, Log: slog.New(slog.DiscardHandler)})
	r.must(err)
	who, err := identify.New(identify.Config{Web: pages, Identity: people, Means: []identity.Means{login}, Log: slog.New(slog.DiscardHandler),
		Owners: map[string]identify.Owner{collect.Errand: {Purpose: identity.RecipientProofing, Take: face.Identified}}})
	r.must(err)
	e := pages.Echo()
	r.must(face.Register(e))
	r.must(who.Register(e))
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: e, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}}
	r.server.Start()
	t.Cleanup(r.server.Close)
	return r
}

// startProvider runs a provider that sends people back to base.
func (r *rig) startProvider(base string) identity.Means {
	r.t.Helper()
	keys := testKeys()
	var err error
	r.provider, err = identitytest.Start(identitytest.Config{Key: keys[0]})
	r.must(err)
	r.t.Cleanup(func() { r.provider.Close() })
	rp, err := oidc.New(context.Background(), oidc.Config{Issuer: r.provider.Issuer(), ClientID: "bode-test", Service: "BODE_TEST",
		RedirectURL: base + identify.CallbackPath(identity.MethodItsme), SigningKey: keys[1], EncryptionKeys: []oidc.Key{{Private: keys[2]}},
		HTTPClient: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}})
	r.must(err)
	published := httptest.NewServer(rp.JWKSHandler())
	r.t.Cleanup(published.Close)
	r.provider.AddClient(identitytest.Client{ID: "bode-test", Services: []string{"BODE_TEST"},
		RedirectURLs: []string{base + identify.CallbackPath(identity.MethodItsme)}, JWKSURL: published.URL})
	return login{rp, r.finished}
}

// login is the provider, watched.
type login struct {
	*oidc.Provider
	finished *atomic.Int64
}

func (l login) Finish(ctx context.Context, saved []byte, a identity.Answer, at time.Time) (identity.Proof, error) {
	l.finished.Store(at.UnixNano())
	return l.Provider.Finish(ctx, saved, a, at)
}

// proofs is the ledger, with documents for those pieces that a test sealed.
type proofs struct {
	collect.Evidence
	mu     sync.Mutex
	sealed bool
	broken error // what a dossier ends with, after its first octets
}

func (p *proofs) seal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sealed = true
}

func (p *proofs) List(ctx context.Context, account, id string) ([]evidence.Piece, error) {
	list, err := p.Evidence.List(ctx, account, id)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range list {
		if p.sealed {
			list[i].SealedAt = list[i].At
		}
	}
	return list, err
}

func (p *proofs) Get(ctx context.Context, account, id, piece string, f evidence.Format) ([]byte, evidence.Piece, error) {
	_, _, err := p.Evidence.Get(ctx, account, id, piece, f)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sealed && errors.Is(err, evidence.ErrPending) {
		return []byte("sealed " + string(f)), evidence.Piece{ID: piece, Delivery: id, Seq: 1, Event: evidence.SubmissionAcceptance}, nil
	}
	return nil, evidence.Piece{}, err
}

func (p *proofs) WriteDossier(ctx context.Context, w io.Writer, id string, content ...evidence.File) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.sealed {
		return evidence.ErrPending
	}
	if _, err := io.WriteString(w, "dossier of "+id); err != nil {
		return err
	}
	for _, f := range content {
		r, err := f.Open(ctx)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return p.broken
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) newAccount() string {
	r.t.Helper()
	id := uuid.NewString()
	_, err := r.pool.Exec(r.t.Context(), `INSERT INTO account (id, kind, name, email, country, created_at)
		VALUES ($1, 'company', 'Immo Zilverlinde bv', 'post@zilverlinde.example', 'BE', $2)`, id, time.Now())
	r.must(err)
	return id
}

// secretSubject, secretBody and secretFile must not be seen before acceptance.
const (
	secretSubject = "Opzegging van uw huurovereenkomst"
	secretBody    = "Geachte mevrouw Peeters,\n\nhierbij zeggen wij de huur van uw appartement op."
	secretFile    = "opzegging huur.pdf"
)

// content is of more than one block, so that transfers stream.
func content(n int) []byte { return bytes.Repeat([]byte("%PDF-1.7 0123456789\n"), n) }

// message submits a message with two documents to Lotte and announces it.
func (r *rig) message(change ...func(*delivery.Submission)) delivery.Delivery {
	r.t.Helper()
	s := delivery.Submission{Subject: secretSubject, Body: secretBody, Language: "nl", Policy: delivery.DefaultPolicy(),
		Documents: []string{r.upload(secretFile, "application/pdf", content(20_000)), r.upload("foto.svg", "image/svg+xml", content(3))},
		Recipients: []delivery.Recipient{{Given: "Lotte", Family: "Peeters", Email: "lotte@example.be", Mobile: "+32470123456", Language: "nl",
			Address: &delivery.PostalAddress{Lines: []string{"Kerkstraat 1"}, Postcode: "2000", City: "Antwerpen", Country: "BE"}}}}
	for _, c := range change {
		c(&s)
	}
	m, _, err := r.deliveries.Submit(r.t.Context(), delivery.Submitter{
		By: identity.Actor{Kind: identity.ActorKey, Subject: "k-1", Account: r.account, Name: "Boekhouding",
			Method: "api-key", Level: identity.LevelSubstantial, ProvenAt: time.Now().Add(-time.Minute), IP: "192.0.2.1", UserAgent: "test"},
		Sender: evidence.Party{Kind: evidence.LegalPerson, Name: "Immo Zilverlinde bv", Email: "post@zilverlinde.example",
			Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0403170701"}},
	}, s, delivery.Once{})
	r.must(err)
	list, err := r.deliveries.Deliveries(r.t.Context(), r.account, m.ID, 0, 1)
	r.must(err)
	for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
		r.announce(list[0], ch)
	}
	return r.again(list[0])
}

func (r *rig) upload(name, mediaType string, content []byte) string {
	r.t.Helper()
	d, _, err := r.deliveries.Upload(r.t.Context(), r.account, delivery.NewDocument{Filename: name, MediaType: mediaType},
		bytes.NewReader(content), delivery.Once{})
	r.must(err)
	return string(d.ID)
}

func (r *rig) announce(d delivery.Delivery, ch notify.Channel) {
	r.t.Helper()
	n := notify.Notice{ID: evidence.NewID(), Account: r.account, Delivery: string(d.ID), Kind: notify.Announcement, Channel: ch, To: d.Recipient.Email, Language: "nl"}
	a := notify.Attempt{Number: 1, StartedAt: time.Now(), EndedAt: time.Now(), Digest: strings.Repeat("a", 64),
		Result: notify.Result{Outcome: notify.Sent, Reply: "250 2.0.0 Ok", Remote: "127.0.0.1:25", TLS: "TLS 1.3"}}
	r.must(pgx.BeginFunc(r.t.Context(), r.pool, func(tx pgx.Tx) error { return r.deliveries.NoticeAttempted(r.t.Context(), tx, n, a) }))
}

// link is the address in the announcement.
func (r *rig) link(d delivery.Delivery) string {
	r.t.Helper()
	f, err := r.deliveries.NoticeFacts(r.t.Context(), notify.Notice{Delivery: string(d.ID), Kind: notify.Accepted})
	r.must(err)
	return f.Link
}

// again reads a delivery once more.
func (r *rig) again(d delivery.Delivery) delivery.Delivery {
	r.t.Helper()
	d, err := r.deliveries.Delivery(r.t.Context(), r.account, d.ID)
	r.must(err)
	return d
}

// becomes waits for what is recorded right after the last octet of an answer.
func (r *rig) becomes(d delivery.Delivery, is func(delivery.Delivery) bool) {
	r.t.Helper()
	patience, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for now := r.again(d); !is(now); now = r.again(d) {
		select {
		case <-patience:
			r.t.Fatalf("stays %s, taken %v", now.State, now.Taken)
		case <-tick.C:
		}
	}
}

// taken waits until parts are recorded as transferred.
func (r *rig) taken(d delivery.Delivery, parts ...int) {
	r.t.Helper()
	r.becomes(d, func(d delivery.Delivery) bool { return slices.Equal(slices.Sorted(slices.Values(d.Taken)), parts) })
}

func (r *rig) handedOver(d delivery.Delivery) {
	r.t.Helper()
	r.becomes(d, func(d delivery.Delivery) bool { return d.State == delivery.HandedOver && !d.HandedOverAt.IsZero() })
}

// events are the names of what was recorded.
func (r *rig) events(d delivery.Delivery) (names []evidence.Name) {
	r.t.Helper()
	list, err := r.deliveries.Events(r.t.Context(), r.account, d.ID)
	r.must(err)
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// code is the newest one sent on a channel.
func (r *rig) code(d delivery.Delivery, ch notify.Channel) string {
	r.t.Helper()
	var ref string
	r.must(r.pool.QueryRow(r.t.Context(), `SELECT ref FROM notice WHERE delivery_id = $1 AND kind = 'code' AND channel = $2 ORDER BY id DESC LIMIT 1`,
		d.ID, ch).Scan(&ref))
	x, err := r.codes.otp.Find(r.t.Context(), ref)
	r.must(err)
	code, err := r.codes.otp.Code(x)
	r.must(err)
	return code
}
