package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// load is what clients did in some time.
type load struct {
	took  time.Duration
	times []time.Duration // of each answer, ascending
}

// rate is answers per second.
func (l load) rate() float64 { return float64(len(l.times)) / l.took.Seconds() }

// quantile is the time that the part q of the answers did not exceed.
func (l load) quantile(q float64) time.Duration {
	if len(l.times) == 0 {
		return 0
	}
	return l.times[min(int(q*float64(len(l.times))), len(l.times)-1)]
}

// press lets n clients, each on its own connection that is kept open, send
// requests one after the other for some time. Any answer but the wanted one
// ends everything: a refusal is fast and would flatter the figures.
//
// The client writes prepared octets and parses no more than it must, because it
// shares the processors with what it measures.
func press(ctx context.Context, base string, n int, span time.Duration, want int, request func(client, i int) []byte) (load, error) {
	ctx, cancel := context.WithTimeout(ctx, span+30*time.Second)
	defer cancel()
	all, errs := make([][]time.Duration, n), make([]error, n)
	var wg sync.WaitGroup
	began := time.Now()
	for c := range n {
		wg.Go(func() {
			all[c], errs[c] = pressOne(ctx, base, began.Add(span), want, func(i int) []byte { return request(c, i) })
			if errs[c] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	l := load{took: time.Since(began), times: slices.Concat(all...)}
	slices.Sort(l.times)
	return l, errors.Join(errs...)
}

func pressOne(ctx context.Context, base string, until time.Time, want int, request func(i int) []byte) (times []time.Duration, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r := bufio.NewReader(conn)
	for i := 0; ; i++ {
		began := time.Now()
		if i > 0 && began.After(until) { // at least one, however short the time
			return times, nil
		}
		if _, err := conn.Write(request(i)); err != nil {
			return times, err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return times, err
		}
		if resp.StatusCode != want {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, 2<<10))
			return times, fmt.Errorf("answer %s: %s", resp.Status, text)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return times, err
		}
		times = append(times, time.Since(began))
	}
}

// median is the middle of values, which it sorts; 0 of none.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}
