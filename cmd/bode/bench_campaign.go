package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
	"github.com/bode-erds/bode/notify/smtp"
)

// benchCampaign announces many messages by e-mail, through queue, evidence and
// relay, next to the mail client alone over the same connections.
type benchCampaign struct {
	Notices int    `help:"Announcements in all." default:"100000"`
	Rounds  int    `help:"Rounds; each sends its part through the queue, then the same mails by the client alone." default:"10"`
	Plain   bool   `help:"Do not sign the mails."`
	Profile string `help:"Write a CPU profile of the queue's part to this file." type:"path"`
}

// campaign is the service under measurement and its relay.
type campaign struct {
	*yard
	client   *smtp.Transport
	counted  *countedMails
	renderer *notify.Renderer
	sent     int // recipients so far
	profile  *os.File
}

// countedMails counts what was sent.
type countedMails struct {
	notify.Transport
	sent, failed atomic.Int64
}

func (c *countedMails) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	r, digest := c.Transport.Deliver(ctx, m)
	if r.Outcome == notify.Sent {
		c.sent.Add(1)
	} else {
		c.failed.Add(1)
	}
	return r, digest
}

// Run prints the rates of every round, their ratio, and the memory after it.
func (c benchCampaign) Run(ctx context.Context, log *slog.Logger) (err error) {
	collectLess()
	b, err := c.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.client.Close(), b.Close()) }()
	if c.Profile != "" {
		if b.profile, err = os.Create(c.Profile); err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(b.profile); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	each := max(1, c.Notices/c.Rounds)
	var queue, client, bare, ratios []float64
	var heaps []uint64
	for round := range c.Rounds {
		if err := b.submit(ctx, each); err != nil {
			return err
		}
		before, err := b.meter(ctx)
		if err != nil {
			return err
		}
		q, err := b.work(ctx, each)
		if err != nil {
			return err
		}
		after, err := b.meter(ctx)
		if err != nil {
			return err
		}
		used := after.since(before)
		a, err := b.alone(ctx, each, true)
		if err != nil {
			return err
		}
		n, err := b.alone(ctx, each, false)
		if err != nil {
			return err
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		heaps = append(heaps, m.HeapAlloc)
		queue, client, bare, ratios = append(queue, q), append(client, a), append(bare, n), append(ratios, q/a)
		say("round %2d  queue %6.0f/s; client alone %6.0f/s, of mails rendered before %6.0f/s; ratio %.2f; heap %.1f MiB; processor time of one through the queue: service %.0f µs, database %.0f µs",
			round+1, q, a, n, q/a, float64(m.HeapAlloc)/(1<<20), us(used.service)/float64(each), us(used.database)/float64(each))
	}
	say("median    queue %.0f/s, client alone %.0f/s (x %.2f, wanted 0.80), of mails rendered before %.0f/s (x %.2f)",
		median(queue), median(client), median(ratios), median(bare), median(queue)/median(bare))
	say("memory    heap after the first round %.1f MiB, after the last %.1f MiB; %d mails not sent",
		float64(heaps[0])/(1<<20), float64(heaps[len(heaps)-1])/(1<<20), b.counted.failed.Load())
	return nil
}

func (c benchCampaign) open(ctx context.Context, log *slog.Logger) (*campaign, error) {
	y, err := openYard(ctx, log)
	if err != nil {
		return nil, err
	}
	b := &campaign{yard: y}
	addr, stop, err := startSink(ctx)
	if err != nil {
		return nil, errors.Join(err, y.Close())
	}
	inner := y.close
	y.close = func() error { stop(); return inner() }
	conf := smtp.Config{Addr: addr, Security: smtp.Plain, From: mail.Address{Name: "Bode", Address: "bode@bode.example"},
		BounceDomain: "bounce.bode.example", BounceKey: make([]byte, 32)}
	if !c.Plain {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, errors.Join(err, y.Close())
		}
		_, small, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, errors.Join(err, y.Close())
		}
		conf.DKIM = []smtp.DKIMKey{{Selector: "r1", Key: key}, {Selector: "e1", Key: small}}
	}
	if b.client, err = smtp.New(conf); err != nil {
		return nil, errors.Join(err, y.Close())
	}
	b.counted = &countedMails{Transport: b.client}
	b.renderer, err = notify.NewRenderer()
	return b, err
}

// maxOfMessage is how many recipients a message of the campaign has.
const maxOfMessage = 10_000

