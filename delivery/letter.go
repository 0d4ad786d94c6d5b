package delivery

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// PostArgs asks to print and post a delivery.
type PostArgs struct {
	Delivery string `json:"delivery"`
}

// Kind implements river.JobArgs.
func (PostArgs) Kind() string { return "delivery_post" }

// PostWorker does PostArgs.
type PostWorker struct {
	river.WorkerDefaults[PostArgs]
	Service *Service
}

// Timeout implements river.Worker: a thick letter takes its time.
func (PostWorker) Timeout(*river.Job[PostArgs]) time.Duration { return 10 * time.Minute }

// Work hands the letter over; the job is done in the transaction that records
// F.1. A failure leaves F.2 and is tried again.
func (w PostWorker) Work(ctx context.Context, job *river.Job[PostArgs]) error {
	err := w.Service.post(ctx, ID(job.Args.Delivery), func(tx pgx.Tx) error {
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	})
	if errors.Is(err, ErrUnpostable) {
		return river.JobCancel(err) // F.2 stands; an operator or the sender has to act
	}
	return err
}

// post prints and posts a delivery.
//
//  1. note, while the delivery is locked, that and as what the letter is begun:
//     who collects from here on leaves a letter that may be on its way
//  2. render and hand over; the partner answers the same letter with the same
//     item, so dying after this is safe
//  3. keep the letter, encrypted, under a name of its own, so that two tries at
//     once do not touch each other's; an object without a row is swept
//  4. record F.1 with the row
func (s *Service) post(ctx context.Context, id ID, with func(pgx.Tx) error) error {
	if s.Post == nil {
		return nil
	}
	d, begun, err := s.beginLetter(ctx, id)
	if err != nil || begun.Reason == "" {
		return err // decided, posted or withdrawn meanwhile
	}
	posted, err := s.partner(d).HandOver(ctx, s.letter(d, begun))
	if err != nil {
		cause := "hand_over"
		if errors.Is(err, ErrUnpostable) {
			cause = "unpostable"
		}
		_, rec := s.move(ctx, id, func(d Delivery, at time.Time) (Move, error) { return d.FailPost(cause, at) })
		return errors.Join(err, rec)
	}
	stored, err := s.Vault.Put(ctx, "letter/"+string(id)+"/"+evidence.NewID(), bytes.NewReader(posted.PDF))
	if err != nil {
		return err
	}
	err = s.naming(ctx, []Stored{stored}, func(tx pgx.Tx) error {
		after, err := s.moveTx(ctx, tx, id, func(d Delivery, at time.Time) (Move, error) { return d.HandedToPost(posted, begun, at) })
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO letter (delivery_id, object, key_id, wrapped_key, size, sha256, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, string(id), stored.Name, stored.KeyID, stored.Key, stored.Size, stored.SHA256,
			after.LastAt); err != nil {
			return err
		}
		return with(tx)
	})
	if errors.Is(err, ErrNotOpen) {
		return nil // another try was faster
	}
	return err
}

// beginLetter reads as what the letter of a delivery was begun, or begins it. An
// empty reason: it needs none. A letter that was begun before the recipient
// collected is finished, because the partner may have it.
func (s *Service) beginLetter(ctx context.Context, id ID) (d Delivery, begun LetterBegun, err error) {
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		var ahead time.Duration
		if d, ahead, err = lock(ctx, tx, id); err != nil {
			return err
		}
		var was *LetterBegun
		if err := tx.QueryRow(ctx, `SELECT letter_begun FROM delivery WHERE id = $1`, string(id)).Scan(&was); err != nil {
			return err
		}
		why := d.PostReason()
		if was != nil && (why != "" || d.overtaken()) {
			begun = *was
			return nil
		}
		if why == "" {
			return nil
		}
		at, err := s.clock(ahead, d.LastAt)
		if err != nil {
			return err
		}
		begun = LetterBegun{Reason: why, EndedAt: d.DecidedAt}
		if begun.EndedAt.IsZero() {
			begun.EndedAt = at
		}
		_, err = tx.Exec(ctx, `UPDATE delivery SET letter_begun = $2 WHERE id = $1`, string(id), begun)
		return err
	})
	return d, begun, err
}

// CancelPostArgs asks the partner not to post the letter of a delivery that was
// collected online.
type CancelPostArgs struct {
	Delivery string `json:"delivery"`
}

// Kind implements river.JobArgs.
func (CancelPostArgs) Kind() string { return "delivery_cancel_post" }

