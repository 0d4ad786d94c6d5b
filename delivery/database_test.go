package delivery_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/migrations"
	"github.com/bode-erds/bode/migrations/pgproc"
)

// mortal is a PostgreSQL of its own, durable, that a test kills and starts again.
type mortal struct {
	t      *testing.T
	dir    string
	server *pgproc.Server
}

func newMortal(t *testing.T) *mortal {
	t.Helper()
	parent, err := os.MkdirTemp("", "bode-mortal") // the server is another user than root, who must get there
	if err == nil {
		err = os.Chmod(parent, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{t: t, dir: filepath.Join(parent, "postgres")}
	m.start()
	t.Cleanup(func() {
		m.stop()
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *mortal) start() {
	m.t.Helper()
	var err error
	if m.server, err = pgproc.Start(m.t.Context(), pgproc.Config{Dir: m.dir}); err != nil {
		m.t.Fatal(err)
	}
}

// stop ends the server, or gives back what a killed one held.
func (m *mortal) stop() {
	m.t.Helper()
	if err := m.server.Stop(context.WithoutCancel(m.t.Context())); err != nil {
		m.t.Error(err)
	}
}

// kill ends the server as a power cut of its machine would, but for the disk: nothing
// is said to anybody, and none of its processes goes on. One that is busy would not see
// in time that the first is gone, and commit.
func (m *mortal) kill() {
	m.t.Helper()
	serving := m.serving()
	end, tick := time.After(10*time.Second), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		err := m.killOnce()
		if err == nil {
			for _, pid := range serving {
				_ = syscall.Kill(pid, syscall.SIGKILL) // unless it saw it already
			}
			<-m.server.Done()
			return
		}
		select {
		case <-tick.C: // the file may still name the server before
		case <-end:
			m.t.Error(err)
			return
		}
	}
}

// serving are the processes that serve somebody.
func (m *mortal) serving() (pids []int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, m.server.URL())
	if err == nil {
		defer c.Close(ctx)
		var rows pgx.Rows
		if rows, err = c.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err == nil {
			pids, err = pgx.CollectRows(rows, pgx.RowTo[int])
		}
	}
	if err != nil || len(pids) == 0 {
		m.t.Errorf("nobody is served: %v", err)
	}
	return pids
}

func (m *mortal) killOnce() error {
	text, err := os.ReadFile(filepath.Join(m.dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// The killing parts do their work and then end the database, before the transaction
// that it was done in is over.
type (
	killJournal struct {
		delivery.Journal
		*mortal
	}
	killCodes struct {
		delivery.Codes
		*mortal
	}
)

func (k killJournal) Record(ctx context.Context, tx pgx.Tx, e ...evidence.Event) ([][32]byte, error) {
	h, err := k.Journal.Record(ctx, tx, e...)
	k.kill()
	return h, err
}

func (k killJournal) Queue(ctx context.Context, b *pgx.Batch, e ...evidence.Event) ([][32]byte, []river.InsertManyParams, error) {
	h, jobs, err := k.Journal.Queue(ctx, b, e...)
	k.kill()
	return h, jobs, err
}

func (k killCodes) Forget(ctx context.Context, tx pgx.Tx, d string) error {
	err := k.Codes.Forget(ctx, tx, d)
	k.kill()
	return err
}

// stage is a command of a message's life.
type stage struct {
	name string
	do   func(*delivery.Service) error
}

// life is what befalls two deliveries of r, one that is collected and one that goes by
// post, until both messages are removed; and what is there at any moment of it.
func (r *rig) life() (steps []stage, state func() string) {
	r.t.Helper()
	open := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "b@example.be" })
	c := r.identified(open)
	late := r.notified(func(s *delivery.Submission) { s.Recipients[0].Email = "c@example.be" })
	errand := r.errand()
	steps = []stage{
		{"submit", func(s *delivery.Service) error {
			_, _, err := s.Submit(r.ctx(), r.sender(r.account), submission(3), once("k", "x"))
			return err
		}},
		{"send codes", func(s *delivery.Service) error {
			_, err := s.SendCodes(r.ctx(), late, "", addressee(r.clock.now()))
			return err
		}},
		{"identify", func(s *delivery.Service) error { return s.Identify(r.ctx(), c, errand, r.proof(), "", "") }},
		{"accept", func(s *delivery.Service) error { _, err := s.Accept(r.ctx(), c); return err }},
		{"transfer", func(s *delivery.Service) error { _, err := s.Transferred(r.ctx(), c, 0); return err }},
		{"expire", func(s *delivery.Service) error {
			r.clock.set(late.RespondBy)
			_, err := s.Move(r.ctx(), late.ID, delivery.Delivery.Expire)
			return err
		}},
		{"post", func(s *delivery.Service) error { return s.PostNow(r.ctx(), late.ID) }},
		{"remove", func(s *delivery.Service) error {
			r.clock.pass(900 * 24 * 3600 * 1e9)
			_, err := s.Retain(r.ctx(), 1)
			return err
		}},
	}
	return steps, func() (s string) {
		r.t.Helper()
		r.must(r.pool.QueryRow(r.ctx(), `SELECT format('%s events, %s notices, %s jobs, %s messages, %s keys, %s forgotten, %s',
			(SELECT count(*) FROM erds_event), (SELECT count(*) FROM notice), (SELECT count(*) FROM river_job), (SELECT count(*) FROM message),
			(SELECT count(*) FROM idempotency), (SELECT count(*) FROM erasure), (SELECT string_agg(state || last_seq, ',' ORDER BY id) FROM delivery))`).Scan(&s))
		return s
	}
}

// TestDatabaseKilled: the database dies within each step of submitting, collecting,
// posting and removing. Nothing happened, once it is back the same step succeeds, and
// the books are clean all the while.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	m := newMortal(t)
	pool, err := pgxpool.New(t.Context(), m.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := migrations.Apply(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	r := newRigOn(t, pool)
	dying := r.service(func(c *delivery.Config) { c.Journal, c.Codes = killJournal{c.Journal, m}, killCodes{c.Codes, m} })
	steps, state := r.life()
	for _, step := range steps {
		before := state()
		if err := step.do(dying); !delivery.Unavailable(err) {
			t.Errorf("%s without a database: %v", step.name, err)
		}
		m.stop()
		m.start()
		r.pool.Reset()
		r.nothingThen(step, before, state)
	}
}

// nothingThen holds that a step that failed left nothing, and succeeds now.
func (r *rig) nothingThen(s stage, before string, state func() string) {
	r.t.Helper()
	if after := state(); after != before {
		r.t.Errorf("%s left something:\n%s\n%s", s.name, before, after)
	}
	r.clean()
	if err := s.do(r.Service); err != nil {
		r.t.Errorf("%s afterwards: %v", s.name, err)
	} else if state() == before {
		r.t.Errorf("%s changes nothing", s.name)
	}
	r.clean()
}

// TestDatabaseFull: no table takes another row, as when the disk of the database is
// full; its log, which would end the server, is the matter of TestDatabaseKilled.
func TestDatabaseFull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	steps, state := r.life()
	r.exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`)
	each := func(sql string) {
		t.Helper()
		r.exec(`DO $$ DECLARE t text; BEGIN
			FOR t IN SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' LOOP
				EXECUTE format('` + sql + `', t);
			END LOOP; END $$`)
	}
	for _, step := range steps {
		before := state()
		each(`CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION full_disk()`)
		if err := step.do(r.Service); !delivery.Unavailable(err) {
			t.Errorf("%s on a full disk: %v", step.name, err)
		}
		each(`DROP TRIGGER full_disk ON %I`)
		r.nothingThen(step, before, state)
	}
}
