package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/seal"
)

// sealKeys are the keys that seal, one after another. Methods are as those of
// [seal.Ring].
type sealKeys interface {
	Key(at time.Time) (evidence.SealKey, error)
	Certificates() []*x509.Certificate
	Health(ctx context.Context, at time.Time) error
	Reload() error
	Close() error
}

var _ sealKeys = (*seal.Ring)(nil)

// oneKey is a ring of one.
type oneKey struct{ key evidence.SealKey }

var _ sealKeys = oneKey{}

// Key gives the key while its certificate is valid.
func (o oneKey) Key(at time.Time) (evidence.SealKey, error) {
	if leaf := o.key.Certificates()[0]; at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
		return nil, fmt.Errorf("%w: %s", seal.ErrNoKey, at.UTC().Format(time.RFC3339))
	}
	return o.key, nil
}

func (o oneKey) Certificates() []*x509.Certificate { return o.key.Certificates() }

func (o oneKey) Health(ctx context.Context, at time.Time) error {
	if _, err := o.Key(at); err != nil {
		return err
	}
	if k, ok := o.key.(seal.Key); ok {
		return k.Health(ctx)
	}
	return nil
}

// Reload does nothing: who wants to change the key while the service runs has a
// folder of keys.
func (oneKey) Reload() error { return nil }

func (o oneKey) Close() error {
	if k, ok := o.key.(seal.Key); ok {
		return k.Close()
	}
	return nil
}

// openKeys opens the folder of keys, or the one key in a file.
func (c sealConfig) openKeys(trust evidence.Trust, log *slog.Logger) (sealKeys, error) {
	open := openUnder(trust)
	if c.Keys != "" {
		return seal.OpenRing(seal.RingConfig{Dir: c.Keys, AllowFileKey: c.AllowFileKey, Log: log, Open: open})
	}
	k, err := open(seal.Config{AllowFileKey: c.AllowFileKey, KeyFile: c.Key, CertFile: c.Cert, Now: time.Now, Log: log})
	if err != nil {
		return nil, err
	}
	return oneKey{k}, nil
}

// openUnder opens keys whose certificates lead to our anchors: what another seals
// would fail its own check, and no evidence would be made. Errors: those of
// [seal.New].
func openUnder(trust evidence.Trust) func(seal.Config) (seal.Key, error) {
	return func(cfg seal.Config) (seal.Key, error) {
		k, err := seal.New(cfg)
		if err != nil {
			return nil, err
		}
		certs, at := k.Certificates(), cfg.Now()
		switch leaf := certs[0]; { // one that waits or has ended is as good as it is in its time
		case at.Before(leaf.NotBefore):
			at = leaf.NotBefore
		case at.After(leaf.NotAfter):
			at = leaf.NotAfter
		}
		if err := evidence.VerifySealCertificate(certs[0], certs, at, trust); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: not under our anchors: %w", seal.ErrKey, err), k.Close())
		}
		return k, nil
	}
}

// keysPace is how often the folder of keys is looked at.
const keysPace = time.Minute

// followKeys takes up what changed in the folder of keys, at its pace and at once
// on SIGHUP, until ctx ends. What fails leaves the keys as they were.
func (a *app) followKeys(ctx context.Context) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	tick := time.NewTicker(keysPace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-hangups:
			a.log.InfoContext(ctx, "told to read the sealing keys again")
		}
		if err := a.out.sealKeys.Reload(); err != nil {
			a.log.ErrorContext(ctx, "sealing keys are as they were, wholly or in part", "err", err)
		}
	}
}

// close gives back what the service held open.
func (a *app) close() {
	if err := a.out.sealKeys.Close(); err != nil {
		a.log.Warn("sealing keys not closed", "err", err)
	}
	a.codes.Close()
	a.pool.Close()
	if err := a.out.tracing.Close(); err != nil {
		a.log.Warn("the last traces were not exported")
	}
}

// ending is a certificate that ends soon, or has ended.
type ending struct {
	seal.Alarm
	left  int // whole days; negative once it has ended
	level slog.Level
}

// String says what an operator has to know.
func (e ending) String() string {
	return fmt.Sprintf("certificate %s of %s ends %s, days left: %d", e.Serial, e.Subject, e.NotAfter.UTC().Format(time.DateOnly), e.left)
}

// endings names the certificates that end soon, the first to end first: a warning
// 90 days ahead, an error from 30 days on. What nothing rests on any more is no
// fault: the certificate of a key that another has followed, an anchor that only
// old evidence needs. EN 319 411-1 §6.5
func (o outside) endings(now time.Time) []ending {
	var using []*x509.Certificate
	if k, err := o.sealKeys.Key(now); err == nil {
		using = k.Certificates()
	}
	in := func(certs []*x509.Certificate, a seal.Alarm) bool {
		return slices.ContainsFunc(certs, func(c *x509.Certificate) bool {
			return c.SerialNumber.Text(16) == a.Serial && c.Subject.String() == a.Subject
		})
	}
	var all []ending
	for _, a := range seal.Expiring(slices.Concat(o.sealKeys.Certificates(), o.anchors), now) {
		level := slog.LevelError
		switch {
		case len(using) > 0 && !in(using, a) && (a.Days == 0 || !in(o.anchors, a)):
			level = slog.LevelInfo
		case a.Days == 90:
			level = slog.LevelWarn
		}
		all = append(all, ending{a, int(math.Floor(a.NotAfter.Sub(now).Hours() / 24)), level})
	}
	return all
}

// watchKeys tells of certificates that end, and of a key that cannot seal or has
// nobody to follow it.
func (a *app) watchKeys(ctx context.Context) {
	now := time.Now()
	for _, e := range a.out.endings(now) {
		a.log.Log(ctx, e.level, "certificate ends", "subject", e.Subject, "serial", e.Serial, "not_after", e.NotAfter, "days_left", e.left)
	}
	if err := a.out.sealKeys.Health(ctx, now); err != nil {
		a.log.ErrorContext(ctx, "sealing keys need a person", "err", err)
	}
}
