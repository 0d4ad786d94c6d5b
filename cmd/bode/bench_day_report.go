package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// stepTimes are how long each kind of step took, and what failed. Safe for
// concurrent use.
type stepTimes struct {
	mu     sync.Mutex
	order  []string
	times  map[string][]time.Duration
	failed map[string]int
	first  map[string]error
	early  int  // pages that asked to come back
	quiet  bool // whoever plays expects failures
}

func newStepTimes() *stepTimes {
	return &stepTimes{times: map[string][]time.Duration{}, failed: map[string]int{}, first: map[string]error{}}
}

// again counts a page that asked to come back.
func (s *stepTimes) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.early++
}

// note counts a step that began at some time and ended now, and says at once why
// the first of its kind failed. What ended because the day did is no failure.
func (s *stepTimes) note(step string, since time.Time, err error) {
	took := time.Since(since)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.order, step) {
		s.order = append(s.order, step)
	}
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		s.failed[step]++
		if s.first[step] == nil {
			s.first[step] = err
			if !s.quiet {
				say("%s failed first: %.300s", step, err)
			}
		}
	default:
		s.times[step] = append(s.times[step], took)
	}
}

func (s *stepTimes) failures() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.failed {
		n += f
	}
	return n
}

// dayLook is how things stood at one moment of a day.
type dayLook struct {
	at                 time.Duration
	events             int
	unsigned, unsealed int // without the signed XML, and without the PDF, which comes last
	jobs               int
	memory             int64 // KiB
}

// Evidence is unsigned and unsealed from its event on.
const sqlDayLook = `
SELECT (SELECT count(*) FROM erds_event), (SELECT count(*) FROM evidence WHERE xml IS NOT NULL OR signed_xml IS NOT NULL),
       (SELECT count(*) FROM evidence WHERE sealed_at IS NOT NULL),
       (SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled'))`

// look looks at an even pace until ctx ends.
func (d *busyDay) look(ctx context.Context, pace time.Duration) (all []dayLook) {
	began := time.Now()
	for pause(ctx, pace) == nil {
		l, err := d.lookOnce(ctx)
		if err != nil {
			continue // a report with a gap is better than none
		}
		l.at = time.Since(began)
		all = append(all, l)
		say("after %5.0f s: %6d events, %6d unsigned, %6d unsealed, %6d jobs, %4.0f MiB, %d failures", l.at.Seconds(), l.events, l.unsigned, l.unsealed, l.jobs, mib(l.memory), d.steps.failures())
	}
	return all
}

func (d *busyDay) lookOnce(ctx context.Context) (l dayLook, err error) {
	var signed, sealed int
	if err = d.pool.QueryRow(ctx, sqlDayLook).Scan(&l.events, &signed, &sealed, &l.jobs); err != nil {
		return l, err
	}
	l.unsigned, l.unsealed = l.events-signed, l.events-sealed
	l.memory, err = memory(d.s.PID, "VmRSS")
	return l, err
}

// catchUp waits until all evidence is sealed, for as long as Settle, and says how
// much is not.
func (d *busyDay) catchUp(ctx context.Context) (left int, err error) {
	until := time.Now().Add(d.Settle)
	for {
		l, err := d.lookOnce(ctx)
		if err != nil || l.unsealed == 0 || time.Now().After(until) {
			return l.unsealed, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return l.unsealed, err
		}
	}
}

// report prints a line for each kind of step, and what became of the backlog.
func (d *busyDay) report(looks []dayLook) {
	s := d.steps
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("\n| Step | times | p50 ms | p99 ms | longest ms | failed |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, step := range s.order {
		l := load{times: s.times[step]}
		slices.Sort(l.times)
		fmt.Printf("| %s | %d | %.0f | %.0f | %.0f | %d |\n", step, len(l.times), ms(l.quantile(0.5)), ms(l.quantile(0.99)), ms(l.quantile(1)), s.failed[step])
		if err := s.first[step]; err != nil {
			fmt.Printf("  first failure: %.300s\n", err)
		}
	}
	fmt.Printf("\n%d recipients found no seat (--visitors); %d times a link was followed before the record of its mail was stored\n", d.turned, s.early)
	if peak, err := memory(d.s.PID, "VmHWM"); err == nil {
		fmt.Printf("memory of the service: %.0f MiB at most\n", mib(peak))
	}
	if grown, ok := backlogGrowth(looks, d.Span); ok {
		fmt.Printf("backlog of evidence: %+.1f pieces a second while messages came in; load %s\n", grown, loadAverage())
	}
}

// backlogGrowth is how fast the backlog grew over the second half of span: the
// first fills queues.
func backlogGrowth(looks []dayLook, span time.Duration) (perSecond float64, ok bool) {
	var half []dayLook
	for _, l := range looks {
		if l.at >= span/2 && l.at <= span {
			half = append(half, l)
		}
	}
	if len(half) < 2 {
		return 0, false
	}
	a, b := half[0], half[len(half)-1]
	return float64(b.unsealed-a.unsealed) / (b.at - a.at).Seconds(), true
}
