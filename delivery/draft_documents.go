package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"

	"github.com/jackc/pgx/v5"
)

const sqlOpenDocument = `SELECT object, key_id, wrapped_key, size, sha256 FROM document
 WHERE id = $1 AND account_id = $2 AND message_id IS NULL AND wrapped_key IS NOT NULL`

// OpenDraftDocument streams a document that a draft of an account names, to
// whoever is to release it. Its last Read fails with ErrTampered when it is not
// what was uploaded. Errors: ErrNotFound.
func (s *Service) OpenDraftDocument(ctx context.Context, account string, draft, document ID) (doc Document, content io.ReadCloser, err error) {
	d, err := s.Draft(ctx, account, draft)
	if err != nil {
		return Document{}, nil, err
	}
	if !slices.Contains(d.Content.Submission.Documents, string(document)) {
		return Document{}, nil, ErrNotFound
	}
	doc, err = s.Document(ctx, account, document)
	if err != nil {
		return Document{}, nil, err
	}
	var st Stored
	err = s.Pool.QueryRow(ctx, sqlOpenDocument, string(document), account).Scan(&st.Name, &st.KeyID, &st.Key, &st.Size, &st.SHA256)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Document{}, nil, err
	}
	r, err := s.Vault.Open(ctx, st)
	if err != nil {
		return Document{}, nil, err
	}
	return doc, &verified{ReadCloser: r, sum: sha256.New(), want: st.SHA256, size: st.Size}, nil
}
