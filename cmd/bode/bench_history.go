package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
)

// yard is the service of the demonstration with nobody at work, and deliveries
// that need evidence.
type yard struct {
	*app
	stands     *standIns
	by         delivery.Submitter
	postmaster int
	began      time.Time
	n          int    // messages so far
	first      string // delivery
	close      func() error
}

func openYard(ctx context.Context, log *slog.Logger) (y *yard, err error) {
	dir, remove, err := demoDir("")
	if err != nil {
		return nil, err
	}
	y = &yard{began: time.Now(), close: remove}
	defer func() {
		if err != nil {
			err = errors.Join(err, y.Close())
		}
	}()
	pool, stop, err := demoDatabase(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	y.close = func() error { return errors.Join(stop(), remove()) }
	base := "http://127.0.0.1:1"
	if y.stands, err = startStandIns(dir, base, log); err != nil {
		return y, err
	}
	out, err := y.stands.outside(dir, base, log)
	if err != nil {
		return y, err
	}
	if y.app, err = build(pool, out, slog.New(slog.DiscardHandler)); err != nil {
		return y, err
	}
	seeds, err := seed(ctx, y.app, dir)
	if err != nil {
		return y, err
	}
	key, err := y.identity.AuthenticateKey(ctx, seeds.LiveKey, "")
	if err != nil {
		return y, err
	}
	profile, err := y.identity.Profile(ctx, key.Account)
	if err != nil {
		return y, err
	}
	if err := y.neverShort(ctx, key.Account); err != nil {
		return y, err
	}
	y.by = delivery.Submitter{By: key.Actor("192.0.2.1", "bench", time.Now()), Sender: delivery.SenderParty(profile)}
	y.postmaster, err = postmaster(ctx, pool)
	return y, err
}

// Close stops everything, in any state of being opened, and removes it.
func (y *yard) Close() error {
	var err error
	if y.stands != nil {
		err = y.stands.Close()
	}
	return errors.Join(err, y.close())
}

type asked interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// postmaster is the process of the server that serves q, on this machine.
func postmaster(ctx context.Context, q asked) (int, error) {
	var pid int
	if err := q.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "stat"))
	if err != nil {
		return 0, err
	}
	s, err := readStat(string(text))
	return s.parent, err
}

// life is what follows the submission of a delivery, over and over: three pieces
// of ten have a time-stamp of their own, as in a delivery that is collected.
func life(i int) evidence.Name {
	return []evidence.Name{evidence.NotificationForAcceptance, evidence.NotificationForAcceptance, evidence.NotificationDelivered,
		evidence.NotificationAccessTracking, evidence.RecipientIdentification, evidence.ConsignmentAcceptance, evidence.ContentConsignment,
		evidence.ContentAccessTracking, evidence.ContentHandover, evidence.NotificationForAcceptance}[i%10]
}

// record submits n deliveries, each its own message, and writes down what
// happened to them: 30 events each.
func (y *yard) record(ctx context.Context, n int) error {
	for range n {
		if err := y.recordOne(ctx, dossierEvents, life); err != nil {
			return err
		}
	}
	return nil
}

func (y *yard) recordOne(ctx context.Context, events int, name func(int) evidence.Name) error {
	y.n++
	s := delivery.Submission{Subject: "Algemene vergadering", Body: "U bent uitgenodigd.", Language: "nl", Policy: y.deliveries.DefaultPolicy(),
		Recipients: []delivery.Recipient{{Given: "Amina", Family: "Janssens", Language: "nl", Email: fmt.Sprintf("amina.%d@post.example", y.n),
			Mobile:  fmt.Sprintf("+3247%07d", y.n%10_000_000),
			Address: &delivery.PostalAddress{Lines: []string{"Vlasmarkt 7"}, Postcode: "9000", City: "Gent", Country: "BE"}}}}
	_, list, _, err := y.deliveries.SubmitAll(ctx, y.by, s, delivery.Once{})
	if err != nil {
		return err
	}
	id := string(list[0].ID)
	if y.first == "" {
		y.first = id
	}
	var body string
	if err := y.pool.QueryRow(ctx, `SELECT body FROM erds_event WHERE delivery_id = $1 AND seq = 1`, id).Scan(&body); err != nil {
		return err
	}
	first, err := evidence.ParseEvent([]byte(body))
	if err != nil {
		return err
	}
	prev := evidence.HashHex([]byte(body))
	var later []evidence.Event
	for i := range events - 1 {
		e := evidencetest.Event(name(i))
		e.ID, e.Delivery, e.Seq, e.Prev = evidence.NewID(), id, i+2, prev
		e.Message, e.Number, e.Subject, e.Submitted = first.Message, first.Number, first.Subject, first.Submitted
		e.Sender, e.SentBy, e.Parts, e.At = first.Sender, first.SentBy, first.Parts, first.At.Add(time.Duration(i+1)*time.Millisecond)
		if p := e.Recipient.Proof; p != nil {
			p.At = first.At
		}
		b, err := e.Encode()
		if err != nil {
			return err
		}
		prev, later = evidence.HashHex(b), append(later, e)
	}
	return y.tx(ctx, func(tx pgx.Tx) error {
		hashes, err := y.ledger.Record(ctx, tx, later...)
		if err != nil {
			return err
		}
		last := later[len(later)-1]
		_, err = tx.Exec(ctx, `UPDATE delivery SET last_seq = $2, last_hash = $3, last_at = $4 WHERE id = $1`, id, last.Seq, hashes[len(hashes)-1][:], last.At)
		return err
	})
}

// wait signs pieces until n of them wait for a batch.
func (y *yard) wait(ctx context.Context, n int) error {
	notified := func(int) evidence.Name { return evidence.NotificationForAcceptance }
	for left := n; left > 0; left -= dossierEvents {
		if err := y.recordOne(ctx, max(2, min(left, dossierEvents)), notified); err != nil {
			return err
		}
	}
	rows, err := y.pool.Query(ctx, `SELECT e.delivery_id::text, e.seq FROM erds_event e LEFT JOIN evidence v ON v.id = e.id WHERE v.id IS NULL LIMIT $1`, n)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.Ref])
	if err != nil {
		return err
	}
	const some = 32
	todo := make(chan []ledger.Ref, len(list)/some+1)
	for refs := range slices.Chunk(list, some) {
		todo <- refs
	}
	close(todo)
	failed := make([]error, 2*runtime.NumCPU())
	var group sync.WaitGroup
	for i := range failed {
		group.Go(func() {
			for refs := range todo {
				if failed[i] == nil {
					failed[i] = y.ledger.Seal(ctx, refs...)
				}
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}
