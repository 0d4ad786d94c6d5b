package identity

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Hashes made by the reference implementation of argon2.
func TestPasswordVectors(t *testing.T) {
	t.Parallel()
	h, err := newHasher(Cost{Memory: 64, Time: 2, Threads: 1}, 2)
	if err != nil {
		t.Fatal(err)
	}
	const one = "zeven zwarte zwanen"
	phc1, phc2 := `$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$qLg2xOskROao1HYqRH/cvTdul250KwmmRITnbO3Gafg`, `$argon2id$v=19$m=256,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$QpZKf1HJMzEKwm/B4fqOVgGN4XUjrMUqtNblk5YfRBk`
	for _, c := range []struct {
		phc, password string
		ok, stale     bool
	}{
		{phc1, one, true, false},
		{phc2, "pâté à l’été", true, true},
		{phc2, "pa\u0302te\u0301 a\u0300 l’e\u0301te\u0301", true, true}, // another keyboard
		{phc1, one + " ", false, false},
		{phc1, strings.ToUpper(one), false, false},
		{phc1, "", false, false},
		{phc2, "pate a l'ete", false, true},
		{`$argon2i$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$QyWM0guK2xr1sqcrHjx0vc27MxiqKBxiQ0ytwe3PCIg`, one, false, false}, // argon2i
		{strings.Replace(phc1, "t=2", "t=3", 1), one, false, true},
		{strings.Replace(phc1, "m=64", "m=4194305", 1), one, false, false},
		{strings.Replace(phc1, "p=1", "p=0", 1), one, false, false},
		{phc1 + "$", one, false, false},
		{phc1[:len(phc1)-8], one, false, false},
		{"", one, false, false},
		{one, one, false, false},
	} {
		ok, stale, err := h.verify(t.Context(), c.phc, c.password)
		if ok != c.ok || stale != c.stale || err != nil {
			t.Errorf("%q for %s: %v, stale %v, %v", c.password, c.phc, ok, stale, err)
		}
	}
	if ok, _, _ := h.verify(t.Context(), h.dummy, ""); ok {
		t.Error("the hash of nobody opens")
	}
}

// RFC 6238 appendix B, six digits.
func TestStep(t *testing.T) {
	t.Parallel()
	box, err := NewBox(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{box: box}
	sealed, err := box.Seal([]byte("12345678901234567890"), factorPlace("p"))
	if err != nil {
		t.Fatal(err)
	}
	for unix, code := range map[int64]string{1234567890: "005924", 1111111109: "081804", 2000000000: "279037"} {
		step := unix / stepSeconds
		for _, c := range []struct {
			at, last int64
			want     error
		}{
			{unix, step - 1, nil}, {unix + 30, 0, nil}, {unix - 30, 0, nil},
			{unix + 60, 0, ErrCode}, {unix - 60, 0, ErrCode}, {unix, step, ErrCode}, {unix, step + 1, ErrCode},
		} {
			got, err := s.stepOf(sealed, "p", code, time.Unix(c.at, 0), c.last)
			if !errors.Is(err, c.want) || c.want == nil && (err != nil || got != step) {
				t.Errorf("%s at %d after step %d: %d, %v", code, c.at, c.last, got, err)
			}
		}
		if _, err := s.stepOf(sealed, "q", code, time.Unix(unix, 0), 0); !errors.Is(err, ErrSealed) {
			t.Errorf("factor of somebody else: %v", err)
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"": "unknown", "x": "unknown", "192.0.2.7:80": "unknown", "192.0.2.007": "unknown",
	} {
		if got := network(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
