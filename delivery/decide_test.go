package delivery_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// race runs every f at once and returns what each answered.
func race(fs ...func() error) []error {
	errs := make([]error, len(fs))
	var ready, group sync.WaitGroup
	ready.Add(len(fs))
	for i, f := range fs {
		group.Go(func() {
			ready.Done()
			ready.Wait()
			errs[i] = f()
		})
	}
	group.Wait()
	return errs
}

// won counts those without an error; the others must answer with one of want.
func won(t *testing.T, errs []error, want ...error) (n int) {
	t.Helper()
	for _, err := range errs {
		if err == nil {
			n++
		} else if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
			t.Errorf("got %v, want one of %v", err, want)
		}
	}
	return n
}

func TestAcceptTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c := r.identified(d)
	errs := race(slices.Repeat([]func() error{func() error { _, err := r.Accept(r.ctx(), c); return err }}, 16)...)
	if n := won(t, errs, delivery.ErrDecided); n != 1 {
		t.Errorf("%d of 16 accepted", n)
	}
	if n := r.count(`SELECT count(*) FROM erds_event WHERE name = 'ConsignmentAcceptance'`); n != 1 {
		t.Errorf("%d acceptances are recorded", n)
	}
	r.clean()
}

// TestDecideTogether lets everybody who may end the waiting do so at once.
func TestDecideTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 6 {
		d := r.notified(noPaper, func(s *delivery.Submission) { s.Recipients[0].Email = fmt.Sprintf("an%d@example.be", i) })
		c := r.identified(d)
		if i%2 == 0 { // the end comes while they decide
			r.clock.set(d.RespondBy.Add(-time.Microsecond))
		}
		errs := race(
			func() error { _, err := r.Accept(r.ctx(), c); return err },
			func() error { _, err := r.Reject(r.ctx(), c); return err },
			func() error {
				_, err := r.Cancel(r.ctx(), r.sender(r.account).By, d.Message.ID, delivery.Once{})
				return err
			},
			func() error {
				r.clock.pass(time.Microsecond)
				_, err := r.Move(r.ctx(), d.ID, delivery.Delivery.Expire)
				return err
			})
		if n := won(t, errs, delivery.ErrDecided, delivery.ErrWindowClosed, delivery.ErrNotOpen); n != 1 {
			t.Errorf("%d of 4 won: %v", n, errs)
		}
		if n := r.count(`SELECT count(*) FROM erds_event WHERE delivery_id = $1 AND name IN
			('ConsignmentAcceptance', 'ConsignmentRejection', 'SubmissionCancelled', 'AcceptanceRejectionExpiry')`, d.ID); n != 1 {
			t.Errorf("%d decisions are recorded", n)
		}
	}
	r.clean()
}

// TestTooLate accepts when the window is over and nobody has swept yet.
func TestTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(noPaper)
	r.clock.set(d.RespondBy.Add(-time.Minute))
	c := r.identified(d)
	r.clock.set(d.RespondBy)
	before := r.again(d)
	for verb, do := range map[string]func() error{
		"accept":   func() error { _, err := r.Accept(r.ctx(), c); return err },
		"reject":   func() error { _, err := r.Reject(r.ctx(), c); return err },
		"identify": func() error { return r.Identify(r.ctx(), c, r.errand(), r.proof(), "", "") },
		"visit":    func() error { _, err := r.SendCodes(r.ctx(), d, "", identity.Actor{}); return err },
	} {
		if err := do(); !errors.Is(err, delivery.ErrWindowClosed) {
			t.Errorf("%s: %v, want ErrWindowClosed", verb, err)
		}
	}
	if after := r.again(d); after.Seq != before.Seq {
		t.Errorf("%d events more", after.Seq-before.Seq)
	}
	if n := r.count(`SELECT count(*) FROM identification`); n != 1 {
		t.Errorf("%d identifications are kept, want the one in time", n)
	}
}

