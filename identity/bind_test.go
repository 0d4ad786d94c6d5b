package identity_test

import (
	"sync"
	"testing"

	"github.com/bode-erds/bode/identity"
)

// proving is an errand on which somebody proves who they are.
func (b *bundle) proving(person string) identity.Login {
	b.Helper()
	l, _, _ := b.open(identity.NewLogin{Errand: "bind", Subject: person, Session: "session", Level: identity.LevelSubstantial, Language: "nl", Back: "/portal/identify"})
	return l
}

func TestProveIdentity(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	by := b.actor(b.admin)
	other := b.add("piet", identity.Reader)
	prove := func(l identity.Login, p identity.Proof) error {
		_, err := b.ProveIdentity(ctx, by, l, p, "nl")
		return err
	}
	low := proof("An", "Peeters")
	low.Level = identity.LevelLow
	b.want(prove(b.proving(b.admin), low), identity.ErrForbidden, "level too low")
	b.want(prove(b.proving(b.admin), proof("Piet", "Peeters")), identity.ErrSomebodyElse, "somebody else")
	b.want(prove(b.proving(other), proof("An", "Peeters")), identity.ErrForbidden, "an errand for somebody else")
	_, err := b.ProveIdentity(ctx, identity.System, b.proving(b.admin), proof("An", "Peeters"), "nl")
	b.want(err, identity.ErrForbidden, "by the system")
	if n := b.count(`SELECT count(*) FROM identification`); n != 0 {
		t.Errorf("%d records of who was refused", n)
	}
	l := b.proving(b.admin)
	b.want(prove(l, proof("An", "Peeters")), nil, "prove")
	b.want(prove(l, proof("An", "Peeters")), identity.ErrLoginStale, "the same errand")

	again := proof("An", "Peeters")
	again.Subject = "made again"
	b.want(prove(b.proving(b.admin), again), nil, "another subject, same number")
	twin := proof("An", "Peeters")
	twin.NationalNumber = "17073003384"
	b.want(prove(b.proving(b.admin), twin), identity.ErrSomebodyElse, "same subject, another number")
	abroad := proof("An", "Peeters")
	abroad.NationalNumber, abroad.Subject = "", "made again"
	b.want(prove(b.proving(b.admin), abroad), nil, "no number, same subject")
	abroad.Subject = "unheard of"
	b.want(prove(b.proving(b.admin), abroad), identity.ErrSomebodyElse, "no number, another subject")
	if n := b.count(`SELECT count(*) FROM identification WHERE person_id = $1 AND role = 'sender_proofing'`, b.admin); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
	for action, want := range map[string]int{"identified": 3, "identification_refused": 4} {
		if n := b.count(`SELECT count(*) FROM access_log WHERE action = $1 AND person_id = $2 AND ip = $3`, action, b.admin, ip); n != want {
			t.Errorf("%s: %d lines, want %d", action, n, want)
		}
	}
}

func TestProveIdentityOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := b.proving(b.admin)
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		all.Go(func() {
			_, err := b.ProveIdentity(t.Context(), b.actor(b.admin), l, proof("An", "Peeters"), "nl")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else {
				b.want(err, identity.ErrLoginStale, "one of eight")
			}
		})
	}
	all.Wait()
	if n := b.count(`SELECT count(*) FROM identification`); won != 1 || n != 1 {
		t.Errorf("%d won, %d records", won, n)
	}
}
