package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// drillOverload asks for more than there is.
type drillOverload struct {
	Clients int           `help:"Connections that submit one after the other, to find out what the service can." default:"16"`
	Times   float64       `help:"How many times that much is asked." default:"10"`
	Span    time.Duration `help:"Time of each part." default:"10s"`
	Bound   time.Duration `help:"Time within which 99 of 100 accepted requests are answered." default:"2s"`
	Refuse  time.Duration `help:"Time within which 99 of 100 refusals are answered." default:"1s"`
}

// flood is what came of requests that were sent at their time, however slow the
// answers were.
type flood struct {
	mu       sync.Mutex
	accepted []time.Duration // guarded by mu
	refused  []time.Duration // guarded by mu
	codes    map[int]int     // guarded by mu
	mute     int             // refusals without Retry-After; guarded by mu
	told     map[string]string
}

// Run finds the rate of the service, asks for a multiple of it, and then looks
// whether it is as it was.
func (c drillOverload) Run(ctx context.Context, log *slog.Logger) (err error) {
	b, err := openBench(ctx, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	service, err := b.subject(ctx, "bode", b.server.URL(), "--keys", strconv.Itoa(benchKeyCount), "--workers")
	if err != nil {
		return err
	}
	defer func() { _ = service.Close() }()
	run, err := newSubmissions(service, c.Clients)
	if err != nil {
		return err
	}
	can, err := press(ctx, service.BaseURL, c.Clients, c.Span, http.StatusCreated, run.request)
	if err != nil {
		return err
	}
	say("alone: %.0f submissions/s, p50 %.0f ms, p99 %.0f ms", can.rate(), ms(can.quantile(0.5)), ms(can.quantile(0.99)))
	rate := c.Times * can.rate()
	f := c.flood(ctx, service, service.Keys, rate)
	accepted, refused := load{took: c.Span, times: f.accepted}, load{took: c.Span, times: f.refused}
	say("%.0f/s asked: %.0f/s accepted, p99 %.0f ms; %.0f/s refused, p99 %.0f ms; answers by status %s", rate, accepted.rate(),
		ms(accepted.quantile(0.99)), refused.rate(), ms(refused.quantile(0.99)), statuses(f.codes))
	one := c.flood(ctx, service, service.Keys[:1], 200)
	say("one key asks 200/s: %d times 429; answers by status %s", one.codes[http.StatusTooManyRequests], statuses(one.codes))
	after, err := c.recovered(ctx, service, run)
	if err != nil {
		return err
	}
	say("afterwards: %.0f submissions/s, p99 %.0f ms", after.rate(), ms(after.quantile(0.99)))
	there, err := stored(ctx, b.server.URL(), "OVER")
	if err != nil {
		return err
	}
	v := compare(f.told, there)
	_ = service.Close()
	faults := fsckAgain(ctx, filepath.Join(b.dir, "bode"), b.server.URL())
	say("%s; fsck: %s", v, outcomeOf(faults))
	return errors.Join(faults, v.fault(0), c.judge(f, one, accepted, refused, can, after))
}

// judge holds what was seen against what must be.
func (c drillOverload) judge(f, one *flood, accepted, refused, can, after load) (err error) {
	breach := func(is bool, kind error, format string, a ...any) {
		if is {
			err = errors.Join(err, fmt.Errorf("%w: "+format, append([]any{kind}, a...)...))
		}
	}
	for code, n := range f.codes {
		clear := code == http.StatusCreated || code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests
		breach(!clear, errRefusedBadly, "%d times status %d", n, code)
	}
	breach(f.mute+one.mute > 0, errRefusedBadly, "%d without Retry-After", f.mute+one.mute)
	breach(len(f.refused) == 0, errNothingShown, "nothing was refused")
	breach(len(f.accepted) == 0, errSlow, "nothing was accepted")
	breach(one.codes[http.StatusTooManyRequests] == 0, errNothingShown, "one key was never asked to wait")
	breach(accepted.quantile(0.99) > c.Bound, errSlow, "accepted ones, p99 %s", accepted.quantile(0.99))
	breach(refused.quantile(0.99) > c.Refuse, errSlow, "refusals, p99 %s", refused.quantile(0.99))
	breach(after.rate() < can.rate()/3, errSlow, "%.0f/s afterwards, %.0f/s before", after.rate(), can.rate())
	return err
}

// recovered presses again as soon as the service takes everything.
func (c drillOverload) recovered(ctx context.Context, service *subject, run *submissions) (load, error) {
	run.run++
	var l load
	var err error
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		if l, err = press(ctx, service.BaseURL, c.Clients, c.Span, http.StatusCreated, run.request); err == nil {
			return l, nil
		}
		run.run++
		if e := pause(ctx, 200*time.Millisecond); e != nil {
			return l, e
		}
	}
	return l, fmt.Errorf("%w: it still refuses 10 s later: %w", errSlow, err)
}

// flood sends requests at a rate, for Span, and waits for their answers.
func (c drillOverload) flood(ctx context.Context, service *subject, keys []string, rate float64) *flood {
	f := &flood{codes: map[int]int{}, told: map[string]string{}}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512}}
	mark := rand.IntN(1 << 30)
	var wg sync.WaitGroup
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	sent := 0
	for began := time.Now(); time.Since(began) < c.Span && ctx.Err() == nil; <-tick.C {
		for due := int(rate * time.Since(began).Seconds()); sent < due; sent++ {
			reference, key := fmt.Sprintf("OVER-%d-%d", mark, sent), keys[sent%len(keys)]
			wg.Go(func() { f.ask(ctx, client, service.BaseURL, key, reference) })
		}
	}
	wg.Wait()
	slices.Sort(f.accepted)
	slices.Sort(f.refused)
	return f
}

func (f *flood) ask(ctx context.Context, client *http.Client, base, key, reference string) {
	body := bytes.Replace(fmt.Appendf(nil, benchBody, 1, 1), []byte(`"reference":"AV-1"`), []byte(`"reference":"`+reference+`"`), 1)
	began := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/messages", bytes.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", reference)
	resp, err := client.Do(r)
	code, mute := 0, false
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		code, mute = resp.StatusCode, resp.Header.Get("Retry-After") == ""
	}
	took := time.Since(began)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes[code]++
	switch code {
	case http.StatusCreated:
		f.accepted, f.told[reference] = append(f.accepted, took), ""
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		f.refused = append(f.refused, took)
		if mute {
			f.mute++
		}
	}
}
