package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Template returns the newest version of a template. Errors: ErrNotFound.
func (s *Service) Template(ctx context.Context, account string, id ID) (Template, error) {
	return s.TemplateVersion(ctx, account, id, 0)
}

const sqlTemplate = `
SELECT t.id, t.name, t.version, v.version, t.created_at, t.changed_at, t.archived_at,
       v.object, v.sealed, v.key_id, v.wrapped_key, v.size, v.sha256
  FROM template t JOIN template_version v ON v.template_id = t.id`

// TemplateVersion returns a version of a template; 0 is the newest. Errors:
// ErrNotFound.
func (s *Service) TemplateVersion(ctx context.Context, account string, id ID, version int) (Template, error) {
	if !isID(string(id)) || version < 0 || version > 10000 {
		return Template{}, ErrNotFound
	}
	t, err := s.scanTemplate(s.Pool.QueryRow(ctx, sqlTemplate+` WHERE t.id = $1 AND t.account_id = $2
		AND v.version = CASE WHEN $3 = 0 THEN t.version ELSE $3 END`, string(id), account, version))
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return t, err
}

func (s *Service) scanTemplate(row pgx.Row) (t Template, err error) {
	var st Stored
	var sealed []byte
	var archived *time.Time
	if err := row.Scan(&t.ID, &t.Name, &t.Newest, &t.Version, &t.CreatedAt, &t.ChangedAt, &archived,
		&st.Name, &sealed, &st.KeyID, &st.Key, &st.Size, &st.SHA256); err != nil {
		return Template{}, err
	}
	t.CreatedAt, t.ChangedAt = t.CreatedAt.UTC(), t.ChangedAt.UTC()
	if archived != nil {
		t.Archived = archived.UTC()
	}
	plain, err := s.Box.OpenSmall(st, sealed)
	if err != nil {
		return Template{}, fmt.Errorf("delivery: open template %s: %w", t.ID, err)
	}
	return t, json.Unmarshal(plain, &t.TemplateContent)
}

// Templates returns the newest versions of an account's templates, newest
// template first, older than before (empty: from the newest), at most limit.
func (s *Service) Templates(ctx context.Context, account string, archived bool, before ID, limit int) ([]Template, error) {
	if before == "" {
		before = ID(uuid.Max.String())
	}
	if !isID(string(before)) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, sqlTemplate+` AND v.version = t.version
		WHERE t.account_id = $1 AND (t.archived_at IS NOT NULL) = $2 AND t.id < $3 ORDER BY t.id DESC LIMIT $4`,
		account, archived, string(before), min(max(limit, 1), MaxTemplates))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Template, error) { return s.scanTemplate(r) })
}

// TemplateHistory lists the versions of a template, newest first, at most 100.
// Errors: ErrNotFound.
func (s *Service) TemplateHistory(ctx context.Context, account string, id ID) ([]TemplateVersion, error) {
	if !isID(string(id)) {
		return nil, ErrNotFound
	}
	rows, err := s.Pool.Query(ctx, `SELECT v.version, v.created_at, v.created_by FROM template_version v JOIN template t ON t.id = v.template_id
		WHERE t.id = $1 AND t.account_id = $2 ORDER BY v.version DESC LIMIT 100`, string(id), account)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v TemplateVersion, err error) {
		err = r.Scan(&v.Version, &v.CreatedAt, &v.CreatedBy)
		v.CreatedAt = v.CreatedAt.UTC()
		return v, err
	})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	return list, err
}
