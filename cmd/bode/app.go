package main

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/api"
	"github.com/bode-erds/bode/delivery/collect"
	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/delivery/post"
	"github.com/bode-erds/bode/delivery/vault"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/asic"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/identity/eid"
	"github.com/bode-erds/bode/identity/otp"
	"github.com/bode-erds/bode/notify"
)

// outside is what a service reaches beyond its own database, and the keys it
// acts with: real things in production, stand-ins in the demonstration.
type outside struct {
	baseURL    string
	service    string
	secrets    secrets
	keyring    *vault.Keyring
	vault      delivery.Vault
	scanner    delivery.Scanner // nil: nobody looks for malware
	engine     evidence.Engine
	sealKeys   sealKeys
	anchors    []*x509.Certificate // of seals and time-stamps
	stamper    evidence.Stamper
	trustDir   string // the anchors as files
	log        publicLog
	witnesses  []ledger.Witness
	own        func(evidence.Name) bool // events whose evidence has a time-stamp of its own; nil: the default
	validator  ledger.Validator
	issuer     evidence.Issuer
	dossiers   *asic.Writer
	letters    post.Sealer
	transports map[notify.Channel]notify.Transport
	texting    texting
	printing   printConfig
	means      []identity.Means  // of identifying, in the order in which they are offered
	keySets    map[string]keySet // our public keys for providers, by path
	card       *eid.Card         // of the means, the one with a host of its own; nil: none
	assurance  identity.Assurance
	hosts      []string // origins that forms of ours lead to: of providers, and of the card's own host
	post       delivery.PostPartner
	previews   delivery.Previewer // nil without a partner
	hooks      delivery.Hooks
	sandbox    *delivery.Sandbox
	credits    credits
	proxies    []netip.Prefix
	clients    clientsConfig
	about      portal.About
	viewer     delivery.PageViewer // nil: recipients can save PDF, not look at it here
	tracing    *tracing            // nil: off
	pace       pace
	lead       time.Duration // how long this process answers after it was told to stop
}

// pace is how often what is due is looked for.
type pace struct{ sweep, post, retain, mend, batch, complete, renew, grace, watch time.Duration }

// app is one process of the service.
type app struct {
	pool         *pgxpool.Pool
	deliveries   *delivery.Service
	ledger       *ledger.Ledger
	identity     *identity.Service
	notices      *notify.Service
	suppressions *notify.Suppressions
	codes        *otp.Service
	jobs         *river.Client[pgx.Tx]
	handler      http.Handler
	software     http.Handler // the API alone, for the host that asks for certificates
	pages        *echo.Echo   // every page, for tests that walk over all of them
	verifier     verifier
	monitor      *monitor
	leaving      atomic.Bool // told to stop
	out          outside
	log          *slog.Logger
}

// build wires an app over a migrated database. Nothing runs yet.
func build(pool *pgxpool.Pool, out outside, log *slog.Logger) (*app, error) {
	a := &app{pool: pool, out: out, log: log, verifier: verifier{out.engine.Trust}, monitor: newMonitor()}
	box, err := identity.NewBox(out.secrets.box)
	if err != nil {
		return nil, err
	}
	if a.codes, err = otp.New(otp.Config{Pool: pool, Key: out.secrets.codes}); err != nil {
		return nil, err
	}
	if a.suppressions, err = out.secrets.suppressions(pool); err != nil {
		return nil, err
	}
	if a.notices, err = notify.New(notify.Config{Pool: pool, Sealer: box, Suppressions: a.suppressions}); err != nil {
		return nil, err
	}
	if a.identity, err = identity.New(identity.Config{Pool: pool, Box: box, DigestKey: out.secrets.digest, Logger: log, Assurance: out.assurance,
		Teller: notes{a.notices}, Codes: addressCodes{pool, a.codes}, Signatures: signatures(out.means)}); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	if a.jobs, err = river.NewClient(riverpgxv5.New(pool), jobsConfig(workers, out.tracing, log)); err != nil {
		return nil, err
	}
	a.notices.UseJobs(a.jobs)
	if a.ledger, err = ledger.New(ledger.Config{Pool: pool, Outbox: a.jobs, Engine: out.engine, Issuer: out.issuer, Stamper: out.stamper,
		Log: out.log, Records: records{out.engine.Trust}, Own: out.own, Pace: out.pace.batch, Witnesses: out.witnesses,
		Validator: out.validator, Trace: out.tracing.text, Logger: log}); err != nil {
		return nil, err
	}
	billing, err := out.credits.billing(a.identity)
	if err != nil {
		return nil, err
	}
	a.deliveries, err = delivery.New(delivery.Config{
		Prices: out.credits.prices, Opening: out.credits.opening, Operators: a.identity, Billing: billing,
		Previews: out.previews,
		Pool:     pool, Journal: a.ledger, Notices: a.notices, Outbox: a.jobs, Vault: out.vault, Scanner: out.scanner, Box: out.keyring,
		Codes: challenges{pool, a.codes}, Identities: a.identity, Post: out.post, Trials: a.identity, Daily: delivery.DefaultDaily(), Refusals: refusals{a.suppressions}, LinkKey: out.secrets.link,
		BaseURL: out.baseURL, Service: out.service, Log: log, PrintCutoff: out.printing.Cutoff, PrintDays: out.printing.Days, TrackingURL: out.printing.Track,
		Hooks: a.hooks(), HookAlarm: a.identity, Sandbox: out.sandbox,
	})
	if err != nil {
		return nil, err
	}
	a.notices.UseListener(a.deliveries)
	teller, err := notify.NewWorker(notify.WorkerConfig{Pool: pool, Source: facts{a.deliveries, a.identity, out.baseURL, out.service}, Sink: a.deliveries,
		Transports: a.rehearsed(guarded(a.monitor.timed(out.transports), a.suppressions)), Quiet: out.texting.quiet, Logger: log})
	if err != nil {
		return nil, err
	}
	river.AddWorker(workers, teller)
	river.AddWorker(workers, ledger.SealWorker{Ledger: a.ledger})
	river.AddWorker(workers, ledger.FinishWorker{Ledger: a.ledger})
	river.AddWorker(workers, delivery.ConsignWorker{Service: a.deliveries})
	river.AddWorker(workers, delivery.PostWorker{Service: a.deliveries})
	river.AddWorker(workers, delivery.CancelPostWorker{Service: a.deliveries})
	river.AddWorker(workers, delivery.BulkWorker{Service: a.deliveries})
	a.monitor.registry.MustRegister(newQueues(a))
	a.handler, err = a.faces()
	return a, err
}

