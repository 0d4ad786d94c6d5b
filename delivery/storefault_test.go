package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

var errStore = errors.New("the object store does not answer")

// moody is an object store whose answers are lost, after it did what was asked or
// instead of it.
type moody struct {
	delivery.Vault
	does bool
}

func (m moody) Put(ctx context.Context, name string, r io.Reader) (delivery.Stored, error) {
	if m.does {
		if _, err := m.Vault.Put(ctx, name, r); err != nil {
			return delivery.Stored{}, err
		}
	}
	return delivery.Stored{}, errStore
}

func (m moody) Open(context.Context, delivery.Stored) (io.ReadCloser, error) { return nil, errStore }

func (m moody) Delete(ctx context.Context, name string) error {
	if m.does {
		if err := m.Vault.Delete(ctx, name); err != nil {
			return err
		}
	}
	return errStore
}

// TestStoreFailsBothWays loses the answer of the object store at every step: what
// was done and what was not. Nothing that failed counts, the same command later
// does it once, and of what was done in vain nothing is left.
func TestStoreFailsBothWays(t *testing.T) {
	t.Parallel()
	for _, does := range []bool{true, false} {
		t.Run(fmt.Sprintf("done %t", does), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			broken := r.service(func(c *delivery.Config) { c.Vault = moody{c.Vault, does} })
			fails := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, errStore) {
					t.Errorf("%s: %v, want the fault of the store", what, err)
				}
			}
			r.storeFailsAtUpload(broken, fails)

			d, c := r.consigned()
			for part := range 2 {
				_, body, err := broken.OpenPart(r.ctx(), c, part)
				if part == 1 {
					fails("read", err)
				} else {
					r.must(errors.Join(err, body.Close())) // a short text is in the row
				}
			}
			if got := r.again(d); got.State != delivery.Consigned || len(got.Taken) != 0 {
				t.Errorf("after a read that failed: %s, %v", got.State, got.Taken)
			}
			r.clean()

			late := r.expired(func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
			fails("post", broken.PostNow(r.ctx(), late.ID))
			if got := r.again(late); got.State != delivery.Expired || got.Post != nil {
				t.Errorf("a letter that is not kept is on its way: %s", got.State)
			}
			r.must(r.PostNow(r.ctx(), late.ID))
			if n := r.count(`SELECT count(*) FROM erds_event WHERE name = 'RelayToNonERDS'`); n != 1 {
				t.Errorf("handed over %d times", n)
			}
			r.clean()

			r.clock.set(r.clock.now().AddDate(0, delivery.DefaultRetention+1, 0))
			_, err := broken.Retain(r.ctx(), 10)
			fails("purge", err)
			if n := r.count(`SELECT count(*) FROM document WHERE message_id IS NOT NULL AND (wrapped_key IS NOT NULL OR inline IS NOT NULL)`); n != 0 {
				t.Errorf("%d keys outlived a removal that began", n)
			}
			if n := r.count(`SELECT count(*) FROM erasure`); n != 0 {
				t.Errorf("%d removals are certified while their objects may be there", n)
			}
			if n, err := r.Retain(r.ctx(), 10); n != 2 || err != nil {
				t.Errorf("going on: %d, %v", n, err)
			}
			r.nothingInVain()
		})
	}
}

// storeFailsAtUpload uploads in vain, and then the same once more, twice.
func (r *rig) storeFailsAtUpload(broken *delivery.Service, fails func(string, error)) {
	r.t.Helper()
	send := func(s *delivery.Service) (delivery.Document, error) {
		d, _, err := s.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: "a.pdf", MediaType: "application/pdf"}, strings.NewReader("%PDF-1.7 long enough"), once("upload", "x"))
		return d, err
	}
	_, err := send(broken)
	fails("upload", err)
	if n := r.count(`SELECT count(*) FROM document`); n != 0 {
		r.t.Errorf("%d documents of a store that failed", n)
	}
	first, err := send(r.Service)
	r.must(err)
	again, err := send(r.Service)
	r.must(err)
	if first.ID != again.ID {
		r.t.Errorf("uploaded twice: %s, %s", first.ID, again.ID)
	}
}

// nothingInVain lets what was stored in vain grow old, and finds it gone.
func (r *rig) nothingInVain() {
	r.t.Helper()
	for _, path := range r.objectFiles() {
		at := r.clock.now().Add(-72 * time.Hour)
		r.must(os.Chtimes(path, at, at))
	}
	_, err := r.SweepOrphans(r.ctx())
	r.must(err)
	if left := r.objectFiles(); len(left) != 0 {
		r.t.Errorf("left in the store: %q", left)
	}
	r.clean()
}
