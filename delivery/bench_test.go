package delivery_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// BenchmarkSubmit takes messages in from 16 senders at once. What it says means
// something only on a server that syncs to its disk: TEST_DATABASE_URL.
func BenchmarkSubmit(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			r := newRig(b)
			var fsync string
			r.must(r.pool.QueryRow(r.ctx(), `SHOW fsync`).Scan(&fsync))
			b.Logf("fsync %s", fsync)
			by, sub := r.sender(r.account), submission(n)
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan error, 16)
			b.ResetTimer()
			begin := time.Now()
			for range 16 {
				go func() {
					for left.Add(-1) >= 0 {
						if _, _, err := r.Submit(r.ctx(), by, sub, delivery.Once{}); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range 16 {
				r.must(<-done)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "messages/s")
		})
	}
}
