package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
	"time"
)

// balancer leads each request to the next instance that says it is ready, as any
// load balancer does that asks /readyz and knows no sessions. It repeats nothing.
// Safe for concurrent use.
type balancer struct {
	listener net.Listener
	server   *http.Server
	client   *http.Client

	mu    sync.Mutex
	all   []string       // guarded by mu
	ready []string       // guarded by mu
	next  int            // guarded by mu
	led   map[string]int // requests, by instance and method; guarded by mu
}

// listenBalancer starts a balancer that asks its instances every so often whether
// they are ready.
func listenBalancer(ctx context.Context, addr string, every time.Duration) (*balancer, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	// Long enough for a loaded machine: an instance that leaves answers at once.
	b := &balancer{listener: l, client: &http.Client{Timeout: 5 * time.Second}, led: map[string]int{}}
	b.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.URL.Scheme, r.Out.URL.Host = "http", b.target(r.In.Method)
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // clients count what failed
	}}
	go func() { _ = b.server.Serve(l) }()
	go b.watch(ctx, every)
	return b, nil
}

func (b *balancer) addr() string { return b.listener.Addr().String() }
func (b *balancer) close() error { return b.server.Close() }

// lead says which instances there are. What is new gets requests once it is ready.
func (b *balancer) lead(to ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = slices.Clone(to)
	b.ready = slices.DeleteFunc(b.ready, func(addr string) bool { return !slices.Contains(to, addr) })
}

// watch asks every instance in turn until ctx ends.
func (b *balancer) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		b.mu.Lock()
		all := slices.Clone(b.all)
		b.mu.Unlock()
		for _, addr := range all {
			b.mark(addr, b.asks(ctx, addr))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *balancer) asks(ctx context.Context, addr string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return false
	}
	return resp.StatusCode == http.StatusNoContent && resp.Body.Close() == nil
}

func (b *balancer) mark(addr string, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ready = slices.DeleteFunc(b.ready, func(a string) bool { return a == addr })
	if ready && slices.Contains(b.all, addr) {
		b.ready = append(b.ready, addr)
		slices.Sort(b.ready) // in turn, whoever was asked last
	}
}

// serving is how many instances get requests.
func (b *balancer) serving() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ready)
}

// target is where the next request goes; where nobody is ready it fails.
func (b *balancer) target(method string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return "127.0.0.1:1"
	}
	b.next++
	to := b.ready[b.next%len(b.ready)]
	b.led[to+" "+method]++
	return to
}

// took is how many requests of a method an instance got.
func (b *balancer) took(addr, method string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.led[addr+" "+method]
}
