package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const sqlAddressee = `SELECT id, sealed, key_id, wrapped_key, size, sha256, created_at, changed_at FROM addressee`

func (s *Service) scanAddressee(account string, row pgx.Row) (a Addressee, err error) {
	var st Stored
	var sealed []byte
	if err := row.Scan(&a.ID, &sealed, &st.KeyID, &st.Key, &st.Size, &st.SHA256, &a.CreatedAt, &a.ChangedAt); err != nil {
		return Addressee{}, err
	}
	st.Name = addresseeName(account, a.ID)
	plain, err := s.Box.OpenSmall(st, sealed)
	if err != nil {
		return Addressee{}, fmt.Errorf("delivery: open entry %s: %w", a.ID, err)
	}
	a.CreatedAt, a.ChangedAt = a.CreatedAt.UTC(), a.ChangedAt.UTC()
	return a, json.Unmarshal(plain, &a)
}

// Addressee returns an entry of an account's address book. Errors: ErrNotFound.
func (s *Service) Addressee(ctx context.Context, account string, id ID) (Addressee, error) {
	if !isID(string(id)) {
		return Addressee{}, ErrNotFound
	}
	a, err := s.scanAddressee(account, s.Pool.QueryRow(ctx, sqlAddressee+` WHERE id = $1 AND account_id = $2`, string(id), account))
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return a, err
}

const (
	sqlAddressees = sqlAddressee + ` WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`
	// The digests are of this account alone, so they choose well; the rows that
	// are left are sorted.
	sqlSearchAddressees = `WITH hit AS MATERIALIZED (SELECT id FROM addressee WHERE terms @> $4::bigint[] AND account_id = $1 AND id < $2)
` + sqlAddressee + ` WHERE id IN (SELECT id FROM hit ORDER BY id DESC LIMIT $3) ORDER BY id DESC`
)

// Addressees returns entries of an account's address book, newest first, older
// than before (empty: from the newest), at most limit. Of a query each word has
// to be what a name, a key, a number or an e-mail address begins with; a word of
// one letter is not looked for. next is where to go on, empty at the end.
func (s *Service) Addressees(ctx context.Context, account, query string, before ID, limit int) (list []Addressee, next ID, err error) {
	if before == "" {
		before = ID(uuid.Max.String())
	}
	if !isID(string(before)) {
		return nil, "", ErrNotFound
	}
	limit = min(max(limit, 1), 1000)
	var look []string
	for _, w := range asked(query) {
		if len([]rune(w)) >= leastPrefix {
			look = append(look, w)
		}
	}
	for {
		args := []any{account, string(before), limit + 1}
		sql := sqlAddressees
		if len(look) > 0 {
			sql, args = sqlSearchAddressees, append(args, s.blind(account).search(look))
		}
		rows, err := s.Pool.Query(ctx, sql, args...)
		if err != nil {
			return nil, "", err
		}
		page, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Addressee, error) { return s.scanAddressee(account, r) })
		if err != nil {
			return nil, "", err
		}
		for _, a := range page {
			if len(list) == limit {
				return list, list[limit-1].ID, nil
			}
			if found(a, look) {
				list = append(list, a)
			}
			before = a.ID
		}
		if len(page) <= limit {
			return list, "", nil
		}
	}
}

// byOwnKeys finds entries by the sender's own keys.
func (s *Service) byOwnKeys(ctx context.Context, account string, keys []string) (map[string]Addressee, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	index := s.blind(account)
	digests := make([][]byte, len(keys))
	for i, k := range keys {
		digests[i] = index.key(k)
	}
	rows, err := s.Pool.Query(ctx, sqlAddressee+` WHERE account_id = $1 AND own_key = ANY ($2::bytea[])`, account, digests)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Addressee, error) { return s.scanAddressee(account, r) })
	found := make(map[string]Addressee, len(list))
	for _, a := range list {
		found[string(index.key(a.Key))] = a
	}
	out := make(map[string]Addressee, len(keys))
	for i, k := range keys {
		if a, ok := found[string(digests[i])]; ok {
			out[k] = a
		}
	}
	return out, err
}

// sameOwnKey says of a violation of a unique key that it is one.
func sameOwnKey(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "addressee_own_key_unique" {
		return ErrOwnKey
	}
	return err
}

// Cells is an entry as a row of a list whose columns hold targets, see
// [BulkColumns].
func (a Addressee) Cells(targets []string) []string {
	place := PostalAddress{}
	if a.Address != nil {
		place = *a.Address
	}
	firm := Organisation{}
	if a.Organisation != nil {
		firm = *a.Organisation
	}
	lines := append(slices.Clone(place.Lines), "", "", "")
	have := map[string]string{"own_key": a.Key, "given": a.Given, "family": a.Family, "email": a.Email, "mobile": a.Mobile, "language": a.Language,
		"organisation": firm.Name, "enterprise_number": firm.EnterpriseNumber, "line1": lines[0], "line2": lines[1], "line3": lines[2],
		"postcode": place.Postcode, "city": place.City, "country": place.Country, "birth_date": a.BirthDate, "national_number": a.NationalNumber}
	out := make([]string, len(targets))
	for i, t := range targets {
		out[i] = SheetCell(have[t])
	}
	return out
}
