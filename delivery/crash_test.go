package delivery_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

var errCrash = errors.New("the machine stops here")

// The crashing parts do their work and then fail: what they wrote must go too.
type (
	crashJournal struct{ delivery.Journal }
	crashNotices struct{ delivery.Notices }
	crashOutbox  struct{ delivery.Outbox }
	crashCodes   struct{ delivery.Codes }
)

func (c crashJournal) Record(ctx context.Context, tx pgx.Tx, e ...evidence.Event) ([][32]byte, error) {
	h, err := c.Journal.Record(ctx, tx, e...)
	return h, errors.Join(err, errCrash)
}

func (c crashJournal) Queue(ctx context.Context, b *pgx.Batch, e ...evidence.Event) ([][32]byte, []river.InsertManyParams, error) {
	h, jobs, err := c.Journal.Queue(ctx, b, e...)
	return h, jobs, errors.Join(err, errCrash)
}

func (c crashNotices) Queue(b *pgx.Batch, n ...notify.Notice) ([]river.InsertManyParams, error) {
	jobs, err := c.Notices.Queue(b, n...)
	return jobs, errors.Join(err, errCrash)
}

func (c crashNotices) Enqueue(ctx context.Context, tx pgx.Tx, n ...notify.Notice) error {
	return errors.Join(c.Notices.Enqueue(ctx, tx, n...), errCrash)
}

func (c crashNotices) Forget(ctx context.Context, tx pgx.Tx, d ...string) error {
	return errors.Join(c.Notices.Forget(ctx, tx, d...), errCrash)
}

func (c crashOutbox) InsertManyTx(ctx context.Context, tx pgx.Tx, p []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	r, err := c.Outbox.InsertManyTx(ctx, tx, p)
	return r, errors.Join(err, errCrash)
}

func (c crashCodes) Forget(ctx context.Context, tx pgx.Tx, d string) error {
	return errors.Join(c.Codes.Forget(ctx, tx, d), errCrash)
}

// TestCrash dies in every part of every command: nothing happened, and the same
// command on a whole machine then succeeds.
func TestCrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
	c := r.identified(open)
	late := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "c@example.be" })
	gone := r.submit(1, func(s *delivery.Submission) { s.Recipients[0].Email = "d@example.be" })
	doc := r.upload("x")
	broken := map[string]*delivery.Service{
		"journal": r.service(func(c *delivery.Config) { c.Journal = crashJournal{c.Journal} }),
		"notices": r.service(func(c *delivery.Config) { c.Notices = crashNotices{c.Notices} }),
		"outbox":  r.service(func(c *delivery.Config) { c.Outbox = crashOutbox{c.Outbox} }),
		"codes":   r.service(func(c *delivery.Config) { c.Codes = crashCodes{c.Codes} }),
	}
	state := func() (s string) {
		t.Helper()
		r.must(r.pool.QueryRow(r.ctx(), `SELECT format('%s events, %s notices, %s jobs, %s messages, %s bound, %s open, %s keys, %s',
			(SELECT count(*) FROM erds_event), (SELECT count(*) FROM notice), (SELECT count(*) FROM river_job), (SELECT count(*) FROM message),
			(SELECT count(*) FROM document WHERE message_id IS NOT NULL), (SELECT count(*) FROM deadline WHERE done_at IS NULL),
			(SELECT count(*) FROM idempotency), (SELECT string_agg(state || last_seq, ',' ORDER BY id) FROM delivery))`).Scan(&s))
		return s
	}
	for _, command := range []struct {
		name  string
		parts []string
		do    func(*delivery.Service) error
	}{
		{"submit", []string{"journal", "notices", "outbox"}, func(s *delivery.Service) error {
			_, _, err := s.Submit(r.ctx(), r.sender(r.account), submission(3, func(s *delivery.Submission) { s.Documents = []string{doc} }), once("k", "x"))
			return err
		}},
		{"send codes", []string{"journal", "notices"}, func(s *delivery.Service) error {
			_, err := s.SendCodes(r.ctx(), late, "", addressee(r.clock.now()))
			return err
		}},
		{"identify", []string{"journal"}, func(s *delivery.Service) error { return s.Identify(r.ctx(), c, r.errand(), r.proof(), "", "") }},
		{"accept", []string{"journal", "notices", "outbox"}, func(s *delivery.Service) error { _, err := s.Accept(r.ctx(), c); return err }},
		{"transfer", []string{"journal", "notices"}, func(s *delivery.Service) error { _, err := s.Transferred(r.ctx(), c, 0); return err }},
		{"expire", []string{"journal", "notices", "outbox"}, func(s *delivery.Service) error {
			r.clock.set(late.RespondBy)
			_, err := s.Move(r.ctx(), late.ID, delivery.Delivery.Expire)
			return err
		}},
		{"post", []string{"journal", "notices"}, func(s *delivery.Service) error { return s.PostNow(r.ctx(), late.ID) }},
		{"cancel", []string{"journal"}, func(s *delivery.Service) error {
			_, err := s.Cancel(r.ctx(), r.sender(r.account).By, gone.ID, delivery.Once{})
			return err
		}},
	} {
		before, objects := state(), r.stored()
		for _, part := range command.parts {
			if err := command.do(broken[part]); !errors.Is(err, errCrash) {
				t.Errorf("%s without %s: %v", command.name, part, err)
			}
			if after := state(); after != before || r.stored() != objects {
				t.Errorf("%s without %s left something:\n%s\n%s", command.name, part, before, after)
			}
		}
		if err := command.do(r.Service); err != nil {
			t.Errorf("%s on a whole machine: %v", command.name, err)
		} else if state() == before {
			t.Errorf("%s changes nothing", command.name)
		}
	}
	r.clean()
	// Removal dies while the others forget; the content is unreadable already.
	r.clock.pass(900 * 24 * 3600 * 1e9)
	for _, part := range []string{"notices", "codes"} {
		if _, err := broken[part].Retain(r.ctx(), 100); !errors.Is(err, errCrash) {
			t.Errorf("retain without %s: %v", part, err)
		}
		r.clean()
	}
	for range 2 {
		_, err := r.Retain(r.ctx(), 100)
		r.must(err)
	}
	if n := r.count(`SELECT count(*) FROM message`); n != 0 || r.stored() != 0 {
		t.Errorf("%d messages and %d objects are left", n, r.stored())
	}
}
