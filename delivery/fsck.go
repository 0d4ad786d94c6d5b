package delivery

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Fault is something that does not hold in the stored data.
type Fault struct {
	Delivery ID
	Message  ID
	What     string // for an operator, in English
}

// Checked counts what Fsck looked at.
type Checked struct{ Deliveries, Events, Objects, Faults int }

// Fsck reads every delivery and holds it against its events: the chain has no
// gap and its hashes are right, the state is what the events say, the books add
// up, and the content is there, whole and with its digest. report is called for each fault.
// It changes nothing and may run beside a working service; a delivery that
// moves while it is read is read again.
func (s *Service) Fsck(ctx context.Context, report func(Fault)) (c Checked, err error) {
	count := func(f Fault) { c.Faults++; report(f) }
	after := ID("00000000-0000-0000-0000-000000000000")
	for {
		rows, err := s.Pool.Query(ctx, `SELECT id FROM delivery WHERE id > $1 ORDER BY id LIMIT 1000`, string(after))
		if err != nil {
			return c, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return c, err
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			n, err := s.fsckDelivery(ctx, ID(id), count)
			if err != nil {
				return c, err
			}
			c.Deliveries, c.Events = c.Deliveries+1, c.Events+n
		}
		after = ID(ids[len(ids)-1])
	}
	if err := s.checkCredit(ctx, count); err != nil {
		return c, err
	}
	c.Objects, err = s.fsckContent(ctx, count)
	return c, err
}

// fsckDelivery reads one delivery and its events in one snapshot.
func (s *Service) fsckDelivery(ctx context.Context, id ID, report func(Fault)) (events int, err error) {
	err = pgx.BeginTxFunc(ctx, s.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		d, _, err := scanDelivery(tx.QueryRow(ctx, sqlDelivery+` WHERE d.id = $1`, string(id)))
		if err != nil {
			if err == ErrNotFound {
				return nil // removed meanwhile
			}
			return err
		}
		rows, err := tx.Query(ctx, `SELECT body, hash, id::text, name, at, message_id::text, account_id::text FROM erds_event
			WHERE delivery_id = $1 ORDER BY seq`, string(id))
		if err != nil {
			return err
		}
		fault := func(format string, a ...any) {
			report(Fault{Delivery: id, Message: d.Message.ID, What: fmt.Sprintf(format, a...)})
		}
		var list []evidence.Event
		var body, eventID, name, message, account string
		var hash, prev []byte
		var at time.Time
		_, err = pgx.ForEachRow(rows, []any{&body, &hash, &eventID, &name, &at, &message, &account}, func() error {
			sum := evidence.Hash([]byte(body))
			e, err := evidence.ParseEvent([]byte(body))
			switch {
			case err != nil:
				fault("event %d cannot be read: %v", len(list)+1, err)
			case !bytes.Equal(sum[:], hash):
				fault("event %d does not have its hash", e.Seq)
			case e.Seq != len(list)+1:
				fault("event %d where %d was expected", e.Seq, len(list)+1)
			case e.Prev != hex.EncodeToString(prev):
				fault("event %d does not hang on the one before it", e.Seq)
			case e.ID != eventID || string(e.Name) != name || !e.At.Equal(at) || e.Message != message || e.Delivery != string(id) ||
				message != string(d.Message.ID) || account != d.Message.Account:
				fault("event %d is filed as something else than it says", e.Seq)
			}
			list, prev = append(list, e), append([]byte(nil), hash...)
			return nil
		})
		if err != nil {
			return err
		}
		events = len(list)
		if events > 0 && !submitted(list[0], d.Message) {
			fault("the message is not the one that was submitted")
		}
		if events != d.Seq || d.Hash != hex.EncodeToString(prev) {
			fault("stands on event %d, %d are recorded", d.Seq, events)
		}
		if err := fsckDelegates(ctx, tx, d, list, fault); err != nil {
			return err
		}
		if state, err := Fold(list); err != nil {
			fault("%v", err)
		} else if state != d.State {
			fault("state is %s, its events say %s", d.State, state)
		}
		return nil
	})
	return events, err
}

// submitted reports whether e says of m what is stored of it.
func submitted(e evidence.Event, m Message) bool {
	return e.Number == m.Number && e.Subject == m.Subject && e.Reference == m.Reference && e.Test == m.Test &&
		e.Submitted.Equal(m.SubmittedAt) && slices.Equal(e.Parts, m.Parts)
}

// fsckContent reads all content that is still kept.
func (s *Service) fsckContent(ctx context.Context, report func(Fault)) (n int, err error) {
	rows, err := s.Pool.Query(ctx, `SELECT message_id, position, CASE WHEN lent THEN object ELSE '' END
		FROM document WHERE message_id IS NOT NULL AND wrapped_key IS NOT NULL`)
	if err != nil {
		return 0, err
	}
	type part struct {
		message  ID
		position int
		shared   string // object that others have too
	}
	parts, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (p part, err error) {
		err = r.Scan(&p.message, &p.position, &p.shared)
		return p, err
	})
	if err != nil {
		return 0, err
	}
	read := map[string]bool{} // shared objects that were whole
	for _, p := range parts {
		check := s.readThrough
		if read[p.shared] {
			check = s.opens // the octets are the same ones
		}
		err := check(ctx, p.message, p.position)
		if err != nil {
			report(Fault{Message: p.message, What: fmt.Sprintf("part %d: %v", p.position, err)})
		}
		if p.shared != "" && err == nil {
			read[p.shared] = true
		}
		n++
	}
	return n, ctx.Err()
}
