package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// loginLife bounds an errand, challengeLife one challenge of it.
const (
	loginLife     = time.Hour
	challengeLife = 10 * time.Minute
)

// NewLogin is an errand: a face asks somebody to identify, or to approve a text.
type NewLogin struct {
	Errand   string   // what it is for, as the face that takes the proof knows it: "collect", "bind", "mandate"
	Subject  string   // of which: the id of a delivery, a person, a mandate
	Session  string   // the token of the asking face's session: what is proven is taken only there
	Level    Level    // least level that serves
	Methods  []string // means that serve; empty: all that reach Level
	Language string   // nl, fr, de, en
	About    string   // shown: what this is for
	Approve  string   // the text to be approved, in Language; empty to identify only
	Back     string   // path to return to for who gives up
}

// Login is such an errand, open in one browser.
type Login struct {
	ID       string
	Errand   string
	Subject  string
	Level    Level
	Methods  []string
	Language string
	About    string
	Approve  string
	Back     string
	Method   string // the means that was begun last and waits; empty when none does
	Answered bool   // an answer was deposited
	Expires  time.Time
	binding  []byte
}

// Serves reports whether a means may be used for l.
func (l Login) Serves(method string) bool {
	return len(l.Methods) == 0 || slices.Contains(l.Methods, method)
}

// Bound reports whether l was asked by the session of this token.
func (l Login) Bound(session string) bool {
	return session != "" && string(l.binding) == string(hashed(session))
}

