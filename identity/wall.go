package identity

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// side is for whom queries are made: an account, nobody or ourselves.
type side struct{ account string }

// sideKey is where a context holds its side.
type sideKey struct{}

const (
	ourselves = "ours"   // all rows: workers, sweeps, commands
	unknown   = "nobody" // no row behind the wall: a request of which nobody knows yet for whom it is
)

// Within gives a context whose queries see and change rows of one account and of
// no other, whatever they ask for. It counts where a connection is taken from the
// pool, so a transaction stays what it was when it began.
func Within(ctx context.Context, account string) context.Context {
	if !isID(account) {
		account = unknown
	}
	return context.WithValue(ctx, sideKey{}, side{account})
}

// Nobody gives a context whose queries find nothing behind the wall. A face begins
// every request with it, so that what forgets to say for whom it asks fails closed.
func Nobody(ctx context.Context) context.Context {
	return context.WithValue(ctx, sideKey{}, side{unknown})
}

// Beyond gives a context whose queries see every row, as those of workers do. Each
// caller is an exception that ADR 0020 names.
func Beyond(ctx context.Context) context.Context {
	return context.WithValue(ctx, sideKey{}, side{ourselves})
}

// sideOf is for whom the queries of a context are made.
func sideOf(ctx context.Context) string {
	if s, ok := ctx.Value(sideKey{}).(side); ok {
		return s.account
	}
	return ourselves
}

// wallMark is where a connection holds its side.
const wallMark = "bode.wall"

// walled is what makes the database hold to a side: the role that its policies
// bind, and the account that they let through (migration 46).
const walled = `SELECT set_config('role', $1, false), set_config('bode.account', $2, false)`

// Wall makes the connections of a pool take the side of the context that they are
// taken from the pool with. One that has that side already costs nothing, another
// one round trip. A connection that cannot change sides is closed and not used.
func Wall(cfg *pgxpool.Config) {
	before := cfg.PrepareConn
	cfg.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		if before != nil {
			if ok, err := before(ctx, conn); !ok || err != nil {
				return ok, err
			}
		}
		to, mark := sideOf(ctx), conn.PgConn().CustomData()
		is, ok := mark[wallMark].(string)
		if !ok {
			is = ourselves // as it was opened
		}
		if is == to {
			return true, nil
		}
		role, account := "bode_account", to
		switch to {
		case ourselves:
			role, account = "none", ""
		case unknown:
			account = ""
		}
		if _, err := conn.Exec(ctx, walled, role, account); err != nil {
			return false, err
		}
		mark[wallMark] = to
		return true, nil
	}
}
