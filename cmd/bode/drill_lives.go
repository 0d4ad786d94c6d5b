package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/post"
)

// lives are the people and peers around a service: they know what no disk of its
// own can take back. Screens that said that something was decided, mail and SMS
// that came, letters that were taken, evidence that was listed as sealed, messages
// that were said to be removed. Safe for concurrent use.
type lives struct {
	busyDay
	partner post.StandIn // outside of what loses its power

	mu      sync.Mutex
	people  int                 // who came so far; guarded by mu
	ended   int                 // retentions that were brought to their end; guarded by mu
	decided map[string]decision // by the recipient's address, which is the reference; guarded by mu
	sealed  map[string]string   // SHA-256 of the XML of evidence, by id; guarded by mu
	letters map[string]int      // how often each was taken, by delivery; guarded by mu
	removed map[string]bool     // messages; guarded by mu
}

// decision is what a recipient was told that they did.
type decision string

const (
	tookIt  decision = "accepted"
	leftIt  decision = "refused"
	onPaper decision = "paper"
)

const (
	maxRetentions = 6 // of 740 days: further no test clock goes
	livesPatience = 5 * time.Minute
)

// sqlDecided are those of whom a database knows no such decision.
const sqlDecided = `
SELECT count(*) FROM unnest($1::text[], $2::text[]) AS t (reference, decision)
 WHERE NOT EXISTS (SELECT FROM message m JOIN delivery d ON d.message_id = m.id WHERE m.reference = t.reference AND CASE t.decision
       WHEN 'accepted' THEN d.state IN ('accepted', 'consigned', 'handed_over') WHEN 'refused' THEN d.state = 'rejected'
       ELSE d.choices ? 'paper_at' END)`

// openLives lets mail, SMS and letters come to places outside of dir, which loses
// its power. The folder of letters in dir leads there.
func openLives(ctx context.Context, dir, outside string) (l *lives, err error) {
	l = &lives{busyDay: busyDay{steps: newStepTimes(), client: &http.Client{Timeout: time.Minute}}, partner: post.StandIn{Dir: outside},
		decided: map[string]decision{}, sealed: map[string]string{}, letters: map[string]int{}, removed: map[string]bool{}}
	if err := errors.Join(os.MkdirAll(outside, 0o755), os.MkdirAll(dir, 0o755), os.Symlink(outside, filepath.Join(dir, "post"))); err != nil {
		return nil, err
	}
	l.steps.quiet = true // the cut ends them all
	if l.mailbox, err = openMailbox(ctx); err != nil {
		return nil, err
	}
	l.mailbox.mu.Lock()
	defer l.mailbox.mu.Unlock()
	l.mailbox.arrived = map[string]int{}
	return l, nil
}

// flags have a service send mail and SMS here.
func (l *lives) flags() []string {
	return []string{"--mail-to", l.mailbox.SMTPAddr(), "--sms-to", l.mailbox.SMSURL()}
}

// live lets n recipients decide, one after the other, a partner take letters, and
// tests reach the end of their retention, until ctx ends. What fails by then is not
// noted: only what was told counts.
func (l *lives) live(ctx context.Context, s *subject, n int) (wait func()) {
	l.s = s
	l.run = submissions{run: int(time.Now().UnixNano())}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				l.one(ctx)
			}
		})
	}
	all.Go(func() { l.take(ctx) })
	all.Go(func() { l.forget(ctx) })
	return all.Wait
}

// one is a message that is decided, and whose evidence is listed.
func (l *lives) one(ctx context.Context) {
	l.mu.Lock()
	n := l.people
	l.people++
	l.mu.Unlock()
	who, key := dayPerson(700_000+n), l.s.Keys[n%len(l.s.Keys)]
	l.mailbox.expect(who.email, who.mobile)
	defer l.mailbox.forget(who.email, who.mobile)
	id, err := l.submitAs(ctx, key, who, nil)
	if err != nil {
		_ = pause(ctx, 100*time.Millisecond)
		return
	}
	b, ok := l.arrive(ctx, who)
	if !ok {
		return
	}
	what := []decision{tookIt, leftIt, onPaper}[n%3]
	switch what {
	case tookIt:
		err = b.submit(ctx, "/accept", nil)
	case leftIt:
		err = b.refuse(ctx)
	default:
		err = b.choosePaper(ctx)
	}
	if err != nil {
		return
	}
	l.mu.Lock()
	l.decided[who.email] = what
	l.mu.Unlock()
	_ = l.list(ctx, key, id)
}

