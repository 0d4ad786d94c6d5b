package main

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// shelf is a filled database with its service.
type shelf struct {
	subject *subject
	ids     []string // some of the deliveries, in no order
	cookie  string   // of somebody who is signed in
	pids    [2]int   // service and database
}

// openShelf makes a database with n deliveries, each like one that was really
// submitted.
func openShelf(ctx context.Context, b *bench, n int, of filling) (_ *shelf, err error) {
	name := fmt.Sprintf("of_%d", n)
	address, err := b.database(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &shelf{}
	if s.subject, err = b.subject(ctx, name, address, "--keys", fmt.Sprint(benchKeyCount)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.subject.Close())
		}
	}()
	run, err := newSubmissions(s.subject, 1)
	if err != nil {
		return nil, err
	}
	if _, _, err := run.press(ctx, 0); err != nil {
		return nil, err
	}
	pool, err := openBenchPool(ctx, address)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	began := time.Now()
	if err := of.fill(ctx, address, n-1); err != nil {
		return nil, err
	}
	say("filled a database with %d deliveries in %.0f s", n, time.Since(began).Seconds())
	rows, err := pool.Query(ctx, sqlSample)
	if err != nil {
		return nil, err
	}
	if s.ids, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, err
	}
	s.pids[0] = s.subject.PID
	if s.pids[1], err = postmaster(ctx, pool); err != nil {
		return nil, err
	}
	s.cookie, err = signedIn(ctx, pool)
	return s, err
}

// signedIn opens a session of somebody of the account that sent everything.
func signedIn(ctx context.Context, pool *pgxpool.Pool) (cookie string, err error) {
	raw := make([]byte, 32)
	cryptorand.Read(raw)
	sum := sha256.Sum256(raw)
	_, err = pool.Exec(ctx, `
INSERT INTO session (token_hash, person_id, account_id, method, created_at, proven_at, seen_at, expires_at, absolute_expires_at, ip, user_agent, language)
SELECT $1, s.person_id, s.account_id, 'password+totp', now(), now(), now(), now() + interval '1 day', now() + interval '1 day', '127.0.0.1', 'bench', 'nl'
  FROM membership s WHERE s.account_id = (SELECT account_id FROM message LIMIT 1) AND s.role = 'administrator' LIMIT 1`, sum[:])
	return "bode_session=" + base64.RawURLEncoding.EncodeToString(raw), err
}

// spent is the processor time of service and database so far.
func (s *shelf) spent() (all time.Duration, err error) {
	for _, pid := range s.pids {
		one, err := spentBy(pid)
		if err != nil {
			return 0, err
		}
		all += one
	}
	return all, nil
}

// read asks for some time, and says what that took of the processors.
func (s *shelf) read(ctx context.Context, clients int, g *growth) (l load, spent time.Duration, err error) {
	before, err := s.spent()
	if err != nil {
		return l, 0, err
	}
	if l, err = s.press(ctx, clients, g); err != nil {
		return l, 0, err
	}
	after, err := s.spent()
	return l, after - before, err
}

func (s *shelf) press(ctx context.Context, clients int, g *growth) (load, error) {
	return press(ctx, s.subject.BaseURL, clients, g.span, 200, func(client, i int) []byte { return g.ask(s, client, clients, i) })
}

// anyDelivery is a call for a random delivery.
func (s *shelf) anyDelivery(client, clients, i int) []byte {
	return call("/deliveries/"+s.ids[rand.IntN(len(s.ids))])(s, client, clients, i)
}

// call is one of the API, with the keys in turn.
func call(path string) func(s *shelf, client, clients, i int) []byte {
	return func(s *shelf, client, clients, i int) []byte {
		return fmt.Appendf(nil, "GET /api/v1%s HTTP/1.1\r\nHost: bode\r\nAuthorization: Bearer %s\r\n\r\n", path, s.subject.Keys[(client+i*clients)%len(s.subject.Keys)])
	}
}

// visit is one of the portal. {id} is a random delivery.
func visit(path string) func(s *shelf, client, clients, i int) []byte {
	return func(s *shelf, _, _, _ int) []byte {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bode\r\nCookie: %s\r\n\r\n", strings.ReplaceAll(path, "{id}", s.ids[rand.IntN(len(s.ids))]), s.cookie)
	}
}

// growingPaths are the lists and pages that must not grow with the number of
// deliveries: as they are opened, narrowed in each way, far down, and where little
// or nothing is found.
func growingPaths() []string {
	lists := []string{"", "status=waiting", "status=collected", "status=refused", "status=returned", "status=soon", "status=unreached", "reference=r7",
		"reference=r7&status=expired", "cost_centre=c3", "cost_centre=c3&status=on_paper", "recipient=janssens", "recipient=f77", "recipient=an7%40", "recipient=nobody", "number=N7"}
	paths := []string{"/overview", "/events", "/portal", "/portal/deliveries/{id}"}
	for _, q := range lists {
		paths = append(paths, "/deliveries?"+q, "/messages?"+q, "/portal/messages?"+q)
	}
	return append(paths, "/deliveries?submitted_from=2025-06-15T00:10:00Z&submitted_before=2025-06-15T15:20:00Z", "/portal/messages?from=2025-06-15&to=2025-06-15")
}
