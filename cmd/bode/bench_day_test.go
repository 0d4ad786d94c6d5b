package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// TestDayRefused: a day that cannot be played says so before anything starts.
func TestDayRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]benchDay{
		"no rate":        {Clients: 1, Visitors: 1},
		"nobody submits": {Rate: 1, Visitors: 1},
		"nobody visits":  {Rate: 1, Clients: 1},
		"more than all":  {Rate: 1, Clients: 1, Visitors: 1, Mails: 0.5, Collect: 0.4, Refuse: 0.2},
		"backwards":      {Rate: -1, Clients: 1, Visitors: 1},
	} {
		if err := c.Run(t.Context(), discard()); !errors.Is(err, errUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBacklogGrowth(t *testing.T) {
	t.Parallel()
	at := func(s, unsealed int) dayLook { return dayLook{at: time.Duration(s) * time.Second, unsealed: unsealed} }
	for name, c := range map[string]struct {
		looks []dayLook
		want  float64
		ok    bool
	}{
		"steady":          {[]dayLook{at(10, 90), at(50, 5), at(100, 5), at(200, 0)}, 0, true},
		"grows":           {[]dayLook{at(10, 0), at(60, 100), at(90, 400)}, 10, true},
		"shrinks":         {[]dayLook{at(50, 100), at(100, 50)}, -1, true},
		"one look":        {[]dayLook{at(10, 0), at(90, 10)}, 0, false},
		"nothing":         {nil, 0, false},
		"afterwards only": {[]dayLook{at(110, 9), at(120, 3)}, 0, false},
	} {
		if got, ok := backlogGrowth(c.looks, 100*time.Second); got != c.want || ok != c.ok {
			t.Errorf("%s: %v %v", name, got, ok)
		}
	}
}

// TestStepTimes: a failure counts and keeps its first reason; the end of the day
// is none; people of a day have addresses of their own.
func TestStepTimes(t *testing.T) {
	t.Parallel()
	s := newStepTimes()
	s.note("a", time.Now(), nil)
	s.note("a", time.Now(), errors.New("first"))
	s.note("b", time.Now(), errors.New("second"))
	s.note("b", time.Now(), context.Canceled)
	if s.failures() != 2 || len(s.times["a"]) != 1 || s.first["a"].Error() != "first" || len(s.order) != 2 {
		t.Errorf("%+v", s)
	}
	seen := map[string]int{}
	for n := range 100_000 {
		p := dayPerson(n)
		if tail := p.mobile[len(p.mobile)-4:]; "0000" <= tail && tail <= "0004" {
			t.Fatalf("the catcher refuses %s", p.mobile)
		}
		for _, v := range []string{p.email, p.mobile} {
			if m, twice := seen[v]; twice {
				t.Fatalf("%d and %d share %s", m, n, v)
			}
			seen[v] = n
		}
	}
}

// TestDayEndToEnd plays a short day: everybody who submits, collects, refuses or
// waits for paper gets through, and no evidence is left.
func TestDayEndToEnd(t *testing.T) {
	t.Parallel()
	command{env: []string{"PATH=" + os.Getenv("PATH")}, args: []string{"bench", "day", "--rate", "2", "--span", "6s", "--collect", "0.3", "--refuse", "0.2", "--silent", "1",
		"--big-every", "1h", "--big-mi-b", "8", "--settle", "2m"}}.run(t).expect(t, "a short day", 0,
		"| submit by REST |", "| submit by SMTP |", "| upload of 8 MiB |", "| refused |", "| downloaded |", "| on paper after the window |", "0 pieces of evidence unsealed")
}
