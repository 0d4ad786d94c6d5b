package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/bode-erds/bode/delivery"
)

// TestSubmitAll: the deliveries that it returns are those that a reader finds,
// so that an answer made from them is the answer that a replay gets.
func TestSubmitAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, by := range []delivery.Submitter{r.sender(r.account), {By: r.sender(r.account).By, Sender: r.sender(r.account).Sender, Test: true}} {
		sub := submission(501, func(s *delivery.Submission) {
			s.Recipients[0].NationalNumber = "85.07.30-033.28"
			s.Recipients[1].Address, s.Policy.Fallback = nil, delivery.FallbackNone
		})
		key := once(fmt.Sprint(by.Test), "x")
		m, began, replayed, err := r.SubmitAll(r.ctx(), by, sub, key)
		r.must(err)
		read, err := r.Deliveries(r.ctx(), r.account, m.ID, 0, delivery.MaxRecipients)
		r.must(err)
		if diff := cmp.Diff(read, began, cmpopts.EquateEmpty()); replayed || diff != "" {
			t.Errorf("replayed %t, read and begun differ: %.2000s", replayed, diff)
		}
		if again, list, replayed, err := r.SubmitAll(r.ctx(), by, sub, key); err != nil || !replayed || len(list) != 0 || again.ID != m.ID {
			t.Errorf("again: %s, %d deliveries, %t, %v", again.ID, len(list), replayed, err)
		}
		if _, list, _, err := r.SubmitAll(r.ctx(), by, sub, once(key.Key, "y")); !errors.Is(err, delivery.ErrKeyReused) || list != nil {
			t.Errorf("key used for another: %d deliveries, %v", len(list), err)
		}
	}
	r.clean()
}

// TestSubmitGivenUp: a request that ends while it waits for its key leaves
// nothing, and no connection in a transaction.
func TestSubmitGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, err := r.pool.Begin(r.ctx())
	r.must(err)
	_, err = first.Exec(r.ctx(), `INSERT INTO idempotency (account_id, key, kind, digest, ref, created_at) VALUES ($1, 'k', 'message', $2, $3, $4)`,
		r.account, make([]byte, 32), uuid.NewString(), r.clock.now())
	r.must(err)
	ctx, cancel := context.WithTimeout(r.ctx(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := r.Submit(ctx, r.sender(r.account), submission(1), once("k", "x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("given up: %v", err)
	}
	r.must(first.Rollback(r.ctx()))
	if n := r.count(`SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM erds_event) + (SELECT count(*) FROM river_job) + (SELECT count(*) FROM idempotency)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	_, replayed, err := r.Submit(r.ctx(), r.sender(r.account), submission(1), once("k", "x"))
	if err != nil || replayed {
		t.Errorf("then: replayed %t, %v", replayed, err)
	}
	r.clean()
}
