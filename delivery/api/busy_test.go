package api_test

import (
	"net/http"
	"testing"
)

// TestBusy: while as many submissions wait as can be answered soon, one more is
// told to come back, nothing of it is kept, and the same request succeeds later.
func TestBusy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var leave []func()
	for {
		l, err := r.service.Seat()
		if err != nil {
			break
		}
		leave = append(leave, l)
	}
	before := r.stored()
	one := ask{method: "POST", path: "/messages", key: r.live, body: submission(1), header: map[string]string{"Idempotency-Key": "busy-1"}}
	a := r.do(one)
	if a.status != http.StatusServiceUnavailable || a.problem.Code != "unavailable" || a.header.Get("Retry-After") != "1" || r.stored() != before {
		t.Errorf("%d %s, Retry-After %q", a.status, a.problem.Code, a.header.Get("Retry-After"))
	}
	if a := r.do(ask{method: "GET", path: "/messages", key: r.live}); a.status != http.StatusOK {
		t.Errorf("reading waits for nobody: %d", a.status)
	}
	leave[0]()
	for range 2 { // the second says that the first left its seat
		if a = r.do(one); a.status != http.StatusCreated {
			t.Errorf("with room: %d %s", a.status, a.body)
		}
	}
}
