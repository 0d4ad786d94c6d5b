package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// benchCSV uploads and checks lists, and compares the memory of a long one with
// that of a short one.
type benchCSV struct {
	Rows int `help:"Rows of the long list." default:"100000"`
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
	var peaks []int64
	for _, n := range []int{1000, 1000, c.Rows} { // the first makes what is made once
		peak, err := c.measure(ctx, y, t, n)
		if err != nil {
			return err
		}
		peaks = append(peaks, peak)
	}
	say("peak of %d rows is %.2f times that of 1000", c.Rows, float64(peaks[2])/float64(peaks[1]))
	return nil
}

// measure uploads and checks a list of n rows and returns the peak of resident
// memory, in KiB.
func (benchCSV) measure(ctx context.Context, y *yard, t delivery.Template, n int) (int64, error) {
	debug.FreeOSMemory()
	// Resets the peak to what is held now (Linux).
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	began := time.Now()
	r, w := io.Pipe()
	go func() {
		_, err := fmt.Fprint(w, "Voornaam;Naam;E-mail;GSM;Taal;Bedrag\r\n")
		for i := 0; i < n && err == nil; i++ {
			_, err = fmt.Fprintf(w, "Amina;Janssens;amina%d@example.be;0470 %06d;nl;%d,50\r\n", i, i%1000000, i)
		}
		w.CloseWithError(err)
	}()
	b, err := y.deliveries.UploadBulk(ctx, y.by.By, delivery.NewBulk{Name: "bench.csv", Template: t.ID}, r)
	if err != nil {
		return 0, err
	}
	uploaded := time.Since(began)
	v, err := y.deliveries.BulkView(ctx, y.by.By.Account, b.ID, 3)
	if err != nil {
		return 0, err
	}
	if err := y.deliveries.MapBulk(ctx, y.by.By, b.ID, v.Guess); err != nil {
		return 0, err
	}
	for more := true; more; {
		if more, err = y.deliveries.WorkBulk(ctx, b.ID, time.Minute); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	if b, err = y.deliveries.Bulk(ctx, y.by.By.Account, b.ID); err != nil {
		return 0, err
	}
	if b.State != delivery.BulkChecked || b.Ready() != n {
		return 0, fmt.Errorf("batch is %s with %d of %d rows", b.State, b.Ready(), n)
	}
	peak, err := memory(os.Getpid(), "VmHWM")
	say("%7d rows, %6.1f MiB: uploaded in %.1f s, checked after %.1f s (%.0f rows/s); resident at most %.1f MiB", n, float64(b.Size)/(1<<20),
		uploaded.Seconds(), took.Seconds(), float64(n)/took.Seconds(), mib(peak))
	return peak, err
}