// TestCollectRefused asks for content before it is due.
func TestCollectRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	session := r.visit(d)
	c := r.session(d, session) // both codes, nobody identified
	for verb, do := range map[string]func() error{
		"accept":   func() error { _, err := r.Accept(r.ctx(), c); return err },
		"reject":   func() error { _, err := r.Reject(r.ctx(), c); return err },
		"open":     func() error { _, _, err := r.OpenPart(r.ctx(), c, 0); return err },
		"transfer": func() error { _, err := r.Transferred(r.ctx(), c, 0); return err },
	} {
		if err := do(); !errors.Is(err, delivery.ErrUnidentified) {
			t.Errorf("%s with codes only: %v, want ErrUnidentified", verb, err)
		}
	}
	without := delivery.Collecting{Delivery: d.ID}
	if err := r.Identify(r.ctx(), without, r.errand(), r.proof(), "", ""); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("identify without codes: %v", err)
	}
	for name, change := range map[string]func(*identity.Proof){
		"somebody else": func(p *identity.Proof) { p.Given, p.Family = "Bert", "Maes" },
		"a namesake":    func(p *identity.Proof) { p.Family = "Jansens" },
	} {
		p := r.proof()
		change(&p)
		if err := r.Identify(r.ctx(), c, r.errand(), p, "", ""); !errors.Is(err, delivery.ErrMismatch) {
			t.Errorf("%s: %v, want ErrMismatch", name, err)
		}
	}
	weak := r.proof()
	weak.Level = identity.LevelSubstantial
	if err := r.Identify(r.ctx(), c, r.errand(), weak, "", ""); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("level substantial where high is asked: %v", err)
	}
	if c = r.session(d, session); c.Actor != nil {
		t.Fatalf("somebody else is noted as the addressee: %+v", c.Actor)
	}
	if got := r.again(d); got.Identified != nil || got.State != delivery.Notified {
		t.Errorf("identified %+v in %s", got.Identified, got.State)
	}
	for _, e := range r.names(d) {
		if e == evidence.ConsignmentAcceptance || e == evidence.ContentAccessTracking {
			t.Errorf("%s is recorded", e)
		}
	}
	r.must(r.Identify(r.ctx(), c, r.errand(), r.proof(), "", ""))
	c = r.session(d, session)
	if _, _, err := r.OpenPart(r.ctx(), c, 0); !errors.Is(err, delivery.ErrNotOpen) {
		t.Errorf("open before accepting: %v, want ErrNotOpen", err)
	}
	if _, err := r.Transferred(r.ctx(), c, 0); !errors.Is(err, delivery.ErrNotOpen) {
		t.Errorf("transfer before accepting: %v, want ErrNotOpen", err)
	}
	if _, err := r.Accept(r.ctx(), c); err != nil {
		t.Fatal(err)
	}
	for _, part := range []int{-1, 1} {
		if _, _, err := r.OpenPart(r.ctx(), c, part); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("part %d: %v, want ErrNotFound", part, err)
		}
	}
	r.clean()
}

// TestCodes enters codes that are wrong, old, used, or somebody else's.
func TestCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	other := r.deliveries(r.submit(1, func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" }))[0]
	other = r.attempt(other, notify.Email, notify.Sent)
	link := func(d delivery.Delivery) string {
		t.Helper()
		session, err := r.SendCodes(r.ctx(), d, "", identity.Actor{})
		r.must(err)
		return session
	}
	mine, theirs := link(d), link(other)
	c := r.session(d, mine)
	if _, err := r.Session(r.ctx(), d, theirs); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("session of another delivery: %v", err)
	}
	email, sms := r.code(d, notify.Email), r.code(d, notify.SMS)
	var on delivery.ChannelError
	if err := r.EnterCodes(r.ctx(), c, sms, email); !errors.Is(err, delivery.ErrCodeWrong) || !errors.As(err, &on) || on.Channel != notify.Email {
		t.Errorf("exchanged: %v", err)
	}
	if err := r.EnterCodes(r.ctx(), c, r.code(other, notify.Email), r.code(other, notify.SMS)); !errors.Is(err, delivery.ErrCodeWrong) {
		t.Errorf("of another delivery: %v", err)
	}
	if err := r.EnterCodes(r.ctx(), c, email, "000000"); !errors.As(err, &on) || on.Channel != notify.SMS {
		t.Errorf("one right: %v", err)
	}
	if c = r.session(d, mine); c.EmailAt.IsZero() || !c.SMSAt.IsZero() || c.Codes() {
		t.Errorf("one right: %+v", c)
	}
	r.must(r.EnterCodes(r.ctx(), c, "", sms)) // the right one stays right
	if c = r.session(d, mine); !c.Codes() {
		t.Error("both right, and not noted")
	}
	// A second browser: the codes are used up.
	second := link(d)
	if err := r.EnterCodes(r.ctx(), r.session(d, second), email, sms); err == nil {
		t.Error("codes of the first browser opened the second")
	}
	email = r.code(d, notify.Email)
	r.clock.pass(11 * time.Minute)
	if err := r.EnterCodes(r.ctx(), r.session(d, second), email, ""); !errors.Is(err, delivery.ErrCodeExpired) {
		t.Errorf("old: %v, want ErrCodeExpired", err)
	}
	r.clock.pass(time.Hour)
	if _, err := r.Session(r.ctx(), d, mine); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("session after an hour: %v", err)
	}
}

// TestOneErrand records what was proven on an errand once.
func TestOneErrand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c, l := r.session(d, r.visit(d)), r.errand()
	errs := race(slices.Repeat([]func() error{func() error { return r.Identify(r.ctx(), c, l, r.proof(), "", "") }}, 8)...)
	if n := won(t, errs, identity.ErrLoginStale); n != 1 {
		t.Errorf("identified %d times", n)
	}
}

