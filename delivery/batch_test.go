package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/delivery"
)

func TestGathered(t *testing.T) {
	t.Parallel()
	g := newRig(t).gathering()
	doc, other := g.upload("a"), g.upload("b")
	g.block()
	test := g.sender(g.account)
	test.Test = true
	list := []*attempt{
		g.add(submission(1), delivery.Once{}),
		g.add(submission(3, withDocuments(doc, other)), once("k-1", "x")),
		g.add(submission(2), once("k-2", "y")),
		g.addBy(test, submission(1), once("k-3", "z")),
		g.addBy(g.sender(g.newAccount()), submission(1), once("k-1", "x")),
	}
	g.release()
	for i, a := range list {
		if a.err != nil || a.replayed || a.panicked != nil {
			t.Fatalf("%d: %t, %v, %v", i, a.replayed, a.err, a.panicked)
		}
		stored := g.deliveries(a.m)
		if len(stored) != len(a.list) || len(stored) != a.m.Deliveries {
			t.Fatalf("%d: %d deliveries stored, %d answered, %d asked", i, len(stored), len(a.list), a.m.Deliveries)
		}
		for k, d := range a.list {
			if s := stored[k]; s.ID != d.ID || s.Hash != d.Hash || s.Position != k+1 || s.Recipient.Email != d.Recipient.Email || s.Message.Number != a.m.Number {
				t.Errorf("%d: delivery %d answered as %+v, stored as %+v", i, k, d, s)
			}
		}
	}
	if n := g.transactions(list...); n != 1 {
		t.Errorf("%d transactions for what waited together", n)
	}
	if parts := list[1].m.Parts; len(parts) != 3 || parts[1].Size != 1 {
		t.Errorf("parts %+v", parts)
	}
	if n := g.count(`SELECT count(*) FROM document WHERE message_id = $1`, string(list[1].m.ID)); n != 3 {
		t.Errorf("%d parts are stored", n)
	}
	again, replayed, err := g.rig.Submit(g.ctx(), g.sender(g.account), submission(2), once("k-2", "y"))
	if err != nil || !replayed || again.ID != list[2].m.ID {
		t.Errorf("again: %s, %t, %v", again.ID, replayed, err)
	}
	g.clean()
}

// TestOneOfMany gathers submissions of which some cannot be: each gets its own
// answer, and the others stand, in the one transaction.
func TestOneOfMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	earlier, _, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), once("old", "x"))
	r.must(err)
	doc, taken, wanted, own := r.upload("a"), r.upload("b"), r.upload("c"), r.upload("d")
	r.submit(1, withDocuments(taken))
	revoked := r.sender(r.account)
	revoked.By.Subject = "5f0c8b1e-6a52-4d8e-9a53-0f2b64a1d001"
	r.newPerson(revoked.By.Subject, "Piet", "Claes")
	r.revoke(r.grant(r.account, revoked.By.Subject, "founder", "{send}", "{}"))

	g := r.gathering()
	g.block()
	good := []*attempt{g.add(submission(1), delivery.Once{}), g.add(submission(1, withDocuments(wanted)), once("new", "x"))}
	replay, reused := g.add(submission(1), once("old", "x")), g.add(submission(1), once("old", "other"))
	twin, clash := g.add(submission(1), once("new", "x")), g.add(submission(1), once("new", "other"))
	late := g.add(submission(1, withDocuments(wanted)), delivery.Once{})
	bound := g.add(submission(1, withDocuments(own, taken)), once("bound", "x"))
	foreign := g.addBy(g.sender(g.newAccount()), submission(1, withDocuments(doc)), delivery.Once{})
	unauthorised := g.addBy(revoked, submission(1), once("revoked", "x"))
	good = append(good, g.add(submission(1, withDocuments(doc)), delivery.Once{}))
	g.release()

	for i, a := range good {
		if a.err != nil || a.replayed {
			t.Errorf("good %d: %t, %v", i, a.replayed, a.err)
		}
	}
	if n := g.transactions(good...); n != 1 {
		t.Errorf("the good ones are in %d transactions", n)
	}
	if replay.err != nil || !replay.replayed || replay.m.ID != earlier.ID {
		t.Errorf("replay: %s, %t, %v", replay.m.ID, replay.replayed, replay.err)
	}
	if twin.err != nil || !twin.replayed || twin.m.Number != good[1].m.Number {
		t.Errorf("the same twice at once: %s, %t, %v", twin.m.Number, twin.replayed, twin.err)
	}
	for name, a := range map[string]*attempt{"key of another message": reused, "key of another of the same transaction": clash} {
		if !errors.Is(a.err, delivery.ErrKeyReused) {
			t.Errorf("%s: %v", name, a.err)
		}
	}
	fields(t, late.err, "/documents/0 document_unknown")
	fields(t, bound.err, "/documents/1 document_unknown")
	fields(t, foreign.err, "/documents/0 document_unknown")
	if unauthorised.err == nil {
		t.Error("submitted under a mandate that was withdrawn")
	}
	if n := g.count(`SELECT count(*) FROM document WHERE id = $1 AND message_id IS NULL`, own); n != 1 {
		t.Error("a refused submission took a document")
	}
	if n := g.count(`SELECT count(*) FROM idempotency WHERE key IN ('bound', 'revoked')`); n != 0 {
		t.Errorf("%d keys of refused submissions are taken", n)
	}
	g.clean()
}

