package delivery

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/notify"
)

// NoticePreview is what recipients of one language would read before they show
// who they are: the announcement by e-mail and by SMS, and what the page behind its
// link says. Links, numbers and codes in it are made up.
type NoticePreview struct {
	Language string
	First    int // the first recipient of that language, from 0: whose name it has
	Subject  string
	Mail     string
	SMS      string
	Sender   string
	Respond  time.Time // first instant at which deciding is too late
	GoesPost bool      // a letter follows when nobody decides
	PostedOn time.Time // on which day
	Company  string    // company that is addressed; empty: the person
}

// PreviewNotices renders what the recipients of sub would read if it were
// submitted at a time, one for each language. Nothing is kept or sent. Errors:
// FieldErrors as of Check.
func (s *Service) PreviewNotices(ctx context.Context, by Submitter, sub Submission, at time.Time) ([]NoticePreview, error) {
	sub = sub.normal()
	if faults := s.check(&sub, at); len(faults) > 0 {
		return nil, faults
	}
	words, err := notify.NewRenderer()
	if err != nil {
		return nil, err
	}
	text := messageText(sub)
	m := Message{ID: ID(evidence.NewID()), Account: by.By.Account, Number: newNumber(), Test: by.Test, Subject: sub.Subject, Reference: sub.Reference,
		Language: sub.Language, Policy: sub.Policy, Sender: by.Sender, SubmittedAt: at.UTC(), Parts: []evidence.Part{textOf(text, sha256.Sum256(text))}}
	var out []NoticePreview
	seen := map[string]bool{}
	for i, r := range sub.Recipients {
		if seen[r.Language] {
			continue
		}
		seen[r.Language] = true
		r.NationalNumber = ""
		d := Delivery{ID: ID(evidence.NewID()), Message: m, Position: i + 1, Recipient: r, State: Submitted, NoticeCode: newNoticeCode()}
		v := NoticePreview{Language: r.Language, First: i}
		if r.Organisation != nil {
			v.Company = r.Organisation.Name
		}
		for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
			n := d.tell(notify.Announcement, ch)
			f, err := s.factsOf(ctx, n, d, at.Sub(s.Now()), make([]byte, 16))
			if err != nil {
				return nil, err
			}
			page, err := words.Render(n, f)
			if err != nil {
				return nil, err
			}
			if ch == notify.SMS {
				v.SMS = page.Text
				continue
			}
			v.Subject, v.Mail, v.Sender, v.Respond = page.Subject, page.Text, f.SenderName, f.Deadline
			v.GoesPost, v.PostedOn = f.Fallback == string(FallbackPost), f.GoesByPostAt
		}
		out = append(out, v)
	}
	return out, nil
}
