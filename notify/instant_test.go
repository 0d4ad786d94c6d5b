package notify_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/bode-erds/bode/migrations/pgtest"
	"github.com/bode-erds/bode/notify"
)

// noJobs is a queue that takes everything and does nothing.
type noJobs struct{}

func (noJobs) InsertManyTx(context.Context, pgx.Tx, []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
	return nil, nil
}

// between does something once, after the first statement about attempts.
type between struct {
	once sync.Once
	do   func()
}

type aboutAttempts struct{}

func (b *between) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, aboutAttempts{}, strings.Contains(q.SQL, "notify_attempt"))
}

func (b *between) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if is, _ := ctx.Value(aboutAttempts{}).(bool); is {
		b.once.Do(b.do)
	}
}

// While a run reads, another registers attempts of the same notices, and dies:
// the job comes back, because nobody else would.
func TestJobComesBackWhenAnotherRunTookItsNotices(t *testing.T) {
	t.Parallel()
	r := &rig{t: t, pool: pgtest.New(t), clock: &clock{}, source: &source{}, sink: &sink{}, account: uuid.NewString()}
	service, err := notify.New(notify.Config{Now: r.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	service.UseJobs(noJobs{})
	r.service = service
	all := r.many(2)
	r.enqueue(all...)

	cfg := r.pool.Config().Copy()
	cfg.ConnConfig.Tracer = &between{do: func() {
		r.exec(`UPDATE notice SET tries = 1, not_before = $1`, time.Now().Add(time.Minute))
		r.exec(`INSERT INTO notify_attempt (notice_id, number, started_at) SELECT id, 1, created_at FROM notice`)
	}}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	channel := &scripted{}
	w, err := notify.NewWorker(notify.WorkerConfig{Pool: pool, Source: r.source, Sink: r.sink, Transports: byMail(channel), Now: r.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Work(t.Context(), &river.Job[notify.SendArgs]{JobRow: &rivertype.JobRow{}, Args: notify.SendArgs{NoticeIDs: []string{all[0].ID, all[1].ID}}})
	var snooze *rivertype.JobSnoozeError
	if !errors.As(err, &snooze) {
		t.Errorf("got %v, want to come back", err)
	}
	if n := len(channel.messages()); n != 0 {
		t.Errorf("%d went out beside the run that has them", n)
	}
}