// TestCommitOfManyUnheard: when the answer to the commit of several is lost, each
// learns that it is there, once, and its credit and its day count once.
func TestCommitOfManyUnheard(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.submit(1)
	var commits atomic.Int64
	cfg := r.pool.Config()
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return deafConn{c, &commits}, err
	}
	pool, err := pgxpool.NewWithConfig(r.ctx(), cfg)
	r.must(err)
	defer pool.Close()
	g := r.gathering(func(c *delivery.Config) { c.Pool = pool })
	g.block()
	doc := r.upload("a")
	keyed, plain := g.add(submission(2, withDocuments(doc)), once("heard", "x")), g.add(submission(1), delivery.Once{})
	g.release()
	if commits.Load() < 2 {
		t.Fatal("no commit was lost")
	}
	for i, a := range []*attempt{keyed, plain} {
		if a.err != nil || a.replayed || len(a.list) != 2-i || a.list[0].State != delivery.Submitted || a.m.Number == "" {
			t.Errorf("%d: %+v with %d deliveries, replayed %t, %v", i, a.m.Number, len(a.list), a.replayed, a.err)
		}
	}
	if n := g.transactions(keyed, plain); n != 1 {
		t.Errorf("written by %d transactions", n)
	}
	again, replayed, err := g.Submit(g.ctx(), g.sender(g.account), submission(2, withDocuments(doc)), once("heard", "x"))
	if err != nil || !replayed || again.ID != keyed.m.ID {
		t.Errorf("again: %s, %t, %v", again.ID, replayed, err)
	}
	if n := g.count(`SELECT count(*) FROM message`); n != 4 {
		t.Errorf("%d messages", n)
	}
	g.clean()
}

// deafConn does not hear the answer to the second commit.
type deafConn struct {
	net.Conn
	commits *atomic.Int64
}

func (c deafConn) Write(b []byte) (int, error) {
	if !bytes.Contains(b, []byte("commit\x00")) || c.commits.Add(1) != 2 {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b)
	_, _ = c.Conn.Read(make([]byte, 1)) // when it is done
	c.Conn.Close()
	return n, err
}

// TestBadRowOfMany makes the database refuse one of several, at once and at the
// commit: it gets the error, by itself, and the others stand.
func TestBadRowOfMany(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{
		"row": `ALTER TABLE message ADD CONSTRAINT never CHECK (subject <> 'bad')`,
		"number": `CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.number := (SELECT min(number) FROM message); RETURN NEW; END $$;
			CREATE TRIGGER again BEFORE INSERT ON message FOR EACH ROW WHEN (NEW.subject = 'bad') EXECUTE FUNCTION again()`,
		"commit": `CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never' USING ERRCODE = 'integrity_constraint_violation'; END $$;
			CREATE CONSTRAINT TRIGGER never AFTER INSERT ON message DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.subject = 'bad') EXECUTE FUNCTION never()`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.exec(schema)
			r.submit(1)
			g := r.gathering()
			g.block()
			a, bad, b := g.add(submission(2), once("a", "x")), g.add(submission(1, named("bad")), once("bad", "x")), g.add(submission(1), delivery.Once{})
			g.release()
			if a.err != nil || b.err != nil || a.replayed || len(a.list) != 2 || len(b.list) != 1 {
				t.Errorf("the others: %v with %d, %v with %d", a.err, len(a.list), b.err, len(b.list))
			}
			if _, ok := errors.AsType[*pgconn.PgError](bad.err); !ok {
				t.Errorf("the bad one: %v", bad.err)
			}
			if n := g.count(`SELECT count(*) FROM message WHERE subject = 'bad'`) + g.count(`SELECT count(*) FROM idempotency WHERE key = 'bad'`); n != 0 {
				t.Errorf("%d rows of the bad one", n)
			}
			g.clean()
		})
	}
}