// TestHandOver takes the parts out of order, again, and at once.
func TestHandOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	docs := []string{r.upload("a"), r.upload("b"), r.upload("c")}
	d := r.notified(func(s *delivery.Submission) { s.Documents = docs })
	c := r.identified(d)
	if _, err := r.Accept(r.ctx(), c); err != nil {
		t.Fatal(err)
	}
	take := func(parts ...int) func() error {
		return func() error { _, err := r.Transferred(r.ctx(), c, parts...); return err }
	}
	if n := won(t, race(take(2), take(2), take(0), take(3, 3))); n != 4 {
		t.Errorf("%d of 4 transfers are recorded", n)
	}
	if got := r.again(d); got.State != delivery.Consigned || got.Got(1) || !got.Got(0) {
		t.Errorf("%s with %v", got.State, got.Taken)
	}
	if n := won(t, race(take(1), take(1), take(1))); n != 3 {
		t.Errorf("%d of 3 last transfers are recorded", n)
	}
	if n := r.count(`SELECT count(*) FROM erds_event WHERE name = 'ContentHandover'`); n != 1 {
		t.Errorf("handed over %d times", n)
	}
	// Coming back to read, as long as it is kept.
	again := r.identified(r.again(d))
	if got := r.read(again, d.Message); got.State != delivery.HandedOver {
		t.Errorf("after coming back: %s", got.State)
	}
	r.must(r.Damaged(r.ctx(), again, 1))
	r.clean()
}

// TestCancel withdraws what nobody decided on.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.submit(3)
	list := r.deliveries(m)
	told := r.attempt(list[1], notify.Email, notify.Sent)
	taken := r.attempt(list[2], notify.Email, notify.Sent)
	c := r.identified(taken)
	if _, err := r.Accept(r.ctx(), c); err != nil {
		t.Fatal(err)
	}
	by := r.sender(r.account).By
	if _, err := r.Cancel(r.ctx(), by, m.ID, delivery.Once{}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []delivery.State{delivery.Cancelled, delivery.Cancelled, delivery.Consigned} {
		if got := r.again(list[i]); got.State != want {
			t.Errorf("delivery %d: %s, want %s", i+1, got.State, want)
		}
	}
	if _, err := r.Cancel(r.ctx(), by, m.ID, delivery.Once{}); !errors.Is(err, delivery.ErrDecided) {
		t.Errorf("once more: %v, want ErrDecided", err)
	}
	once := once("k", "cancel")
	consigned, _ := r.consigned()
	for range 2 { // a refusal is no success the second time
		if replayed, err := r.Cancel(r.ctx(), by, consigned.Message.ID, once); !errors.Is(err, delivery.ErrDecided) || replayed {
			t.Errorf("too late, with a key: %t, %v, want ErrDecided", replayed, err)
		}
	}
	once.Key = "k2"
	open := r.submit(1, func(s *delivery.Submission) { s.Recipients[0].Email = "open@example.be" })
	for i := range 2 {
		if replayed, err := r.Cancel(r.ctx(), by, open.ID, once); err != nil || replayed != (i == 1) {
			t.Errorf("in time, with a key: %t, %v", replayed, err)
		}
	}
	// A notice that comes late finds nothing to say, and one that went out is recorded.
	if _, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(told.ID), Kind: notify.Announcement}); !errors.Is(err, notify.ErrStale) {
		t.Errorf("announcement of what was withdrawn: %v", err)
	}
	if late := r.attempt(list[0], notify.Email, notify.Sent); late.State != delivery.Cancelled {
		t.Errorf("a late attempt leads to %s", late.State)
	}
	r.clean()
}

// TestTampered serves nothing that is not what was sent.
func TestTampered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.upload("one"), r.upload("two")
	d := r.notified(func(s *delivery.Submission) { s.Documents = []string{a} })
	c := r.identified(d)
	if _, err := r.Accept(r.ctx(), c); err != nil {
		t.Fatal(err)
	}
	// Another document, whole and genuine, in place of the one that was sent.
	r.exec(`UPDATE document d SET object = 'x' WHERE id = $1`, b)
	r.exec(`UPDATE document d SET object = $3, key_id = x.key_id, wrapped_key = x.wrapped_key, size = x.size, sha256 = x.sha256
		FROM document x WHERE d.id = $1 AND x.id = $2`, a, b, r.account+"/"+b)
	_, body, err := r.OpenPart(r.ctx(), c, 1)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		err = errors.Join(err, body.Close())
	}
	if !errors.Is(err, delivery.ErrTampered) {
		t.Errorf("exchanged content: %v, want ErrTampered", err)
	}
	if len(r.faults()) == 0 {
		t.Error("fsck is content with exchanged content")
	}
}
