package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Templates. ErrTemplateChanged is of somebody who made a new version of a
// version that is not the newest any more: theirs is not written over it.
var (
	ErrTemplateChanged = errors.New("delivery: template was changed meanwhile")
	ErrTemplateName    = errors.New("delivery: another template has this name")
)

// TemplateContent is what a version of a template says.
type TemplateContent struct {
	Subject    string `json:"subject"`
	Body       string `json:"body"`
	Language   string `json:"language"` // of the message, and of receipts
	Reference  string `json:"reference,omitempty"`
	CostCentre string `json:"cost_centre,omitempty"`
	Policy     Policy `json:"policy"`
}

// Template is a version of a template of an account.
type Template struct {
	ID        ID
	Name      string
	Newest    int // version
	Version   int // this one
	CreatedAt time.Time
	ChangedAt time.Time // when the newest version was made
	Archived  time.Time // zero while it is offered
	TemplateContent
}

// TemplateVersion is one line of a template's history.
type TemplateVersion struct {
	Version   int
	CreatedAt time.Time
	CreatedBy string // subject of the actor
}

func (c TemplateContent) normal() TemplateContent {
	c.Subject, c.Reference, c.CostCentre = strings.TrimSpace(c.Subject), strings.TrimSpace(c.Reference), strings.TrimSpace(c.CostCentre)
	if c.Language == "" {
		c.Language = "en"
	}
	return c
}

// checkTemplate finds every fault of a template.
func (s *Service) checkTemplate(name string, c TemplateContent) FieldErrors {
	var f checker
	f.text("/name", name, 1, MaxTemplateName, false)
	f.faults = append(f.faults, c.check()...)
	f.policy(c.Policy, s.Post != nil)
	if c.Policy.ServeBy != "" {
		f.fault("/policy/serve_by", "template_date")
	}
	return f.faults
}

const sqlInsertTemplate = `
INSERT INTO template (id, account_id, name, language, version, created_at, changed_at)
SELECT $1, $2, $3, $4, 1, $5, $5 WHERE (SELECT count(*) FROM template WHERE account_id = $2 AND archived_at IS NULL) < $6`

// CreateTemplate keeps the first version of a template. The same Once gives the
// first answer again. Errors: FieldErrors, ErrTemplateName, ErrKeyReused.
func (s *Service) CreateTemplate(ctx context.Context, by identity.Actor, name string, c TemplateContent, once Once) (t Template, replayed bool, err error) {
	name, c = strings.TrimSpace(name), c.normal()
	if faults := s.checkTemplate(name, c); len(faults) > 0 {
		return Template{}, false, faults
	}
	at := s.Now().UTC().Truncate(time.Microsecond)
	t = Template{ID: ID(evidence.NewID()), Name: name, Newest: 1, Version: 1, CreatedAt: at, ChangedAt: at, TemplateContent: c}
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if once.Key != "" {
			ref, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, by.Account, once.Key, "template", once.Digest, string(t.ID), at), "template", once)
			if err != nil {
				return err
			}
			if ref != t.ID {
				return replay{ref}
			}
		}
		tag, err := tx.Exec(ctx, sqlInsertTemplate, string(t.ID), by.Account, name, c.Language, at, MaxTemplates)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return FieldErrors{{Pointer: "/name", Code: "too_many", Args: map[string]string{"max": fmt.Sprint(MaxTemplates), "is": fmt.Sprint(MaxTemplates + 1)}}}
		}
		return s.insertTemplateVersion(ctx, tx, by, t)
	})
	var earlier replay
	if errors.As(err, &earlier) {
		t, err = s.TemplateVersion(ctx, by.Account, earlier.ref, 1)
		return t, true, err
	}
	return t, false, sameName(err)
}

// sameName says of a violation of a unique name that it is one.
func sameName(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "template_name_unique" {
		return ErrTemplateName
	}
	return err
}

const sqlNewVersion = `
UPDATE template SET name = $3, language = $4, version = version + 1, changed_at = $5
 WHERE id = $1 AND account_id = $2 AND version = $6 AND archived_at IS NULL RETURNING version, created_at`

// ChangeTemplate makes a new version of a template, of which from was the newest.
// What was sent, and batches that were checked, keep the version they had.
// Errors: ErrNotFound, FieldErrors, ErrTemplateChanged, ErrTemplateName.
func (s *Service) ChangeTemplate(ctx context.Context, by identity.Actor, id ID, from int, name string, c TemplateContent) (t Template, err error) {
	if t, err = s.Template(ctx, by.Account, id); err != nil {
		return Template{}, err
	}
	name, c = strings.TrimSpace(name), c.normal()
	if faults := s.checkTemplate(name, c); len(faults) > 0 {
		return Template{}, faults
	}
	at := s.Now().UTC().Truncate(time.Microsecond)
	t.Name, t.ChangedAt, t.TemplateContent = name, at, c
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, sqlNewVersion, string(id), by.Account, name, c.Language, at, from).Scan(&t.Newest, &t.CreatedAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrTemplateChanged
		}
		if err != nil {
			return err
		}
		t.Version, t.CreatedAt = t.Newest, t.CreatedAt.UTC()
		return s.insertTemplateVersion(ctx, tx, by, t)
	})
	return t, sameName(err)
}

const sqlInsertTemplateVersion = `
INSERT INTO template_version (template_id, version, object, sealed, key_id, wrapped_key, size, sha256, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

func (s *Service) insertTemplateVersion(ctx context.Context, tx pgx.Tx, by identity.Actor, t Template) error {
	plain, err := json.Marshal(t.TemplateContent)
	if err != nil {
		return err
	}
	sealed, st, err := s.Box.SealSmall(objectName(by.Account, evidence.NewID()), plain)
	if err != nil {
		return fmt.Errorf("delivery: seal template: %w", err)
	}
	_, err = tx.Exec(ctx, sqlInsertTemplateVersion, string(t.ID), t.Version, st.Name, sealed, st.KeyID, st.Key, st.Size, st.SHA256, t.ChangedAt, by.Subject)
	return err
}

// ArchiveTemplate takes a template off the list; doing so twice is no error.
// Errors: ErrNotFound.
func (s *Service) ArchiveTemplate(ctx context.Context, account string, id ID) error {
	if !isID(string(id)) {
		return ErrNotFound
	}
	tag, err := s.Pool.Exec(ctx, `UPDATE template SET archived_at = coalesce(archived_at, $3) WHERE id = $1 AND account_id = $2`,
		string(id), account, s.Now().UTC())
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	return err
}
