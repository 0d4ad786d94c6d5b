package delivery_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

func TestNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(1)
	deliveries, err := r.Deliveries(r.ctx(), r.account, m.ID, 0, 1)
	r.must(err)
	for _, name := range []string{m.Number, strings.ToLower(m.Number), strings.ReplaceAll(m.Number, "-", ""), " " + m.Number + " ",
		strings.ReplaceAll(m.Number, "0", "o"), strings.ReplaceAll(m.Number, "1", "l"), string(m.ID), strings.ToUpper(string(m.ID))} {
		if got, err := r.Named(r.ctx(), name); err != nil || got.ID != m.ID || got.Number != m.Number {
			t.Errorf("%q: %s, %v", name, got.Number, err)
		}
	}
	for _, name := range []string{"", " ", "%", "0000-0000-0000", m.Number[1:], m.Number + "0", string(deliveries[0].ID), "0193aa00-0000-7000-8000-000000000000",
		"'; --", strings.Repeat("0", 1<<10)} {
		if got, err := r.Named(r.ctx(), name); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%q: %s, %v", name, got.Number, err)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	by := identity.Actor{Kind: identity.ActorSystem, Subject: "counsel"}
	held := func() []delivery.LegalHold {
		list, err := r.Holds(r.ctx())
		r.must(err)
		return list
	}
	if list := held(); len(list) != 0 {
		t.Errorf("holds of nothing: %+v", list)
	}
	first, second := r.submit(1), r.submit(1)
	r.must(r.Hold(r.ctx(), second.ID, by, "second"))
	r.clock.pass(time.Second)
	r.must(r.Hold(r.ctx(), first.ID, by, "first"))
	list := held()
	if len(list) != 2 || list[0].Message != second.ID || list[1].Message != first.ID {
		t.Fatalf("holds = %+v, want the older one first", list)
	}
	if h := list[1]; h.Number != first.Number || h.Reason != "first" || h.PlacedBy != "counsel" || !h.PlacedAt.Equal(r.clock.now()) {
		t.Errorf("hold = %+v", h)
	}
	r.must(r.Lift(r.ctx(), second.ID, by))
	if list := held(); len(list) != 1 || list[0].Message != first.ID {
		t.Errorf("after lifting: %+v", list)
	}
}
