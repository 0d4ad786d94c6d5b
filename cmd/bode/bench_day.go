package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// benchDay plays a day of senders and recipients against a service in a process
// of its own, all through the faces that people and programs use.
type benchDay struct {
	Rate     float64       `help:"Messages submitted a second, whatever comes of earlier ones." default:"5"`
	Span     time.Duration `help:"How long they are submitted." default:"5m"`
	Settle   time.Duration `help:"How long evidence may catch up afterwards." default:"2m"`
	Clients  int           `help:"Submissions under way at once at most." default:"64"`
	Mails    float64       `help:"Share submitted by SMTP instead of REST." default:"0.1"`
	Collect  float64       `help:"Share whose recipients collect, at most --visitors at once." default:"0.05"`
	Refuse   float64       `help:"Share whose recipients refuse." default:"0.01"`
	Visitors int           `help:"Recipients at their screens at once at most." default:"4"`
	Silent   int           `help:"Messages, of a test account, that nobody collects and that go on paper at the end." default:"5"`
	BigEvery time.Duration `help:"Time between two documents of --big-mi-b MiB; 0: none." default:"20s"`
	BigMiB   int64         `help:"Size of these documents." default:"100"`
	MaxMiB   int64         `help:"Memory of the service above which this fails; 0: none." default:"400"`
	Profile  string        `help:"Write a CPU profile of the service to this file." type:"path"`
}

// busyDay is the scene of a benchDay.
type busyDay struct {
	benchDay
	s       *subject
	mailbox *mailbox
	pool    *pgxpool.Pool
	client  *http.Client
	steps   *stepTimes
	run     submissions // makes requests
	players sync.WaitGroup
	seats   chan struct{} // of visitors
	turned  int           // visitors for whom there was no seat; guarded by steps.mu
}

// Run submits at an even pace for Span. Times count from when a message was due, so
// that a service that falls behind cannot hide it by being asked less.
func (c benchDay) Run(ctx context.Context, log *slog.Logger) (err error) {
	if c.Rate <= 0 || c.Clients < 1 || c.Visitors < 1 || c.Mails+c.Collect+c.Refuse > 1 {
		return fmt.Errorf("%w: rate, clients and visitors are positive, and shares at most 1 together", errUsage)
	}
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	d := &busyDay{benchDay: c, steps: newStepTimes(), seats: make(chan struct{}, c.Visitors),
		client: &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: c.Clients, MaxConnsPerHost: 2 * c.Clients}}}
	if d.mailbox, err = openMailbox(ctx); err != nil {
		return err
	}
	defer d.mailbox.Close()
	flags := []string{"--workers", "--mails", "--keys", strconv.Itoa(benchKeyCount), "--mail-to", d.mailbox.SMTPAddr(), "--sms-to", d.mailbox.SMSURL()}
	if c.Profile != "" {
		flags = append(flags, "--profile", c.Profile)
	}
	if d.s, err = b.subject(ctx, "bode", b.server.URL(), flags...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.s.Close()) }()
	if d.pool, err = openBenchPool(ctx, b.server.URL()); err != nil {
		return err
	}
	defer d.pool.Close()
	run, err := newSubmissions(d.s, c.Clients)
	if err != nil {
		return err
	}
	d.run = *run
	return d.play(ctx)
}

// play is the day itself: submissions, then what still runs, then the report.
func (d *busyDay) play(ctx context.Context) error {
	say("%.1f messages a second for %s: %.0f %% by SMTP, %.0f %% collected, %.0f %% refused, %d on paper, %d MiB every %s; load %s",
		d.Rate, d.Span, 100*d.Mails, 100*d.Collect, 100*d.Refuse, d.Silent, d.BigMiB, d.BigEvery, loadAverage())
	silent, err := d.submitSilent(ctx)
	if err != nil {
		return err
	}
	looked, stopLooking := context.WithCancel(ctx)
	seen := make(chan []dayLook, 1)
	go func() { seen <- d.look(looked, 10*time.Second) }()
	d.submitAll(ctx)
	began := time.Now()
	left, err := d.catchUp(ctx)
	say("%d pieces of evidence unsealed %s after the last submission", left, time.Since(began).Round(time.Second))
	if err == nil {
		err = d.letSilentExpire(ctx, silent)
	}
	stopLooking()
	looks := <-seen
	d.report(looks)
	return errors.Join(err, d.verdict(looks))
}

