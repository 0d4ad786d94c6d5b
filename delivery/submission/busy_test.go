package submission

import (
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
)

// TestBusy: a mail that cannot be answered soon is refused for now, and nothing of
// it is registered.
func TestBusy(t *testing.T) {
	t.Parallel()
	var service *delivery.Service
	r := newRig(t, func(c *Config) { service = c.Deliveries })
	var leave []func()
	for {
		l, err := service.Seat()
		if err != nil {
			break
		}
		leave = append(leave, l)
	}
	c := r.client(r.key)
	if got := r.send(c, plainMail); got != "451 4.3.2 busy" || r.count("message") != 0 {
		t.Errorf("%s, %d messages", got, r.count("message"))
	}
	leave[0]()
	if got := r.send(c, plainMail); !strings.HasPrefix(got, "250 ") {
		t.Error(got)
	}
}
