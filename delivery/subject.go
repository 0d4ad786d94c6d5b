package delivery

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/identity"
)

// MaxHeld bounds what is listed of a person in each part of an answer.
const MaxHeld = 10_000

// Subject is a person who asked what is held about them, as an operator knows who
// it is: name, birth date or number, and addresses that are proven to be theirs.
type Subject struct {
	identity.Proof
	Emails  []string
	Mobiles []string // E.164
	Person  string   // id of the account holder; empty: none
}

// Held is everything that deliveries hold about a person: as addressee, as who
// receives for one, and as who sent for an account. Of others it says only who
// sent, as the addressee was told.
type Held struct {
	Received []HeldDelivery `json:"received"`
	Delegate []HeldDelegate `json:"delegate"`
	Sent     []HeldSent     `json:"sent"`
	// Left counts deliveries to the addresses of the person that are for somebody
	// else, or do not say enough to tell: an operator looks at these.
	Left int `json:"-"`
}

// HeldDelivery is a delivery to the person.
type HeldDelivery struct {
	ID          ID           `json:"id"`
	Number      string       `json:"number"`
	Sender      string       `json:"sender"` // GDPR art. 15(1)(g)
	State       State        `json:"state"`
	SubmittedAt time.Time    `json:"submitted_at"`
	NotifiedAt  time.Time    `json:"notified_at,omitzero"`
	DecidedAt   time.Time    `json:"decided_at,omitzero"`
	HandedOver  time.Time    `json:"handed_over_at,omitzero"`
	KeptUntil   time.Time    `json:"kept_until"`
	Held        bool         `json:"held,omitempty"`    // legal proceedings run
	Subject     string       `json:"subject,omitempty"` // once it was accepted
	Recipient   Recipient    `json:"recipient"`
	Record      string       `json:"identification,omitempty"` // id of the person's identification
	Delegates   []time.Time  `json:"delegates_named_at,omitempty"`
	Proposals   []HeldReach  `json:"addresses_proposed,omitempty"`
	Notices     []HeldNotice `json:"notices"`
	Events      []HeldEvent  `json:"events"`
}

// HeldReach is an address that the person named.
type HeldReach struct {
	Channel  string     `json:"channel"`
	Address  string     `json:"address"`
	At       time.Time  `json:"at"`
	ProvenAt *time.Time `json:"proven_at,omitempty"`
	Agreed   *bool      `json:"agreed,omitempty"`
}

// HeldNotice is a notice to the person.
type HeldNotice struct {
	Kind    string    `json:"kind"`
	Channel string    `json:"channel"`
	Address string    `json:"address"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
}

// HeldEvent is what happened, and when.
type HeldEvent struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

// HeldDelegate is an item that the person may receive for somebody.
type HeldDelegate struct {
	Number      string     `json:"number"`
	Given       string     `json:"given"`
	Family      string     `json:"family"`
	Email       string     `json:"email"`
	Mobile      string     `json:"mobile"`
	Language    string     `json:"language"`
	BirthDate   string     `json:"birth_date,omitempty"`
	NamedAt     time.Time  `json:"named_at"`
	WithdrawnAt *time.Time `json:"withdrawn_at,omitempty"`
}

// HeldSent is a message that the person sent for an account.
type HeldSent struct {
	Number      string    `json:"number"`
	Account     string    `json:"account"`
	Subject     string    `json:"subject"`
	Recipients  int       `json:"recipients"`
	SubmittedAt time.Time `json:"submitted_at"`
	KeptUntil   time.Time `json:"kept_until"`
}

// HeldOf gathers what deliveries hold about a person. Whether the asker may know is
// for the caller to have checked; that every row is about this very person is
// checked here. As of one instant, it changes nothing.
//
// GDPR art. 15, 20 (R22)
func (s *Service) HeldOf(ctx context.Context, who Subject) (h Held, err error) {
	for i := range who.Emails {
		who.Emails[i] = strings.ToLower(strings.TrimSpace(who.Emails[i]))
	}
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.Pool, opts, func(tx pgx.Tx) error {
		if err := s.heldReceived(ctx, tx, who, &h); err != nil {
			return err
		}
		if err := s.heldDelegates(ctx, tx, who, &h); err != nil {
			return err
		}
		if !isID(who.Person) {
			return nil
		}
		h.Sent, err = heldRows[HeldSent](ctx, tx, `
SELECT m.number, a.name, m.subject, m.deliveries, m.submitted_at, m.retain_until FROM message m JOIN account a ON a.id = m.account_id
 WHERE m.account_id IN (SELECT account_id FROM membership WHERE person_id::text = $1) AND m.sent_by -> 'identifier' ->> 'value' = $1 AND m.purged_at IS NULL
 ORDER BY m.id LIMIT $2`, who.Person, MaxHeld)
		return err
	})
	return h, err
}

// sqlHeldTo is what was sent to an address, whoever it was for.
const sqlHeldTo = sqlDelivery + `
 WHERE (lower(d.recipient ->> 'email') = ANY ($1) OR d.recipient ->> 'mobile' = ANY ($2)) AND m.purged_at IS NULL ORDER BY d.id LIMIT $3`

func (s *Service) heldReceived(ctx context.Context, tx pgx.Tx, who Subject, h *Held) error {
	rows, err := tx.Query(ctx, sqlHeldTo, who.Emails, who.Mobiles, MaxHeld)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Delivery, error) {
		d, _, err := scanDelivery(r)
		return d, err
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if !s.isSubject(who, d.Recipient.Given, d.Recipient.Family, d.Recipient.BirthDate, d.Recipient.NationalNumber) {
			h.Left++
			continue
		}
		x, err := heldDelivery(ctx, tx, d)
		if err != nil {
			return err
		}
		h.Received = append(h.Received, x)
	}
	return nil
}

// isSubject reports whether a description is of the person. An address alone says
// little: people share them.
func (s *Service) isSubject(who Subject, given, family, birthDate, nationalDigest string) bool {
	want := identity.Expected{Given: given, Family: family, BirthDate: birthDate, NationalNumber: nationalDigest}
	return identity.Match(want, who.Proof, s.Identities.NationalNumberDigest).OK
}

func heldDelivery(ctx context.Context, tx pgx.Tx, d Delivery) (x HeldDelivery, err error) {
	m := d.Message
	x = HeldDelivery{ID: d.ID, Number: m.Number, Sender: cmp.Or(m.Sender.Name, strings.TrimSpace(m.Sender.Given+" "+m.Sender.Family)), State: d.State, SubmittedAt: m.SubmittedAt, NotifiedAt: d.NotifiedAt,
		DecidedAt: d.DecidedAt, HandedOver: d.HandedOverAt, KeptUntil: m.RetainUntil, Held: m.Held, Recipient: d.Recipient}
	x.Recipient.NationalNumber = "" // a digest says nothing to the person
	if slices.Contains([]State{Accepted, Consigned, HandedOver}, d.State) {
		x.Subject = m.Subject
	}
	if d.Identified != nil {
		x.Record = d.Identified.Record
	}
	if x.Notices, err = heldRows[HeldNotice](ctx, tx, `
SELECT kind, channel, address, created_at, coalesce(outcome, '') FROM notice WHERE delivery_id = $1 AND (lower(address) = lower($2) OR address = $3) ORDER BY id`,
		string(d.ID), d.Recipient.Email, d.Recipient.Mobile); err != nil {
		return x, err
	}
	if x.Events, err = heldRows[HeldEvent](ctx, tx, `SELECT name, at FROM erds_event WHERE delivery_id = $1 ORDER BY seq`, string(d.ID)); err != nil {
		return x, err
	}
	if x.Proposals, err = heldRows[HeldReach](ctx, tx, `
SELECT channel, address, created_at, proven_at, agreed FROM contact_proposal WHERE delivery_id = $1 ORDER BY created_at`, string(d.ID)); err != nil {
		return x, err
	}
	rows, err := tx.Query(ctx, `SELECT named_at FROM delegate WHERE delivery_id = $1 AND mandate_id IS NULL ORDER BY named_at`, string(d.ID))
	if err != nil {
		return x, err
	}
	x.Delegates, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
	return x, err
}

func (s *Service) heldDelegates(ctx context.Context, tx pgx.Tx, who Subject, h *Held) error {
	all, err := heldRows[struct {
		HeldDelegate
		Digest string
		Person string
	}](ctx, tx, `
SELECT m.number, g.given, g.family, g.email, g.mobile, g.language, g.birth_date, g.named_at, g.withdrawn_at, g.national_digest, coalesce(g.person_id::text, '')
  FROM delegate g JOIN delivery d ON d.id = g.delivery_id JOIN message m ON m.id = d.message_id
 WHERE (lower(g.email) = ANY ($1) OR g.mobile = ANY ($2) OR g.person_id::text = $3) AND m.purged_at IS NULL ORDER BY g.id LIMIT $4`,
		who.Emails, who.Mobiles, who.Person, MaxHeld)
	if err != nil {
		return err
	}
	for _, g := range all {
		if who.Person != "" && g.Person == who.Person || s.isSubject(who, g.Given, g.Family, g.BirthDate, g.Digest) {
			h.Delegate = append(h.Delegate, g.HeldDelegate)
		} else {
			h.Left++
		}
	}
	return nil
}

func heldRows[T any](ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
