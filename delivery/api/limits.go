package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bode-erds/bode/identity"
)

// limiter bounds what one key asks for, so that no integrator slows down the
// others: calls by a token bucket, uploads by how many run at once. It counts
// for this process. Safe for concurrent use.
type limiter struct {
	pace    map[identity.Mode]pace
	uploads int

	mu    sync.Mutex
	keys  map[string]*usage // by key id; guarded by mu
	swept time.Time         // guarded by mu
}

// pace is how often a kind of key may call.
type pace struct {
	perSecond rate.Limit
	burst     int
}

// window is how long an unused bucket takes to be full.
func (p pace) window() int { return max(1, int(math.Ceil(float64(p.burst)/float64(p.perSecond)))) }

// usage is what a key used of its share.
type usage struct {
	calls   *rate.Limiter
	uploads int
	seen    time.Time
}

// idle is how long a key is remembered after its last call: by then its bucket
// is full again.
const idle = 10 * time.Minute

func newLimiter(cfg Config) *limiter {
	full, trial := pace{rate.Limit(cfg.Rate), cfg.Burst}, pace{rate.Limit(cfg.TrialRate), cfg.TrialBurst}
	return &limiter{pace: map[identity.Mode]pace{identity.Test: full, identity.Live: full, identity.Trial: trial},
		uploads: cfg.Uploads, keys: map[string]*usage{}}
}

// allowance is what a key may do and has left.
type allowance struct {
	mode identity.Mode
	pace
	left  int
	reset int // seconds until nothing of it is used
}

// write tells the caller.
//
// draft-ietf-httpapi-ratelimit-headers-10 §3, §4
func (a allowance) write(h http.Header) {
	h.Set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, a.mode, a.burst, a.window()))
	h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, a.mode, a.left, a.reset))
}

// call counts a call of a key. Errors: errTooMany, which says when to try again.
func (l *limiter) call(key string, mode identity.Mode, now time.Time) (allowance, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := allowance{mode: mode, pace: l.pace[mode]}
	u := l.usage(key, a.pace, now)
	r := u.calls.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	tokens := max(0, u.calls.TokensAt(now))
	a.left = int(tokens)
	a.reset = int(math.Ceil((float64(a.burst) - tokens) / float64(a.perSecond)))
	if wait > 0 {
		a.left = 0
		return a, errTooMany.after(wait)
	}
	return a, nil
}

// upload takes one of the places for uploads of a key. The caller must give it
// back with done. Errors: errTooMany.
func (l *limiter) upload(key string, mode identity.Mode, now time.Time) (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage(key, l.pace[mode], now)
	if u.uploads >= l.uploads {
		return nil, errTooMany.after(time.Second)
	}
	u.uploads++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		u.uploads--
	}, nil
}

// usage finds or begins the account of a key. The caller holds mu.
func (l *limiter) usage(key string, p pace, now time.Time) *usage {
	if now.Sub(l.swept) > idle {
		for k, u := range l.keys {
			if u.uploads == 0 && now.Sub(u.seen) > idle {
				delete(l.keys, k)
			}
		}
		l.swept = now
	}
	u := l.keys[key]
	if u == nil {
		u = &usage{calls: rate.NewLimiter(p.perSecond, p.burst)}
		l.keys[key] = u
	}
	u.seen = now
	return u
}

// seconds is d for a Retry-After field: whole seconds, never too few.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