// list waits until all evidence that a message has by now is sealed, and keeps its
// digests.
func (l *lives) list(ctx context.Context, key, message string) error {
	o := outsider{info: l.s.info, client: l.client}
	o.info.TestKey = key
	var m struct{ Deliveries []struct{ ID string } }
	if err := o.call(ctx, http.MethodGet, "/messages/"+message, nil, &m); err != nil || len(m.Deliveries) == 0 {
		return err
	}
	return eventually(ctx, func() (bool, error) {
		var pieces struct {
			Data []struct {
				ID     string
				Status string
				SHA256 string `json:"xml_sha256"`
			}
		}
		err := o.call(ctx, http.MethodGet, "/deliveries/"+m.Deliveries[0].ID+"/evidence", nil, &pieces)
		left := 0
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, p := range pieces.Data {
			if p.Status == "sealed" {
				l.sealed[p.ID] = p.SHA256
			} else {
				left++
			}
		}
		return left == 0, err
	})
}

// take is the partner: it takes what lies in its folder, and says that it was posted.
func (l *lives) take(ctx context.Context) {
	for pause(ctx, 100*time.Millisecond) == nil {
		items, _ := l.partner.Post(time.Now()) // before the first letter there is no folder
		l.mu.Lock()
		for _, item := range items {
			l.letters[item]++
		}
		l.mu.Unlock()
	}
}

