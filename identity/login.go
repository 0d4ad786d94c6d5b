package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	if !strings.HasPrefix(n.Back, "/") || strings.HasPrefix(n.Back, "//") || strings.ContainsAny(n.Back, "\\\r\n") || len(n.Back) > 500 {
		bad = append(bad, FieldError{"back", "malformed"})
	}
	if err := bad.orNil(); err != nil {
		return "", "", err
	}
	if id, err = newID(); err != nil {
		return "", "", err
	}
	secret = newToken()
	hash, _ := tokenHash(secret)
	sealed, err := s.box.Seal([]byte(n.Back), loginPlace(id))
	if err != nil {
		return "", "", err
	}
	at := s.now()
	_, err = s.pool.Exec(ctx, `
INSERT INTO login (id, secret_hash, purpose, subject, binding, level, methods, language, about, approve, back, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		id, hash, n.Errand, n.Subject, hashed(n.Session), n.Level, notNil(n.Methods), n.Language, clean(n.About, 1000), n.Approve, sealed, at, at.Add(loginLife))
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
	var sealed []byte
	err = s.pool.QueryRow(ctx, selectLogin, id, hash, s.now()).Scan(&l.ID, &l.Errand, &l.Subject, &l.Level, &l.Methods, &l.Language,
		&l.About, &l.Approve, &sealed, &l.Method, &l.Answered, &l.Expires, &l.binding)
	if errors.Is(err, pgx.ErrNoRows) {
		return Login{}, ErrLoginStale
	}
	if err != nil {
		return Login{}, fmt.Errorf("identity: login: %w", err)
	}
	back, err := s.box.Open(sealed, loginPlace(id))
	l.Back = string(back)
	return l, err
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
	shown, err := s.sealShown(id, c)
	if err != nil {
		return Challenge{}, err
	}
	var key []byte
	if c.Key != "" {
		key = hashed(c.Key)
	}
	at := s.now()
	_, err = s.pool.Exec(ctx, `
INSERT INTO login_challenge (login_id, id, method, key_hash, saved, shown, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (login_id) DO UPDATE SET id = excluded.id, method = excluded.method, key_hash = excluded.key_hash, saved = excluded.saved,
       shown = excluded.shown, answer = NULL, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		l.ID, id, m.Method(), key, saved, shown, at, at.Add(c.Life))
	if violates(err, "login_challenge_login_id_fkey") {
		return Challenge{}, ErrLoginStale
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("identity: begin login: %w", err)
	}
	return c, nil
}

// sealShown keeps what the person is shown of a challenge: not what was saved.
func (s *Service) sealShown(id string, c Challenge) ([]byte, error) {
	c.Saved = nil
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("identity: begin login: %w", err)
	}
	return s.box.Seal(plain, challengePlace(id, "shown"))
}

// Challenge is what was begun last for an errand, without Saved: to show its
// page again. Errors: ErrLoginStale when nothing waits.
func (s *Service) Challenge(ctx context.Context, l Login) (c Challenge, err error) {
	var id string
	var shown []byte
	err = s.pool.QueryRow(ctx, `SELECT id, shown FROM login_challenge WHERE login_id = $1 AND expires_at > $2`, l.ID, s.now()).Scan(&id, &shown)
	if errors.Is(err, pgx.ErrNoRows) {
		return Challenge{}, ErrLoginStale
	}
	if err != nil {
		return Challenge{}, fmt.Errorf("identity: challenge: %w", err)
	}
	if shown, err = s.box.Open(shown, challengePlace(id, "shown")); err != nil {
		return Challenge{}, err
	}
	if err := json.Unmarshal(shown, &c); err != nil {
		return Challenge{}, fmt.Errorf("%w: %w", ErrSealed, err)
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

// loginPlace is where the way back stands: it may hold the token of a link.
func loginPlace(id string) []byte { return []byte("login:" + id + ":back") }

func challengePlace(id, part string) []byte { return []byte("login_challenge:" + id + ":" + part) }

// TextDigest is how an approved text is kept with what it allowed.
func TextDigest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
