package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"
)

// benchGrow reads deliveries, lists and pages out of a small database and a large
// one.
type benchGrow struct {
	Small   int           `help:"Deliveries in the small database." default:"1000"`
	Large   int           `help:"Deliveries in the large database." default:"1000000"`
	Clients int           `help:"Connections at the same time." default:"4"`
	Span    time.Duration `help:"Time of each measurement." default:"4s"`
	Rounds  int           `help:"Rounds; each measures both, in shuffled order." default:"7"`
	Lists   time.Duration `help:"Time of each measurement of a list or page; 0: none is measured." default:"1s"`

	Recipients int  `help:"Recipients of a message." default:"1"`
	Narrow     bool `help:"Fill in only what the measured requests read: less disk."`
}

// Run fills two databases of one server, each with its own service in front,
// and reads random deliveries by REST from both in turn.
func (c benchGrow) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	sizes := []int{c.Small, c.Large}
	shelves := make([]*shelf, len(sizes))
	for i, n := range sizes {
		if shelves[i], err = openShelf(ctx, b, n, filling{max(1, c.Recipients), c.Narrow}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, shelves[i].subject.Close()) }()
	}
	read := growth{name: "GET /deliveries/{id}", span: c.Span, ask: (*shelf).anyDelivery}
	if err := c.compare(ctx, shelves, sizes, &read); err != nil {
		return err
	}
	for _, path := range growingPaths() {
		if c.Lists == 0 {
			break
		}
		g := growth{name: "GET " + path, span: c.Lists, quiet: true, ask: call(path)}
		if strings.HasPrefix(path, "/portal") {
			g.ask = visit(path)
		}
		if err := c.compare(ctx, shelves, sizes, &g); err != nil {
			return err
		}
	}
	return nil
}

// growth is how the time of one request differs between two sizes.
type growth struct {
	name       string
	span       time.Duration
	quiet      bool // says only the outcome
	ask        func(s *shelf, client, clients, i int) []byte
	half, tail []float64 // of each round: large / small

	spent [2]time.Duration // of the processors, for
	reads [2]int
}

// compare measures g in both databases, in rounds.
func (c benchGrow) compare(ctx context.Context, shelves []*shelf, sizes []int, g *growth) (err error) {
	for round := range c.Rounds + 1 {
		var took [2]load
		var spent [2]time.Duration
		for _, i := range rand.Perm(len(shelves)) {
			if took[i], spent[i], err = shelves[i].read(ctx, c.Clients, g); err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
		}
		if round == 0 {
			continue // until everything is cached that will be
		}
		for i, l := range took {
			g.spent[i], g.reads[i] = g.spent[i]+spent[i], g.reads[i]+len(l.times)
		}
		g.half = append(g.half, ratio(took[1].quantile(0.5), took[0].quantile(0.5)))
		g.tail = append(g.tail, ratio(took[1].quantile(0.99), took[0].quantile(0.99)))
		for i, l := range took {
			if !g.quiet || round == c.Rounds {
				say("round %d  of %7d deliveries: p50 %.3f ms, p99 %.3f ms, %.0f reads/s", round, sizes[i], ms(l.quantile(0.5)), ms(l.quantile(0.99)), l.rate())
			}
		}
	}
	middle, last := median(g.half), median(g.tail)
	each := [2]float64{ms(g.spent[0]) / float64(g.reads[0]), ms(g.spent[1]) / float64(g.reads[1])}
	say("%s at %d over %d: processors x %.2f (%.2f over %.2f ms), p50 x %.2f (%.2f to %.2f), p99 x %.2f (%.2f to %.2f)", g.name, c.Large, c.Small,
		each[1]/each[0], each[1], each[0], middle, g.half[0], g.half[len(g.half)-1], last, g.tail[0], g.tail[len(g.tail)-1])
	return nil
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }
