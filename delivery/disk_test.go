package delivery_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// objectFiles are the files of the vault.
func (r *rig) objectFiles() (paths []string) {
	r.t.Helper()
	r.must(filepath.WalkDir(r.objects, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

// TestDisk loses and changes content on the disk.
func TestDisk(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string, b []byte) error{
		"one bit":  func(path string, b []byte) error { b[len(b)-1] ^= 1; return os.WriteFile(path, b, 0o600) },
		"cut off":  func(path string, b []byte) error { return os.WriteFile(path, b[:len(b)-1], 0o600) },
		"longer":   func(path string, b []byte) error { return os.WriteFile(path, append(b, 0), 0o600) },
		"emptied":  func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"deleted":  func(path string, _ []byte) error { return os.Remove(path) },
		"replaced": func(path string, _ []byte) error { return os.WriteFile(path, []byte(strings.Repeat("x", 4096)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			d, c := r.consigned()
			path := r.objectFiles()[0]
			b, err := os.ReadFile(path)
			r.must(err)
			r.must(os.Chmod(path, 0o600))
			r.must(harm(path, b))
			if found := r.faults(); len(found) != 1 || !strings.HasPrefix(found[0], "part 1: ") {
				t.Errorf("fsck found %q", found)
			}
			_, body, err := r.OpenPart(r.ctx(), c, 1)
			if err == nil {
				_, err = io.Copy(io.Discard, body)
				body.Close()
			}
			if err == nil {
				t.Fatal("read without an error")
			}
			r.must(r.Damaged(r.ctx(), c, 1))
			if got := r.again(d); got.State != delivery.Consigned || got.Got(1) {
				t.Errorf("%s with %v", got.State, got.Taken)
			}
		})
	}
}

// TestConsignWaitsForContent opens nothing while content is missing; the
// acceptance stands, and the job tries again.
func TestConsignWaitsForContent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	doc := r.upload("%PDF-1.7 content")
	d := r.notified(func(s *delivery.Submission) { s.Documents = []string{doc} })
	c := r.identified(d)
	path := r.objectFiles()[0]
	r.must(os.Rename(path, path+"-away"))
	if got, err := r.Accept(r.ctx(), c); err != nil || got.State != delivery.Accepted {
		t.Fatalf("%s, %v", got.State, err)
	}
	if _, err := r.Consign(r.ctx(), d.ID, nil); err == nil {
		t.Error("opened without content")
	}
	if n := r.count(`SELECT count(*) FROM river_job WHERE kind = 'delivery_consign'`); n != 1 {
		t.Errorf("%d jobs to open it", n)
	}
	r.must(os.Rename(path+"-away", path))
	if got, err := r.Consign(r.ctx(), d.ID, nil); err != nil || got.State != delivery.Consigned {
		t.Errorf("%s, %v", got.State, err)
	}
	if got, err := r.Consign(r.ctx(), d.ID, nil); err != nil || got.State != delivery.Consigned {
		t.Errorf("again: %s, %v", got.State, err)
	}
}

// TestPostFails leaves F.2 and can be tried again; two tries at once hand over
// one letter that can be read.
func TestPostFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	r.clock.set(d.RespondBy)
	_, err := r.Sweep(r.ctx(), 10)
	r.must(err)
	r.partner.fail = errors.New("printer is on fire")
	if err := r.PostNow(r.ctx(), d.ID); err == nil {
		t.Error("no error although the partner failed")
	}
	if got := r.again(d); got.State != delivery.Expired {
		t.Errorf("after a failure: %s", got.State)
	}
	r.partner.fail = nil
	post := func() error { return r.PostNow(r.ctx(), d.ID) }
	won(t, race(post, post, post, post))
	if n := r.count(`SELECT count(*) FROM erds_event WHERE name = 'RelayToNonERDS'`); n != 1 {
		t.Errorf("handed over %d times", n)
	}
	letter, sum, err := r.Letter(r.ctx(), r.account, d.ID)
	r.must(err)
	_, err = io.Copy(io.Discard, letter)
	if err := errors.Join(err, letter.Close()); err != nil || len(sum) != 64 {
		t.Errorf("the letter kept cannot be read: %v", err)
	}
	if r.stored() != 1 {
		t.Errorf("%d objects for one letter", r.stored())
	}
	// A report may be faster than our own record of the letter: it is kept a day.
	r.partner.say(delivery.PostReport{ID: "fast", Item: "not-yet", Status: delivery.PostAccepted, At: r.clock.now()})
	r.must(r.ReadPost(r.ctx()))
	if len(r.partner.reports) != 1 {
		t.Error("a report that came early is lost")
	}
	r.clock.pass(24 * time.Hour)
	r.must(r.ReadPost(r.ctx()))
	if len(r.partner.reports) != 0 {
		t.Error("a report of nothing is kept for ever")
	}
	// Reports of another item, of nothing, and backwards lead nowhere.
	item := r.again(d).Post.Item
	for i, s := range []delivery.PostStatus{delivery.PostReturned, delivery.PostAccepted, delivery.PostDelivered, "lost"} {
		r.partner.say(delivery.PostReport{ID: string(s), Item: item, Status: s, Cause: "unclaimed", At: r.clock.now()})
		r.must(r.ReadPost(r.ctx()))
		if got := r.again(d); got.State != delivery.Returned || len(r.partner.reports) != 0 {
			t.Errorf("report %d: %s, %d reports left", i, got.State, len(r.partner.reports))
		}
	}
	r.clean()
}
