package delivery_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// TestDelegateOver: withdrawn, or after the addressee decided, a delegate may
// nothing any more, whatever was proven before.
func TestDelegateOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(r *rig, mine delivery.Collecting)
		want error
	}{
		"withdrawn": {func(r *rig, mine delivery.Collecting) { r.must(r.WithdrawDelegate(r.ctx(), mine)) }, delivery.ErrWithdrawn},
		"accepted":  {func(r *rig, mine delivery.Collecting) { _, err := r.Accept(r.ctx(), mine); r.must(err) }, delivery.ErrDecided},
		"refused":   {func(r *rig, mine delivery.Collecting) { _, err := r.Reject(r.ctx(), mine); r.must(err) }, delivery.ErrDecided},
		"too late":  {func(r *rig, mine delivery.Collecting) { r.clock.pass(30 * 24 * time.Hour) }, delivery.ErrWindowClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d, mine, g := r.named(noPaper)
			theirs := r.delegateIdentified(d, g)
			found, session := r.delegateVisit(d, g)
			half := r.session(found, session)
			c.end(r, mine)
			before := r.again(d)
			for verb, do := range map[string]func() error{
				"accept":   func() error { _, err := r.Accept(r.ctx(), theirs); return err },
				"reject":   func() error { _, err := r.Reject(r.ctx(), theirs); return err },
				"visit":    func() error { _, err := r.SendCodes(r.ctx(), r.linkOf(d, g), "", identity.Actor{}); return err },
				"resend":   func() error { _, err := r.SendCodes(r.ctx(), found, session, identity.Actor{}); return err },
				"identify": func() error { return r.Identify(r.ctx(), half, r.errand(), r.joProof(), "", "") },
			} {
				if err := do(); !errors.Is(err, c.want) && !(name == "refused" && errors.Is(err, delivery.ErrNotOpen)) {
					t.Errorf("%s: %v, want %v", verb, err, c.want)
				}
			}
			if _, _, err := r.OpenPart(r.ctx(), theirs, 0); err == nil {
				t.Error("content opened")
			}
			if _, err := r.Transferred(r.ctx(), theirs, 0); err == nil {
				t.Error("a transfer was recorded")
			}
			if after := r.again(d); after.Seq != before.Seq {
				t.Errorf("%d events more", after.Seq-before.Seq)
			}
			if _, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: notify.DelegateNamed, Ref: g.ID}); name != "too late" && !errors.Is(err, notify.ErrStale) {
				t.Errorf("still invited: %v", err)
			}
			r.clean()
		})
	}
}

// TestDecideWithDelegate lets addressee and delegate decide at once, while the
// naming is withdrawn.
func TestDecideWithDelegate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 6 {
		d, mine, g := r.named()
		theirs := r.delegateIdentified(d, g)
		errs := race(
			func() error { _, err := r.Accept(r.ctx(), mine); return err },
			func() error { _, err := r.Accept(r.ctx(), theirs); return err },
			func() error { _, err := r.Reject(r.ctx(), theirs); return err },
			func() error {
				if err := r.WithdrawDelegate(r.ctx(), mine); err != nil {
					return err
				}
				return delivery.ErrWithdrawn // decides nothing
			})
		if n := won(t, errs, delivery.ErrDecided, delivery.ErrWithdrawn, delivery.ErrNotFound); n != 1 {
			t.Errorf("%d won: %v", n, errs)
		}
		if n := r.count(`SELECT count(*) FROM erds_event WHERE delivery_id = $1 AND name IN ('ConsignmentAcceptance', 'ConsignmentRejection')`, d.ID); n != 1 {
			t.Errorf("%d decisions are recorded", n)
		}
	}
	r.clean()
}

// TestNameTogether: of any number of namings at once one is recorded and told.
func TestNameTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	mine := r.identified(d)
	name := func() error { _, err := r.NameDelegate(r.ctx(), mine, jo()); return err }
	if n := won(t, race(name, name, name, name), delivery.ErrNamed); n != 1 {
		t.Errorf("%d named", n)
	}
	names := r.names(d)
	if n := len(slices.DeleteFunc(names, func(n evidence.Name) bool { return n != evidence.DelegateNamed })); n != 1 {
		t.Errorf("%d events", n)
	}
	if n := r.count(`SELECT count(*) FROM notice WHERE kind = 'delegate_named'`); n != 2 {
		t.Errorf("%d notices", n)
	}
	r.clean()
}

// TestDelegateNotices: each is told what is theirs.
func TestDelegateNotices(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, mine, g := r.named()
	facts := func(n notify.Notice) notify.Facts {
		t.Helper()
		n.Delivery = string(d.ID)
		f, err := r.NoticeFacts(r.ctx(), n)
		r.must(err)
		return f
	}
	theirs := facts(notify.Notice{Kind: notify.DelegateNamed, Ref: g.ID})
	own := facts(notify.Notice{Kind: notify.DelegateConfirmed, Ref: g.ID})
	if theirs.RecipientName != "An Janssens" || theirs.Link == own.Link || own.Who != "Jo Maes" || theirs.Deadline.IsZero() {
		t.Errorf("%+v\n%+v", theirs, own)
	}
	_, err := r.SendCodes(r.ctx(), r.linkOf(d, g), "", identity.Actor{})
	r.must(err)
	var ref string
	r.must(r.pool.QueryRow(r.ctx(), `SELECT ref FROM notice WHERE kind = 'code' AND address = $1`, g.Email).Scan(&ref))
	if f := facts(notify.Notice{Kind: notify.Code, To: g.Email, Ref: ref}); f.RecipientName != "" || f.Code == "" {
		t.Errorf("the delegate's code says %+v", f)
	}
	for _, bad := range []string{"", "0193aa00-0000-7000-8000-00000000000d"} {
		if _, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: notify.DelegateNamed, Ref: bad}); err == nil {
			t.Errorf("a delegate %q is told", bad)
		}
	}
	r.must(r.WithdrawDelegate(r.ctx(), mine))
	if _, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: notify.DelegateNamed, Ref: g.ID}); !errors.Is(err, notify.ErrStale) {
		t.Errorf("withdrawn, and still invited: %v", err)
	}
}

// TestDelegatesGo: retention leaves nothing of delegates.
func TestDelegatesGo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, _, g := r.named()
	_, err := r.Reject(r.ctx(), r.delegateIdentified(d, g))
	r.must(err)
	r.clock.set(r.clock.now().AddDate(3, 0, 0))
	if n, err := r.Retain(r.ctx(), 10); err != nil || n != 1 {
		t.Fatalf("%d removed, %v", n, err)
	}
	for _, table := range []string{"delegate", "collect_session", "code_challenge", "identification", "erds_event", "notice"} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows of %s left", n, table)
		}
	}
}

// TestFsckDelegates finds what was done behind the door.
func TestFsckDelegates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sql, want string }{
		"added":     {`INSERT INTO delegate SELECT gen_random_uuid(), delivery_id, given, family, email, mobile, language, birth_date, national_digest, person_id, mandate_id, sha256('x'), link_nonce, named_at, record, named_at FROM delegate`, "is not what the events say"},
		"removed":   {`DELETE FROM delegate`, "about a delegate who is not there"},
		"withdrawn": {`UPDATE delegate SET withdrawn_at = named_at`, "is not what the events say"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.named()
			r.clean()
			r.exec(c.sql)
			if got := strings.Join(r.faults(), "; "); !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
