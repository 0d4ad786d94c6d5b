package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// Journal writes events down, in the caller's transaction, and sees to it that
// each is sealed after commit. It returns the hash of each, in order. Queue does
// so for a caller that sends b, and enqueues jobs, in its transaction.
type Journal interface {
	Record(ctx context.Context, tx pgx.Tx, events ...evidence.Event) ([][32]byte, error)
	Queue(ctx context.Context, b *pgx.Batch, events ...evidence.Event) (hashes [][32]byte, jobs []river.InsertManyParams, err error)
}

// Outbox puts a job into the caller's transaction: it runs if, and only if,
// that transaction commits.
type Outbox interface {
	InsertManyTx(ctx context.Context, tx pgx.Tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

// Codes are the one-time codes of the two channels. All take the caller's
// transaction; a wrong code is counted even though Check returns an error.
type Codes interface {
	Issue(ctx context.Context, tx pgx.Tx, delivery string, channel notify.Channel, at time.Time) (challenge string, expires time.Time, err error)
	Code(ctx context.Context, challenge string) (code string, expires time.Time, err error)
	Check(ctx context.Context, delivery string, channel notify.Channel, code string, at time.Time) error
	Forget(ctx context.Context, tx pgx.Tx, delivery string) error
}

// Notices sends notices, and forgets those of deliveries that are removed. Queue
// is Enqueue for a caller that sends b, and enqueues jobs, in its transaction.
type Notices interface {
	notify.Enqueuer
	Queue(b *pgx.Batch, notices ...notify.Notice) (jobs []river.InsertManyParams, err error)
	Forget(ctx context.Context, tx pgx.Tx, deliveries ...string) error
}

// Identities keeps what an auditor needs about an identification, and knows who
// may act for whom.
type Identities interface {
	Mandates
	SaveIdentification(ctx context.Context, tx pgx.Tx, p identity.Proof, o identity.Occasion) (identity.Identification, error)
	DeleteIdentifications(ctx context.Context, tx pgx.Tx, delivery string) error
	NationalNumberDigest(number string) string
	EndLogin(ctx context.Context, tx pgx.Tx, l identity.Login) error
}

// Mandates knows who may act for whom. What looks in the caller's transaction
// holds what it finds until that ends: what was withdrawn before does not count.
type Mandates interface {
	Authorise(ctx context.Context, tx pgx.Tx, by identity.Actor, p identity.Power, class string, at time.Time) (identity.Mandate, error)
	QueueAuthorise(b *pgx.Batch, by identity.Actor, p identity.Power, class string, at time.Time) (answer func() (identity.Mandate, error))
	AuthoriseAs(ctx context.Context, tx pgx.Tx, by identity.Actor, mandate string, p identity.Power, class string, at time.Time) (identity.Mandate, error)
	Inboxes(ctx context.Context, by identity.Actor) ([]identity.Inbox, error)
	Collector(ctx context.Context, tx pgx.Tx, enterpriseNumber string, p identity.Proof, class string, at time.Time) (identity.Collector, error)
}

// Box encrypts small content that is kept in the database. The key comes back
// wrapped in Stored, exactly as from a Vault.
type Box interface {
	SealSmall(name string, plain []byte) (sealed []byte, s Stored, err error)
	OpenSmall(s Stored, sealed []byte) ([]byte, error)
}

// Config is what a Service is made of. Every field without a default is
// required.
type Config struct {
	Pool       *pgxpool.Pool
	Journal    Journal
	Notices    Notices
	Outbox     Outbox
	Vault      Vault
	Box        Box
	Scanner    Scanner // nil: nobody looks for malware
	Codes      Codes
	Identities Identities
	Post       PostPartner           // nil: no fallback to paper is offered
	Refusals   Refusals              // nil: nobody can refuse electronic delivery for the future
	Previews   Previewer             // nil: nobody is told beforehand what a letter would be
	Prices     Prices                // nil: nobody is charged
	Operators  Operators             // nil: nobody can give credit
	Billing    *Billing              // nil: no credit is sold, and nothing is invoiced
	Opening    CreditMode            // of an account that is new to its books: Prepaid (default) or Free
	Trials     Trials                // nil: trial keys send to nobody
	Daily      map[identity.Mode]int // deliveries of an account in a day, by kind; a kind that is absent has no bound
	LinkKey    []byte                // at least 32 octets; keys the collect tokens
	BaseURL    string                // scheme and host, no slash at the end
	Service    string                // how the service calls itself to people
	Zone       *time.Location        // calendar of terms; default Europe/Brussels
	Now        func() time.Time      // default time.Now
	Log        *slog.Logger          // default slog.Default
	Skew       time.Duration         // how far a clock may be behind the last event; default 2 s

	// PrintCutoff is the time of day, in Zone, until which the partner posts a
	// letter PrintDays working days later (0: the same day). Default 10 hours.
	PrintCutoff time.Duration
	PrintDays   int
	// TrackingURL is where a recipient can follow a letter, with [TrackingPlace]
	// for its number; empty: nowhere that we know of.
	TrackingURL string

	Hooks     Hooks     // nil: nothing is pushed to webhooks
	HookAlarm HookAlarm // nil: nobody is told when a webhook is disabled
	Sandbox   *Sandbox  // nil: test messages go the ways of live ones

	host  string // of BaseURL
	terms *Terms
}

func (c *Config) validate() error {
	switch {
	case c.Pool == nil, c.Journal == nil, c.Notices == nil, c.Outbox == nil, c.Vault == nil, c.Box == nil,
		c.Codes == nil, c.Identities == nil:
		return errors.New("delivery: Config lacks a part")
	case len(c.LinkKey) < 32:
		return errors.New("delivery: Config.LinkKey is shorter than 32 octets")
	case c.BaseURL == "" || c.Service == "":
		return errors.New("delivery: Config.BaseURL and Config.Service are required")
	}
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" {
		return fmt.Errorf("delivery: Config.BaseURL %q is no address", c.BaseURL)
	}
	c.host = base.Host
	if c.PrintCutoff == 0 {
		c.PrintCutoff = 10 * time.Hour
	}
	if c.PrintCutoff < 0 || c.PrintCutoff >= 24*time.Hour || c.PrintDays < 0 || c.PrintDays > 30 {
		return fmt.Errorf("delivery: print cut-off %s, %d days", c.PrintCutoff, c.PrintDays)
	}
	if c.terms, err = ReadTerms(); err != nil {
		return err
	}
	if err := c.Billing.validate(); err != nil {
		return err
	}
	if c.Zone == nil {
		z, err := time.LoadLocation("Europe/Brussels")
		if err != nil {
			return err
		}
		c.Zone = z
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Skew == 0 {
		c.Skew = 2 * time.Second
	}
	return nil
}

// Service runs deliveries. Safe for concurrent use, by any number of processes
// on one database.
type Service struct {
	Config
	queue     queue // of submissions
	seated    atomic.Int64
	daily     daily
	unsettled unsettledMark
	expired   expiredMark
}

// New checks cfg and returns a Service.
func New(cfg Config) (*Service, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Service{Config: cfg}, nil
}
