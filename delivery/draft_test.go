package delivery_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// staff is a person of r's account with a role, who is known and has a mandate to
// send when powers says so.
func (r *rig) staff(given, powers string) identity.Actor {
	r.t.Helper()
	id := uuid.NewString()
	r.newPerson(id, given, "Peeters")
	r.joined(id)
	if powers != "" {
		r.grant(r.account, id, "founder", powers, "{}")
	}
	return identity.Actor{Kind: identity.ActorPerson, Subject: id, Account: r.account, Given: given, Family: "Peeters", Method: "password+totp",
		Level: identity.LevelSubstantial, Record: id, ProvenAt: r.clock.now().Add(-time.Minute), IP: "192.0.2.1", UserAgent: "test"}
}

// joined makes a person one of the account, and known (R2).
func (r *rig) joined(person string) {
	r.t.Helper()
	r.exec(`INSERT INTO membership (account_id, person_id, role, created_at, created_by) VALUES ($1, $2, 'sender', $3, 'p')`, r.account, person, r.clock.now())
	r.must(pgx.BeginFunc(r.ctx(), r.pool, func(tx pgx.Tx) error {
		kept, err := r.people.SaveIdentification(r.ctx(), tx, r.proof(), identity.Occasion{Purpose: identity.SenderProofing, Person: person})
		if err != nil {
			return err
		}
		_, err = tx.Exec(r.ctx(), `UPDATE person SET identification_id = $2 WHERE id = $1`, person, kept.Record)
		return err
	}))
}

// lotte is the person of r's account, who may do everything for it.
func (r *rig) lotte() identity.Actor {
	r.t.Helper()
	by := r.sender(r.account).By
	if r.count(`SELECT count(*) FROM membership WHERE person_id = $1`, by.Subject) == 0 {
		r.joined(by.Subject)
	}
	by.Record = by.Subject
	return by
}

// draft keeps a whole message to one person.
func (r *rig) draft(by identity.Actor, change ...func(*delivery.Submission)) delivery.Draft {
	r.t.Helper()
	d, _, err := r.CreateDraft(r.ctx(), by, false, delivery.DraftContent{Submission: submission(1, change...)}, delivery.Once{})
	r.must(err)
	return d
}

func (r *rig) fails(what string, err, want error) {
	r.t.Helper()
	if !errors.Is(err, want) {
		r.t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestDraftIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const evil = `<script>alert(1)</script>"'&{{.}}`
	c := delivery.DraftContent{Submission: submission(1, func(s *delivery.Submission) {
		s.Subject, s.Body, s.Recipients[0].NationalNumber = evil, "", "85073003328"
	}), Form: map[string][]string{"subject": {evil}}}
	d, _, err := r.CreateDraft(r.ctx(), r.lotte(), false, c, delivery.Once{})
	r.must(err)
	got, err := r.Draft(r.ctx(), r.account, d.ID)
	r.must(err)
	if got.Content.Submission.Subject != evil || got.Content.Form["subject"][0] != evil || got.State != delivery.DraftOpen || got.Author.Name != "Lotte Peeters" ||
		got.Removal() != d.CreatedAt.AddDate(0, 0, 90) {
		t.Errorf("draft %+v", got)
	}
	var row string
	r.must(r.pool.QueryRow(r.ctx(), `SELECT d::text || encode(d.sealed, 'escape') FROM draft d`).Scan(&row))
	for _, plain := range []string{"script", "Janssens", "an0@example", "85073003328", "Lotte"} {
		if strings.Contains(row, plain) {
			t.Errorf("%q stands in the row", plain)
		}
	}
	// Of another account nothing is there, whatever is asked.
	other := r.sender(r.newAccount()).By
	_, err = r.Draft(r.ctx(), other.Account, d.ID)
	r.fails("read", err, delivery.ErrNotFound)
	_, err = r.ReplaceDraft(r.ctx(), other, d.ID, c)
	r.fails("replace", err, delivery.ErrNotFound)
	r.fails("delete", r.DeleteDraft(r.ctx(), other.Account, d.ID), delivery.ErrNotFound)
	_, err = r.SendDraft(r.ctx(), other, d.ID, delivery.Sending{})
	r.fails("send", err, delivery.ErrNotFound)
	_, err = r.TakeBackDraft(r.ctx(), other.Account, d.ID)
	r.fails("take back", err, delivery.ErrNotFound)
	for _, id := range []delivery.ID{"", "x", delivery.ID(uuid.NewString())} {
		_, err = r.Draft(r.ctx(), r.account, id)
		r.fails("id "+string(id), err, delivery.ErrNotFound)
	}
	// What is not complete is not sent, and stays.
	_, err = r.SendDraft(r.ctx(), r.lotte(), d.ID, delivery.Sending{})
	if faults, ok := errors.AsType[delivery.FieldErrors](err); !ok || faults[0].Pointer != "/body" {
		t.Errorf("an empty text: %v", err)
	}
	if got, err := r.Draft(r.ctx(), r.account, d.ID); err != nil || got.State != delivery.DraftOpen {
		t.Errorf("after that: %+v, %v", got, err)
	}
	// A row that somebody changed is not opened.
	r.exec(`UPDATE draft SET sealed = set_byte(sealed, 3, get_byte(sealed, 3) # 1)`)
	_, err = r.Draft(r.ctx(), r.account, d.ID)
	r.fails("tampered", err, delivery.ErrTampered)
	r.must(r.DeleteDraft(r.ctx(), r.account, d.ID))
}

func TestDraftOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	once := delivery.Once{Key: "k", Digest: make([]byte, 32)}
	c := delivery.DraftContent{Submission: submission(1)}
	d, replayed, err := r.CreateDraft(r.ctx(), r.lotte(), false, c, once)
	again, replayed2, err2 := r.CreateDraft(r.ctx(), r.lotte(), false, c, once)
	if err != nil || err2 != nil || replayed || !replayed2 || again.ID != d.ID {
		t.Errorf("%v %v, %v %v", err, err2, replayed, replayed2)
	}
	once.Digest = append([]byte{1}, once.Digest[1:]...)
	_, _, err = r.CreateDraft(r.ctx(), r.lotte(), false, c, once)
	r.fails("another body", err, delivery.ErrKeyReused)
	if n := r.count(`SELECT count(*) FROM draft`); n != 1 {
		t.Errorf("%d drafts", n)
	}
	for what, by := range map[string]identity.Actor{"nobody": {}, "system": identity.System, "a recipient": {Kind: identity.ActorRecipient, Account: r.account}} {
		_, _, err = r.CreateDraft(r.ctx(), by, false, c, delivery.Once{})
		r.fails(what, err, delivery.ErrUnidentified)
	}
}

