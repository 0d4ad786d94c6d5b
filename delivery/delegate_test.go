package delivery_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// jo is whom An names.
func jo(change ...func(*delivery.NewDelegate)) delivery.NewDelegate {
	n := delivery.NewDelegate{Given: "Jo", Family: "Maes", Email: "jo@example.be", Mobile: "+32478000001", Language: "nl"}
	for _, c := range change {
		c(&n)
	}
	return n
}

// joProof is the named person, identified.
func (r *rig) joProof() identity.Proof {
	p := r.proof()
	p.Subject, p.Given, p.Family = "s-2", "Jo", "Maes"
	return p
}

// linkOf is the delivery as the link of a delegate leads to it.
func (r *rig) linkOf(d delivery.Delivery, g delivery.Delegate) delivery.Delivery {
	r.t.Helper()
	found, err := r.ByLink(r.ctx(), r.delegateToken(d, g))
	r.must(err)
	return found
}

func (r *rig) delegateToken(d delivery.Delivery, g delivery.Delegate) string {
	r.t.Helper()
	f, err := r.NoticeFacts(r.ctx(), notify.Notice{Delivery: string(d.ID), Kind: notify.Accepted, Ref: g.ID})
	r.must(err)
	_, token, _ := strings.Cut(f.Link, "/c/")
	return token
}

// delegateVisit follows the link of a delegate and enters the codes that went to
// the delegate's own addresses.
func (r *rig) delegateVisit(d delivery.Delivery, g delivery.Delegate) (delivery.Delivery, string) {
	r.t.Helper()
	found := r.linkOf(d, g)
	session, err := r.SendCodes(r.ctx(), found, "", identity.Actor{IP: "192.0.2.10", UserAgent: "other browser"})
	r.must(err)
	r.must(r.EnterCodes(r.ctx(), r.session(found, session), r.codeTo(d, g.Email), r.codeTo(d, g.Mobile)))
	return found, session
}

func (r *rig) delegateIdentified(d delivery.Delivery, g delivery.Delegate) delivery.Collecting {
	r.t.Helper()
	found, session := r.delegateVisit(d, g)
	r.must(r.Identify(r.ctx(), r.session(found, session), r.errand(), r.joProof(), "192.0.2.10", "other browser"))
	return r.session(found, session)
}

// codeTo is the newest code that was sent to an address.
func (r *rig) codeTo(d delivery.Delivery, to string) string {
	r.t.Helper()
	var ref string
	r.must(r.pool.QueryRow(r.ctx(), `SELECT ref FROM notice WHERE delivery_id = $1 AND kind = 'code' AND address = $2 ORDER BY id DESC LIMIT 1`,
		d.ID, to).Scan(&ref))
	code, _, err := r.codes.Code(r.ctx(), ref)
	r.must(err)
	return code
}

// named is a delivery whose addressee named Jo.
func (r *rig) named(change ...func(*delivery.Submission)) (d delivery.Delivery, mine delivery.Collecting, g delivery.Delegate) {
	r.t.Helper()
	d = r.notified(change...)
	mine = r.identified(d)
	g, err := r.NameDelegate(r.ctx(), mine, jo())
	r.must(err)
	return d, mine, g
}

