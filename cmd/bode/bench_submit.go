package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// benchSubmit sends messages as integrators do and compares with pgbench.
type benchSubmit struct {
	Clients int           `help:"Connections at the same time, of ours and of pgbench." default:"16"`
	Span    time.Duration `help:"Time of each measurement." default:"4s"`
	Rounds  int           `help:"Rounds; each measures everything, in shuffled order." default:"5"`
	Profile string        `help:"Write a CPU profile of the service to this file." type:"path"`
}

// benchKeyCount is how many keys share the load: each may call 50 times a second.
const benchKeyCount = 160

// Run counts the statements of a submission, then measures.
func (c benchSubmit) Run(ctx context.Context, log *slog.Logger) (err error) {
	say("counting the statements of one submission")
	shape, err := observeSubmission(ctx, log)
	if err != nil {
		return err
	}
	say("one submission is a transaction of %d statements between BEGIN and COMMIT:", len(shape.statements))
	for _, s := range shape.statements {
		say("    %s", s)
	}
	say("and %d statements of its request are outside of it", shape.around)

	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	flags := []string{"--keys", strconv.Itoa(benchKeyCount)}
	if c.Profile != "" {
		flags = append(flags, "--profile", c.Profile)
	}
	s, err := b.subject(ctx, "bode", b.server.URL(), flags...)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, s.Close())
		}
	}()
	yard, err := openYardstick(ctx, b, shape, c.Clients)
	if err != nil {
		return err
	}
	run, err := newSubmissions(s, c.Clients)
	if err != nil {
		return err
	}
	tested := []measured{
		{name: "pgbench, a statement per round trip", do: func(d time.Duration) (string, float64, error) { return yard.run(ctx, yardPlain, d) }},
		{name: "pgbench, pipelined", do: func(d time.Duration) (string, float64, error) { return yard.run(ctx, yardPipelined, d) }},
		{name: "bode, submissions over HTTP", do: func(d time.Duration) (string, float64, error) { return run.press(ctx, d) }},
	}
	if err := rounds(tested, c.Rounds, c.Span); err != nil {
		return err
	}
	report(tested, 2)

	// Workers take their share of the same processors; the backlog that the
	// rounds left keeps them busy all the time.
	stopped = true
	if err := s.Close(); err != nil {
		return err
	}
	return c.withWorkers(ctx, b, flags[:2], tested)
}

// withWorkers measures once more while every worker is busy.
func (c benchSubmit) withWorkers(ctx context.Context, b *bench, flags []string, tested []measured) (err error) {
	s, err := b.subject(ctx, "bode", b.server.URL(), append(flags, "--workers")...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	pool, err := openBenchPool(ctx, b.server.URL())
	if err != nil {
		return err
	}
	defer pool.Close()
	signed := func() (n float64) {
		if e := pool.QueryRow(ctx, `SELECT count(*) FROM evidence WHERE xml IS NOT NULL OR signed_xml IS NOT NULL`).Scan(&n); e != nil {
			err = errors.Join(err, e)
		}
		return n
	}
	run, err := newSubmissions(s, c.Clients)
	if err != nil {
		return err
	}
	for _, load := range []bool{true, false} {
		before, began := signed(), time.Now()
		rate, note := 0.0, "no submissions"
		if load {
			if note, rate, err = run.press(ctx, 2*c.Span); err != nil {
				return err
			}
		} else if err := pause(ctx, 2*c.Span); err != nil {
			return err
		}
		made := (signed() - before) / time.Since(began).Seconds()
		say("workers on, backlog waiting: %7.1f submissions/s (%s), %.1f signed evidence/s; ratio to pgbench %.2f",
			rate, note, made, rate/median(tested[0].clone()))
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// submissions makes requests, each different, each with a key for doing it once.
type submissions struct {
	subject *subject
	clients int
	run     int // tells the idempotency keys of one press from the next
}

func newSubmissions(s *subject, clients int) (*submissions, error) {
	if len(s.Keys) == 0 {
		return nil, errors.New("no API keys")
	}
	return &submissions{subject: s, clients: clients, run: rand.IntN(1 << 30)}, nil
}

const benchBody = `{"subject":"Uitnodiging tot de algemene vergadering","body":"Beste mede-eigenaar,\n\nU bent uitgenodigd op de algemene vergadering van donderdag 10 december om 19 uur in de polyvalente zaal.\n\nMet vriendelijke groeten,\nde syndicus","recipients":[{"name":{"given":"Amina","family":"Janssens"},"email":"amina.%[1]d@post.example","mobile":"+3247%07[2]d","language":"nl","postal_address":{"lines":["Vlasmarkt 7 bus 3"],"postcode":"9000","city":"Gent","country":"BE"}}],"reference":"AV-%[1]d"}`

func (s *submissions) request(client, i int) []byte {
	n := client*1_000_000 + i
	body := fmt.Sprintf(benchBody, n, n%10_000_000)
	key := s.subject.Keys[(client+i*s.clients)%len(s.subject.Keys)]
	return fmt.Appendf(nil, "POST /api/v1/messages HTTP/1.1\r\nHost: bode\r\nAuthorization: Bearer %s\r\n"+
		"Idempotency-Key: bench-%d-%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", key, s.run, n, len(body), body)
}

// press submits for d and returns a note and the rate.
func (s *submissions) press(ctx context.Context, d time.Duration) (string, float64, error) {
	s.run++
	l, err := press(ctx, s.subject.BaseURL, s.clients, d, 201, s.request)
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms", ms(l.quantile(0.5)), ms(l.quantile(0.99))), l.rate(), err
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// measured is one thing that every round measures.
type measured struct {
	name  string
	do    func(time.Duration) (note string, rate float64, err error)
	rates []float64
}

func (m measured) clone() []float64 { return append([]float64(nil), m.rates...) }

// rounds measures everything n times, in another order each time, after one
// short round that does not count.
func rounds(all []measured, n int, span time.Duration) error {
	for i := range all {
		if _, _, err := all[i].do(max(span/4, 500*time.Millisecond)); err != nil {
			return fmt.Errorf("%s: %w", all[i].name, err)
		}
	}
	for round := range n {
		for _, i := range rand.Perm(len(all)) {
			note, rate, err := all[i].do(span)
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
			all[i].rates = append(all[i].rates, rate)
			say("round %d  %-36s %8.1f/s  %s", round+1, all[i].name, rate, note)
		}
	}
	return nil
}

// report prints medians and the ratios of the one at index of to the others,
// taken within each round.
func report(all []measured, of int) {
	fmt.Fprintln(os.Stdout)
	for i, m := range all {
		say("median   %-36s %8.1f/s", m.name, median(m.clone()))
		if i == of {
			continue
		}
		ratios := make([]float64, len(m.rates))
		for r := range m.rates {
			ratios[r] = all[of].rates[r] / m.rates[r]
		}
		mid := median(ratios)
		say("ratio    %s / %s: %.2f (%.2f to %.2f)", all[of].name, m.name, mid, ratios[0], ratios[len(ratios)-1])
	}
}
