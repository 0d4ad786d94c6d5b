package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Bounds of an address book.
const (
	MaxAddressees = 100_000 // of an account
	MaxOwnKey     = 100     // characters
)

// ErrOwnKey is of another entry that has the same key.
var ErrOwnKey = errors.New("delivery: another entry has this key")

// Addressee is an entry of an account's address book. Key is the sender's own
// name for it, unique in the account; empty: none.
type Addressee struct {
	ID        ID        `json:"-"`
	Key       string    `json:"key,omitempty"`
	CreatedAt time.Time `json:"-"`
	ChangedAt time.Time `json:"-"`
	Recipient
}

func (a Addressee) normal() Addressee {
	sub := Submission{Recipients: []Recipient{a.Recipient}}.normal()
	a.Key, a.Recipient = strings.TrimSpace(a.Key), sub.Recipients[0]
	if a.Language == "" {
		a.Language = "nl"
	}
	return a
}

func (a Addressee) check(now time.Time) FieldErrors {
	var c checker
	c.text("/key", a.Key, 0, MaxOwnKey, false)
	c.recipient("", a.Recipient, false, now)
	return c.faults
}

const sqlInsertAddressee = `
INSERT INTO addressee (id, account_id, own_key, terms, sealed, key_id, wrapped_key, size, sha256, created_at, changed_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10 WHERE (SELECT count(*) FROM addressee WHERE account_id = $2) < $11`

// AddAddressee puts somebody into an account's address book. The same Once gives
// the first answer again. Errors: FieldErrors, ErrOwnKey, ErrKeyReused.
func (s *Service) AddAddressee(ctx context.Context, account string, a Addressee, once Once) (added Addressee, replayed bool, err error) {
	a = a.normal()
	if faults := a.check(s.Now()); len(faults) > 0 {
		return Addressee{}, false, faults
	}
	a.ID, a.CreatedAt = ID(evidence.NewID()), s.Now().UTC().Truncate(time.Microsecond)
	a.ChangedAt = a.CreatedAt
	row, err := s.sealAddressee(account, a)
	if err != nil {
		return Addressee{}, false, err
	}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if once.Key != "" {
			ref, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, account, once.Key, "contact", once.Digest, string(a.ID), a.CreatedAt), "contact", once)
			if err != nil {
				return err
			}
			if ref != a.ID {
				return replay{ref}
			}
		}
		tag, err := tx.Exec(ctx, sqlInsertAddressee, string(a.ID), account, row.key, row.terms, row.sealed, row.st.KeyID, row.st.Key, row.st.Size,
			row.st.SHA256, a.CreatedAt, MaxAddressees)
		if err == nil && tag.RowsAffected() == 0 {
			err = FieldErrors{{Pointer: "", Code: "too_many", Args: map[string]string{"max": fmt.Sprint(MaxAddressees), "is": fmt.Sprint(MaxAddressees + 1)}}}
		}
		return err
	})
	var earlier replay
	if errors.As(err, &earlier) {
		added, err = s.Addressee(ctx, account, earlier.ref)
		return added, true, err
	}
	return a, false, sameOwnKey(err)
}

const sqlChangeAddressee = `
UPDATE addressee SET own_key = $3, terms = $4, sealed = $5, key_id = $6, wrapped_key = $7, size = $8, sha256 = $9, changed_at = $10
 WHERE id = $1 AND account_id = $2 RETURNING created_at`

// ChangeAddressee replaces an entry. Errors: ErrNotFound, FieldErrors, ErrOwnKey.
func (s *Service) ChangeAddressee(ctx context.Context, account string, a Addressee) (Addressee, error) {
	if !isID(string(a.ID)) {
		return Addressee{}, ErrNotFound
	}
	a = a.normal()
	a.ChangedAt = s.Now().UTC().Truncate(time.Microsecond)
	if _, err := s.Addressee(ctx, account, a.ID); err != nil {
		return Addressee{}, err
	}
	if faults := a.check(s.Now()); len(faults) > 0 {
		return Addressee{}, faults
	}
	row, err := s.sealAddressee(account, a)
	if err != nil {
		return Addressee{}, err
	}
	err = s.Pool.QueryRow(ctx, sqlChangeAddressee, string(a.ID), account, row.key, row.terms, row.sealed, row.st.KeyID, row.st.Key, row.st.Size,
		row.st.SHA256, a.ChangedAt).Scan(&a.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	a.CreatedAt = a.CreatedAt.UTC()
	return a, sameOwnKey(err)
}

// RemoveAddressee removes an entry, and its key with it. Errors: ErrNotFound.
func (s *Service) RemoveAddressee(ctx context.Context, account string, id ID) error {
	if !isID(string(id)) {
		return ErrNotFound
	}
	tag, err := s.Pool.Exec(ctx, `DELETE FROM addressee WHERE id = $1 AND account_id = $2`, string(id), account)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	return err
}

// addresseeRow is an entry as it is stored.
type addresseeRow struct {
	key    []byte
	terms  []int64
	sealed []byte
	st     Stored
}

// addresseeName is what the ciphertext of an entry is bound to.
func addresseeName(account string, id ID) string { return "addressee/" + account + "/" + string(id) }

func (s *Service) sealAddressee(account string, a Addressee) (row addresseeRow, err error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return row, err
	}
	index := s.blind(account)
	row.terms = index.terms(a)
	if a.Key != "" {
		row.key = index.key(a.Key)
	}
	row.sealed, row.st, err = s.Box.SealSmall(addresseeName(account, a.ID), plain)
	if err != nil {
		err = fmt.Errorf("delivery: seal entry: %w", err)
	}
	return row, err
}
