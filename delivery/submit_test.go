package delivery_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

func once(key, what string) delivery.Once {
	sum := sha256.Sum256([]byte(what))
	return delivery.Once{Key: key, Digest: sum[:]}
}

// fields asserts the faults of an input, as "pointer code".
func fields(t *testing.T, err error, want ...string) {
	t.Helper()
	var faults delivery.FieldErrors
	if !errors.As(err, &faults) {
		t.Errorf("got %v, want faults %v", err, want)
		return
	}
	var got []string
	for _, f := range faults {
		got = append(got, f.Pointer+" "+f.Code)
	}
	if !slices.Equal(got, want) {
		t.Errorf("faults %v, want %v", got, want)
	}
}

// stored counts the objects in the vault.
func (r *rig) stored() (n int) {
	r.t.Helper()
	r.must(filepath.WalkDir(r.objects, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	}))
	return n
}

func TestSubmit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 600} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			doc := r.upload("%PDF-1.7 content")
			m := r.submit(n, func(s *delivery.Submission) { s.Documents = []string{doc} })
			list := r.deliveries(m)
			if len(list) != n || m.Deliveries != n || len(m.Parts) != 2 || m.Parts[1].Name != "opzegging.pdf" {
				t.Fatalf("%d deliveries, message %+v", len(list), m)
			}
			for i, d := range list {
				if d.Position != i+1 || d.State != delivery.Submitted || d.Seq != 1 || d.Recipient.Email != fmt.Sprintf("an%d@example.be", i) {
					t.Errorf("delivery %d: %+v", i, d)
				}
			}
			sending := map[int]int{1: 1, 3: 1, 600: 16 + 4} // jobs that carry up to 64 notices, of up to 500 deliveries; as many that sign up to 32 events
			for table, want := range map[string]int{"erds_event": n, "notice": 2 * n, "river_job": 2 * sending[n], "document": 2, "message": 1} {
				if got := r.count(`SELECT count(*) FROM ` + table); got != want {
					t.Errorf("%d rows of %s, want %d", got, table, want)
				}
			}
			if got, err := r.Message(r.ctx(), r.account, m.ID); err != nil || cmp.Diff(m, got) != "" {
				t.Errorf("read again: %v %s", err, cmp.Diff(m, got))
			}
			r.clean()
		})
	}
}

func TestSubmitKeepsNumbersAsDigests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const number = "85073003328"
	d := r.deliveries(r.submit(1, func(s *delivery.Submission) { s.Recipients[0].NationalNumber = "85.07.30-033.28" }))[0]
	if want := r.people.NationalNumberDigest(number); d.Recipient.NationalNumber != want {
		t.Errorf("kept %q, want the digest %q", d.Recipient.NationalNumber, want)
	}
	for _, q := range []string{`SELECT count(*) FROM erds_event WHERE body LIKE '%' || $1 || '%'`,
		`SELECT count(*) FROM delivery WHERE recipient::text LIKE '%' || $1 || '%'`,
		`SELECT count(*) FROM river_job WHERE args::text LIKE '%' || $1 || '%'`} {
		if n := r.count(q, number); n != 0 {
			t.Errorf("%s: %d", q, n)
		}
	}
}

func TestSubmitTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := once("k-1", "this")
	submit := func(account string, o delivery.Once) (delivery.Message, bool, error) {
		return r.Submit(r.ctx(), r.sender(account), submission(2), o)
	}
	first, replayed, err := submit(r.account, key)
	if err != nil || replayed {
		t.Fatalf("first: %t, %v", replayed, err)
	}
	again, replayed, err := submit(r.account, key)
	if err != nil || !replayed || cmp.Diff(first, again) != "" {
		t.Errorf("again: %t, %v, not the first answer: %s", replayed, err, cmp.Diff(first, again))
	}
	if _, _, err = submit(r.account, once("k-1", "that")); !errors.Is(err, delivery.ErrKeyReused) {
		t.Errorf("other body: %v, want ErrKeyReused", err)
	}
	if _, _, err = r.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: "a.pdf"}, strings.NewReader("x"), key); !errors.Is(err, delivery.ErrKeyReused) {
		t.Errorf("other kind: %v, want ErrKeyReused", err)
	}
	foreign, replayed, err := submit(r.newAccount(), key)
	if err != nil || replayed || foreign.ID == first.ID {
		t.Errorf("another account: %s, %t, %v", foreign.ID, replayed, err)
	}
	if a, _, _ := submit(r.account, delivery.Once{}); a.ID == first.ID {
		t.Error("without a key the first answer came again")
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	r.clock.pass(31 * 24 * time.Hour)
	if _, err := r.Retain(r.ctx(), 10); err != nil {
		t.Error(err)
	}
	if n := r.count(`SELECT count(*) FROM idempotency`); n != 2 {
		t.Errorf("%d keys are left after a month, want those of the 2 messages that had one", n)
	}
	if r.stored() != 0 {
		t.Errorf("%d objects of refused uploads are left", r.stored())
	}
}

// TestSubmitTogether submits the same thing eight times at once.
func TestSubmitTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sub := submission(1, func(s *delivery.Submission) { s.Documents = []string{r.upload("a"), r.upload("b")} })
	var group sync.WaitGroup
	ids := make([]delivery.ID, 8)
	fresh := make([]bool, 8)
	for i := range ids {
		group.Go(func() {
			m, replayed, err := r.Submit(r.ctx(), r.sender(r.account), sub, once("k", "same"))
			if err != nil {
				t.Error(err)
			}
			ids[i], fresh[i] = m.ID, !replayed
		})
	}
	group.Wait()
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 1 || r.count(`SELECT count(*) FROM message`) != 1 {
		t.Errorf("answers %v, %d messages", ids, r.count(`SELECT count(*) FROM message`))
	}
	if n := len(slices.DeleteFunc(fresh, func(f bool) bool { return !f })); n != 1 {
		t.Errorf("%d of 8 say that they were the first", n)
	}
	r.clean()
}

// TestDocumentsTogether gives the same documents to two messages at once: one
// of them gets all, the other none.
func TestDocumentsTogether(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	docs := []string{r.upload("a"), r.upload("b"), r.upload("c")}
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() {
			_, _, errs[i] = r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Documents = docs }), delivery.Once{})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		fields(t, err, "/documents/0 document_unknown", "/documents/1 document_unknown", "/documents/2 document_unknown")
	}
	if won != 1 || r.count(`SELECT count(*) FROM message`) != 1 {
		t.Errorf("%d won", won)
	}
}

func TestSubmitRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	used := r.upload("used")
	r.submit(1, func(s *delivery.Submission) { s.Documents = []string{used} })
	foreign, mine := "", r.upload("mine")
	{
		d, _, err := r.Upload(r.ctx(), r.newAccount(), delivery.NewDocument{Filename: "a"}, strings.NewReader("x"), delivery.Once{})
		r.must(err)
		foreign = string(d.ID)
	}
	before := r.count(`SELECT count(*) FROM erds_event`)
	_, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) {
		s.Documents = []string{used, mine, foreign, evidence.NewID()}
	}), once("k", "x"))
	fields(t, err, "/documents/0 document_unknown", "/documents/2 document_unknown", "/documents/3 document_unknown")
	_, _, err = r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Subject = "" }), once("k", "x"))
	fields(t, err, "/subject required")
	nobody := r.sender("")
	if _, _, err := r.Submit(r.ctx(), nobody, submission(1), delivery.Once{}); !errors.Is(err, delivery.ErrUnidentified) {
		t.Errorf("nobody: %v", err)
	}
	if _, _, err := r.Submit(r.ctx(), r.sender(evidence.NewID()), submission(1), delivery.Once{}); err == nil {
		t.Error("an account that does not exist submitted")
	}
	// Evidence of it could not be made: the sender was not authenticated.
	unproven := r.sender(r.account)
	unproven.By.Method = ""
	if _, _, err := r.Submit(r.ctx(), unproven, submission(1), delivery.Once{}); err == nil {
		t.Error("an unauthenticated sender submitted")
	}
	if n := r.count(`SELECT count(*) FROM erds_event`); n != before {
		t.Errorf("%d events more", n-before)
	}
	if n := r.count(`SELECT count(*) FROM idempotency`); n != 0 {
		t.Errorf("%d keys are taken by what was refused", n)
	}
	// What was refused took nothing: the document and the key are still free.
	if _, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1, func(s *delivery.Submission) { s.Documents = []string{mine} }), once("k", "y")); err != nil {
		t.Error(err)
	}
	r.clean()
}

func TestUploadRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	boom := errors.New("line dropped")
	for name, c := range map[string]struct {
		in   delivery.NewDocument
		r    io.Reader
		err  error
		want []string
	}{
		"no name":      {in: delivery.NewDocument{Filename: " "}, want: []string{"/filename required"}},
		"a path":       {in: delivery.NewDocument{Filename: "../a"}, want: []string{"/filename filename"}},
		"another path": {in: delivery.NewDocument{Filename: `a\b`}, want: []string{"/filename filename"}},
		"long name":    {in: delivery.NewDocument{Filename: strings.Repeat("a", 201)}, want: []string{"/filename length"}},
		"bad type":     {in: delivery.NewDocument{Filename: "a", MediaType: "pdf"}, want: []string{"/content_type media_type"}},
		"injected":     {in: delivery.NewDocument{Filename: "a", MediaType: "text/plain\r\nX: y"}, want: []string{"/content_type media_type"}},
		"other digest": {in: delivery.NewDocument{Filename: "a", SHA256: strings.Repeat("0", 64)}, err: delivery.ErrDigest},
		"cut off":      {in: delivery.NewDocument{Filename: "a"}, r: io.MultiReader(strings.NewReader("half"), failing{boom}), err: boom},
		"too large":    {in: delivery.NewDocument{Filename: "a"}, r: io.MultiReader(strings.NewReader("x"), failing{delivery.ErrTooLarge}), err: delivery.ErrTooLarge},
	} {
		if c.r == nil {
			c.r = strings.NewReader("content")
		}
		_, _, err := r.Upload(r.ctx(), r.account, c.in, c.r, once("k", "x"))
		if c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		} else if c.err == nil {
			fields(t, err, c.want...)
		}
	}
	if _, _, err := r.Upload(r.ctx(), evidence.NewID(), delivery.NewDocument{Filename: "a"}, strings.NewReader("x"), delivery.Once{}); err == nil {
		t.Error("an account that does not exist uploaded")
	}
	if n := r.count(`SELECT (SELECT count(*) FROM document) + (SELECT count(*) FROM idempotency)`); n != 0 || r.stored() != 0 {
		t.Errorf("%d rows and %d objects are left", n, r.stored())
	}
}

// failing is a line that breaks.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestUploadTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := func(name, content string) (delivery.Document, bool, error) {
		return r.Upload(r.ctx(), r.account, delivery.NewDocument{Filename: name, MediaType: "text/plain; charset=UTF-8"}, strings.NewReader(content), delivery.Once{Key: "k"})
	}
	a, replayed, err := up("a.txt", "x")
	if err != nil || replayed || a.MediaType != "text/plain; charset=UTF-8" || a.Size != 1 {
		t.Fatalf("%+v, %t, %v", a, replayed, err)
	}
	b, replayed, err := up("a.txt", "x")
	if err != nil || !replayed || b.ID != a.ID {
		t.Errorf("again: %+v, %t, %v", b, replayed, err)
	}
	for _, c := range [][2]string{{"b.txt", "x"}, {"a.txt", "y"}} {
		if _, _, err := up(c[0], c[1]); !errors.Is(err, delivery.ErrKeyReused) {
			t.Errorf("%v: %v, want ErrKeyReused", c, err)
		}
	}
	if r.stored() != 1 {
		t.Errorf("%d objects for one document", r.stored())
	}
	if _, err := r.Document(r.ctx(), r.newAccount(), a.ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("another account: %v", err)
	}
	// Nobody takes it: it goes after a day.
	r.clock.pass(24*time.Hour + time.Second)
	if _, err := r.Retain(r.ctx(), 10); err != nil {
		t.Error(err)
	}
	if n := r.count(`SELECT count(*) FROM document`); n != 0 || r.stored() != 0 {
		t.Errorf("%d rows and %d objects are left after a day", n, r.stored())
	}
}

