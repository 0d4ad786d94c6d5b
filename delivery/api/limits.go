package api

import (
	"math"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter bounds what one key asks for, so that no integrator slows down the
// others: calls by a token bucket, uploads by how many run at once. It counts
// for this process. Safe for concurrent use.
type limiter struct {
	perSecond rate.Limit
	burst     int
	uploads   int

	mu    sync.Mutex
	keys  map[string]*usage // by key id; guarded by mu
	swept time.Time         // guarded by mu
}

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
	return &limiter{perSecond: rate.Limit(cfg.Rate), burst: cfg.Burst, uploads: cfg.Uploads, keys: map[string]*usage{}}
}

// call counts a call of a key. Errors: errTooMany, which says when to try again.
func (l *limiter) call(key string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage(key, now)
	r := u.calls.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return errTooMany.after(wait)
	}
	return nil
}

// upload takes one of the places for uploads of a key. The caller must give it
// back with done. Errors: errTooMany.
func (l *limiter) upload(key string, now time.Time) (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage(key, now)
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
func (l *limiter) usage(key string, now time.Time) *usage {
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
		u = &usage{calls: rate.NewLimiter(l.perSecond, l.burst)}
		l.keys[key] = u
	}
	u.seen = now
	return u
}

// seconds is d for a Retry-After field: whole seconds, never too few.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