// jobsConfig gives each kind of work its own room, so that a slow relay does
// not hold up evidence.
func jobsConfig(workers *river.Workers, traces *tracing, log *slog.Logger) *river.Config {
	return &river.Config{
		ID:      instanceID(),
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: 8},
			notify.Queue:       {MaxWorkers: 16},
			delivery.BulkQueue: {MaxWorkers: 2}, // each writes with many hands
			ledger.Queue:       {MaxWorkers: ledger.Workers},
		},
		FetchCooldown:        20 * time.Millisecond, // else a queue takes no more than its workers ten times a second
		RescueStuckJobsAfter: 5 * time.Minute,       // soon after an attempt's own timeout
		ErrorHandler:         told{log},
		Middleware:           traces.middleware(),
		Logger:               slog.New(quieter{log.Handler()}),
	}
}

// faces mounts the HTML pages and the REST API on one handler.
func (a *app) faces() (http.Handler, error) {
	pages, err := web.New(web.Config{BaseURL: a.out.baseURL, ServiceName: a.out.service, FormActions: a.out.hosts,
		TrustedProxies: a.out.proxies, Log: a.log})
	if err != nil {
		return nil, err
	}
	e := pages.Echo()
	a.pages = e
	program, anchors, err := browserVerifier(a.out)
	if err != nil {
		return nil, err
	}
	passkeys, err := newPasskeys(a)
	if err != nil {
		return nil, err
	}
	work := operations{a.pool, a.jobs, a.notices}
	senders, err := portal.New(portal.Config{Web: pages, Jobs: work, Doubts: work, Suppressions: a.suppressions,
		Passkeys: passkeys, Deliveries: a.deliveries, Identity: a.identity,
		Evidence: a.ledger, Dossiers: a, Verifier: a.verifier, Program: program, Anchors: anchors, About: saidBy(a.out.issuer, a.out.about), Log: a.log})
	if err != nil {
		return nil, err
	}
	if err := senders.Register(e); err != nil {
		return nil, err
	}
	recipients, err := collect.New(collect.Config{Web: pages, Deliveries: a.deliveries, Errands: a.identity,
		Evidence: a.ledger, Dossiers: a, Viewer: a.out.viewer, Log: a.log})
	if err != nil {
		return nil, err
	}
	if err := recipients.Register(e); err != nil {
		return nil, err
	}
	if err := a.identifying(e, pages, senders, recipients); err != nil {
		return nil, err
	}
	if err := a.documentation(e, pages); err != nil {
		return nil, err
	}
	rest, err := api.New(api.Config{Deliveries: a.deliveries, Verifier: a.verifier, Identity: a.identity, Evidence: a.ledger,
		Dossiers: a, Log: a.log, TrustedProxies: a.out.proxies,
		CertificateHeader: a.out.clients.Header, CertificateURL: a.out.clients.URL})
	if err != nil {
		return nil, err
	}
	public, err := serveLog(a.ledger, a.log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(logPath, public)
	a.mountAPI(mux, rest)
	a.receive(mux)
	a.postHooks(mux)
	a.payHook(mux)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("/", e)
	return a.out.tracing.requests(a.monitor.counted(a.careful(mux))), nil
}

// ready says whether this process can serve: it stays, and its database answers.
func (a *app) ready(w http.ResponseWriter, r *http.Request) {
	if a.leaving.Load() {
		http.Error(w, "told to stop", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.pool.Ping(ctx); err != nil {
		http.Error(w, "database does not answer", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