// forget brings tests that were collected to the end of their retention, and keeps
// what is listed as removed. Each step waits for the one before it.
func (l *lives) forget(ctx context.Context) {
	o := outsider{info: l.s.info, client: l.client}
	l.mu.Lock()
	l.ended++
	n := l.ended
	l.mu.Unlock()
	if n > maxRetentions {
		return
	}
	until := func(do func() bool) {
		for ctx.Err() == nil && !do() {
			_ = pause(ctx, 100*time.Millisecond)
		}
	}
	var ids []string
	for i := range 5 {
		who := person{email: fmt.Sprintf("collect+%d-%d@%s", n, i, delivery.SimDomain), mobile: "+32470000001"}
		until(func() bool {
			id, err := l.submitAs(ctx, o.info.TestKey, who, nil)
			ids = append(ids, id)
			return err == nil
		})
	}
	for _, step := range []struct {
		state delivery.State
		by    string
	}{{delivery.Notified, "PT2H"}, {delivery.HandedOver, "P740D"}} {
		for _, id := range ids {
			until(func() bool { return id == "" || o.stateOf(ctx, id) == step.state })
		}
		until(func() bool {
			return o.call(ctx, http.MethodPost, "/test-clock/advance", map[string]string{"by": step.by}, nil) == nil
		})
	}
	until(func() bool {
		var gone struct {
			Data []struct {
				Message string `json:"message_id"`
			}
		}
		if o.call(ctx, http.MethodGet, "/removals", nil, &gone) != nil {
			return false
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, r := range gone.Data {
			l.removed[r.Message] = true
		}
		return len(l.removed) >= 5*n
	})
}

// stateOf is the state of the only delivery of a message; "" when it cannot be read.
func (o outsider) stateOf(ctx context.Context, message string) delivery.State {
	var m struct {
		Deliveries []struct{ State delivery.State }
	}
	if err := o.call(ctx, http.MethodGet, "/messages/"+message, nil, &m); err != nil || len(m.Deliveries) != 1 {
		return ""
	}
	return m.Deliveries[0].State
}

// told is how much was told so far.
func (l *lives) told() string {
	l.mailbox.mu.Lock()
	notices := len(l.mailbox.arrived)
	l.mailbox.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	kinds := map[decision]int{}
	for _, d := range l.decided {
		kinds[d]++
	}
	return fmt.Sprintf("%d mails and SMS, %d accepted, %d refused, %d on paper, %d letters taken, %d pieces of evidence sealed, %d messages removed",
		notices, kinds[tookIt], kinds[leftIt], kinds[onPaper], len(l.letters), len(l.sealed), len(l.removed))
}

// speak waits until something of every kind was told: what nobody heard of cannot be
// missed. Errors: errNothingShown after livesPatience.
func (l *lives) speak(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < livesPatience; {
		l.mu.Lock()
		kinds := slices.Collect(maps.Values(l.decided))
		all := slices.Contains(kinds, tookIt) && slices.Contains(kinds, leftIt) && slices.Contains(kinds, onPaper) &&
			len(l.letters) > 0 && len(l.sealed) > 0 && len(l.removed) > 0
		l.mu.Unlock()
		if all {
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: people were told only of %s", errNothingShown, l.told())
}

// check compares what was told with a database.
func (l *lives) check(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var faults error
	ask := func(what, sql string, args ...any) {
		var n int
		if err := conn.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %w", what, err))
		} else if n > 0 {
			faults = errors.Join(faults, fmt.Errorf("%w: %s: %d", errLost, what, n))
		}
	}
	l.mailbox.mu.Lock()
	notices, twice := slices.Collect(maps.Keys(l.mailbox.arrived)), []string{}
	for id, n := range l.mailbox.arrived {
		if n > 1 {
			twice = append(twice, id)
		}
	}
	l.mailbox.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	var people, how, ids, digests []string
	for email, d := range l.decided {
		people, how = append(people, email), append(how, string(d))
	}
	for id, digest := range l.sealed {
		ids, digests = append(ids, id), append(digests, digest)
	}
	ask("mails and SMS that came without an attempt", `SELECT count(*) FROM unnest($1::uuid[]) AS t (id)
		WHERE NOT EXISTS (SELECT FROM notify_attempt a WHERE a.notice_id = t.id)`, notices)
	ask("mails and SMS that came twice though nobody doubted", `SELECT count(*) FROM unnest($1::uuid[]) AS t (id)
		WHERE NOT EXISTS (SELECT FROM notify_attempt a WHERE a.notice_id = t.id AND a.in_doubt)`, twice)
	ask("decisions that were shown", sqlDecided, people, how)
	ask("evidence that was listed as sealed", `SELECT count(*) FROM unnest($1::uuid[], $2::text[]) AS t (id, digest)
		WHERE NOT EXISTS (SELECT FROM evidence v WHERE v.id = t.id AND encode(v.xml_sha256, 'hex') = t.digest)`, ids, digests)
	items, of, err := l.manifests()
	if err != nil {
		return err
	}
	ask("letters that were taken", `SELECT count(*) FROM unnest($1::text[], $2::uuid[]) AS t (item, delivery)
		WHERE NOT EXISTS (SELECT FROM delivery d WHERE d.id = t.delivery AND coalesce(d.post ->> 'item' = t.item, d.letter_begun IS NOT NULL))`, items, of)
	ask("messages that came back after they were removed", `SELECT count(*) FROM message WHERE id = ANY ($1::uuid[])`, slices.Collect(maps.Keys(l.removed)))
	for item, n := range l.letters {
		if n > 1 {
			faults = errors.Join(faults, fmt.Errorf("%w: letter %s was taken %d times", errLost, item, n))
		}
	}
	return faults
}

// manifests are the letters that were taken, and whose each is.
func (l *lives) manifests() (items, deliveries []string, err error) {
	found, err := filepath.Glob(filepath.Join(l.partner.Dir, "partner", "*.json"))
	for _, path := range found {
		raw, e := os.ReadFile(path)
		var m post.Manifest
		err = errors.Join(err, e, json.Unmarshal(raw, &m))
		items, deliveries = append(items, m.Item), append(deliveries, m.Delivery)
	}
	return items, deliveries, err
}