// Documents that a draft names outlive their day; without it they do not.
func TestDraftKeepsDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	kept, dropped := r.upload("kept"), r.upload("dropped")
	d := r.draft(r.lotte(), func(s *delivery.Submission) { s.Documents = []string{kept} })
	for range 5 {
		r.clock.pass(30 * time.Hour)
		_, err := r.Retain(r.ctx(), 100)
		r.must(err)
	}
	_, err := r.Document(r.ctx(), r.account, delivery.ID(kept))
	r.must(err)
	_, err = r.Document(r.ctx(), r.account, delivery.ID(dropped))
	r.fails("a document nobody names", err, delivery.ErrNotFound)
	_, body, err := r.OpenDraftDocument(r.ctx(), r.account, d.ID, delivery.ID(kept))
	r.must(err)
	r.must(body.Close())
	other := r.newAccount()
	_, _, err = r.OpenDraftDocument(r.ctx(), other, d.ID, delivery.ID(kept))
	r.fails("another account opens it", err, delivery.ErrNotFound)
	_, _, err = r.OpenDraftDocument(r.ctx(), r.account, d.ID, delivery.ID(dropped))
	r.fails("not of this draft", err, delivery.ErrNotFound)
	for what, id := range map[string]string{"gone": dropped, "nobody's": uuid.NewString(), "no id": "x"} {
		_, err := r.ReplaceDraft(r.ctx(), r.lotte(), d.ID, delivery.DraftContent{Submission: submission(1, func(s *delivery.Submission) { s.Documents = []string{id} })})
		if _, ok := errors.AsType[delivery.FieldErrors](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	// 90 days after the last change the draft goes, and a day later the document.
	r.clock.pass(90 * 24 * time.Hour)
	for range 2 {
		_, err = r.Retain(r.ctx(), 100)
		r.must(err)
		r.clock.pass(25 * time.Hour)
	}
	if n := r.count(`SELECT (SELECT count(*) FROM draft) + (SELECT count(*) FROM document)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// Thousands of drafts are paged without gap or repetition, and no further one is
// kept at the bound.
func TestManyDrafts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.draft(r.lotte())
	r.exec(`INSERT INTO draft SELECT gen_random_uuid(), account_id, test, state, version, author_kind, author_id, sealed, object, key_id, wrapped_key, size, sha256,
		documents, send_at, claimed_at, handed_at, fault, created_at, changed_at FROM draft, generate_series(1, $1)`, delivery.MaxDrafts-1)
	_, _, err := r.CreateDraft(r.ctx(), r.lotte(), false, delivery.DraftContent{}, delivery.Once{})
	r.fails("one too many", err, delivery.ErrTooManyDrafts)
	r.exec(`DELETE FROM draft WHERE id <> $1`, first.ID)
	want := []delivery.ID{first.ID}
	for i := range 2000 {
		d, _, err := r.CreateDraft(r.ctx(), r.lotte(), i%2 == 1, delivery.DraftContent{Submission: delivery.Submission{Subject: fmt.Sprint(i)}}, delivery.Once{})
		r.must(err)
		want = append(want, d.ID)
	}
	slices.Reverse(want)
	var got []delivery.ID
	for before := delivery.ID(""); ; {
		page, err := r.Drafts(r.ctx(), r.account, delivery.DraftFilter{}, before, 100)
		r.must(err)
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			got = append(got, d.ID)
		}
		before = got[len(got)-1]
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d drafts in pages, want %d", len(got), len(want))
	}
	test := true
	page, err := r.Drafts(r.ctx(), r.account, delivery.DraftFilter{Test: &test, State: delivery.DraftOpen}, "", 100)
	if err != nil || len(page) != 100 || !page[0].Test {
		t.Errorf("test drafts: %d, %v", len(page), err)
	}
	if page, err = r.Drafts(r.ctx(), r.newAccount(), delivery.DraftFilter{}, "", 100); err != nil || len(page) != 0 {
		t.Errorf("another account has %d, %v", len(page), err)
	}
}