// CancelPostWorker does CancelPostArgs.
type CancelPostWorker struct {
	river.WorkerDefaults[CancelPostArgs]
	Service *Service
}

// Work asks once the partner can be reached. It is no error that it is too late:
// then both ways stand.
func (w CancelPostWorker) Work(ctx context.Context, job *river.Job[CancelPostArgs]) error {
	return w.Service.cancelPost(ctx, ID(job.Args.Delivery))
}

func (s *Service) cancelPost(ctx context.Context, id ID) error {
	d, err := s.load(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.Post == nil || !d.Collected() || d.Post == nil || d.Post.Ended() {
		return nil
	}
	done, err := s.partner(d).Cancel(ctx, d.Post.Item)
	if err != nil {
		return fmt.Errorf("delivery: cancel letter: %w", err)
	}
	s.Log.InfoContext(ctx, "letter of a collected message", "delivery", string(id), "item", d.Post.Item, "cancelled", done)
	if !done {
		return nil
	}
	_, err = s.move(ctx, id, Delivery.PostCancelled)
	if errors.Is(err, ErrNotOpen) {
		return nil // recorded meanwhile
	}
	return err
}

// letter is what the partner prints for d.
func (s *Service) letter(d Delivery, begun LetterBegun) Letter {
	l := Letter{
		Delivery: string(d.ID), Number: d.Message.Number, Test: d.Message.Test, Language: d.Recipient.Language,
		Reason: begun.Reason, SenderName: senderName(d.Message), SenderLines: d.Message.Sender.Address,
		To:          d.Recipient.block(),
		SubmittedAt: d.Message.SubmittedAt, DecidedAt: begun.EndedAt, Subject: d.Message.Subject,
		VerifyURL: s.BaseURL + "/verify",
	}
	for i, p := range d.Message.Parts {
		l.Parts = append(l.Parts, LetterPart{Name: p.Name, MediaType: p.MediaType, Size: p.Size, SHA256: p.SHA256,
			Open: func(ctx context.Context) (io.ReadCloser, error) { return s.openPart(ctx, d.Message.ID, i) }})
	}
	return l
}

// Letter opens the letter that a delivery of an account became. Errors:
// ErrNotFound, ErrPurged.
func (s *Service) Letter(ctx context.Context, account string, id ID) (r io.ReadCloser, sha string, err error) {
	if !isID(string(id)) {
		return nil, "", ErrNotFound
	}
	var st Stored
	err = s.Pool.QueryRow(ctx, `SELECT l.object, l.key_id, l.wrapped_key, l.size, l.sha256 FROM letter l
		JOIN delivery d ON d.id = l.delivery_id WHERE l.delivery_id = $1 AND d.account_id = $2`, string(id), account).
		Scan(&st.Name, &st.KeyID, &st.Key, &st.Size, &st.SHA256)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, "", ErrNotFound
	case err != nil:
		return nil, "", err
	case st.Key == nil:
		return nil, "", ErrPurged
	}
	r, err = s.Vault.Open(ctx, st)
	return r, hex.EncodeToString(st.SHA256), err
}

// early is how long a report of an item that we do not know is kept: we may have
// died between handing the letter over and recording it.
const early = 24 * time.Hour

// ReadPost takes in what the print and post partner reported. A report that
// leads nowhere is logged and put aside; one that cannot be taken in now does
// not hold up the others, and is read again.
func (s *Service) ReadPost(ctx context.Context) error {
	if s.Post == nil {
		return nil
	}
	reports, err := s.Post.Reports(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, r := range reports {
		var id ID
		err := s.Pool.QueryRow(ctx, `SELECT id FROM delivery WHERE post ->> 'item' = $1`, r.Item).Scan(&id)
		if err == nil {
			err = s.takeReport(ctx, id, r)
		}
		switch {
		case errors.Is(err, pgx.ErrNoRows) && s.Now().Sub(r.At) < early:
			continue
		case err != nil && !errors.Is(err, pgx.ErrNoRows) && !errors.Is(err, ErrNotOpen) && !errors.Is(err, ErrPaper):
			failed = errors.Join(failed, fmt.Errorf("delivery: post report %s: %w", r.ID, err))
			continue
		case err != nil:
			s.Log.WarnContext(ctx, "post report leads nowhere", "item", r.Item, "report", r.ID, "status", string(r.Status), "err", err)
		}
		failed = errors.Join(failed, s.Post.Done(ctx, r))
	}
	return failed
}

var (
	_ notify.Source = (*Service)(nil)
	_ notify.Sink   = (*Service)(nil)
)