// TestNextWhileTheDiskIsWaitedFor holds one transaction at its commit: others are
// written meanwhile, and it is answered after it.
func TestNextWhileTheDiskIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`CREATE TABLE gate ();
		CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET LOCAL lock_timeout = 0; LOCK TABLE gate IN SHARE MODE; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON message DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.subject = 'slow') EXECUTE FUNCTION slow()`)
	gate, err := r.pool.Begin(r.ctx())
	r.must(err)
	_, err = gate.Exec(r.ctx(), `LOCK TABLE gate IN ACCESS EXCLUSIVE MODE`)
	r.must(err)
	for held, together := range []int{1, 2} {
		g := r.gathering()
		g.block()
		var slow []*attempt
		for range together {
			slow = append(slow, g.add(submission(1, named("slow")), delivery.Once{}))
		}
		close(g.outbox.hold)
		g.until(func() bool {
			return g.count(`SELECT count(*) FROM pg_locks WHERE relation = 'gate'::regclass AND NOT granted`) > held
		})
		quick := g.start(g.ctx(), g.sender(g.account), submission(1), delivery.Once{})
		if <-quick.done; quick.err != nil {
			t.Errorf("behind %d: %v", together, quick.err)
		}
		for _, a := range slow {
			select {
			case <-a.done:
				t.Errorf("one of %d is answered before its commit: %v", together, a.err)
			default:
			}
		}
		defer func() {
			for _, a := range slow {
				if <-a.done; a.err != nil {
					t.Errorf("one of %d: %v", together, a.err)
				}
			}
			g.clean()
		}()
	}
	r.must(gate.Rollback(r.ctx()))
}

// TestPanicOfMany holds that a panic is met by the one who caused it only, and
// that the queue goes on.
func TestPanicOfMany(t *testing.T) {
	t.Parallel()
	g := newRig(t).gathering()
	g.block()
	a, bad, b := g.add(submission(1), delivery.Once{}), g.add(submission(1, named("panic")), delivery.Once{}), g.add(submission(1), delivery.Once{})
	g.release()
	if a.err != nil || b.err != nil || a.panicked != nil || b.panicked != nil {
		t.Errorf("the others: %v, %v, %v, %v", a.err, b.err, a.panicked, b.panicked)
	}
	if bad.panicked == nil {
		t.Errorf("the bad one: %v", bad.err)
	}
	if after := g.start(g.ctx(), g.sender(g.account), submission(1), delivery.Once{}); true {
		if <-after.done; after.err != nil {
			t.Errorf("after a panic: %v", after.err)
		}
	}
	g.clean()
}

// TestLeavesTheQueue gives up while waiting: nothing happened, and nobody waits
// for it.
func TestLeavesTheQueue(t *testing.T) {
	t.Parallel()
	g := newRig(t).gathering()
	g.block()
	ctx, cancel := context.WithCancel(g.ctx())
	before := g.Waiting()
	gone := g.start(ctx, g.sender(g.account), submission(1, named("gone")), once("gone", "x"))
	g.until(func() bool { return g.Waiting() > before })
	stays := g.add(submission(1), delivery.Once{})
	cancel()
	<-gone.done
	if !errors.Is(gone.err, context.Canceled) {
		t.Errorf("gave up: %v", gone.err)
	}
	g.release()
	if stays.err != nil {
		t.Errorf("who stayed: %v", stays.err)
	}
	if n := g.count(`SELECT count(*) FROM message WHERE subject = 'gone'`); n != 0 {
		t.Error("it was submitted although its sender was told otherwise")
	}
	g.clean()
}

// TestManyRecipientsDoNotWait holds that a message to many neither waits for
// small ones nor holds them up.
func TestManyRecipientsDoNotWait(t *testing.T) {
	t.Parallel()
	g := newRig(t).gathering()
	g.block()
	large := g.start(g.ctx(), g.sender(g.account), submission(delivery.MaxSmall+1), delivery.Once{})
	<-large.done
	if large.err != nil || len(large.list) != delivery.MaxSmall+1 {
		t.Errorf("%d deliveries, %v", len(large.list), large.err)
	}
	g.release()
	g.clean()
}

// TestBatchDoesNotWaitForALock lets somebody else hold a document that one of
// several wants: the others are not held up for longer than a moment.
func TestBatchDoesNotWaitForALock(t *testing.T) {
	t.Parallel()
	g := newRig(t).gathering()
	doc := g.upload("a")
	other, err := g.pool.Begin(g.ctx())
	g.must(err)
	_, err = other.Exec(g.ctx(), `SELECT 1 FROM document WHERE id = $1 FOR UPDATE`, doc)
	g.must(err)
	g.block()
	good, waits := g.add(submission(1), delivery.Once{}), g.add(submission(1, withDocuments(doc)), delivery.Once{})
	close(g.outbox.hold)
	<-good.done
	if good.err != nil {
		t.Error(good.err)
	}
	g.must(other.Rollback(g.ctx()))
	<-waits.done
	if waits.err != nil {
		t.Error(waits.err)
	}
	<-g.all[0].done
	g.clean()
}

// TestMoreWriters holds that many who wait do not wait for one.
func TestMoreWriters(t *testing.T) {
	t.Parallel()
	g := newRig(t).gathering()
	g.block()
	for range delivery.NextWriter {
		g.add(submission(1), delivery.Once{})
	}
	g.start(g.ctx(), g.sender(g.account), submission(1), delivery.Once{})
	for _, a := range g.all[1:] {
		if <-a.done; a.err != nil {
			t.Error(a.err)
		}
	}
	if n := g.transactions(g.all[1:]...); n != 1 {
		t.Errorf("%d transactions", n)
	}
	g.release()
	g.clean()
}
