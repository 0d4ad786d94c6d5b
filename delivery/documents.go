package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Document is an uploaded document, not yet or already part of a message.
type Document struct {
	ID        ID
	Filename  string
	MediaType string
	Size      int64
	SHA256    string // lower-case hex
	Shared    bool   // any number of messages may have it
	CreatedAt time.Time
}

// NewDocument describes an upload. SHA256 is what the sender announced, or "".
// A shared document is for any number of messages, see [Service.Lend].
type NewDocument struct {
	Filename  string
	MediaType string
	SHA256    string
	Shared    bool
}

// Upload streams r into the vault and returns once it is durable; memory stays
// flat. A document that no message takes within a day is removed, a shared one
// after [SharedFor]. Errors:
// FieldErrors, ErrTooLarge, ErrDigest, ErrMalware, ErrUnscanned, ErrKeyReused;
// after an error nothing is left but an object that the sweep removes.
func (s *Service) Upload(ctx context.Context, account string, in NewDocument, r io.Reader, once Once) (d Document, replayed bool, err error) {
	if faults := in.normalize(); len(faults) > 0 {
		return Document{}, false, faults
	}
	d = Document{ID: ID(evidence.NewID()), Filename: in.Filename, MediaType: in.MediaType, Shared: in.Shared}
	name := objectName(account, string(d.ID))
	seen := s.watch(ctx, &bounded{r: r, left: MaxDocument})
	stored, err := s.Vault.Put(ctx, name, seen)
	unfit := seen.over(err)
	if err != nil {
		return Document{}, false, err
	}
	d.Size, d.SHA256 = stored.Size, hex.EncodeToString(stored.SHA256)
	drop := func(err error) (Document, bool, error) {
		s.drop(ctx, stored)
		return Document{}, false, err
	}
	if unfit != nil {
		return drop(unfit)
	}
	if in.SHA256 != "" && !strings.EqualFold(in.SHA256, d.SHA256) {
		return drop(ErrDigest)
	}
	d.CreatedAt = s.Now().UTC().Truncate(time.Microsecond)
	// What is asked is the content too, which is only known now.
	asked := d.Filename + "\x00" + d.MediaType + "\x00" + d.SHA256
	var keep *time.Time
	if d.Shared {
		until := d.CreatedAt.Add(SharedFor)
		asked, keep = asked+"\x00shared", &until
	}
	sum := sha256.Sum256([]byte(asked))
	once.Digest = sum[:]
	err = s.naming(ctx, []Stored{stored}, func(tx pgx.Tx) error {
		if once.Key != "" {
			ref, err := sameOnce(tx.QueryRow(ctx, sqlClaimKey, account, once.Key, "document", once.Digest, string(d.ID), d.CreatedAt), "document", once)
			if err != nil {
				return err
			}
			if ref != d.ID {
				tag, err := tx.Exec(ctx, sqlReclaimKey, account, once.Key, string(d.ID))
				if err != nil {
					return err
				}
				if tag.RowsAffected() == 0 {
					return replay{ref}
				}
			}
		}
		_, err := tx.Exec(ctx, sqlInsertDocument, string(d.ID), account, d.Filename, d.MediaType, d.Size, stored.SHA256,
			stored.Name, stored.KeyID, stored.Key, d.CreatedAt, d.Shared, keep)
		return err
	})
	var earlier replay
	if errors.As(err, &earlier) {
		d, err = s.Document(ctx, account, earlier.ref)
		return d, true, err
	}
	if err != nil {
		return Document{}, false, err
	}
	return d, false, nil
}

const sqlInsertDocument = `
INSERT INTO document (id, account_id, filename, media_type, size, sha256, object, key_id, wrapped_key, created_at, shared, keep_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// A key outlives a document that no message took: then it stands for the new
// one.
const sqlReclaimKey = `
UPDATE idempotency i SET ref = $3 WHERE account_id = $1 AND key = $2 AND NOT EXISTS (SELECT 1 FROM document WHERE id = i.ref)`

// Document returns an uploaded document of an account. Errors: ErrNotFound.
func (s *Service) Document(ctx context.Context, account string, id ID) (d Document, err error) {
	if !isID(string(id)) {
		return Document{}, ErrNotFound
	}
	err = s.Pool.QueryRow(ctx, `SELECT id, filename, media_type, size, encode(sha256, 'hex'), shared, created_at
		FROM document WHERE id = $1 AND account_id = $2`, string(id), account).
		Scan(&d.ID, &d.Filename, &d.MediaType, &d.Size, &d.SHA256, &d.Shared, &d.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return d, err
}

// normalize checks and tidies what was said about an upload.
func (in *NewDocument) normalize() FieldErrors {
	var c checker
	in.Filename = strings.TrimSpace(in.Filename)
	c.text("/filename", in.Filename, 1, MaxFilename, false)
	if strings.ContainsAny(in.Filename, `/\`) || in.Filename == "." || in.Filename == ".." || !utf8.ValidString(in.Filename) {
		c.fault("/filename", "filename")
	}
	if in.MediaType == "" {
		in.MediaType = "application/octet-stream"
	}
	if t, p, err := mime.ParseMediaType(in.MediaType); err != nil || !strings.Contains(t, "/") || len(in.MediaType) > 200 {
		c.fault("/content_type", "media_type")
	} else {
		in.MediaType = mime.FormatMediaType(t, p)
	}
	return c.faults
}

// bounded fails with ErrTooLarge once more than left octets were read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

const sqlPart = `
SELECT d.object, d.inline, d.key_id, d.wrapped_key, d.size, d.sha256, coalesce(m.parts -> d.position ->> 'sha256', '')
  FROM document d JOIN message m ON m.id = d.message_id WHERE d.message_id = $1 AND d.position = $2`

// openPart streams one part of a message. Its last Read fails with ErrTampered
// when the content does not have its digest. Errors: ErrNotFound, ErrPurged,
// ErrTampered when what is stored is not what was submitted.
func (s *Service) openPart(ctx context.Context, message ID, position int) (io.ReadCloser, error) {
	var st Stored
	var inline []byte
	var sent string // what was submitted
	err := s.Pool.QueryRow(ctx, sqlPart, string(message), position).Scan(&st.Name, &inline, &st.KeyID, &st.Key, &st.Size, &st.SHA256, &sent)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if st.Key == nil {
		return nil, ErrPurged
	}
	if sent != hex.EncodeToString(st.SHA256) {
		return nil, ErrTampered
	}
	var r io.ReadCloser
	if inline != nil {
		plain, err := s.Box.OpenSmall(st, inline)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTampered, err)
		}
		r = io.NopCloser(bytes.NewReader(plain))
	} else if r, err = s.Vault.Open(ctx, st); err != nil {
		return nil, err
	}
	return &verified{ReadCloser: r, sum: sha256.New(), want: st.SHA256, size: st.Size}, nil
}

// verified checks digest and size when the stream ends.
type verified struct {
	io.ReadCloser
	sum  hash.Hash
	want []byte
	size int64
	n    int64
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.sum.Write(p[:n])
	v.n += int64(n)
	if err == io.EOF && (v.n != v.size || !bytes.Equal(v.sum.Sum(nil), v.want)) {
		return n, ErrTampered
	}
	return n, err
}

// readThrough reads a part to its end, which checks it.
func (s *Service) readThrough(ctx context.Context, message ID, position int) error {
	r, err := s.openPart(ctx, message, position)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
