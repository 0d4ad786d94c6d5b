package delivery_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/identity"
)

const acmeNumber = "0403170701"

// acme is a company that operators opened.
func (r *rig) acme() (account string) {
	r.t.Helper()
	account = uuid.NewString()
	r.exec(`INSERT INTO account (id, kind, name, email, enterprise_number, country, created_at) VALUES ($1, 'company', 'Acme nv', 'post@acme.example', $2, 'BE', $3)`,
		account, acmeNumber, r.clock.now())
	founder := uuid.NewString()
	r.newPerson(founder, "Els", "Claes")
	r.grant(account, founder, "operator", "{send,receive,administer}", "{}")
	return account
}

func toAcme(s *delivery.Submission) {
	s.Recipients[0].Organisation = &delivery.Organisation{Name: "Acme nv", EnterpriseNumber: "BE 0403.170.701"}
	s.Recipients[0].Email = "post@acme.example"
}

// TestCompanyReceives: what is addressed to a company opens to who holds its
// mandate to receive, by the company's own link or from the inbox; evidence shows
// the company and that somebody with a mandate acted, not who (R5).
func TestCompanyReceives(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"link", "inbox"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			jo := r.joProof()
			jo.NationalNumber = "85073003328"
			holder := r.holder(jo, "jo@example.be", "+32478000001")
			m := r.grant(r.acme(), holder.Subject, "approval", "{receive}", "{hr}")
			d := r.notified(ofClass("hr"), toAcme)
			var c delivery.Collecting
			if way == "link" {
				session := r.visit(d)
				r.must(r.Identify(r.ctx(), r.session(d, session), r.errand(), jo, "192.0.2.10", "browser"))
				c = r.session(d, session)
			} else {
				path, err := r.OpenInbox(r.ctx(), holder, d.ID, m)
				r.must(err)
				found, err := r.ByLink(r.ctx(), strings.TrimPrefix(path, "/c/"))
				r.must(err)
				_, session := r.delegateVisit(d, *found.Delegate)
				r.must(r.Identify(r.ctx(), r.session(found, session), r.errand(), jo, "192.0.2.10", "browser"))
				c = r.session(found, session)
			}
			_, err := r.Accept(r.ctx(), c)
			r.must(err)
			if got := r.read(c, d.Message); got.State != delivery.HandedOver || got.ReceivedBy.Mandate.ID != m {
				t.Errorf("%s by %+v", got.State, got.ReceivedBy)
			}
			events, err := r.Events(r.ctx(), r.account, d.ID)
			r.must(err)
			acted := 0
			for _, e := range events {
				if f := e.Lint(evidencetest.Issuer()); len(f) > 0 {
					t.Errorf("%s: %v", e.Name, f)
				}
				if e.Recipient.Name != "Acme nv" || e.Recipient.Identifier.Value != acmeNumber || e.Recipient.Identifier.Scheme != "BE:KBO" {
					t.Errorf("%s: for %+v", e.Name, e.Recipient)
				}
				if by := e.ReceivedBy; by != nil {
					acted++
					if by.Name != "Acme nv" || by.Mandate.ID != m || by.Proof.Level != "http://eidas.europa.eu/LoA/high" || by.Proof.Record == "" {
						t.Errorf("%s: by %+v", e.Name, by)
					}
				}
				if body, err := e.Encode(); err != nil || strings.Contains(string(body), "Maes") {
					t.Errorf("%s names a person of the company: %s %v", e.Name, body, err)
				}
			}
			if acted < 5 {
				t.Errorf("%d events say who acted", acted)
			}
			if _, err := r.NameDelegate(r.ctx(), c, jo2()); !errors.Is(err, delivery.ErrUnidentified) {
				t.Errorf("a company's delegate names another: %v", err)
			}
			r.revoke(m)
			if _, _, err := r.OpenPart(r.ctx(), c, 0); !errors.Is(err, identity.ErrNoMandate) {
				t.Errorf("read after withdrawal: %v", err)
			}
			r.clean()
		})
	}
}

func jo2() delivery.NewDelegate {
	return jo(func(n *delivery.NewDelegate) { n.Email, n.Mobile = "jo2@example.be", "+32478000002" })
}

// TestNobodyIsACompany: the person for whose attention it is, colleagues without
// a mandate, and namesakes of who has one, open nothing.
func TestNobodyIsACompany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	acme := r.acme()
	numbered := func(given, number, subject string) identity.Proof {
		p := r.joProof()
		p.Given, p.NationalNumber, p.Subject = given, number, subject
		return p
	}
	receiver, sender, other, gone := numbered("Jo", "85073003328", "s-2"), numbered("Jo", "55010100119", "s-3"), numbered("Ria", "90010100123", "s-4"), numbered("Luc", "91010100196", "s-5")
	r.grant(acme, r.holder(receiver).Subject, "approval", "{receive}", "{hr}")
	r.grant(acme, r.holder(sender).Subject, "approval", "{send,administer}", "{}")
	r.grant(r.account, r.holder(other).Subject, "approval", "{receive}", "{}")
	r.revoke(r.grant(acme, r.holder(gone).Subject, "approval", "{receive}", "{}"))
	d := r.notified(ofClass("legal"), toAcme)
	session := r.visit(d)
	for name, p := range map[string]identity.Proof{
		"for whose attention it is":    r.proof(),
		"a mandate for other classes":  receiver,
		"a mandate to send":            sender,
		"a mandate of another company": other,
		"a mandate withdrawn":          gone,
		"a namesake, no account":       numbered("Jo", "", "s-99"),
	} {
		if err := r.Identify(r.ctx(), r.session(d, session), r.errand(), p, "", ""); !errors.Is(err, delivery.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
		if c := r.session(d, session); c.Actor != nil {
			t.Errorf("%s: left %+v", name, c.Actor)
		}
	}
	if n := r.count(`SELECT count(*) FROM delegate`); n != 0 {
		t.Errorf("%d delegates", n)
	}
	r.exec(`UPDATE account SET suspended_at = $2 WHERE id = $1`, acme, r.clock.now())
	hr := r.notified(ofClass("hr"), toAcme)
	again := r.visit(hr)
	if err := r.Identify(r.ctx(), r.session(hr, again), r.errand(), receiver, "", ""); !errors.Is(err, delivery.ErrMismatch) {
		t.Errorf("a suspended company: %v", err)
	}
	r.clean()
}

func TestCompanyLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified(toAcme)
	r.clock.set(d.RespondBy)
	if _, err := r.Sweep(r.ctx(), 10); err != nil {
		t.Fatal(err)
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if got := r.partner.letters[len(r.partner.letters)-1].To; !slices.Equal(got, []string{"Acme nv", "An Janssens", "Kerkstraat 1", "2000 Antwerpen", "BE"}) {
		t.Errorf("to %q", got)
	}
}