// OpenLogin begins an errand. secret is for a cookie of the browser: with the id
// it opens the errand, and neither does alone. Errors: FieldErrors.
func (s *Service) OpenLogin(ctx context.Context, n NewLogin) (id, secret string, err error) {
	var bad FieldErrors
	if !isLanguage(n.Language) {
		bad = append(bad, FieldError{"language", "malformed"})
	}
	if n.Session == "" {
		bad = append(bad, FieldError{"session", "missing"})
	}
	if len(n.Approve) > 7500 {
		bad = append(bad, FieldError{"approve", "too_long"})
	}
	if err := bad.orNil(); err != nil {
		return "", "", err
	}
	if id, err = newID(); err != nil {
		return "", "", err
	}
	secret = newToken()
	hash, _ := tokenHash(secret)
	at := s.now()
	_, err = s.pool.Exec(ctx, `
INSERT INTO login (id, secret_hash, purpose, subject, binding, level, methods, language, about, approve, back, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		id, hash, n.Errand, n.Subject, hashed(n.Session), n.Level, notNil(n.Methods), n.Language, clean(n.About, 1000), n.Approve, n.Back, at, at.Add(loginLife))
	if err != nil {
		return "", "", fmt.Errorf("identity: open login: %w", err)
	}
	return id, secret, nil
}

const selectLogin = `
SELECT l.id, l.purpose, l.subject, l.level, l.methods, l.language, l.about, l.approve, l.back,
       coalesce(c.method, ''), coalesce(c.answer IS NOT NULL, false), l.expires_at, l.binding
  FROM login l LEFT JOIN login_challenge c ON c.login_id = l.id AND c.expires_at > $3
 WHERE l.id = $1 AND l.secret_hash = $2 AND l.expires_at > $3`

// Login is the errand of a browser. Errors: ErrLoginStale.
func (s *Service) Login(ctx context.Context, id, secret string) (l Login, err error) {
	hash, ok := tokenHash(secret)
	if !ok || !isID(id) {
		return Login{}, ErrLoginStale
	}
	err = s.pool.QueryRow(ctx, selectLogin, id, hash, s.now()).Scan(&l.ID, &l.Errand, &l.Subject, &l.Level, &l.Methods, &l.Language,
		&l.About, &l.Approve, &l.Back, &l.Method, &l.Answered, &l.Expires, &l.binding)
	if errors.Is(err, pgx.ErrNoRows) {
		return Login{}, ErrLoginStale
	}
	if err != nil {
		return Login{}, fmt.Errorf("identity: login: %w", err)
	}
	return l, nil
}

// BeginLogin begins an errand with one means; what was begun before is dead.
// Errors: those of Begin, ErrForbidden for a means that does not serve,
// ErrLoginStale also after 20 beginnings.
func (s *Service) BeginLogin(ctx context.Context, l Login, m Means, back string) (Challenge, error) {
	if !l.Serves(m.Method()) {
		return Challenge{}, ErrForbidden
	}
	if a, ok := m.(Approver); l.Approve != "" && (!ok || !a.Approves(l.Approve)) {
		return Challenge{}, ErrForbidden
	}
	tag, err := s.pool.Exec(ctx, `UPDATE login SET begun = begun + 1 WHERE id = $1 AND expires_at > $2 AND begun < 20`, l.ID, s.now())
	if err != nil {
		return Challenge{}, fmt.Errorf("identity: begin login: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return Challenge{}, ErrLoginStale
	}
	c, err := m.Begin(ctx, Ask{Language: l.Language, Level: l.Level, Text: l.Approve, Return: back})
	if err != nil {
		return Challenge{}, err
	}
	if c.Life == 0 {
		c.Life = challengeLife
	}
	id, err := newID()
	if err != nil {
		return Challenge{}, err
	}
	saved, err := s.box.Seal(c.Saved, challengePlace(id, "saved"))
	if err != nil {
		return Challenge{}, err
	}
	var key []byte
	if c.Key != "" {
		key = hashed(c.Key)
	}
	at := s.now()
	_, err = s.pool.Exec(ctx, `
INSERT INTO login_challenge (login_id, id, method, key_hash, saved, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (login_id) DO UPDATE SET id = excluded.id, method = excluded.method, key_hash = excluded.key_hash, saved = excluded.saved,
       answer = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		l.ID, id, m.Method(), key, saved, at, at.Add(c.Life))
	if violates(err, "login_challenge_login_id_fkey") {
		return Challenge{}, ErrLoginStale
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("identity: begin login: %w", err)
	}
	return c, nil
}

// FinishLogin takes what was begun out of its place, before anything else, and
// turns the answer into a Proof: of any number of answers at once one gets
// through. The errand itself ends only with [Service.EndLogin], so that who
// failed may take another means. at is the true time.
//
// Errors: ErrLoginStale when nothing waits, those of Finish.
func (s *Service) FinishLogin(ctx context.Context, l Login, m Means, a Answer, at time.Time) (Proof, error) {
	var id string
	var saved, answer []byte
	err := s.pool.QueryRow(ctx, `
DELETE FROM login_challenge WHERE login_id = $1 AND method = $2 AND expires_at > $3 RETURNING id, saved, answer`,
		l.ID, m.Method(), s.now()).Scan(&id, &saved, &answer)
	if errors.Is(err, pgx.ErrNoRows) {
		return Proof{}, ErrLoginStale
	}
	if err != nil {
		return Proof{}, fmt.Errorf("identity: finish login: %w", err)
	}
	if saved, err = s.box.Open(saved, challengePlace(id, "saved")); err != nil {
		return Proof{}, err
	}
	if a.Direct = nil; answer != nil {
		if a.Direct, err = s.box.Open(answer, challengePlace(id, "answer")); err != nil {
			return Proof{}, err
		}
	}
	p, err := m.Finish(ctx, saved, a, at)
	if err != nil {
		return Proof{}, err
	}
	if p.Method != m.Method() {
		return Proof{}, fmt.Errorf("%w: %s proved by %s", ErrLoginUnusable, p.Method, m.Method())
	}
	p.Approved = l.Approve
	return p, nil
}

// EndLogin ends an errand in the transaction of what it was for: one caller of
// any number does. Errors: ErrLoginStale.
func (s *Service) EndLogin(ctx context.Context, tx pgx.Tx, l Login) error {
	tag, err := tx.Exec(ctx, `DELETE FROM login WHERE id = $1`, l.ID)
	if err != nil {
		return fmt.Errorf("identity: end login: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrLoginStale
	}
	return nil
}

// Mailbox is the Mailbox of one means; path makes the address on our host where
// the person of an errand goes on.
func (s *Service) Mailbox(m Means, path func(login string) string) Mailbox {
	return mailbox{s, m.Method(), path}
}

type mailbox struct {
	s      *Service
	method string
	path   func(string) string
}

// Saved implements [Mailbox].
func (b mailbox) Saved(ctx context.Context, key string) ([]byte, error) {
	var id string
	var saved []byte
	err := b.s.pool.QueryRow(ctx, `SELECT id, saved FROM login_challenge WHERE key_hash = $1 AND method = $2 AND expires_at > $3`,
		hashed(key), b.method, b.s.now()).Scan(&id, &saved)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrLoginStale
	}
	if err != nil {
		return nil, fmt.Errorf("identity: mailbox: %w", err)
	}
	return b.s.box.Open(saved, challengePlace(id, "saved"))
}

// Deposit implements [Mailbox].
func (b mailbox) Deposit(ctx context.Context, key string, answer []byte) (string, error) {
	var id, login string
	err := b.s.pool.QueryRow(ctx, `SELECT id, login_id FROM login_challenge WHERE key_hash = $1 AND method = $2 AND expires_at > $3`,
		hashed(key), b.method, b.s.now()).Scan(&id, &login)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrLoginStale
	}
	if err != nil {
		return "", fmt.Errorf("identity: mailbox: %w", err)
	}
	sealed, err := b.s.box.Seal(answer, challengePlace(id, "answer"))
	if err != nil {
		return "", err
	}
	tag, err := b.s.pool.Exec(ctx, `UPDATE login_challenge SET answer = $2 WHERE id = $1 AND answer IS NULL`, id, sealed)
	if err != nil {
		return "", fmt.Errorf("identity: mailbox: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return "", ErrLoginStale
	}
	return b.path(login), nil
}

func challengePlace(id, part string) []byte { return []byte("login_challenge:" + id + ":" + part) }

// TextDigest is how an approved text is kept with what it allowed.
func TextDigest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
