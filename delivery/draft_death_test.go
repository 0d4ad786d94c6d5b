package delivery_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// Any number of workers send a planned draft once.
func TestManyWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 5 {
		r.later(r.lotte())
	}
	r.clock.pass(25 * time.Hour)
	other := r.service(nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s := r.Service
			if i%2 == 0 {
				s = other
			}
			if _, err := s.SendDue(t.Context(), 100); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.messages(); n != 5 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("%d messages of 5 drafts", n)
	}
}

// dyingAccounts lets a process die once it has claimed a draft, before it submits.
type dyingAccounts struct {
	delivery.Identities
	delivery.Accounts
	after func()
}

func (d dyingAccounts) Profile(ctx context.Context, account string) (identity.AccountProfile, error) {
	d.after()
	return d.Accounts.Profile(ctx, account)
}

// A process that dies between submitting and removing the draft sends nothing
// twice, whoever goes on.
func TestDraftSurvivesDeath(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.draft(r.lotte())
	r.exec(`CREATE FUNCTION no_more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the machine stops here'; END $$`)
	r.exec(`CREATE TRIGGER no_more BEFORE DELETE ON draft FOR EACH ROW EXECUTE FUNCTION no_more()`)
	sent, err := r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{})
	if err != nil || sent.Message.ID == "" || r.count(`SELECT count(*) FROM draft WHERE state = 'sending'`) != 1 {
		t.Fatalf("%+v, %v", sent, err)
	}
	r.exec(`DROP TRIGGER no_more ON draft`)
	for what, err := range map[string]error{
		"sent":       second(r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{})),
		"changed":    second(r.ReplaceDraft(r.ctx(), r.lotte(), d.ID, d.Content)),
		"deleted":    r.DeleteDraft(r.ctx(), r.account, d.ID),
		"taken back": second(r.TakeBackDraft(r.ctx(), r.account, d.ID)),
	} {
		r.fails("a draft being sent "+what, err, delivery.ErrNotOpen)
	}
	if r.sendDue(); r.count(`SELECT count(*) FROM draft`) != 1 {
		t.Error("taken up while somebody may still be at it")
	}
	r.exec(`UPDATE mandate SET revoked_at = $1, revoked_by = 'p'`, r.clock.now()) // it had gone before that
	r.clock.pass(2 * time.Minute)
	r.sendDue()
	if r.messages() != 1 || r.count(`SELECT count(*) FROM draft`) != 0 {
		t.Errorf("%d messages, %d drafts", r.messages(), r.count(`SELECT count(*) FROM draft`))
	}
	r.clean()
}

// One that dies before submitting is finished by the sweep.
func TestDraftIsFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, stop := context.WithCancel(r.ctx())
	dead := r.service(func(c *delivery.Config) {
		c.Identities = dyingAccounts{Identities: r.people, Accounts: r.people, after: stop}
	})
	d := r.draft(r.lotte())
	if _, err := dead.SendDraft(ctx, r.lotte(), d.ID, delivery.Sending{}); err == nil || r.messages() != 0 {
		t.Fatalf("%d messages, %v", r.messages(), err)
	}
	r.clock.pass(2 * time.Minute)
	if n := r.sendDue(); n != 1 || r.messages() != 1 {
		t.Errorf("%d sent", n)
	}
}
