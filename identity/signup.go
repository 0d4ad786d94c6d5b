package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// signUpLife is how long somebody may take to open an account.
const signUpLife = time.Hour

// NewSignUp is what somebody fills in to open a private account (R1). The e-mail
// address is the login too.
type NewSignUp struct {
	Given, Family, Email, Mobile, Language, Password string
	Country                                          string
	Address                                          []string
	Agreed                                           []Consent // at least one of [TermsText]
	Online                                           string    // version of the text by which both addresses may get registered mail; empty: not agreed
}

// TermsText is the text nobody has an account without.
const TermsText = "terms"

// SignUp is such an account while its addresses are being proven.
type SignUp struct {
	Email, Mobile, Language  string
	EmailProven, SMSProven   bool
	Expires                  time.Time
	id, hash, given, family  string
	country                  string
	address                  []string
	agreed                   []Consent
	online                   string
	emailProvenAt, smsProven time.Time
}

// draft is what of a sign-up is sealed.
type draft struct {
	Given, Family, Email, Mobile, Language, Hash, Country, Online string
	Address                                                       []string
	Agreed                                                        []Consent
}

// Limits of sending codes to addresses: by one network, by one network to one
// address, and by all to one address. With the last, strangers can delay
// somebody's code by minutes and never stop it.
func senderLimit() limit     { return limit{"code_sender", 12, 15 * time.Minute} }
func targetPairLimit() limit { return limit{"code_pair", 5, 15 * time.Minute} }
func targetLimit() limit     { return limit{"code_target", 15, 5 * time.Minute} }

// mayCode counts a code to an address.
func (s *Service) mayCode(ctx context.Context, ip string, targets ...string) error {
	all := []counted{s.countedBy(senderLimit(), network(ip))}
	for _, t := range targets {
		all = append(all, s.countedBy(targetPairLimit(), network(ip), t), s.countedBy(targetLimit(), t))
	}
	return s.try(ctx, s.now(), all...)
}

// StartSignUp begins to open a private account and sends a code to both
// addresses. token opens the sign-up in this browser. An address that has an
// account already is told so by e-mail, instead of getting its code; the answer
// and the work are the same.
//
// Errors: FieldErrors, *Locked, ErrBusy.
//
// R1, R4.
func (s *Service) StartSignUp(ctx context.Context, n NewSignUp, ip string) (token string, err error) {
	p := NewPerson{Given: n.Given, Family: n.Family, Login: n.Email, Email: strings.ToLower(strings.TrimSpace(n.Email)),
		Mobile: n.Mobile, Language: n.Language, Password: n.Password}
	a := NewAccount{Kind: Private, Country: n.Country, Address: n.Address}
	bad := slices.DeleteFunc(p.check(s.hasher), func(f FieldError) bool { return f.Field == "login" }) // the address says it
	bad = append(bad, a.check()...)
	if !slices.ContainsFunc(n.Agreed, func(c Consent) bool { return c.Text == TermsText && c.Version != "" }) {
		bad = append(bad, FieldError{TermsText, "missing"})
	}
	if p.Login != p.Email && p.Email != "" && len(bad) == 0 {
		bad = append(bad, FieldError{"email", "malformed"})
	}
	if err := bad.orNil(); err != nil {
		return "", err
	}
	if s.codes == nil || s.teller == nil {
		return "", fmt.Errorf("%w: nobody can send codes", ErrBusy)
	}
	if err := s.mayCode(ctx, ip, p.Email, p.Mobile); err != nil {
		return "", err
	}
	hash, err := s.hasher.hash(ctx, p.Password)
	if err != nil {
		return "", err
	}
	id, err := newID()
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(draft{p.Given, p.Family, p.Email, p.Mobile, p.Language, hash, a.Country, clean(n.Online, 100), a.Address, n.Agreed})
	if err != nil {
		return "", fmt.Errorf("identity: sign up: %w", err)
	}
	sealed, err := s.box.Seal(plain, signUpPlace(id))
	if err != nil {
		return "", err
	}
	token = newToken()
	key, _ := tokenHash(token)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		at := s.now()
		_, err := tx.Exec(ctx, `INSERT INTO sign_up (id, token_hash, sealed, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			id, key, sealed, at, at.Add(signUpLife))
		if err != nil {
			return fmt.Errorf("identity: sign up: %w", err)
		}
		for _, channel := range []string{"email", "sms"} {
			if err := s.signUpCode(ctx, tx, SignUp{id: id, Email: p.Email, Mobile: p.Mobile, Language: p.Language}, channel, at); err != nil {
				return err
			}
		}
		return nil
	})
	return token, err
}

// signUpCode sends a code. The same is done, and stored, for an address that has
// an account: only its mail is another one.
func (s *Service) signUpCode(ctx context.Context, tx pgx.Tx, u SignUp, channel string, at time.Time) error {
	taken, err := emailTaken(ctx, tx, u.Email)
	if err != nil {
		return err
	}
	challenge, err := s.codes.Issue(ctx, tx, u.id, channel, at)
	if err != nil {
		return err
	}
	n := Note{Kind: NoteContactCode, Channel: channel, To: u.Mobile, Language: u.Language, Ref: challenge}
	if channel == "email" {
		n.To = u.Email
		if taken {
			n.Kind = NoteAccountExists
		}
	}
	return s.tell(ctx, tx, n)
}

// emailTaken reports whether an address signs in somebody, or is proven by
// somebody.
func emailTaken(ctx context.Context, q querier, email string) (taken bool, err error) {
	err = q.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM person WHERE login = $1) OR EXISTS (SELECT FROM person WHERE lower(email) = $1)
    OR EXISTS (SELECT FROM contact WHERE kind = 'email' AND value = $1)`, email).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("identity: sign up: %w", err)
	}
	return taken, nil
}

const signUpColumns = `id, sealed, email_at, sms_at, expires_at`

func (s *Service) scanSignUp(row pgx.Row) (u SignUp, err error) {
	var sealed []byte
	var email, sms *time.Time
	err = row.Scan(&u.id, &sealed, &email, &sms, &u.Expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return SignUp{}, ErrToken
	}
	if err != nil {
		return SignUp{}, fmt.Errorf("identity: sign up: %w", err)
	}
	plain, err := s.box.Open(sealed, signUpPlace(u.id))
	if err != nil {
		return SignUp{}, err
	}
	var d draft
	if err := json.Unmarshal(plain, &d); err != nil {
		return SignUp{}, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	u.given, u.family, u.Email, u.Mobile, u.Language, u.hash = d.Given, d.Family, d.Email, d.Mobile, d.Language, d.Hash
	u.country, u.address, u.agreed, u.online = d.Country, d.Address, d.Agreed, d.Online
	if email != nil {
		u.EmailProven, u.emailProvenAt = true, *email
	}
	if sms != nil {
		u.SMSProven, u.smsProven = true, *sms
	}
	return u, nil
}

func signUpPlace(id string) []byte { return []byte("sign_up:" + id) }

// SignUp is the sign-up of a browser. Errors: ErrToken.
func (s *Service) SignUp(ctx context.Context, token string) (SignUp, error) {
	key, ok := tokenHash(token)
	if !ok {
		return SignUp{}, ErrToken
	}
	return s.scanSignUp(s.pool.QueryRow(ctx, `SELECT `+signUpColumns+` FROM sign_up WHERE token_hash = $1 AND expires_at > $2`, key, s.now()))
}
