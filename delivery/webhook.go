package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Webhook is an address to which the events of an account are pushed, those of
// test messages or those of live ones.
type Webhook struct {
	ID           string
	Account      string
	Test         bool
	URL          string
	Description  string
	Types        []string // names of [EventType] and of presets
	State        HookState
	Reason       HookReason // while disabled
	CreatedAt    time.Time
	ProvenAt     time.Time // zero until the address repeated the challenge
	FailingSince time.Time // of the first failure after the last success; zero: none
	Keys         []HookPublic
	Waiting      int // pushes that were not delivered yet
	Failed       int // pushes that were given up
}

// HookState is whether anything is pushed.
type HookState string

const (
	HookPending  HookState = "pending"  // the address has to prove that it wants to be told: Ping
	HookEnabled  HookState = "enabled"  // we push
	HookDisabled HookState = "disabled" // its owner: enable it again; then it goes on where it stopped
)

// HookReason is why nothing is pushed.
type HookReason string

const (
	HookAsked   HookReason = "asked"   // its owner wanted it so
	HookGone    HookReason = "gone"    // the address answered 410
	HookFailing HookReason = "failing" // nothing was taken for three days
)

// HookPublic is what may be known of a key: the public half of its Ed25519 pair.
type HookPublic struct {
	Public    string
	CreatedAt time.Time
	EndsAt    time.Time // zero: the newest
}

// NewHook is what an owner says of an address.
type NewHook struct {
	URL, Description string
	Types            []string // none: the default preset
}

// HookCall is one push.
type HookCall struct {
	ID   string // the same however often it is tried
	At   time.Time
	URL  string
	Body []byte
	Keys []HookKey // all sign, the newest first

	Trace string // traceparent of the push; empty: none
}

// HookAnswer is what came of a push.
type HookAnswer struct {
	Status     int // 0: there was no answer
	Fault      string
	Answer     []byte // the beginning of the body
	Took       time.Duration
	RetryAfter time.Duration // as asked for; 0: it was not
}

// Why a push did not succeed.
const (
	FaultAddress    = "address"    // it cannot be pushed to
	FaultPrivate    = "private"    // its name leads to an address that is not on the public Internet
	FaultName       = "name"       // its name is not known
	FaultTLS        = "tls"        // its certificate or protocol is not good
	FaultConnection = "connection" // it does not answer, or broke off
	FaultTimeout    = "timeout"    // it takes too long
	FaultRedirect   = "redirect"   // it points elsewhere; that is not followed
	FaultStatus     = "status"     // it answers, but not with 2xx
	FaultChallenge  = "challenge"  // it answers, but does not repeat the challenge
)

// Hooks pushes to addresses that strangers chose. Safe for concurrent use.
type Hooks interface {
	// Check reports why an address cannot be one, without asking anybody.
	Check(url string) error
	// Send pushes once and returns within a time of its own. It follows nothing and
	// reaches nothing but public addresses.
	Send(ctx context.Context, c HookCall) HookAnswer
}

// HookAlarm tells an account's administrators, in the caller's transaction, that
// a webhook was disabled without their doing.
type HookAlarm interface {
	WebhookDisabled(ctx context.Context, tx pgx.Tx, account string) error
}

// Bounds of webhooks.
const (
	MaxHooks       = 10 // of an account, test and live each
	MaxHookURL     = 500
	MaxHookText    = 200
	hookLife       = 3 * 24 * time.Hour // of a push, and of failures until the address is disabled
	hookKept       = 90 * 24 * time.Hour
	hookLease      = time.Minute // how long a push that is being sent is left to whoever sends it
	hookAtOnce     = 4           // pushes to one address at the same time
	maxHookAnswer  = 1024        // octets of an answer that are kept
	DefaultOverlap = 24 * time.Hour
	MaxOverlap     = 7 * 24 * time.Hour
)

// Pushing.
var (
	ErrTooManyHooks = errors.New("delivery: account has too many webhooks")
	ErrHookUnproven = errors.New("delivery: webhook has not proven that it wants to be told")
	ErrHookOff      = errors.New("delivery: webhook is not enabled")
	ErrCursor       = errors.New("delivery: no cursor of the feed")
	ErrHookBusy     = errors.New("delivery: too many pings of one webhook")
	ErrRunning      = errors.New("delivery: the first call with this key has not ended")
	ErrNoHooks      = errors.New("delivery: nothing is pushed here") // this service has no Hooks
)
