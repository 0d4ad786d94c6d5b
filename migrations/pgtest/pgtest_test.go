package pgtest_test

import (
	"testing"

	"github.com/bode-erds/bode/migrations/pgtest"
)

func TestNewDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t)
	if _, err := a.Exec(t.Context(), `CREATE TABLE only_here (n int)`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec(t.Context(), `SELECT * FROM only_here`); err == nil {
		t.Error("b sees a's table")
	}
}