// TestDelegateCollects: the delegate accepts and reads, and evidence shows both.
func TestDelegateCollects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, mine, g := r.named()
	for _, want := range []struct {
		kind notify.Kind
		to   string
	}{{notify.DelegateNamed, "jo@example.be"}, {notify.DelegateNamed, "+32478000001"}, {notify.DelegateConfirmed, d.Recipient.Email}} {
		if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = $2 AND address = $3 AND ref = $4`, d.ID, want.kind, want.to, g.ID); n != 1 {
			t.Errorf("%d notices %s to %s", n, want.kind, want.to)
		}
	}
	c := r.delegateIdentified(d, g)
	if _, err := r.Accept(r.ctx(), c); err != nil {
		t.Fatal(err)
	}
	done := r.read(c, d.Message)
	if done.State != delivery.HandedOver || done.ReceivedBy == nil || done.ReceivedBy.Identifier.Value != g.ID {
		t.Errorf("%s, received by %+v", done.State, done.ReceivedBy)
	}
	events, err := r.Events(r.ctx(), r.account, d.ID)
	r.must(err)
	for _, e := range events {
		if f := e.Lint(evidencetest.Issuer()); len(f) > 0 {
			t.Errorf("%s: %v", e.Name, f)
		}
		if e.Seq <= 5 { // before the naming
			continue
		}
		by := e.ReceivedBy
		switch {
		case e.Name == evidence.DelegateNamed:
			if by == nil || by.Given != "Jo" || by.Proof != nil || by.Mandate.Given != "naming" || e.Recipient.Proof == nil || by.Mandate.Record != e.Recipient.Proof.Record {
				t.Errorf("%s: %+v", e.Name, by)
			}
		case e.Name.MayIdentify():
			if by == nil || by.Identifier.Value != g.ID || by.Mandate == nil || by.Mandate.ID != g.ID || by.Proof == nil || by.Proof.Family != "Maes" ||
				e.Recipient.Proof == nil || e.Recipient.Proof.Family != "Janssens" {
				t.Errorf("%s: received by %+v for %+v", e.Name, by, e.Recipient.Proof)
			}
		case by != nil:
			t.Errorf("%s names a delegate", e.Name)
		}
	}
	// Both are told, and the addressee may read what the delegate accepted.
	if n := r.count(`SELECT count(*) FROM notice WHERE delivery_id = $1 AND kind = 'accepted'`, d.ID); n != 2 {
		t.Errorf("%d told of the acceptance", n)
	}
	again := r.read(mine, d.Message)
	if again.ReceivedBy == nil || again.ReceivedBy.Identifier.Value != g.ID {
		t.Errorf("the addressee read, and is said to have received: %+v", again.ReceivedBy)
	}
	events, err = r.Events(r.ctx(), r.account, d.ID)
	r.must(err)
	if last := events[len(events)-1]; last.Name != evidence.ContentAccessTracking || last.ReceivedBy != nil || last.Recipient.Proof.Family != "Janssens" {
		t.Errorf("%s by %+v", last.Name, last.ReceivedBy)
	}
	r.clean()
}

func TestDelegateRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, mine, g := r.named()
	d, err := r.Reject(r.ctx(), r.delegateIdentified(d, g))
	r.must(err)
	if d.State != delivery.Rejected || d.ReceivedBy.Identifier.Value != g.ID {
		t.Errorf("%s by %+v", d.State, d.ReceivedBy)
	}
	if _, err := r.Accept(r.ctx(), mine); !errors.Is(err, delivery.ErrDecided) {
		t.Errorf("accepted what was refused: %v", err)
	}
	r.clean()
}

// TestWhoMayName: only the identified addressee, while the item waits, one
// person at a time, with addresses of that person's own.
func TestWhoMayName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	codes := r.session(d, r.visit(d))
	if _, err := r.NameDelegate(r.ctx(), codes, jo()); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("with codes alone: %v", err)
	}
	mine := r.identified(d)
	for name, c := range map[string]struct {
		change func(*delivery.NewDelegate)
		want   string
	}{
		"no given name":  {func(n *delivery.NewDelegate) { n.Given = " " }, "/given required"},
		"no family name": {func(n *delivery.NewDelegate) { n.Family = "" }, "/family required"},
		"no address":     {func(n *delivery.NewDelegate) { n.Email = "jo" }, "/email email"},
		"no mobile":      {func(n *delivery.NewDelegate) { n.Mobile = "02 123 45 67" }, "/mobile mobile"},
		"my own address": {func(n *delivery.NewDelegate) { n.Email = strings.ToUpper(d.Recipient.Email) }, "/email own_address"},
		"my own mobile":  {func(n *delivery.NewDelegate) { n.Mobile = d.Recipient.Mobile }, "/mobile own_address"},
		"no language":    {func(n *delivery.NewDelegate) { n.Language = "es" }, "/language language"},
		"no date":        {func(n *delivery.NewDelegate) { n.BirthDate = "30/07/1985" }, "/birth_date date"},
	} {
		_, err := r.NameDelegate(r.ctx(), mine, jo(c.change))
		t.Run(name, func(t *testing.T) { fields(t, err, c.want) })
	}
	if n := r.count(`SELECT count(*) FROM delegate`) + r.count(`SELECT count(*) FROM notice WHERE kind LIKE 'delegate%'`); n != 0 {
		t.Errorf("%d traces of what was refused", n)
	}
	g, err := r.NameDelegate(r.ctx(), mine, jo())
	r.must(err)
	if _, err := r.NameDelegate(r.ctx(), mine, jo()); !errors.Is(err, delivery.ErrNamed) {
		t.Errorf("a second one: %v", err)
	}
	theirs := r.delegateIdentified(d, g)
	if _, err := r.NameDelegate(r.ctx(), theirs, jo()); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("by the delegate: %v", err)
	}
	if err := r.WithdrawDelegate(r.ctx(), theirs); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("withdrawn by the delegate: %v", err)
	}
	r.must(r.WithdrawDelegate(r.ctx(), mine))
	if err := r.WithdrawDelegate(r.ctx(), mine); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("withdrawn twice: %v", err)
	}
	for range delivery.MaxNamed - 1 {
		_, err := r.NameDelegate(r.ctx(), mine, jo())
		r.must(err)
		r.must(r.WithdrawDelegate(r.ctx(), mine))
	}
	if _, err := r.NameDelegate(r.ctx(), mine, jo()); !errors.Is(err, delivery.ErrTooManyNamed) {
		t.Errorf("once too often: %v", err)
	}
	r.clock.set(d.RespondBy)
	if _, err := r.NameDelegate(r.ctx(), mine, jo()); !errors.Is(err, delivery.ErrWindowClosed) {
		t.Errorf("too late: %v", err)
	}
	r.clean()
}

// TestDelegateIsSomebody: the link, the codes and the session of a delegate are
// the delegate's, and only the named person passes.
func TestDelegateIsSomebody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d, mine, g := r.named()
	token := r.delegateToken(d, g)
	for _, bad := range []string{token[1:], token[:len(token)-1] + "A", strings.Repeat("A", len(token))} {
		if _, err := r.ByLink(r.ctx(), bad); bad != token && !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("link %q: %v", bad, err)
		}
	}
	found, session := r.delegateVisit(d, g)
	if _, err := r.Session(r.ctx(), d, session); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("the delegate's session on the addressee's link: %v", err)
	}
	own := r.visit(d)
	if _, err := r.Session(r.ctx(), found, own); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("the addressee's session on the delegate's link: %v", err)
	}
	second, err := r.SendCodes(r.ctx(), found, "", identity.Actor{})
	r.must(err)
	if err := r.EnterCodes(r.ctx(), r.session(found, second), r.code(d, notify.Email), "000000"); err == nil {
		t.Error("half the codes")
	}
	// Codes that went to the addressee open nothing on the delegate's link.
	_, err = r.SendCodes(r.ctx(), d, "", identity.Actor{})
	r.must(err)
	if err := r.EnterCodes(r.ctx(), r.session(found, second), r.codeTo(d, d.Recipient.Email), r.codeTo(d, d.Recipient.Mobile)); !errors.Is(err, delivery.ErrCodeWrong) {
		t.Errorf("codes of the addressee: %v", err)
	}
	before := r.again(d).Seq
	stranger := r.joProof()
	stranger.Given = "Jan"
	for name, p := range map[string]identity.Proof{"the addressee": r.proof(), "a stranger": stranger} {
		if err := r.Identify(r.ctx(), r.session(found, session), r.errand(), p, "", ""); !errors.Is(err, delivery.ErrMismatch) {
			t.Errorf("%s on the delegate's link: %v", name, err)
		}
	}
	if err := r.Identify(r.ctx(), r.session(d, own), r.errand(), r.joProof(), "", ""); !errors.Is(err, delivery.ErrMismatch) {
		t.Errorf("the delegate on the addressee's link: %v", err)
	}
	if c := r.session(found, session); c.Actor != nil {
		t.Errorf("a mismatch left %+v", c.Actor)
	}
	events, err := r.Events(r.ctx(), r.account, d.ID)
	r.must(err)
	for _, e := range events[before:] {
		if e.Name != evidence.RecipientIdentification || e.Recipient.Proof != nil || e.ReceivedBy != nil || e.Reasons[0].Code != "identity_mismatch" {
			t.Errorf("a mismatch says %+v %+v", e.Recipient.Proof, e.ReceivedBy)
		}
		if body, _ := e.Encode(); strings.Contains(string(body), "Jan") && strings.Contains(string(body), `"Jan"`) || strings.Contains(string(body), "Maes") {
			t.Errorf("a mismatch names somebody: %s", body)
		}
	}
	if d = r.again(d); d.State != delivery.Notified {
		t.Errorf("state %s", d.State)
	}
	if _, err := r.Accept(r.ctx(), mine); err != nil {
		t.Errorf("the addressee may still accept: %v", err)
	}
	r.clean()
}
