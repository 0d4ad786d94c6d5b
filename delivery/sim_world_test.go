package delivery_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
	"github.com/bode-erds/bode/notify"
)

// world is two processes of the service on one database, the outside, and the
// model of what must be true.
type world struct {
	*rig // looks at the database beside the link
	link
	processes [2]*process
	outside   *outside
	partner   *printer
	sealing   *sealing
	queue     context.Context // of a job of River

	mu         sync.Mutex // of what concurrent commands add
	messages   []*simMessage
	deliveries map[string]*simDelivery
	sessions   []*simSession
	given      int64
	step       int
	causes     []cause // of the command that runs
	whyNot     map[string]func(*world, *simDelivery, evidence.Event) string
	diary      []string       // of every command: what became of it
	unwell     error          // of the last job that failed when all was calm
	events     map[string]int // how often each happened, for the account at the end
	hits       map[faultKind]int
}

// process is one program with its own parts on the one database.
type process struct {
	*delivery.Service
	pool   *pgxpool.Pool
	ledger *ledger.Ledger
	told   *notify.Service
	mailer *notify.Worker
	jobs   *river.Client[pgx.Tx]
}

const simCredit = 50_000_000 // cents: nobody runs out

// newWorld opens a world whose outside is of a seed.
func newWorld(r *rig, queue context.Context, seed uint64) (*world, error) {
	w := &world{rig: r, queue: queue, deliveries: map[string]*simDelivery{}, whyNot: simWhyNot, events: map[string]int{}, hits: map[faultKind]int{}}
	w.end = func() {
		_, err := r.pool.Exec(context.Background(), `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()`, simName)
		if err != nil {
			r.t.Logf("end sessions: %v", err)
		}
	}
	w.outside = &outside{chance: chance{seeds: seed}, pool: r.pool, kill: w.kill, did: map[string]int{}, took: map[string]int{}}
	w.partner = &printer{chance: chance{seeds: seed + 1}, kill: w.kill, letters: map[string]delivery.Letter{}, says: map[string][]string{}, undone: map[string]bool{}}
	w.sealing = &sealing{chance{seeds: seed + 2}}
	w.begin(0)
	for i := range w.processes {
		p, err := w.process()
		if err != nil {
			return nil, err
		}
		w.processes[i] = p
	}
	if err := w.processes[0].Give(r.ctx(), identity.System, r.account, simCredit, "test", "first"); err != nil {
		return nil, err
	}
	w.given = simCredit
	return w, nil
}

// begin lets the outside go by the step, so that a step does the same whatever
// was before it.
func (w *world) begin(step int) {
	for _, c := range []*chance{&w.outside.chance, &w.partner.chance, &w.sealing.chance} {
		c.seed(uint64(step))
	}
}

func (w *world) close() {
	for _, p := range w.processes {
		if p != nil {
			p.pool.Close()
		}
	}
}

// process starts one more program.
func (w *world) process() (*process, error) {
	pool, err := w.link.pool(w.rig.pool)
	if err != nil {
		return nil, err
	}
	p := &process{pool: pool}
	quiet := slog.New(slog.DiscardHandler)
	if p.jobs, err = river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: quiet}); err != nil {
		return nil, err
	}
	notices, err := notify.New(notify.Config{Now: func(string) time.Time { return w.clock.now() }})
	if err != nil {
		return nil, err
	}
	notices.UseJobs(p.jobs)
	p.told = notices
	p.ledger, err = ledger.New(ledger.Config{Pool: pool, Outbox: p.jobs, Issuer: evidencetest.Issuer(), Now: w.clock.now, Logger: quiet,
		Engine:  evidence.Engine{XML: w.sealing, XMLChecker: w.sealing, PDF: w.sealing, PDFChecker: w.sealing},
		Stamper: w.sealing, Log: tally{}, Records: tallyRecords{}})
	if err != nil {
		return nil, err
	}
	keys, err := vault.OpenKeyring(w.objects+"-keys", w.clock.now)
	if err != nil {
		return nil, err
	}
	store, err := vault.NewDir(vault.DirConfig{Dir: w.objects, Keys: keys})
	if err != nil {
		return nil, err
	}
	prices, err := delivery.ParsePrices([]byte(testPrices))
	if err != nil {
		return nil, err
	}
	p.Service, err = delivery.New(delivery.Config{
		Pool: pool, Journal: p.ledger, Notices: notices, Outbox: p.jobs, Vault: store, Box: keys, Codes: codes{pool, w.codes.otp, w.clock.now},
		Identities: w.people, Post: w.partner, Prices: prices, Operators: w.people, LinkKey: w.linkKey(), BaseURL: "https://bode.example",
		Service: "Bode", Now: w.clock.now, Log: quiet, Skew: skew,
	})
	if err != nil {
		return nil, err
	}
	p.mailer, err = notify.NewWorker(notify.WorkerConfig{Pool: pool, Source: p.Service, Sink: p.Service, Logger: quiet,
		Transports: map[notify.Channel]notify.Transport{notify.Email: w.outside, notify.SMS: w.outside},
		Now:        func(string) time.Time { return w.clock.now() }, Timeout: 20 * time.Second})
	return p, err
}

func (w *world) linkKey() []byte { return []byte("a key of the links of the tests!") }

// action is a command that was made ready: what may follow from it, how it is
// done, and what must hold when nothing disturbed it.
type action struct {
	name   string
	causes []cause
	do     func(ctx context.Context, p *process) error
	must   func(err error) error
}

var errFault = errors.New("invariant broken")

// remember writes down what became of commands.
func (w *world) remember(f fault, disturbed bool, list []action, results []error) {
	line := fmt.Sprintf("%d, %s:", w.step, w.clock.now().Format("2006-01-02 15:04:05.000000"))
	for i, a := range list {
		line += " " + a.name
		for _, c := range a.causes {
			if c.delivery != nil {
				line += " " + c.delivery.id
			} else if c.message != nil {
				line += " of " + c.message.id
			}
		}
		if results[i] != nil {
			line += fmt.Sprintf(" (%.200v)", results[i])
		}
	}
	if disturbed {
		line += fmt.Sprintf(" [%s at %d]", cmp.Or(f.kind, "killed from outside"), f.at)
	}
	w.diary = append(w.diary, line)
}

// run does the actions, at once when there are several, with a fault, and holds
// what became of it against the model.
func (w *world) run(ctx context.Context, f fault, list ...action) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w.causes = nil
	for _, a := range list {
		w.causes = append(w.causes, a.causes...)
	}
	w.arm(f)
	results := make([]error, len(list))
	if len(list) == 1 {
		results[0] = list[0].do(ctx, w.processes[w.step%2])
	} else {
		done := make(chan struct{})
		for i, a := range list {
			go func() { results[i] = a.do(ctx, w.processes[i%2]); done <- struct{}{} }()
		}
		for range list {
			<-done
		}
	}
	disturbed := w.hit()
	w.remember(f, disturbed, list, results)
	if disturbed {
		w.hits[f.kind]++
	}
	if f.kind == faultEnd { // idle ones learn it only when they are used; the others are closed where they were cut
		for _, p := range w.processes {
			p.pool.Reset()
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: it took a minute", errFault)
	}
	if err := w.look(ctx); err != nil {
		return err
	}
	if disturbed || len(list) > 1 || list[0].must == nil {
		return nil
	}
	if err := list[0].must(results[0]); err != nil {
		return fmt.Errorf("%s: %w", list[0].name, err)
	}
	return nil
}