// submit makes n deliveries whose announcements by e-mail are due; nothing of it
// is measured.
func (b *campaign) submit(ctx context.Context, n int) error {
	for left := n; left > 0; left -= maxOfMessage {
		s := delivery.Submission{Subject: "Algemene vergadering", Body: "U bent uitgenodigd.", Language: "nl", Policy: b.deliveries.DefaultPolicy()}
		for range min(left, maxOfMessage) {
			b.sent++
			s.Recipients = append(s.Recipients, delivery.Recipient{Given: "Amina", Family: "Janssens", Language: "nl",
				Email: b.address(b.sent), Mobile: fmt.Sprintf("+3247%07d", b.sent%10_000_000),
				Address: &delivery.PostalAddress{Lines: []string{"Vlasmarkt 7"}, Postcode: "9000", City: "Gent", Country: "BE"}})
		}
		if _, _, _, err := b.deliveries.SubmitAll(ctx, b.by, s, delivery.Once{}); err != nil {
			return err
		}
	}
	return b.tx(ctx, func(tx pgx.Tx) error {
		// Mails of deliveries only: their jobs are made anew without the others.
		for _, sql := range []string{`DELETE FROM river_job WHERE kind = 'notify_send'`, `DELETE FROM notice WHERE channel = 'sms' OR delivery_id IS NULL`} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		made, err := b.notices.Requeue(ctx, tx, time.Now().Add(time.Hour), n)
		if err == nil && made != n {
			err = fmt.Errorf("%d notices are due, not %d", made, n)
		}
		return err
	})
}

// address is spread over enough domains to use every connection.
func (b *campaign) address(i int) string {
	return "amina." + strconv.Itoa(i) + "@post" + strconv.Itoa(i%40) + ".example"
}

// work lets the queue send n announcements and returns how many a second.
func (b *campaign) work(ctx context.Context, n int) (float64, error) {
	pool, err := pgxpool.NewWithConfig(ctx, b.pool.Config())
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	teller, err := notify.NewWorker(notify.WorkerConfig{Pool: pool, Source: facts{b.deliveries, b.identity, "http://127.0.0.1:1", "Bode"}, Sink: b.deliveries,
		Transports: guarded(map[notify.Channel]notify.Transport{notify.Email: b.counted}, b.suppressions)})
	if err != nil {
		return 0, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, teller)
	cfg := jobsConfig(workers, nil, b.log)
	cfg.Queues = map[string]river.QueueConfig{notify.Queue: cfg.Queues[notify.Queue]}
	jobs, err := river.NewClient(riverpgxv5.New(pool), cfg)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := jobs.Start(ctx); err != nil {
		return 0, err
	}
	defer jobs.Stop(context.WithoutCancel(ctx))
	for {
		var open int
		if err := b.pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM notice WHERE closed_at IS NULL LIMIT 1) AS one`).Scan(&open); err != nil {
			return 0, err
		}
		if open == 0 {
			break
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// alone sends n such mails by the client alone, rendering each or one for all, and
// returns how many a second.
func (b *campaign) alone(ctx context.Context, n int, render bool) (float64, error) {
	id := "0198f0c2-0000-7000-8000-000000000001"
	notice := notify.Notice{ID: id, Kind: notify.Announcement, Channel: notify.Email, Language: "nl"}
	said := notify.Facts{SenderName: "Syndicus Vlasmarkt", RecipientName: "Amina Janssens", Number: "BD-2026-000001", Reference: "AV", NoticeCode: "ABCD-EFGH",
		Link: "http://127.0.0.1:1/c/" + strings.Repeat("a", 43), SubmittedAt: time.Now(), Deadline: time.Now().Add(14 * 24 * time.Hour),
		Fallback: "post", GoesByPostAt: time.Now().Add(15 * 24 * time.Hour), ServiceName: "Bode", ServiceHost: "127.0.0.1:1"}
	once, err := b.renderer.Render(notice, said)
	if err != nil {
		return 0, err
	}
	var next, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range 64 {
		all.Go(func() {
			for i := next.Add(1); i <= int64(n) && ctx.Err() == nil; i = next.Add(1) {
				m := once
				if render {
					var err error
					if m, err = b.renderer.Render(notice, said); err != nil {
						failed.Add(1)
						continue
					}
				}
				m.Notice.To, m.Attempt = b.address(int(i)), 1
				if r, _ := b.client.Deliver(ctx, m); r.Outcome != notify.Sent {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		return 0, fmt.Errorf("the client alone failed %d times", failed.Load())
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