// submitAll submits at the pace for Span, and waits for whoever is under way.
func (d *busyDay) submitAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.Span+2*time.Minute)
	defer cancel()
	if d.BigEvery > 0 {
		d.players.Go(func() { d.bigOnes(ctx, time.Now().Add(d.Span)) })
	}
	room := make(chan struct{}, d.Clients)
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(float64(n) / d.Rate * float64(time.Second)))
		if due.Sub(began) >= d.Span || pause(ctx, time.Until(due)) != nil {
			break
		}
		room <- struct{}{}
		d.players.Go(func() {
			defer func() { <-room }()
			d.one(ctx, n, due)
		})
	}
	d.players.Wait()
}

// one is a sender with the nth message. The golden ratio spreads the kinds evenly
// without chance.
func (d *busyDay) one(ctx context.Context, n int, due time.Time) {
	_, part := splitFraction(float64(n) * 0.6180339887498949)
	switch who := dayPerson(n); {
	case part < d.Mails:
		d.steps.note("submit by SMTP", due, d.submitMail(ctx, who))
	case part < d.Mails+d.Collect+d.Refuse:
		d.mailbox.expect(who.email, who.mobile) // before anything can arrive
		err := d.submit(ctx, d.s.Keys[n%len(d.s.Keys)], who, nil)
		d.steps.note("submit by REST", due, err)
		if err != nil {
			d.mailbox.forget(who.email, who.mobile)
			return
		}
		d.visit(ctx, who, part >= d.Mails+d.Collect)
	default:
		d.steps.note("submit by REST", due, d.submit(ctx, d.s.Keys[n%len(d.s.Keys)], who, nil))
	}
}

// bigOnes sends a large document every now and then, and lets it be collected.
func (d *busyDay) bigOnes(ctx context.Context, until time.Time) {
	for n := 0; ; n++ {
		at := time.Now()
		who := dayPerson(900_000 + n)
		o := outsider{info: d.s.info, client: d.client}
		o.info.TestKey = d.s.Keys[n%len(d.s.Keys)]
		id, err := o.uploadZeros(ctx, fmt.Sprintf("big-%d.bin", n), d.BigMiB<<20)
		d.steps.note(fmt.Sprintf("upload of %d MiB", d.BigMiB), at, err)
		if err == nil {
			at = time.Now()
			d.mailbox.expect(who.email, who.mobile)
			err = d.submit(ctx, o.info.TestKey, who, []string{id})
			d.steps.note("submit by REST", at, err)
		}
		if err == nil {
			d.visit(ctx, who, false)
		}
		next := at.Add(d.BigEvery)
		if next.After(until) || pause(ctx, time.Until(next)) != nil {
			return
		}
	}
}

// verdict fails a day in which something did not work or took too much.
func (d *busyDay) verdict(looks []dayLook) error {
	var errs []error
	if n := d.steps.failures(); n > 0 {
		errs = append(errs, fmt.Errorf("%w: %d steps failed", errHeld, n))
	}
	if peak, err := memory(d.s.PID, "VmHWM"); err == nil && d.MaxMiB > 0 && peak > d.MaxMiB<<10 {
		errs = append(errs, fmt.Errorf("%w: the service took %.0f MiB, more than %d", errHeld, mib(peak), d.MaxMiB))
	}
	return errors.Join(errs...)
}

// loadAverage is that of the last minute, for whoever reads the figures later.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	var one string
	fmt.Sscan(string(b), &one)
	return one
}
