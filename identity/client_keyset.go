package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// FetchKeys fetches the key set at an https address; see [Fetcher].
type FetchKeys func(ctx context.Context, address string) ([]byte, error)

// How long fetched keys are believed, and how soon they are asked for anew when a
// key is missing.
const (
	keySetLife  = 10 * time.Minute
	keySetAgain = time.Minute
)

// keySets remembers what was fetched. Safe for concurrent use.
type keySets struct {
	fetch FetchKeys

	mu  sync.Mutex
	all map[string]fetched // by address; guarded by mu
}

type fetched struct {
	set jose.JSONWebKeySet
	err error
	at  time.Time
}

// maxKeySets bounds the memory that addresses can take.
const maxKeySets = 1000

// get gives the keys at an address. A failure is remembered too, so that a client
// cannot make us knock at somebody's door as often as it likes.
func (k *keySets) get(ctx context.Context, address string, at time.Time, again bool) (jose.JSONWebKeySet, error) {
	k.mu.Lock()
	have, ok := k.all[address]
	k.mu.Unlock()
	age := at.Sub(have.at)
	if ok && age >= 0 && (age < keySetAgain || !again && have.err == nil && age < keySetLife) {
		return have.set, have.err
	}
	b, err := k.fetch(ctx, address)
	if ctx.Err() != nil {
		return jose.JSONWebKeySet{}, ctx.Err() // the caller went away: that says nothing of the address
	}
	var set jose.JSONWebKeySet
	if err == nil {
		set, err = readKeySet(b)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= maxKeySets {
		k.all = map[string]fetched{}
	}
	k.all[address] = fetched{set, err, at}
	return set, err
}

// errInward says that an address leads inside, where clients may not send us.
var errInward = errors.New("identity: address is not a public one")

// Fetcher gives a FetchKeys that follows nothing and nobody inward: https only, no
// redirects, at most 64 KiB within five seconds, and, by the address that is
// dialled and not by its name, only where may says so; nil: public addresses.
func Fetcher(may func(netip.Addr) bool, transport *http.Transport) FetchKeys {
	if may == nil {
		may = Public
	}
	if transport == nil {
		transport = &http.Transport{}
	}
	transport = transport.Clone()
	dialer := &net.Dialer{Timeout: 3 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !may(at.Addr().Unmap()) {
			return errInward
		}
		return nil
	}}
	transport.DialContext, transport.Proxy, transport.DisableKeepAlives = dialer.DialContext, nil, true
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, address string) ([]byte, error) {
		if !keySetAddress(address) {
			return nil, errInward
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, fmt.Errorf("identity: fetch keys: %w", err)
		}
		req.Header.Set("Accept", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("identity: fetch keys: %w", err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("identity: fetch keys: status %d", resp.StatusCode)
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
		if err != nil {
			return nil, fmt.Errorf("identity: fetch keys: %w", err)
		}
		return b, nil
	}
}
