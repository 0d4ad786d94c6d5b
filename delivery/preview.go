package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
)

// Preview is what a submission would become.
type Preview struct {
	Recipients []RecipientPreview // as in the submission
	Plan       Plan
	Quote      *Quote // nil: nobody is charged
}

// RecipientPreview is what one recipient would get.
type RecipientPreview struct {
	Paper  bool           // a letter goes when nobody decides online, or nobody can be reached
	Letter *LetterPreview // of that letter; nil when nothing is known about paper
}

// previewTime bounds how long a preview may take: conversions of documents take
// their time, and may wait for those of others.
const previewTime = 3 * time.Minute

// Preview says what sub would become, without keeping or sending anything.
// Identical content is typeset once, however many recipients. Errors:
// FieldErrors as of Check, and for documents and for addresses with which no
// letter can be made; context.DeadlineExceeded when it takes too long.
func (s *Service) Preview(ctx context.Context, by Submitter, sub Submission) (Preview, error) {
	sub = sub.normal()
	if faults := s.Check(sub); len(faults) > 0 {
		return Preview{}, faults
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	now := s.Now().UTC()
	plan, err := s.PlanOf(sub.Policy, now)
	if err != nil {
		return Preview{}, err
	}
	d, opens, err := s.previewed(ctx, by, sub, now)
	if err != nil {
		return Preview{}, err
	}
	out := Preview{Plan: plan, Recipients: make([]RecipientPreview, len(sub.Recipients))}
	for i, r := range sub.Recipients {
		d.Recipient = r
		v := &out.Recipients[i]
		v.Paper = sub.Policy.Fallback == FallbackPost && r.Address != nil
		if !v.Paper || s.Previews == nil {
			continue
		}
		letter, err := s.previewLetter(ctx, d, opens, now)
		if errors.Is(err, ErrUnpostable) {
			return Preview{}, FieldErrors{{Pointer: fmt.Sprintf("/recipients/%d/postal_address", i), Code: "unpostable"}}
		}
		if err != nil {
			return Preview{}, err
		}
		v.Letter = &letter
	}
	return s.priced(sub, out), nil
}

// unprintable finds the addresses with which no letter can be made: better now
// than when the window is over.
func (s *Service) unprintable(sub Submission) (faults FieldErrors) {
	if s.Previews == nil || sub.Policy.Fallback != FallbackPost {
		return nil
	}
	for i, r := range sub.Recipients {
		if r.Address == nil || len(faults) > 100 {
			continue
		}
		if err := s.Previews.Fits(r.block(), r.Language); err != nil {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/recipients/%d/postal_address", i), Code: "unprintable"})
		}
	}
	return faults
}

// opener opens a part of what is previewed.
type opener func(context.Context) (io.ReadCloser, error)

// previewed is the delivery that sub would begin, with what opens its parts.
// Errors: FieldErrors for documents that are not there.
func (s *Service) previewed(ctx context.Context, by Submitter, sub Submission, at time.Time) (Delivery, []opener, error) {
	m := Message{Account: by.By.Account, Number: "0000-0000-0000", Test: by.Test, Subject: sub.Subject, Language: sub.Language,
		Policy: sub.Policy, Sender: by.Sender, SubmittedAt: at}
	text := messageText(sub)
	m.Parts = []evidence.Part{textOf(text, sha256.Sum256(text))}
	opens := []opener{func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
	rows, err := s.Pool.Query(ctx, sqlPreviewDocuments, sub.Documents, by.By.Account)
	if err != nil {
		return Delivery{}, nil, err
	}
	var faults FieldErrors
	var pos int64
	var name, kind *string
	var size *int64
	var object, key *string
	var digest, wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{&pos, &name, &kind, &size, &digest, &object, &key, &wrapped}, func() error {
		if name == nil {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/documents/%d", pos-1), Code: "document_unknown"})
			return nil
		}
		p := evidence.Part{Name: *name, MediaType: *kind, Size: *size, SHA256: hex.EncodeToString(digest)}
		st := Stored{Name: *object, KeyID: *key, Key: append([]byte(nil), wrapped...), Size: *size, SHA256: append([]byte(nil), digest...)}
		m.Parts = append(m.Parts, p)
		opens = append(opens, func(ctx context.Context) (io.ReadCloser, error) {
			r, err := s.Vault.Open(ctx, st)
			if err != nil {
				return nil, err
			}
			return &verified{ReadCloser: r, sum: sha256.New(), want: st.SHA256, size: st.Size}, nil
		})
		return nil
	})
	if err == nil && len(faults) > 0 {
		err = faults
	}
	return Delivery{ID: ID("preview " + by.By.Account), Message: m}, opens, err
}

const sqlPreviewDocuments = `
SELECT w.position, d.filename, d.media_type, d.size, d.sha256, d.object, d.key_id, d.wrapped_key
  FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, position)
  LEFT JOIN document d ON d.id = w.id AND d.account_id = $2 AND d.message_id IS NULL ORDER BY w.position`

// previewLetter is the letter that d would become if nobody decided.
func (s *Service) previewLetter(ctx context.Context, d Delivery, opens []opener, at time.Time) (LetterPreview, error) {
	l := s.letter(d, LetterBegun{Reason: "expired", EndedAt: at})
	for i := range l.Parts {
		l.Parts[i].Open = opens[i]
	}
	return s.Previews.Preview(ctx, l)
}

// PreviewTotal sums a preview up. Prices are cents of a euro, -1 when a tariff
// does not say.
type PreviewTotal struct {
	Recipients, Letters  int
	Pages, Sheets, Grams int
	Online               int // when everybody collects online
	Posted               int // when every letter that can be posted is
}

// Total sums p up.
func (p Preview) Total() PreviewTotal {
	t := PreviewTotal{Recipients: len(p.Recipients)}
	online, posted := true, true // are known of every recipient
	for _, r := range p.Recipients {
		if r.Paper {
			t.Letters++
		}
		l := r.Letter
		if l == nil {
			online, posted = false, false
			continue
		}
		t.Pages, t.Sheets, t.Grams = t.Pages+l.Pages, t.Sheets+l.Sheets, t.Grams+l.Grams
		t.Online, t.Posted = t.Online+l.Online, t.Posted+l.Price
		online, posted = online && l.Online >= 0, posted && l.Price >= 0
	}
	if !online {
		t.Online = -1
	}
	if !posted {
		t.Posted = -1
	}
	if p.Quote != nil {
		t.Online, t.Posted = p.Quote.Online, p.Quote.Posted
	}
	return t
}
