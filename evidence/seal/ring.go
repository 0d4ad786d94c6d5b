package seal

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bode-erds/bode/evidence"
)

var (
	// ErrNoKey says that no key of a ring may seal at that time.
	ErrNoKey = errors.New("seal: no key for this time")
	// ErrSuccessor says that the key in use ends soon and none follows it.
	ErrSuccessor = errors.New("seal: the key in use has no successor")
)

// RingConfig of a [Ring].
type RingConfig struct {
	// Dir holds one file NAME.json per key, each a [Config]. Replace a file by
	// renaming another over it. Required.
	Dir string
	// AllowFileKey lets the files of Dir name keys in files. Default: refuse.
	AllowFileKey bool
	// Margin is how long before the end of its certificate a key stops to seal,
	// so that the revocation data of its last seals is still to be had. Default
	// 24 hours.
	Margin time.Duration
	// Overlap is how long before the end of its certificate a key must have a
	// successor. Default 30 days.
	Overlap time.Duration
	// Grace is how long a key that was taken out stays open for those who hold
	// it. Default 10 minutes.
	Grace time.Duration
	// Now is the clock of Grace and of the keys. Default time.Now.
	Now func() time.Time
	// Log gets what operators have to know. Default: nothing.
	Log *slog.Logger
	// Open opens a key. Default [New].
	Open func(Config) (Key, error)
}

func (c *RingConfig) validate() error {
	if c.Margin == 0 {
		c.Margin = 24 * time.Hour
	}
	if c.Overlap == 0 {
		c.Overlap = 30 * 24 * time.Hour
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Open == nil {
		c.Open = New
	}
	if c.Dir == "" || c.Margin < 0 || c.Overlap < c.Margin || c.Grace < 0 {
		return fmt.Errorf("%w: a folder is needed, and an overlap that is not less than the margin", ErrConfig)
	}
	return nil
}

// Ring holds the keys of a folder. Of those whose certificates are valid, the one
// whose certificate begins last seals; the others are there for what comes before
// and after. Safe for concurrent use.
type Ring struct {
	cfg    RingConfig
	keys   atomic.Pointer[[]*member] // by name; never changed, only replaced
	faults atomic.Pointer[[]error]   // of the last reload, likewise

	mu      sync.Mutex // one reload at a time
	failed  map[string]failedKey
	retired []retiredKey
	closed  bool
}

// member is an open key of a ring.
type member struct {
	name   string
	digest [32]byte // of its file and of those that it names
	key    Key
	leaf   *x509.Certificate
}

// failedKey is a file that gave no key.
type failedKey struct {
	digest [32]byte
	err    error
}

// retiredKey is closed when nobody should hold it any more.
type retiredKey struct {
	key   Key
	until time.Time
}

// OpenRing opens the keys of a folder; at least one must open. What is wrong with
// the others, [Ring.Health] says. Errors: [ErrConfig], and those of [New].
func OpenRing(cfg RingConfig) (*Ring, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Ring{cfg: cfg, failed: make(map[string]failedKey)}
	r.keys.Store(new([]*member))
	r.faults.Store(new([]error))
	if err := r.Reload(); len(*r.keys.Load()) == 0 {
		if err == nil {
			err = fmt.Errorf("%w: no key in %s", ErrConfig, cfg.Dir)
		}
		return nil, err
	}
	return r, nil
}

// Key gives the key that seals at a time. Signature and certificates must come
// from one and the same: ask once per document, and hold it no longer than Grace.
// Errors: [ErrNoKey].
func (r *Ring) Key(at time.Time) (evidence.SealKey, error) {
	if m := r.at(at, r.cfg.Margin); m != nil {
		return m.key, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoKey, at.UTC().Format(time.RFC3339))
}

// at gives the newest key whose certificate is valid from at until margin later,
// and whose algorithm still is good.
func (r *Ring) at(at time.Time, margin time.Duration) *member {
	var best *member
	for _, m := range *r.keys.Load() {
		if at.Before(m.leaf.NotBefore) || !at.Add(margin).Before(m.leaf.NotAfter) || checkKey(m.leaf.PublicKey, at) != nil {
			continue
		}
		if best == nil || m.newer(best) {
			best = m
		}
	}
	return best
}

// newer orders keys: by the beginning of their certificates, then their end, then
// their names, so that every process chooses the same.
func (m *member) newer(than *member) bool {
	return cmp.Or(m.leaf.NotBefore.Compare(than.leaf.NotBefore), m.leaf.NotAfter.Compare(than.leaf.NotAfter),
		strings.Compare(m.name, than.name)) > 0
}

// Certificates gives the chains of all keys, each certificate once: what
// [Expiring] is to watch, and what dossiers may need.
func (r *Ring) Certificates() []*x509.Certificate {
	var all []*x509.Certificate
	for _, m := range *r.keys.Load() {
		for _, c := range m.key.Certificates() {
			if !slices.ContainsFunc(all, c.Equal) {
				all = append(all, c)
			}
		}
	}
	return all
}

// Health says whether the key that seals at a time can do so, whether it needs a
// successor that is not there, and which files gave no key. Errors: [ErrNoKey],
// [ErrSuccessor], those of the key and of [New], joined.
func (r *Ring) Health(ctx context.Context, at time.Time) error {
	var errs []error
	if m := r.at(at, r.cfg.Margin); m == nil {
		errs = append(errs, fmt.Errorf("%w: %s", ErrNoKey, at.UTC().Format(time.RFC3339)))
	} else {
		if err := m.key.Health(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
		}
		if end := m.leaf.NotAfter; !at.Add(r.cfg.Overlap).Before(end) && !r.follows(end) {
			errs = append(errs, fmt.Errorf("%w: %s ends on %s", ErrSuccessor, m.name, end.UTC().Format(time.DateOnly)))
		}
	}
	return errors.Join(append(errs, *r.faults.Load()...)...)
}

// follows says whether some key can take over before a certificate ends.
func (r *Ring) follows(end time.Time) bool {
	return r.at(end.Add(-r.cfg.Margin), r.cfg.Margin) != nil
}

// Close closes all keys, those too that were taken out.
func (r *Ring) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, m := range *r.keys.Swap(new([]*member)) {
		errs = append(errs, m.key.Close())
	}
	for _, old := range r.retired {
		errs = append(errs, old.key.Close())
	}
	r.retired = nil
	return errors.Join(errs...)
}
