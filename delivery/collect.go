package delivery

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// SessionLife is how long a recipient's browser may take from the first code to
// the last download.
const SessionLife = time.Hour

// Collecting is what the browser of a recipient, or of a delegate, has proven so
// far. It names the delivery; it opens content only once Actor is there.
type Collecting struct {
	Delivery ID
	Delegate string    // whose link it began with; empty for the recipient's own
	EmailAt  time.Time // zero until the code of the e-mail was entered
	SMSAt    time.Time
	Actor    *identity.Actor // the addressee, or with Mandate a delegate, identified in this session
	Expires  time.Time
	hash     []byte
}

// Codes reports that both one-time codes were entered.
func (c Collecting) Codes() bool { return !c.EmailAt.IsZero() && !c.SMSAt.IsZero() }

// ByLink finds the delivery that a collect link leads to, with the delegate whose
// link it is. It proves nothing. Errors: ErrNotFound.
func (s *Service) ByLink(ctx context.Context, token string) (Delivery, error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(32) {
		return Delivery{}, ErrNotFound
	}
	d, _, err := scanDelivery(s.Pool.QueryRow(ctx, sqlDelivery+` WHERE d.link_hash = $1`, linkHash(token)))
	if !errors.Is(err, ErrNotFound) {
		return d, err
	}
	g, of, err := scanDelegate(s.Pool.QueryRow(ctx, sqlDelegate+` WHERE link_hash = $1`, linkHash(token)))
	if err != nil {
		return Delivery{}, err
	}
	d, err = s.load(ctx, of)
	d.Delegate = &g
	return d, err
}

// ByNoticeCode finds the delivery whose notice bears a code, as typed by
// somebody who wonders whether it is genuine. Errors: ErrNotFound.
func (s *Service) ByNoticeCode(ctx context.Context, typed string) (Delivery, error) {
	if len(typed) > 40 {
		return Delivery{}, ErrNotFound
	}
	d, _, err := scanDelivery(s.Pool.QueryRow(ctx, sqlDelivery+` WHERE d.notice_code = $1`, NormalCode(typed, 5)))
	return d, err
}

// Now is the time that counts for d: a test delivery may be ahead.
func (s *Service) NowFor(ctx context.Context, d Delivery) (time.Time, error) { return s.now(ctx, d) }

const sqlSession = `SELECT delivery_id, coalesce(delegate_id::text, ''), coalesce(email_at, 'epoch'), coalesce(sms_at, 'epoch'), actor, expires_at, token_hash
  FROM collect_session WHERE token_hash = $1 AND delivery_id = $2 AND delegate_id IS NOT DISTINCT FROM $3 AND expires_at > $4`

// Session returns what a browser has proven for the delivery of a link, as
// [Service.ByLink] found it. Errors: ErrNotFound when the session is not one for
// this link, or is over.
func (s *Service) Session(ctx context.Context, d Delivery, session string) (c Collecting, err error) {
	err = s.Pool.QueryRow(ctx, sqlSession, linkHash(session), string(d.ID), d.delegateID(), s.Now()).
		Scan(&c.Delivery, &c.Delegate, &c.EmailAt, &c.SMSAt, &c.Actor, &c.Expires, &c.hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return Collecting{}, ErrNotFound
	}
	for _, t := range []*time.Time{&c.EmailAt, &c.SMSAt} {
		if *t = t.UTC(); t.Unix() == 0 {
			*t = time.Time{}
		}
	}
	return c, err
}

// SendCodes begins, or goes on with, a session: it sends a fresh code on each
// channel, to the addresses of whose link it is, and records that the link was
// used (D.5). It returns the session to be kept by the browser. Errors: those of
// Codes.Issue, ErrWindowClosed, ErrDecided, ErrNotOpen, ErrWithdrawn.
func (s *Service) SendCodes(ctx context.Context, d Delivery, session string, by identity.Actor) (string, error) {
	_, known := s.Session(ctx, d, session)
	err := s.afterWindow(ctx, d.ID, func() (err error) {
		session, err = s.sendCodes(ctx, d, session, known == nil, by)
		return err
	})
	return session, err
}

