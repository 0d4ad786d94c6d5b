package delivery_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

// dump is the whole database as pg_dump writes it.
func (r *rig) dump() string {
	r.t.Helper()
	program := "pg_dump"
	if all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); len(all) > 0 {
		program = all[len(all)-1]
	}
	c := r.pool.Config().ConnConfig
	cmd := exec.CommandContext(r.ctx(), program, "--no-owner", c.Database)
	cmd.Env = append(os.Environ(), "PGHOST="+c.Host, "PGPORT="+fmt.Sprint(c.Port), "PGUSER="+c.User, "PGPASSWORD="+c.Password)
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("pg_dump, of the package postgresql-client: %v: %s", err, faults.String())
	}
	return string(out)
}

// onDisk is what the vault's folder holds.
func (r *rig) onDisk() string {
	r.t.Helper()
	var all strings.Builder
	for _, path := range r.objectFiles() {
		raw, err := os.ReadFile(path)
		r.must(err)
		all.Write(raw)
	}
	return all.String()
}

// shows reports whether text is in raw as it is, in hexadecimal or in base64.
func shows(raw, text string) bool {
	b := []byte(text)
	if strings.Contains(raw, text) || strings.Contains(raw, hex.EncodeToString(b)) {
		return true
	}
	for skip := range 3 { // base64 says it in three ways, by where it begins
		s := base64.StdEncoding.EncodeToString(append(make([]byte, skip), b...))
		if strings.Contains(raw, s[4:len(s)-4]) {
			return true
		}
	}
	return false
}

// TestShredded (R21): before the end of its retention the database holds what
// describes a message and nothing of its content in the clear; after it neither a
// dump of every table nor the store yields any of it, and a dump of before yields
// no content once the month's key is destroyed.
//
// NIST SP 800-88r1 §2.6
func TestShredded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	content := map[string]string{"body": "ZyxwContentOfTheBody", "document": "ZyxwContentOfTheDocument"}
	told := map[string]string{"subject": "ZyxwSubjectLine", "file name": "ZyxwFileName", "reference": "ZyxwReference", "given": "Zyxwgiven", "family": "Zyxwfamily",
		"email": "zyxwmail@example.be", "mobile": "+32479987654", "street": "Zyxwstraat 7"}
	doc, _, err := r.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: told["file name"] + ".pdf", MediaType: "application/pdf"},
		strings.NewReader("%PDF-1.7 "+content["document"]), delivery.Once{})
	r.must(err)
	d := r.notified(func(s *delivery.Submission) {
		s.Subject, s.Body, s.Reference, s.Documents = told["subject"], content["body"], told["reference"], []string{string(doc.ID)}
		x := &s.Recipients[0]
		x.Given, x.Family, x.Email, x.Mobile, x.Address.Lines = told["given"], told["family"], told["email"], told["mobile"], []string{told["street"]}
	})
	before := r.dump()
	for name, text := range told {
		if !shows(before, text) {
			t.Errorf("%s is nowhere: this test looks for the wrong thing", name)
		}
	}
	store := r.onDisk()
	for name, text := range content {
		if shows(before, text) || shows(store, text) {
			t.Errorf("%s lies in the clear while it is kept", name)
		}
	}
	keys, err := vault.OpenKeyring(r.objects+"-keys", r.clock.now)
	r.must(err)
	old, sealed := r.textOf(d.Message.ID)
	if plain, err := keys.OpenSmall(old, sealed); err != nil || !strings.Contains(string(plain), content["body"]) {
		t.Fatalf("the rows of before do not open: %v", err)
	}

	m, err := r.Message(r.ctx(), r.account, d.Message.ID)
	r.must(err)
	r.clock.set(m.RetainUntil.AddDate(0, 2, 0))
	if n, err := r.Retain(r.ctx(), 10); n != 1 || err != nil {
		t.Fatalf("removed %d: %v", n, err)
	}
	after := r.dump()
	if len(after) < 10_000 || !strings.Contains(after, string(m.ID)) {
		t.Fatal("this is no dump of the database that says what was removed")
	}
	if store = r.onDisk(); store != "" {
		t.Errorf("%d octets left in the store", len(store))
	}
	for _, all := range []map[string]string{content, told} {
		for name, text := range all {
			if shows(after, text) {
				t.Errorf("%s is left in the database", name)
			}
		}
	}
	ids, err := keys.IDs()
	r.must(err)
	for _, id := range ids {
		if id != r.clock.now().Format("2006-01") {
			r.must(keys.Destroy(id))
		}
	}
	if _, err := keys.OpenSmall(old, sealed); !errors.Is(err, vault.ErrShredded) {
		t.Errorf("a dump of before still yields the text: %v", err)
	}
}

// textOf is the text of a message as a dump holds it.
func (r *rig) textOf(id delivery.ID) (s delivery.Stored, sealed []byte) {
	r.t.Helper()
	r.must(r.pool.QueryRow(r.ctx(), `SELECT object, key_id, wrapped_key, size, sha256, inline FROM document WHERE message_id = $1 AND position = 0`, string(id)).
		Scan(&s.Name, &s.KeyID, &s.Key, &s.Size, &s.SHA256, &sealed))
	return s, sealed
}
