package delivery_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// TestSeat: as many as there are seats get one, however many ask at once; who has
// none is told at once, and there is room again when one leaves.
func TestSeat(t *testing.T) {
	t.Parallel()
	var s delivery.Service
	var seated, refused atomic.Int64
	leave := make(chan func(), 3*delivery.MaxSeated)
	var all sync.WaitGroup
	for range 3 * delivery.MaxSeated {
		all.Go(func() {
			switch l, err := s.Seat(); {
			case err == nil:
				seated.Add(1)
				leave <- l
			case errors.Is(err, delivery.ErrBusy):
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if seated.Load() != delivery.MaxSeated || refused.Load() != 2*delivery.MaxSeated {
		t.Fatalf("%d seated, %d refused", seated.Load(), refused.Load())
	}
	(<-leave)()
	if _, err := s.Seat(); err != nil {
		t.Errorf("a seat was left: %v", err)
	}
	if _, err := s.Seat(); !errors.Is(err, delivery.ErrBusy) {
		t.Errorf("all are taken again: %v", err)
	}
}