// sendCodes is SendCodes in one transaction; known says that the browser has a
// session.
func (s *Service) sendCodes(ctx context.Context, d Delivery, session string, known bool, by identity.Actor) (string, error) {
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if !known {
			b := make([]byte, 32)
			rand.Read(b)
			session = base64.RawURLEncoding.EncodeToString(b)
			_, err := s.moveTx(ctx, tx, d.ID, func(now Delivery, at time.Time) (Move, error) {
				now, err := s.withDelegate(ctx, tx, now, d.delegateID())
				if err != nil {
					return Move{}, err
				}
				return now.Visit(by, at)
			})
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO collect_session (token_hash, delivery_id, delegate_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
				linkHash(session), string(d.ID), d.delegateID(), s.Now(), s.Now().Add(SessionLife)); err != nil {
				return err
			}
		} else if err := s.mayVisit(ctx, tx, d, by); err != nil {
			return err
		}
		var notices []notify.Notice
		for _, ch := range []notify.Channel{notify.Email, notify.SMS} {
			n := d.tellWho(notify.Code, ch)
			challenge, _, err := s.Config.Codes.Issue(ctx, tx, codeSubject(d.ID, d.delegateID()), ch, s.Now())
			if err != nil {
				return err
			}
			n.ID, n.Ref = evidence.NewID(), challenge
			notices = append(notices, n)
		}
		return s.Notices.Enqueue(ctx, tx, notices...)
	})
	return session, err
}

// mayVisit asks the rule of Visit without recording another visit.
func (s *Service) mayVisit(ctx context.Context, tx pgx.Tx, was Delivery, by identity.Actor) error {
	d, ahead, err := lock(ctx, tx, was.ID)
	if err != nil {
		return err
	}
	if d, err = s.withDelegate(ctx, tx, d, was.delegateID()); err != nil {
		return err
	}
	at, err := s.clock(ahead, d.LastAt)
	if err != nil {
		return err
	}
	_, err = d.Visit(by, at)
	return err
}

// Visit records that the link was used, by somebody who is not identified.
//
// EN 319 522-1 §6.2.5 D.5
func (d Delivery) Visit(by identity.Actor, at time.Time) (Move, error) {
	if err := d.DelegateMay(); err != nil {
		return Move{}, err
	}
	switch d.State {
	case Accepted, Consigned, HandedOver:
	default:
		if err := d.mayCollect(at); err != nil {
			return Move{}, err
		}
	}
	m := Move{After: d}
	m.Event = d.event(evidence.NotificationAccessTracking, at, append(d.whose(), seen(by)...)...)
	return m, nil
}

// EnterCodes checks the two codes and notes them on the session. A code that
// was right stays right for the session. Errors: those of Codes.Check.
func (s *Service) EnterCodes(ctx context.Context, c Collecting, email, sms string) error {
	for _, x := range []struct {
		ch   notify.Channel
		code string
		have time.Time
		sql  string
	}{
		{notify.Email, email, c.EmailAt, `UPDATE collect_session SET email_at = $2 WHERE token_hash = $1`},
		{notify.SMS, sms, c.SMSAt, `UPDATE collect_session SET sms_at = $2 WHERE token_hash = $1`},
	} {
		if !x.have.IsZero() {
			continue
		}
		if err := s.Config.Codes.Check(ctx, codeSubject(c.Delivery, orNull(c.Delegate)), x.ch, x.code, s.Now()); err != nil {
			return ChannelError{x.ch, err}
		}
		if _, err := s.Pool.Exec(ctx, x.sql, c.hash, s.Now()); err != nil {
			return err
		}
	}
	return nil
}

// ChannelError says on which channel a code was refused.
type ChannelError struct {
	Channel notify.Channel
	Err     error
}

func (e ChannelError) Error() string { return string(e.Channel) + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e ChannelError) Unwrap() error { return e.Err }
