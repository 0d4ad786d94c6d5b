package delivery

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// HookKey signs pushes: a secret that the receiver knows too, and a pair of
// which it knows the public half.
//
// Standard Webhooks 1.0.0 §signature-scheme
type HookKey struct {
	Secret []byte // of HMAC-SHA-256
	Seed   []byte // of Ed25519
}

func newHookKey() HookKey {
	k := HookKey{make([]byte, 32), make([]byte, ed25519.SeedSize)}
	rand.Read(k.Secret)
	rand.Read(k.Seed)
	return k
}

// Shared is the secret as receivers configure it.
func (k HookKey) Shared() string { return "whsec_" + base64.StdEncoding.EncodeToString(k.Secret) }

// Public is the public half as receivers configure it.
func (k HookKey) Public() string {
	pub := ed25519.NewKeyFromSeed(k.Seed).Public().(ed25519.PublicKey)
	return "whpk_" + base64.StdEncoding.EncodeToString(pub)
}

const sqlInsertHookKey = `
INSERT INTO webhook_key (id, webhook_id, public, sealed, object, key_id, wrapped_key, size, sha256, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

// addHookKey makes the newest key of a webhook.
func (s *Service) addHookKey(ctx context.Context, tx pgx.Tx, hook, id string, at time.Time) (HookKey, error) {
	k := newHookKey()
	sealed, stored, err := s.Box.SealSmall("webhook/"+hook+"/"+id, slices.Concat(k.Secret, k.Seed))
	if err != nil {
		return HookKey{}, fmt.Errorf("delivery: seal webhook key: %w", err)
	}
	_, err = tx.Exec(ctx, sqlInsertHookKey, id, hook, k.Public(), sealed, stored.Name, stored.KeyID, stored.Key, stored.Size, stored.SHA256, at)
	return k, err
}

const sqlHookKeys = `
SELECT sealed, object, key_id, wrapped_key, size, sha256 FROM webhook_key
 WHERE webhook_id = $1 AND (ends_at IS NULL OR ends_at > $2) ORDER BY ends_at DESC NULLS FIRST LIMIT 4`

// hookKeys are the keys that count at an instant, the newest first.
func (s *Service) hookKeys(ctx context.Context, hook string, at time.Time) (keys []HookKey, err error) {
	rows, err := s.Pool.Query(ctx, sqlHookKeys, hook, at)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k HookKey, err error) {
		var sealed []byte
		var st Stored
		if err := row.Scan(&sealed, &st.Name, &st.KeyID, &st.Key, &st.Size, &st.SHA256); err != nil {
			return k, err
		}
		plain, err := s.Box.OpenSmall(st, sealed)
		if err != nil || len(plain) != 32+ed25519.SeedSize {
			return k, fmt.Errorf("delivery: open webhook key: %w", err)
		}
		return HookKey{plain[:32], plain[32:]}, nil
	})
}
