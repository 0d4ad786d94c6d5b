package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// queues gives the figures that live in the database and are the same for every
// process: what waits, and for how long. Each is asked for by an index, at each
// scrape; one that cannot be had is left out, and an alert notices its absence.
type queues struct {
	*app
	jobs, jobAge, noticeAge, deadlineAge, stampCount, stampAge, days, conns, registers *prometheus.Desc
}

func newQueues(a *app) queues {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("bode_"+name, help, labels, nil)
	}
	return queues{a,
		d("jobs", "Jobs that are not done, by kind and state.", "kind", "state"),
		d("jobs_oldest_seconds", "How long the oldest job that is due waits, by kind.", "kind"),
		d("notices_oldest_seconds", "How long the oldest notice that is due waits."),
		d("deadlines_oldest_seconds", "How long the oldest deadline that is due waits: reminders, ends of windows."),
		d("evidence_unstamped", "Signed pieces of evidence that wait for a time-stamp."),
		d("evidence_unstamped_oldest_seconds", "How long the oldest of them waits."),
		d("certificate_days_left", "Days until a certificate ends, for those that end within 90 days.", "subject", "serial", "needed"),
		d("database_connections", "Connections of this process to the database.", "state"),
		d("register_entries", "Entries of the operators' registers about which something has to be done, by how soon.", "register", "due"),
	}
}

// Describe implements prometheus.Collector.
func (q queues) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{q.jobs, q.jobAge, q.noticeAge, q.deadlineAge, q.stampCount, q.stampAge, q.days, q.conns, q.registers} {
		to <- d
	}
}

// scrapeTime bounds what a scrape asks of the database.
const scrapeTime = 5 * time.Second

// Collect implements prometheus.Collector.
func (q queues) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	stat := q.pool.Stat()
	for state, n := range map[string]int32{"used": stat.AcquiredConns(), "idle": stat.IdleConns(), "max": stat.MaxConns()} {
		to <- gauge(q.conns, float64(n), state)
	}
	now := time.Now()
	for _, e := range q.out.endings(now) {
		to <- gauge(q.days, float64(e.left), e.Subject, e.Serial, needed(e))
	}
	for _, ask := range []func(context.Context, chan<- prometheus.Metric) error{q.askJobs, q.askDue, q.askStamps, q.askRegisters} {
		if err := ask(ctx, to); err != nil {
			q.log.WarnContext(ctx, "figures not read", "err", err)
		}
	}
}

// needed says whether something rests on a certificate.
func needed(e ending) string {
	if e.level == slog.LevelInfo {
		return "no"
	}
	return "yes"
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

const sqlJobFigures = `
SELECT kind, state::text, count(*), coalesce(max(extract(epoch FROM now() - scheduled_at)) FILTER (WHERE state = 'available'), 0)::float8
  FROM river_job WHERE state IN ('available', 'retryable', 'running', 'scheduled', 'discarded') GROUP BY kind, state`

func (q queues) askJobs(ctx context.Context, to chan<- prometheus.Metric) error {
	rows, err := q.pool.Query(ctx, sqlJobFigures)
	if err != nil {
		return err
	}
	var kind, state string
	var n int64
	var age float64
	_, err = pgx.ForEachRow(rows, []any{&kind, &state, &n, &age}, func() error {
		to <- gauge(q.jobs, float64(n), kind, state)
		if state == "available" {
			to <- gauge(q.jobAge, max(0, age), kind)
		}
		return nil
	})
	return err
}

const sqlDueFigures = `
SELECT coalesce(greatest(0, extract(epoch FROM now() - (SELECT min(not_before) FROM notice WHERE closed_at IS NULL))), 0)::float8,
       coalesce(greatest(0, extract(epoch FROM now() - (SELECT min(due_at) FROM deadline WHERE done_at IS NULL AND NOT test))), 0)::float8`

func (q queues) askDue(ctx context.Context, to chan<- prometheus.Metric) error {
	var notices, deadlines float64
	if err := q.pool.QueryRow(ctx, sqlDueFigures).Scan(&notices, &deadlines); err != nil {
		return err
	}
	to <- gauge(q.noticeAge, notices)
	to <- gauge(q.deadlineAge, deadlines)
	return nil
}

func (q queues) askStamps(ctx context.Context, to chan<- prometheus.Metric) error {
	n, since, err := q.ledger.Waiting(ctx)
	if err != nil {
		return err
	}
	var age float64
	if n > 0 {
		age = time.Since(since).Seconds()
	}
	to <- gauge(q.stampCount, float64(n))
	to <- gauge(q.stampAge, age)
	return nil
}
