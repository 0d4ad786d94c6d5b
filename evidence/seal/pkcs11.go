//go:build cgo

package seal

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Pauses between attempts to connect to a token that is away.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// tokenKey is a key in a PKCS#11 device. The connection is made when it is
// needed, by one caller at a time; a connection that failed is given up as a
// whole, because sessions, log-in and object handles are lost together.
type tokenKey struct {
	cfg   Config
	id    []byte
	pin   string
	certs []*x509.Certificate

	mu      sync.Mutex
	conn    *tokenConn
	busy    chan struct{} // closed when the connection that is being made or given up is so
	failure error         // why there is no connection
	next    time.Time     // no attempt before
	tries   int           // failed ones in a row
	closed  bool
}

func openToken(cfg Config) (Key, error) {
	token := *cfg.Token // the defaults are ours
	cfg.Token = &token
	id, err := token.validate()
	if err != nil {
		return nil, err
	}
	pin, err := readSecret(token.PINFile)
	if err != nil {
		return nil, err
	}
	k := &tokenKey{cfg: cfg, id: id, pin: pin}
	if cfg.CertFile != "" {
		if k.certs, err = readCertificates(cfg.CertFile); err != nil {
			return nil, err
		}
	}
	ctx, cancel := k.bound(context.Background())
	defer cancel()
	if err := k.check(ctx); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// check connects for the first time and lets the key sign.
func (k *tokenKey) check(ctx context.Context) error {
	c, err := k.get(ctx)
	if err != nil {
		return err
	}
	if k.certs == nil {
		k.certs = c.certs
	}
	if err := checkKey(k.Public(), k.cfg.Now()); err != nil {
		return err
	}
	return probe(ctx, k.Public(), k.sign)
}

// Public implements [crypto.Signer].
func (k *tokenKey) Public() crypto.PublicKey { return k.certs[0].PublicKey }

// Certificates implements [evidence.SealKey].
func (k *tokenKey) Certificates() []*x509.Certificate { return slices.Clone(k.certs) }

// Health implements [Key].
func (k *tokenKey) Health(ctx context.Context) error {
	ctx, cancel := k.bound(ctx)
	defer cancel()
	return probe(ctx, k.Public(), k.sign)
}

// Sign implements [crypto.Signer]. The device brings its own randomness. Errors:
// [ErrConfig], [ErrPIN], [ErrUnavailable], [ErrClosed].
func (k *tokenKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	h, err := checkDigest(digest, opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := k.bound(context.Background())
	defer cancel()
	return k.sign(ctx, digest, h)
}

// sign signs, over a new connection when the old one fails.
func (k *tokenKey) sign(ctx context.Context, digest []byte, h crypto.Hash) ([]byte, error) {
	var failed error
	for range 2 {
		c, err := k.get(ctx)
		if err != nil {
			return nil, errors.Join(err, failed)
		}
		sig, err := c.sign(ctx, digest, h)
		if err == nil || errors.Is(err, errBusy) || ctx.Err() != nil && !errors.Is(context.Cause(ctx), errHung) {
			return sig, err // a caller who went away says nothing about the token
		}
		failed = err
		k.cfg.Log.Warn("seal: token connection lost", "error", err)
		k.drop(c)
	}
	return nil, failed
}

// bound puts the timeout of the configuration on ctx.
func (k *tokenKey) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, time.Duration(k.cfg.Token.Timeout), errHung)
}

// get gives the connection, and makes it when there is none and it is time to.
func (k *tokenKey) get(ctx context.Context) (*tokenConn, error) {
	for {
		k.mu.Lock()
		c, busy, err := k.conn, k.busy, k.failure
		switch {
		case k.closed:
			c, busy, err = nil, nil, ErrClosed
		case c != nil:
			err = nil
		case busy != nil:
		case errors.Is(err, ErrPIN), err != nil && k.cfg.Now().Before(k.next):
		default:
			k.busy = make(chan struct{})
			busy = k.busy
			go k.connect()
		}
		k.mu.Unlock()
		if c != nil || busy == nil {
			return c, err
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: connecting to the token: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// connect makes a connection. A device that hangs keeps everybody from making
// another one; their own time limits let them go.
func (k *tokenKey) connect() {
	c, err := connectToken(*k.cfg.Token, k.id, k.pin, k.certs)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed && c != nil {
		k.mu.Unlock()
		c.close()
		k.mu.Lock()
		c, err = nil, ErrClosed
	}
	k.conn, k.failure, k.tries = c, err, k.tries+1
	if err == nil {
		k.tries = 0
	}
	k.next = k.cfg.Now().Add(pause(k.tries))
	k.free()
}

// pause is how long nobody tries after n failures in a row.
func pause(n int) time.Duration {
	return min(firstPause<<min(max(n-1, 0), 10), lastPause)
}

// drop gives up c, once. Until c has gone nobody makes another connection: a
// module that lost its mind is loaded afresh only when nobody uses it.
func (k *tokenKey) drop(c *tokenConn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conn != c || k.busy != nil {
		return
	}
	k.conn, k.failure, k.busy = nil, nil, make(chan struct{})
	go func() {
		c.close()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.free()
	}()
}

// free lets those go who wait for a connection. The caller holds mu.
func (k *tokenKey) free() {
	close(k.busy)
	k.busy = nil
}

// Close implements [Key]. Errors: [ErrUnavailable] when the device does not end
// what it does within the timeout.
func (k *tokenKey) Close() error {
	ctx, cancel := k.bound(context.Background())
	defer cancel()
	k.mu.Lock()
	k.closed = true
	c := k.conn
	k.mu.Unlock()
	if c != nil {
		k.drop(c)
	}
	k.mu.Lock()
	busy := k.busy
	k.mu.Unlock()
	if busy == nil {
		return nil
	}
	select {
	case <-busy:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the token does not let go", ErrUnavailable)
	}
}
