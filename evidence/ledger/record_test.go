package ledger_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/evidence/evidencetest"
	"github.com/bode-erds/bode/evidence/ledger"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := chain(2)
	var hashes [][32]byte
	r.must(pgx.BeginFunc(t.Context(), r.Pool, func(tx pgx.Tx) (err error) {
		if hashes, err = r.Record(t.Context(), tx, list...); err != nil {
			return err
		}
		return r.stand(tx, list[1], hashes[1])
	}))
	if list[1].Prev != hex.EncodeToString(hashes[0][:]) {
		t.Error("the hash returned is not the one that the next event names")
	}
	if n := r.count(`SELECT count(*) FROM river_job WHERE kind = 'evidence_seal' AND queue = $1 AND jsonb_array_length(args -> 'others') = 2`, ledger.Queue); n != 1 {
		t.Errorf("%d jobs to seal 2 events together", n)
	}
	if n := r.count(`SELECT count(*) FROM erds_event WHERE account_id = $1`, account); n != 2 {
		t.Errorf("%d events of the account", n)
	}
}

func TestRecordRefused(t *testing.T) {
	t.Parallel()
	gap, loose, foreign, unknown, unread, mixed := chain(3), chain(2), chain(2), chain(1), chain(1), chain(2)
	mixed[1].Message = evidence.NewID()
	gap = []evidence.Event{gap[0], gap[2]}
	loose[1].Prev = hex.EncodeToString(make([]byte, 32))
	foreign[1].Delivery = evidence.NewID()
	unknown[0].Message = evidence.NewID()
	unread[0].Subject = "\x00"
	for name, c := range map[string]struct {
		events     []evidence.Event
		constraint string
		err        error
	}{
		"gap":             {events: gap, constraint: "erds_event_is_chained"},
		"loose":           {events: loose, constraint: "erds_event_is_chained"},
		"no delivery":     {events: foreign}, // by whichever rule looks first
		"twice":           {events: slices.Repeat(chain(1), 2), constraint: "erds_event_pkey"},
		"second first":    {events: chain(2)[1:], constraint: "erds_event_is_chained"},
		"unknown message": {events: unknown},
		"two messages":    {events: mixed},
		"bad text":        {events: unread, err: evidence.ErrEvent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			err := r.record(c.events...)
			switch {
			case err == nil:
				t.Error("recorded")
			case c.err != nil && !errors.Is(err, c.err):
				t.Errorf("got %v, want %v", err, c.err)
			case c.constraint != "":
				constraint(t, err, c.constraint)
			}
			if n := r.count(`SELECT (SELECT count(*) FROM erds_event) + (SELECT count(*) FROM river_job)`); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := ledger.New(ledger.Config{Issuer: evidencetest.Issuer()}); err == nil {
		t.Error("made without a pool")
	}
	r := newRig(t)
	if _, err := ledger.New(ledger.Config{Pool: r.Pool}); !errors.Is(err, evidence.ErrIssuer) {
		t.Errorf("without an issuer: %v", err)
	}
}
