package identity_test

import (
	"bytes"
	"testing"

	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/migrations/pgtest"
)

// What a request with a key costs, beside the query that is the least it can
// cost: the ratio is the figure.
func BenchmarkAuthenticateKey(b *testing.B) {
	box, err := identity.NewBox(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	pool := pgtest.New(b)
	s, err := identity.New(identity.Config{Pool: pool, Box: box, DigestKey: bytes.Repeat([]byte{2}, 32), Password: cheap()})
	if err != nil {
		b.Fatal(err)
	}
	account, _, err := s.CreateAccount(b.Context(), company(), person("an", "An", "Peeters"))
	if err != nil {
		b.Fatal(err)
	}
	secret, _, err := s.CreateKey(b.Context(), identity.System, account, identity.Live, "k")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("key", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.AuthenticateKey(b.Context(), secret, ip); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("least", func(b *testing.B) {
		for b.Loop() {
			var n int
			if err := pool.QueryRow(b.Context(), `SELECT 1 WHERE $1::text <> ''`, "x").Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("malformed", func(b *testing.B) {
		bad := secret[:len(secret)-1] + "!"
		for b.Loop() {
			s.AuthenticateKey(b.Context(), bad, ip)
		}
	})
}
