package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// works is the demonstration's service with nobody at work: a test does the steps.
type works struct {
	*app
	stands *standIns
	by     delivery.Submitter
}

func newWorks(t testing.TB) *works {
	t.Helper()
	log, base := slog.New(slog.DiscardHandler), "http://127.0.0.1:1"
	dir := t.TempDir()
	stands, err := startStandIns(dir, base, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stands.Close() })
	out, err := stands.outside(dir, base, log)
	if err != nil {
		t.Fatal(err)
	}
	a, err := build(pgtest.New(t), out, log)
	if err != nil {
		t.Fatal(err)
	}
	seeds, err := seed(t.Context(), a, dir)
	if err != nil {
		t.Fatal(err)
	}
	key, err := a.identity.AuthenticateKey(t.Context(), seeds.LiveKey, "")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := a.identity.Profile(t.Context(), key.Account)
	if err != nil {
		t.Fatal(err)
	}
	return &works{a, stands, delivery.Submitter{By: key.Actor("192.0.2.1", "test", time.Now()), Sender: delivery.SenderParty(profile)}}
}

// firstOf is the first event of a delivery.
func firstOf(delivery string) ledger.Ref { return ledger.Ref{Delivery: delivery, Seq: 1} }

// submitted is the delivery of a new message to one recipient.
func (w *works) submitted(t testing.TB) delivery.Delivery {
	t.Helper()
	m, _, err := w.deliveries.Submit(t.Context(), w.by, delivery.Submission{Subject: "Opzegging", Body: "Wij zeggen op.", Language: "nl",
		Policy: w.deliveries.DefaultPolicy(), Recipients: []delivery.Recipient{{Given: "Amina", Family: "Janssens", Language: "nl",
			Email: "amina@post.example", Mobile: "+32470000001", Address: &delivery.PostalAddress{Lines: []string{"Vlasmarkt 7"},
				Postcode: "9000", City: "Gent", Country: "BE"}}}}, delivery.Once{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.deliveries.Deliveries(t.Context(), m.Account, m.ID, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func (w *works) state(t testing.TB, d delivery.Delivery) evidence.Piece {
	t.Helper()
	list, err := w.ledger.List(t.Context(), d.Message.Account, string(d.ID))
	if err != nil || len(list) != 1 {
		t.Fatalf("%d pieces, %v", len(list), err)
	}
	return list[0]
}

// lies are answers of a time-stamp authority that look well and are not to be
// believed.
var lies = []evidencetest.Fault{evidencetest.WrongImprint, evidencetest.WrongNonce, evidencetest.WrongTime, evidencetest.OldTime,
	evidencetest.Foreign, evidencetest.OtherKey}

// TestAuthorityDown takes the time-stamp authority away, and then lets it lie, before
// a signature's own time-stamp and before that of its batch: nothing is given out
// without, nothing is signed twice, and it goes on when the authority is back.
func TestAuthorityDown(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	d := w.submitted(t)
	id := string(d.ID)
	w.stands.authority.SetFault(evidencetest.Down)
	if err := w.ledger.Seal(t.Context(), firstOf(id)); err == nil {
		t.Fatal("stamped by nobody")
	}
	p := w.state(t, d)
	if p.State != evidence.PendingStamp {
		t.Errorf("state %q", p.State)
	}
	for _, f := range []evidence.Format{evidence.XML, evidence.PDF, evidence.ERS, evidence.TLogProof} {
		if doc, _, err := w.ledger.Get(t.Context(), d.Message.Account, "", p.ID, f); !errors.Is(err, evidence.ErrPending) || doc != nil {
			t.Errorf("%s: %d octets, %v", f, len(doc), err)
		}
	}
	if n, since, err := w.ledger.Waiting(t.Context()); n != 1 || since.IsZero() || err != nil {
		t.Errorf("%d wait since %s, %v", n, since, err)
	}
	signed := func() (b []byte) {
		if err := w.pool.QueryRow(t.Context(), `SELECT signed_xml FROM evidence WHERE id = $1`, p.ID).Scan(&b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	before := string(signed())
	if err := w.ledger.Seal(t.Context(), firstOf(id)); err == nil || string(signed()) != before {
		t.Error("signed again")
	}
	for _, f := range lies {
		w.stands.authority.SetFault(f)
		if err := w.ledger.Seal(t.Context(), firstOf(id)); err == nil || string(signed()) != before || w.state(t, d).State != evidence.PendingStamp {
			t.Errorf("%s: sealed with it, or signed again: %v", f, err)
		}
	}
	w.stands.authority.SetFault(evidencetest.Works)
	if err := w.ledger.Seal(t.Context(), firstOf(id)); err != nil {
		t.Fatal(err)
	}
	for _, f := range append(lies, evidencetest.Reject) {
		w.stands.authority.SetFault(f)
		if n, err := w.ledger.Batch(t.Context()); n != 0 || err == nil {
			t.Fatalf("%s: a batch of %d, %v", f, n, err)
		}
	}
	if p := w.state(t, d); p.State != evidence.PendingStamp {
		t.Errorf("state %q", p.State)
	}
	w.stands.authority.SetFault(evidencetest.Works)
	if n, err := w.ledger.Batch(t.Context()); n != 1 || err != nil {
		t.Fatalf("a batch of %d, %v", n, err)
	}
	if err := w.ledger.Finish(t.Context(), firstOf(id)); err != nil {
		t.Fatal(err)
	}
	if p := w.state(t, d); p.State != evidence.SealedState || !p.OwnStamp || !p.Logged {
		t.Errorf("%+v", p)
	}
	if n, err := w.ledger.Complete(t.Context(), time.Now()); n != 1 || err != nil {
		t.Errorf("completed %d, %v", n, err)
	}
	if err := w.fsck(t.Context(), testWriter{t}); err != nil {
		t.Error(err)
	}
}

// testWriter is the log of a test.
type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Logf("%s", p)
	return len(p), nil
}

// TestRenewed stamps a batch with an authority whose certificate ends in two
// months: the time-stamp is renewed by another one, and both are in the record.
func TestRenewed(t *testing.T) {
	t.Parallel()
	w := newWorks(t)
	born := time.Now().AddDate(-10, 2, 0) // its certificates last ten years
	clock := born
	old, err := evidencetest.New(evidencetest.Config{Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	clock = time.Now().Add(-time.Minute) // a renewal is later, and tokens count in seconds
	trust := w.out.engine.Trust
	trust.TSA = trust.TSA.Clone()
	for _, root := range old.Roots() {
		trust.TSA.AddCert(root)
	}
	engine, stamper := w.out.engine, &switching{to: old.Stamper()}
	engine.Trust = trust
	book, err := ledger.New(ledger.Config{Pool: w.pool, Outbox: w.jobs, Engine: engine, Issuer: w.out.issuer, Stamper: stamper, Log: w.out.log,
		Records: records{trust}, Own: func(evidence.Name) bool { return false }, Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	d := w.submitted(t)
	for _, do := range []func() error{
		func() error { return book.Seal(t.Context(), firstOf(string(d.ID))) },
		func() error { _, err := book.Batch(t.Context()); return err },
		func() error { return book.Finish(t.Context(), firstOf(string(d.ID))) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := book.Renew(t.Context()); n != 0 || err == nil {
		t.Errorf("renewed %d by who ends as soon, %v", n, err)
	}
	stamper.to = w.out.stamper
	if n, err := book.Renew(t.Context()); n != 1 || err != nil {
		t.Fatalf("renewed %d, %v", n, err)
	}
	p := w.state(t, d)
	var docs [3][]byte
	for i, f := range []evidence.Format{evidence.XML, evidence.ERS, evidence.TLogProof} {
		if docs[i], _, err = book.Get(t.Context(), d.Message.Account, "", p.ID, f); err != nil {
			t.Fatal(err)
		}
	}
	v := verifier{trust: trust}
	r := v.check(docs[0], evidence.Beside{Record: docs[1], Proof: docs[2]})
	if !r.OK() || len(r.Stamps) != 2 || r.Log == nil {
		t.Errorf("%s; %d time-stamps, log %+v", r.Failures(), len(r.Stamps), r.Log)
	}
	if r := v.check(docs[0], evidence.Beside{Proof: docs[2]}); r.OK() {
		t.Error("in order without its record")
	}
}

// switching is a stamper that can be exchanged.
type switching struct{ to evidence.Stamper }

func (s *switching) Stamp(ctx context.Context, imprint []byte) ([]byte, error) {
	return s.to.Stamp(ctx, imprint)
}