// TestForeign asks for what belongs to another account.
func TestForeign(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.notified()
	other := r.newAccount()
	for name, ask := range map[string]func(account string, m, d delivery.ID) error{
		"message":  func(a string, m, _ delivery.ID) error { _, err := r.Message(r.ctx(), a, m); return err },
		"delivery": func(a string, _, d delivery.ID) error { _, err := r.Delivery(r.ctx(), a, d); return err },
		"events":   func(a string, _, d delivery.ID) error { _, err := r.Events(r.ctx(), a, d); return err },
		"letter":   func(a string, _, d delivery.ID) error { _, _, err := r.Letter(r.ctx(), a, d); return err },
		"cancelling": func(a string, m, _ delivery.ID) error {
			_, err := r.Cancel(r.ctx(), r.sender(a).By, m, delivery.Once{})
			return err
		},
	} {
		if err := ask(other, d.Message.ID, d.ID); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%s of another account: %v, want ErrNotFound", name, err)
		}
		for _, id := range []delivery.ID{"x", delivery.ID(evidence.NewID()), delivery.ID(strings.ToUpper(string(d.ID))), "'; --"} {
			if err := ask(r.account, id, id); !errors.Is(err, delivery.ErrNotFound) {
				t.Errorf("%s %q: %v, want ErrNotFound", name, id, err)
			}
		}
	}
	if list, err := r.Messages(r.ctx(), other, false, "", 10); err != nil || len(list) != 0 {
		t.Errorf("list of another account: %d, %v", len(list), err)
	}
	if list, err := r.Deliveries(r.ctx(), other, d.Message.ID, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("deliveries for another account: %d, %v", len(list), err)
	}
	if list, _, err := r.Feed(r.ctx(), other, false, "", 10); err != nil || len(list) != 0 {
		t.Errorf("feed of another account: %d, %v", len(list), err)
	}
	if again := r.again(d); again.State != delivery.Notified {
		t.Errorf("state %s", again.State)
	}
}

// TestUnreached fails on both channels: it goes on paper at once, or waits for
// the end of the window.
func TestUnreached(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := r.deliveries(r.submit(1))[0]
	if d = r.attempt(d, notify.Email, notify.Permanent); d.State != delivery.Submitted || d.Email != delivery.ReachFailed {
		t.Fatalf("%s, e-mail %q", d.State, d.Email)
	}
	d = r.attempt(d, notify.SMS, notify.Permanent)
	if n := r.count(`SELECT count(*) FROM river_job WHERE kind = 'delivery_post'`); n != 1 {
		t.Errorf("%d jobs to post", n)
	}
	r.must(r.PostNow(r.ctx(), d.ID))
	if d = r.again(d); d.State != delivery.Posting || r.partner.letters[0].Reason != "undeliverable" {
		t.Errorf("%s because %q", d.State, r.partner.letters[0].Reason)
	}
	waits := r.deliveries(r.submit(1, func(s *delivery.Submission) { s.Policy.PostAtOnce = false }))[0]
	waits = r.attempt(r.attempt(waits, notify.Email, notify.Permanent), notify.SMS, notify.Permanent)
	if waits.State != delivery.Submitted || waits.RespondBy.IsZero() {
		t.Fatalf("%s until %s", waits.State, waits.RespondBy)
	}
	r.clock.set(waits.RespondBy)
	if _, err := r.Sweep(r.ctx(), 10); err != nil {
		t.Error(err)
	}
	if waits = r.again(waits); waits.State != delivery.Expired {
		t.Errorf("after the window: %s", waits.State)
	}
	r.clean()
}
