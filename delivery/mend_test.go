package delivery_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// TestRequeue loses the jobs of what was accepted and of what goes on paper.
func TestRequeue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	c := r.identified(d)
	r.exec(`UPDATE document SET object = object || 'x'`) // cannot be opened yet
	if got, err := r.Accept(r.ctx(), c); err != nil || got.State != delivery.Accepted {
		t.Fatalf("%s, %v", got.State, err)
	}
	expired := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
	r.notified(func(s *delivery.Submission) {
		s.Recipients[0].Email, s.Policy.Fallback = "c@example.be", delivery.FallbackNone
	})
	r.clock.set(expired.RespondBy)
	_, err := r.Sweep(r.ctx(), 10)
	r.must(err)
	jobs := func(want int) {
		t.Helper()
		if n := r.count(`SELECT count(*) FROM river_job WHERE kind IN ('delivery_consign', 'delivery_post') AND state = 'available'`); n != want {
			t.Errorf("%d jobs, want %d", n, want)
		}
	}
	requeue := func(want int) {
		t.Helper()
		if n, err := r.Requeue(r.ctx(), 10); n != want || err != nil {
			t.Errorf("requeued %d (%v), want %d", n, err, want)
		}
	}
	jobs(2)
	r.clock.pass(2 * time.Hour)
	requeue(0) // both are still queued
	jobs(2)
	r.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE kind = 'delivery_consign'`)
	r.exec(`DELETE FROM river_job WHERE kind = 'delivery_post'`)
	requeue(1) // the letter has a day: its failure leaves evidence each time
	r.clock.pass(24 * time.Hour)
	requeue(1)
	jobs(2)
	requeue(0)
	jobs(2)
	r.exec(`DELETE FROM river_job`)
	r.exec(`UPDATE document SET object = rtrim(object, 'x')`)
	_, err = r.Consign(r.ctx(), d.ID, nil)
	r.must(err)
	r.must(r.PostNow(r.ctx(), expired.ID))
	r.clock.pass(26 * time.Hour)
	requeue(0) // nothing is left to do
	r.clean()
}

// TestSweepOrphans removes what died before its commit and nothing else.
func TestSweepOrphans(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.consigned()
	kept := r.objectFiles()
	unbound := r.upload("nobody took it yet")
	d := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
	r.clock.set(d.RespondBy)
	_, err := r.Sweep(r.ctx(), 10)
	r.must(err)
	r.must(r.PostNow(r.ctx(), d.ID))
	whole := r.stored() // a document of a message, one of nobody, a letter
	for _, name := range []string{r.account + "/0193aa00-0000-7000-8000-000000000000", "letter/" + string(d.ID) + "/0193aa00-0000-7000-8000-000000000000"} {
		_, err := r.Vault.Put(r.ctx(), name, strings.NewReader("orphan"))
		r.must(err)
	}
	age := func(d time.Duration) {
		t.Helper()
		for _, path := range r.objectFiles() {
			at := r.clock.now().Add(-d)
			r.must(os.Chtimes(path, at, at))
		}
	}
	age(47 * time.Hour)
	if n, err := r.SweepOrphans(r.ctx()); n != 0 || err != nil || r.stored() != whole+2 {
		t.Errorf("young ones: %d, %v", n, err)
	}
	age(49 * time.Hour)
	if n, err := r.SweepOrphans(r.ctx()); n != 2 || err != nil || r.stored() != whole || whole != 3 {
		t.Errorf("old ones: %d, %v, %d of %d objects are left", n, err, r.stored(), whole)
	}
	if _, err := os.Stat(kept[0]); err != nil {
		t.Error(err)
	}
	if _, err := r.Document(r.ctx(), r.account, delivery.ID(unbound)); err != nil {
		t.Error(err)
	}
	r.clean()
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, change := range map[string]func(*delivery.Config){
		"no pool":       func(c *delivery.Config) { c.Pool = nil },
		"no journal":    func(c *delivery.Config) { c.Journal = nil },
		"no vault":      func(c *delivery.Config) { c.Vault = nil },
		"no codes":      func(c *delivery.Config) { c.Codes = nil },
		"short key":     func(c *delivery.Config) { c.LinkKey = make([]byte, 31) },
		"no address":    func(c *delivery.Config) { c.BaseURL = "" },
		"no name":       func(c *delivery.Config) { c.Service = "" },
		"no host":       func(c *delivery.Config) { c.BaseURL = "bode.example" },
		"no identities": func(c *delivery.Config) { c.Identities = nil },
	} {
		cfg := r.Config
		change(&cfg)
		if _, err := delivery.New(cfg); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}
