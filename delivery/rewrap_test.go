package delivery_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/vault"
)

// TestRewrapKeys: the key-encryption key of a month is replaced without rewriting
// content; what it wrapped opens under the new one, also once the old is destroyed.
// What was not carried is shredded with it.
func TestRewrapKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	keys, err := vault.OpenKeyring(r.objects+"-keys", r.clock.now)
	r.must(err)
	_, c := r.consigned()
	made := r.template(r.account, "Huur", "Tekst")
	entry, _, err := r.AddAddressee(r.ctx(), r.account, newEntry("KL-1", "An", "Maes"), delivery.Once{})
	r.must(err)
	draft := r.draft(r.lotte())
	old := r.clock.now().UTC().Format("2006-01")
	before, sealed := r.onDisk(), r.texts()
	r.clock.set(r.clock.now().AddDate(0, 1, 0))
	use, err := r.KeyUse(r.ctx())
	if err != nil || len(use) != 1 || use[old] < 5 {
		t.Fatalf("%v %v", use, err)
	}
	failing := rewrapper(func(delivery.Stored) (delivery.Stored, error) { return delivery.Stored{}, vault.ErrAltered })
	if n, err := r.RewrapKeys(r.ctx(), failing, old); n != 0 || !errors.Is(err, vault.ErrAltered) {
		t.Errorf("what does not open: %d, %v", n, err)
	}
	overtaken := rewrapper(func(s delivery.Stored) (delivery.Stored, error) { // somebody writes the row meanwhile
		r.exec(`UPDATE addressee SET wrapped_key = wrapped_key || '\x00' WHERE wrapped_key = $1`, s.Key)
		return keys.Rewrap(s)
	})
	if n, err := r.RewrapKeys(r.ctx(), overtaken, old); n != use[old]-1 || err != nil {
		t.Errorf("carried %d of %d with one overtaken: %v", n, use[old], err)
	}
	r.exec(`UPDATE addressee SET wrapped_key = substr(wrapped_key, 1, length(wrapped_key) - 1)`)
	for round, want := range []int{1, 0} {
		if n, err := r.RewrapKeys(r.ctx(), keys, old); n != want || err != nil {
			t.Errorf("round %d: %d, %v", round, n, err)
		}
	}
	if use, err = r.KeyUse(r.ctx()); err != nil || len(use) != 1 || use[old] != 0 {
		t.Errorf("after: %v %v", use, err)
	}
	if r.onDisk() != before || !slices.Equal(r.texts(), sealed) {
		t.Error("content was rewritten")
	}
	r.must(keys.Destroy(old))
	for part := range 2 {
		_, body, err := r.OpenPart(r.ctx(), c, part)
		r.must(err)
		r.must(errors.Join(errorOf(io.Copy(io.Discard, body)), body.Close()))
	}
	r.must(errorOf(r.Template(r.ctx(), r.account, made.ID)))
	r.must(errorOf(r.Addressee(r.ctx(), r.account, entry.ID)))
	r.must(errorOf(r.Draft(r.ctx(), r.account, draft.ID)))
	r.clean()
	lost := r.draft(r.lotte())
	now := r.clock.now().UTC().Format("2006-01")
	r.clock.set(r.clock.now().AddDate(0, 1, 0))
	r.must(keys.Destroy(now)) // by somebody who did not look
	if _, err := r.Draft(r.ctx(), r.account, lost.ID); !errors.Is(err, vault.ErrShredded) {
		t.Errorf("what was not carried: %v", err)
	}
	if n, err := r.RewrapKeys(r.ctx(), keys, now); n != 0 || !errors.Is(err, vault.ErrShredded) {
		t.Errorf("too late: %d, %v", n, err)
	}
	if _, err := r.pool.Exec(r.ctx(), `UPDATE template_version SET sealed = '\x00', key_id = 'x', wrapped_key = '\x01'`); err == nil || !strings.Contains(err.Error(), "written once") {
		t.Errorf("a version of a template is changed: %v", err)
	}
	rows, err := r.pool.Query(r.ctx(), `SELECT table_name FROM information_schema.columns WHERE column_name = 'wrapped_key' AND table_schema = current_schema()`)
	r.must(err)
	var table string
	for rows.Next() {
		r.must(rows.Scan(&table))
		if !slices.Contains(delivery.WrappedTables(), table) {
			t.Errorf("keys of %s are never carried", table)
		}
	}
	r.must(rows.Err())
}

type rewrapper func(delivery.Stored) (delivery.Stored, error)

func (f rewrapper) Rewrap(s delivery.Stored) (delivery.Stored, error) { return f(s) }

// texts are all small content, as it is encrypted.
func (r *rig) texts() (all []string) {
	r.t.Helper()
	rows, err := r.pool.Query(r.ctx(), `SELECT encode(x, 'hex') FROM (SELECT inline FROM document UNION ALL SELECT sealed FROM template_version
 UNION ALL SELECT sealed FROM addressee UNION ALL SELECT sealed FROM draft) t (x) WHERE x IS NOT NULL ORDER BY 1`)
	r.must(err)
	var one string
	for rows.Next() {
		r.must(rows.Scan(&one))
		all = append(all, one)
	}
	r.must(rows.Err())
	return all
}
