package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is what a Service needs. Pool, Box and DigestKey have no default.
type Config struct {
	Pool *pgxpool.Pool
	// Box seals authenticator secrets and identity data.
	Box Box
	// DigestKey makes the keyed digests of national numbers and of subjects of
	// attempts: at least 32 octets. Losing it loses every match by number.
	DigestKey []byte
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Logger gets what operators should know; nothing when nil.
	Logger *slog.Logger
	// Password is the cost of a password; DefaultCost when zero.
	Password Cost
	// Hashing is how many passwords are hashed at once, each with the memory of
	// Password; the number of processors when zero.
	Hashing int
	// Idle ends a session that is not used: 15 minutes when zero.
	Idle time.Duration
	// Absolute ends every session: 12 hours when zero.
	Absolute time.Duration
	// Assurance grants levels; our own policy when zero.
	Assurance Assurance
	// Teller tells account holders what they should know; nobody when nil.
	Teller Teller
	// Codes prove addresses of account holders; without it nobody can sign up.
	Codes Codes
	// FetchKeys fetches the keys of clients that keep them at an address of
	// theirs; public addresses only when nil.
	FetchKeys FetchKeys
	// Signatures looks at approval forms that come back signed; without it two
	// operators look at each.
	Signatures Signatures
}

func (c Config) validate() error {
	switch {
	case c.Pool == nil:
		return errors.New("identity: Config.Pool is missing")
	case c.Box == nil:
		return errors.New("identity: Config.Box is missing")
	case len(c.DigestKey) < 32:
		return errors.New("identity: Config.DigestKey has fewer than 32 octets")
	case c.Idle < 0 || c.Absolute < 0 || c.Hashing < 0:
		return errors.New("identity: Config has a negative limit")
	}
	return c.Password.validate()
}

// Service keeps accounts, people, keys, sessions and identifications. Safe for
// concurrent use, by any number of processes on one database.
type Service struct {
	pool     *pgxpool.Pool
	box      Box
	key      []byte
	clock    func() time.Time
	log      *slog.Logger
	hasher   *hasher
	idle     time.Duration
	absolute time.Duration
	uses     keyUses
	keySets  keySets

	assurance Assurance
	teller    Teller
	codes     Codes

	signatures Signatures
}

// New makes a Service. It does not touch the database.
func New(cfg Config) (*Service, error) {
	if cfg.Password == (Cost{}) {
		cfg.Password = DefaultCost()
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Service{pool: cfg.Pool, box: cfg.Box, key: cfg.DigestKey, clock: cfg.Now, log: cfg.Logger, idle: cfg.Idle, absolute: cfg.Absolute,
		assurance: cfg.Assurance, teller: cfg.Teller, codes: cfg.Codes, signatures: cfg.Signatures}
	var err error
	if s.assurance.Version == "" {
		if s.assurance, err = ReadAssurance(bytes.NewReader(ownAssurance)); err != nil {
			return nil, err
		}
	}
	if s.keySets.fetch = cfg.FetchKeys; s.keySets.fetch == nil {
		s.keySets.fetch = Fetcher(nil, nil)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.idle == 0 {
		s.idle = 15 * time.Minute
	}
	if s.absolute == 0 {
		s.absolute = 12 * time.Hour
	}
	s.hasher, err = newHasher(cfg.Password, cfg.Hashing)
	return s, err
}

func (s *Service) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// NationalNumberDigest is the keyed digest (HMAC-SHA-256, hex) under which a
// national number is kept and compared; how the number is written does not
// matter. It is "" when nn is not made of digits and separators.
func (s *Service) NationalNumberDigest(nn string) string {
	d := digits(nn)
	if d == "" {
		return ""
	}
	return hex.EncodeToString(s.digest("national number", d))
}

// digest is a keyed digest of fields, separate for every use.
func (s *Service) digest(use string, fields ...string) []byte {
	m := hmac.New(sha256.New, s.key)
	for _, f := range append([]string{use}, fields...) {
		m.Write(hashed(f))
	}
	return m.Sum(nil)
}

func hashed(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// querier is a pool or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// isID reports whether PostgreSQL would take s for a uuid as we write them.
func isID(s string) bool {
	_, err := uuid.Parse(s)
	return err == nil && len(s) == 36
}

// orNull is nil for "", so that an absent reference is NULL.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// clean makes text from outside fit for a column: valid UTF-8, no control
// characters, at most limit octets.
func clean(s string, limit int) string {
	s = s[:min(len(s), 4*limit)]
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	for len(s) > limit {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// violates reports whether err is the refusal of the named constraint.
func violates(err error, constraint string) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pe.ConstraintName == constraint
}
