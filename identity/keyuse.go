package identity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// flushEvery is how late last_used_at may be.
const flushEvery = time.Minute

// keyUses collects when keys were used, so that a request costs no write.
type keyUses struct {
	mu      sync.Mutex
	at      map[string]keyUse // by key id, the latest; guarded by mu
	flushed time.Time         // guarded by mu
}

// keyUse is one use of a key.
type keyUse struct {
	at time.Time
	ip string
}

// used notes a use; once a minute one caller writes all of them down. A crash
// loses at most that minute of "last used", nothing else.
func (s *Service) used(ctx context.Context, key, ip string) {
	at := s.now()
	s.uses.mu.Lock()
	if s.uses.at == nil {
		s.uses.at = make(map[string]keyUse)
	}
	s.uses.at[key] = keyUse{at, clean(ip, 64)}
	due := at.Sub(s.uses.flushed) >= flushEvery
	if due {
		s.uses.flushed = at
	}
	s.uses.mu.Unlock()
	if due {
		if err := s.FlushKeyUses(ctx); err != nil {
			s.log.WarnContext(ctx, "key uses not written", "error", err)
		}
	}
}

// FlushKeyUses writes down when keys were last used. Call it when the process
// ends; otherwise it happens by itself. On error the uses are kept for the next
// time.
func (s *Service) FlushKeyUses(ctx context.Context) error {
	s.uses.mu.Lock()
	uses := s.uses.at
	s.uses.at = nil
	s.uses.mu.Unlock()
	if len(uses) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(uses)) // one order for all processes: no deadlock
	times, ips := make([]time.Time, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		times[i], ips[i] = uses[id].at, uses[id].ip
	}
	_, err := s.pool.Exec(ctx, `
UPDATE api_key k SET last_used_at = greatest(k.last_used_at, u.at),
       last_used_ip = CASE WHEN k.last_used_at IS NULL OR u.at >= k.last_used_at THEN u.ip ELSE k.last_used_ip END
  FROM (SELECT k.id, u.at, u.ip FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS u (id, at, ip) JOIN api_key k ON k.id = u.id
         ORDER BY k.id FOR NO KEY UPDATE OF k) u
 WHERE k.id = u.id`, ids, times, ips)
	if err == nil {
		return nil
	}
	s.uses.mu.Lock()
	defer s.uses.mu.Unlock()
	if s.uses.at == nil {
		s.uses.at = make(map[string]keyUse)
	}
	for id, u := range uses {
		if u.at.After(s.uses.at[id].at) {
			s.uses.at[id] = u
		}
	}
	return fmt.Errorf("identity: key uses: %w", err)
}
