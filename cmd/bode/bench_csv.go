package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// benchCSV uploads and checks lists, and compares the memory of a long one with
// that of as many rows in short ones: what it makes and throws away is the same,
// so that what differs is what it holds.
type benchCSV struct {
	Rows    int    `help:"Rows of the long list." default:"100000"`
	Short   int    `help:"Rows of a short list." default:"1000"`
	Profile string `help:"Write a profile of the memory to this file after the long list." type:"path"`
}

// Run prints time and peak of memory of each list.
func (c benchCSV) Run(ctx context.Context, log *slog.Logger) (err error) {
	y, err := openYard(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, y.Close()) }()
	policy := y.deliveries.DefaultPolicy()
	policy.Fallback, policy.PostAtOnce = delivery.FallbackNone, false
	t, _, err := y.deliveries.CreateTemplate(ctx, y.by.By, "bench", delivery.TemplateContent{Subject: "Rekening", Body: "U betaalt ((bedrag)) euro.",
		Language: "nl", Policy: policy}, delivery.Once{})
	if err != nil {
		return err
	}
	if _, err := c.measure(ctx, y, t, 1, c.Short); err != nil { // makes what is made once
		return err
	}
	short, err := c.measure(ctx, y, t, max(1, c.Rows/c.Short), c.Short)
	if err != nil {
		return err
	}
	long, err := c.measure(ctx, y, t, 1, c.Rows)
	if err != nil {
		return err
	}
	say("peak of a list of %d rows is %.2f times that of as many rows in lists of %d; in use %.2f times as much", c.Rows,
		float64(long.peak)/float64(short.peak), c.Short, float64(long.live)/float64(short.live))
	return c.profile()
}

// profile writes what was allocated, and what is held.
func (c benchCSV) profile() error {
	if c.Profile == "" {
		return nil
	}
	f, err := os.Create(c.Profile)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}

// held is the memory of a measurement, in KiB.
type held struct {
	peak int64 // resident
	live int64 // most of what the collector found in use
}

// measure uploads and checks lists of n rows, one after another.
func (c benchCSV) measure(ctx context.Context, y *yard, t delivery.Template, lists, n int) (h held, err error) {
	debug.FreeOSMemory()
	// Resets the peak to what is held now (Linux).
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	began, size := time.Now(), int64(0)
	live := watchLive()
	for range lists {
		b, err := c.check(ctx, y, t, n)
		if err != nil {
			live()
			return h, err
		}
		size += b.Size
	}
	took := time.Since(began)
	h.live = live()
	h.peak, err = memory(os.Getpid(), "VmHWM")
	say("%4d x %7d rows, %5.1f MiB: checked after %5.1f s (%.0f rows/s); in use at most %.1f MiB, resident at most %.1f MiB", lists, n,
		float64(size)/(1<<20), took.Seconds(), float64(lists*n)/took.Seconds(), mib(h.live), mib(h.peak))
	return h, err
}

// watchLive looks at what the collector found in use, until the function that it
// returns is asked for the most of that, in KiB.
func watchLive() func() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		var top int64
		look := time.NewTicker(5 * time.Millisecond)
		defer look.Stop()
		for {
			metrics.Read(sample)
			top = max(top, int64(sample[0].Value.Uint64()>>10))
			select {
			case <-look.C:
			case <-end:
				most <- top
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-most
	}
}

// check uploads a list of n rows and has it checked.
func (benchCSV) check(ctx context.Context, y *yard, t delivery.Template, n int) (b delivery.Bulk, err error) {
	r, w := io.Pipe()
	go func() {
		_, err := fmt.Fprint(w, "Voornaam;Naam;E-mail;GSM;Taal;Bedrag\r\n")
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, "Amina;Janssens;amina%d@example.be;0470 %06d;nl;%d,50\r\n", i, i%1000000, i)
		}
		w.CloseWithError(err)
	}()
	if b, err = y.deliveries.UploadBulk(ctx, y.by.By, delivery.NewBulk{Name: "bench.csv", Template: t.ID}, r); err != nil {
		return b, err
	}
	v, err := y.deliveries.BulkView(ctx, y.by.By.Account, b.ID, 3)
	if err != nil {
		return b, err
	}
	if err := y.deliveries.MapBulk(ctx, y.by.By, b.ID, v.Guess); err != nil {
		return b, err
	}
	for more := true; more; {
		if more, err = y.deliveries.WorkBulk(ctx, b.ID, time.Minute); err != nil {
			return b, err
		}
	}
	if b, err = y.deliveries.Bulk(ctx, y.by.By.Account, b.ID); err != nil {
		return b, err
	}
	if b.State != delivery.BulkChecked || b.Ready() != n {
		return b, fmt.Errorf("batch is %s with %d of %d rows", b.State, b.Ready(), n)
	}
	return b, nil
}
