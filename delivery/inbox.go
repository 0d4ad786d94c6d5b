package delivery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// InboxItem is a delivery as its addressee, or who may receive for the
// addressee, finds it after signing in: what the announcement says, and nothing
// of the content.
type InboxItem struct {
	Delivery
	Mandate string // under which the reader may receive it; empty: it is the reader's own
	For     string // name of the principal; empty: the reader
	Open    bool   // can be decided
	Read    bool   // accepted: can be read
}

// Inbox lists what is addressed to an identified account holder, or to those the
// holder may receive for: to an address that was proven, and to the person who is
// behind it. Newest first, older than before (empty: from the newest); it looks
// at most at limit deliveries, and next is where to go on, or empty. Errors:
// ErrUnidentified for who was never identified.
func (s *Service) Inbox(ctx context.Context, by identity.Actor, before ID, limit int) (list []InboxItem, next ID, err error) {
	boxes, err := s.inboxes(ctx, by)
	if err != nil {
		return nil, "", err
	}
	limit = min(max(limit, 1), MaxPage)
	if before == "" {
		before = "ffffffff-ffff-ffff-ffff-ffffffffffff"
	}
	for _, box := range boxes {
		rows, err := s.Pool.Query(ctx, sqlInbox, box.Emails, box.Mobiles, box.EnterpriseNumber, string(before), limit)
		if err != nil {
			return nil, "", err
		}
		found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (InboxItem, error) {
			d, ahead, err := scanDelivery(r)
			return s.inboxItem(d, box, ahead), err
		})
		if err != nil {
			return nil, "", err
		}
		list = append(list, found...)
	}
	slices.SortStableFunc(list, func(a, b InboxItem) int { return strings.Compare(string(b.ID), string(a.ID)) })
	if len(list) >= limit { // every box was asked for that many: what is cut off comes again
		next = list[limit-1].ID
		list = slices.DeleteFunc(list, func(i InboxItem) bool { return i.ID < next })
	}
	return slices.DeleteFunc(list, func(i InboxItem) bool { return !s.isFor(i.Delivery, boxes, i.Mandate) }), next, nil
}

// sqlInbox selects what is addressed to addresses or to a company: the newest of
// each, and of these the newest, so that who has had much waits no longer. What is
// not announced yet is not there yet.
const (
	sqlAnnounced = ` AND d.id < $4 AND d.state <> 'submitted'
   AND NOT EXISTS (SELECT FROM message m WHERE m.id = d.message_id AND m.purged_at IS NOT NULL) ORDER BY d.id DESC LIMIT $5`

	sqlInbox = sqlDelivery + `
  JOIN (SELECT n.id FROM (
	SELECT x.id FROM unnest($1::text[]) AS a (v) CROSS JOIN LATERAL (SELECT d.id FROM delivery d WHERE lower(d.recipient ->> 'email') = a.v` + sqlAnnounced + `) x
	UNION SELECT x.id FROM unnest($2::text[]) AS a (v) CROSS JOIN LATERAL (SELECT d.id FROM delivery d WHERE d.recipient ->> 'mobile' = a.v` + sqlAnnounced + `) x
	UNION SELECT x.id FROM (SELECT d.id FROM delivery d WHERE d.recipient -> 'organisation' ->> 'enterprise_number' = nullif($3, '')` + sqlAnnounced + `) x) n
	ORDER BY n.id DESC LIMIT $5) n ON n.id = d.id
 ORDER BY d.id DESC`
)

func (s *Service) inboxes(ctx context.Context, by identity.Actor) ([]identity.Inbox, error) {
	boxes, err := s.Identities.Inboxes(ctx, by)
	if errors.Is(err, identity.ErrForbidden) {
		err = errors.Join(ErrUnidentified, err)
	}
	return boxes, err
}

func (s *Service) inboxItem(d Delivery, box identity.Inbox, ahead time.Duration) InboxItem {
	return InboxItem{Delivery: d, Mandate: box.Mandate, For: box.Principal, Open: d.Open(s.Now().Add(ahead)),
		Read: slices.Contains([]State{Accepted, Consigned, HandedOver}, d.State)}
}

// isFor reports whether d is for the person, or the company, behind one of the
// boxes. An address alone says little: people share them. The sender's
// description has to fit the person who was identified.
func (s *Service) isFor(d Delivery, boxes []identity.Inbox, mandate string) bool {
	for _, box := range boxes {
		if box.Mandate != mandate || !box.Holds(d.Message.Policy.Class) {
			continue
		}
		r := d.Recipient
		if r.Organisation != nil {
			return box.EnterpriseNumber != "" && r.Organisation.EnterpriseNumber == box.EnterpriseNumber
		}
		reached := slices.Contains(box.Emails, strings.ToLower(r.Email)) || slices.Contains(box.Mobiles, r.Mobile)
		want := identity.Expected{Given: r.Given, Family: r.Family, BirthDate: r.BirthDate, NationalNumber: r.NationalNumber}
		return reached && identity.Match(want, box.Who, s.Identities.NationalNumberDigest).OK
	}
	return false
}

// OpenInbox gives the path of the page on which an item of the inbox is
// collected: the recipient's own link, or that of the reader as a delegate under a
// mandate, who is written down. Nothing is opened by it: codes and identification
// follow. Errors: ErrNotFound for what is not in the inbox, ErrUnidentified,
// ErrNoContact, identity.ErrNoMandate.
func (s *Service) OpenInbox(ctx context.Context, by identity.Actor, id ID, mandate string) (path string, err error) {
	boxes, err := s.inboxes(ctx, by)
	if err != nil {
		return "", err
	}
	if !isID(string(id)) {
		return "", ErrNotFound
	}
	var address string
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		d, ahead, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if d.State == Submitted || !d.Message.PurgedAt.IsZero() || !s.isFor(d, boxes, mandate) {
			return ErrNotFound
		}
		if mandate == "" {
			address, err = s.linkURL(ctx, tx, sqlNonce, string(id))
			return err
		}
		at, err := s.clock(ahead, d.LastAt)
		if err != nil {
			return err
		}
		g, err := s.grantee(ctx, tx, d, by, boxes[0], mandate, at)
		if err != nil {
			return err
		}
		if g, err = s.reuseDelegate(ctx, tx, id, g); err != nil {
			return err
		}
		address, err = s.linkURL(ctx, tx, sqlDelegateNonce, g.ID)
		return err
	})
	return strings.TrimPrefix(address, s.BaseURL), err
}

// grantee is the reader as a delegate of d under a mandate that holds now.
func (s *Service) grantee(ctx context.Context, tx pgx.Tx, d Delivery, by identity.Actor, own identity.Inbox, mandate string, at time.Time) (Delegate, error) {
	m, err := s.Identities.AuthoriseAs(ctx, tx, by, mandate, identity.PowerReceive, d.Message.Policy.Class, s.Now())
	if err != nil {
		return Delegate{}, err
	}
	if len(own.Emails) == 0 || len(own.Mobiles) == 0 {
		return Delegate{}, ErrNoContact
	}
	return Delegate{ID: evidence.NewID(), Given: own.Who.Given, Family: own.Who.Family, Email: own.Emails[0], Mobile: own.Mobiles[0],
		Language: own.Language, NationalNumber: s.Identities.NationalNumberDigest(own.Who.NationalNumber), Person: by.Subject,
		Mandate: m.ID, NamedAt: at, Record: by.Record, under: mandateOf(m)}, nil
}
