package delivery_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// removals is a vault that notes what is removed.
type removals struct {
	delivery.Vault
	names []string
}

func (v *removals) Delete(_ context.Context, name string) error {
	v.names = append(v.names, name)
	return nil
}

// TestObjectsOfALostAnswerStay: content goes when the transaction that would have
// named it failed, and stays when nobody knows whether it did.
func TestObjectsOfALostAnswerStay(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	for name, tc := range map[string]struct {
		tx   func(pgx.Tx) error
		want []string
	}{
		"refused by us":           {func(pgx.Tx) error { return failed }, []string{"a", "b"}},
		"refused by the database": {func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), "SELECT 1/0"); return err }, []string{"a", "b"}},
		"link cut before":         {func(tx pgx.Tx) error { return errors.Join(failed, tx.Conn().PgConn().Conn().Close()) }, []string{"a", "b"}},
		"answer to COMMIT lost":   {func(tx pgx.Tx) error { return tx.Conn().PgConn().Conn().Close() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := &removals{}
			s := &delivery.Service{Config: delivery.Config{Pool: pgtest.New(t), Vault: v, Log: slog.New(slog.DiscardHandler)}}
			if err := delivery.Naming(s, t.Context(), []delivery.Stored{{Name: "a"}, {Name: "b"}}, tc.tx); err == nil {
				t.Error("no error")
			}
			if !slices.Equal(v.names, tc.want) {
				t.Errorf("removed %q, want %q", v.names, tc.want)
			}
		})
	}
}
