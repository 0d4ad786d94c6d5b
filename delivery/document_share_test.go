package delivery_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// share uploads a document for any number of messages.
func (r *rig) share(account, content string) string {
	r.t.Helper()
	d, _, err := r.Upload(r.ctx(), account, delivery.NewDocument{Filename: "voorwaarden.pdf", MediaType: "application/pdf", Shared: true},
		strings.NewReader(content), delivery.Once{})
	r.must(err)
	if !d.Shared {
		r.t.Fatal("not shared")
	}
	return string(d.ID)
}

// lent is a message that has a shared document.
func (r *rig) lent(id string) delivery.Message {
	r.t.Helper()
	docs, err := r.Lend(r.ctx(), r.account, []string{id})
	r.must(err)
	return r.submit(1, func(s *delivery.Submission) {
		s.Documents, s.Policy.Fallback = docs, delivery.FallbackNone
	})
}

// TestShare gives one document to several messages: it is stored once, each of
// them can be read, and it goes with the last of them.
func TestShare(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.share(r.account, "%PDF-1.7 voor iedereen")
	a, b := r.lent(doc), r.lent(doc)
	if r.stored() != 1 {
		t.Fatalf("%d objects for two messages", r.stored())
	}
	if a.Parts[1] != b.Parts[1] || a.Parts[1].Name != "voorwaarden.pdf" {
		t.Errorf("parts %+v and %+v", a.Parts[1], b.Parts[1])
	}
	r.clean()
	r.clock.pass(delivery.SharedFor + time.Hour) // the shared document itself goes, the messages keep it
	_, err := r.Retain(r.ctx(), 100)
	r.must(err)
	if n := r.count(`SELECT count(*) FROM document WHERE shared`); n != 0 || r.stored() != 1 {
		t.Errorf("%d shared documents and %d objects are left", n, r.stored())
	}
	if _, err := r.Lend(r.ctx(), r.account, []string{doc}); err != nil {
		t.Error(err)
	}
	r.clean()
	r.exec(`UPDATE message SET held = true WHERE id = $1`, b.ID)
	r.clock.pass(3 * 365 * 24 * time.Hour)
	_, err = r.Retain(r.ctx(), 100)
	r.must(err)
	if n := r.count(`SELECT count(*) FROM message`); n != 1 || r.stored() != 1 {
		t.Fatalf("%d messages and %d objects are left, want the held one and its document", n, r.stored())
	}
	r.clean()
	r.exec(`UPDATE message SET held = false WHERE id = $1`, b.ID)
	_, err = r.Retain(r.ctx(), 100)
	r.must(err)
	if n := r.count(`SELECT count(*) FROM document`); n != 0 || r.stored() != 0 {
		t.Errorf("%d rows and %d objects are left after the last message", n, r.stored())
	}
}

// TestShareRefused: nobody gets a document that is not theirs, and a shared one
// is never bound itself.
func TestShareRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.share(r.account, "a")
	other := r.newAccount()
	for _, ids := range [][]string{{doc}, {evidence.NewID()}, {"x"}, nil} {
		got, err := r.Lend(r.ctx(), other, ids)
		if err != nil || strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("lent %v of another account as %v, %v", ids, got, err)
		}
	}
	_, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Documents = []string{doc} }), delivery.Once{})
	fields(t, err, "/documents/0 document_unknown")
	docs, err := r.Lend(r.ctx(), r.account, []string{doc, doc})
	r.must(err)
	_, _, err = r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Documents = docs }), delivery.Once{})
	fields(t, err, "/documents/1 document_unknown")
	for _, sql := range []string{`UPDATE document SET message_id = $1, position = 1 WHERE shared`, `UPDATE document SET lent = true WHERE id <> $1 AND shared`,
		`INSERT INTO document SELECT (json_populate_record(d, json_build_object('id', $1::uuid))).* FROM document d WHERE shared`} {
		if _, err := r.pool.Exec(r.ctx(), sql, evidence.NewID()); err == nil {
			t.Errorf("%s was done", sql)
		}
	}
}

// TestShareAtOnce removes messages that have one document at the same time: the
// object goes exactly when the last of them does.
func TestShareAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.share(r.account, "a")
	for range 8 {
		r.lent(doc)
	}
	r.clock.pass(delivery.SharedFor + 3*365*24*time.Hour)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := r.Retain(r.ctx(), 100); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := r.count(`SELECT count(*) FROM document`); n != 0 || r.stored() != 0 {
		t.Errorf("%d rows and %d objects are left", n, r.stored())
	}
}
