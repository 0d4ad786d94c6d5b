package otp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// The channels a code can go by.
const (
	Email = "email"
	SMS   = "sms"
)

const (
	// Validity is how long a code can be used after its issue.
	Validity = 10 * time.Minute
	// MaxTries is how often one code can be tried, right or wrong.
	MaxTries = 5
	// MaxPerHour is how many codes one delivery gets on one channel in an hour.
	MaxPerHour = 5
)

// Config is what a Service needs. Nothing has a default.
type Config struct {
	// Pool tells where the database is. Tries are counted on two connections
	// made like its own, not on its own: see [Service.Check].
	Pool *pgxpool.Pool
	// Key makes the codes: at least 32 octets, the same in every process.
	// Changing it ends the codes under way and nothing else.
	Key []byte
}

// Service issues and checks codes. Safe for concurrent use, by any number of
// processes on one database.
type Service struct {
	pool  *pgxpool.Pool
	tries *pgxpool.Pool
	key   []byte
}

// New makes a Service; Close it before the database goes. It does not dial.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Pool == nil:
		return nil, errors.New("otp: Config.Pool is missing")
	case len(cfg.Key) < 32:
		return nil, errors.New("otp: Config.Key has fewer than 32 octets")
	}
	own := cfg.Pool.Config()
	own.MaxConns, own.MinConns, own.MinIdleConns = 2, 0, 0
	own.MaxConnIdleTime = time.Minute
	tries, err := pgxpool.NewWithConfig(context.Background(), own)
	if err != nil {
		return nil, fmt.Errorf("otp: %w", err)
	}
	return &Service{pool: cfg.Pool, tries: tries, key: cfg.Key}, nil
}

// Close lets go of the connections that count tries.
func (s *Service) Close() { s.tries.Close() }

// Challenge is one code that was asked for. It holds nothing secret.
type Challenge struct {
	ID        string // UUIDv7
	Delivery  string
	Channel   string
	IssuedAt  time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time
	Replaced  bool // a newer one was issued for this delivery and channel
}

// Live reports whether the code of c may still be worth sending.
func (c Challenge) Live(at time.Time) bool {
	return c.UsedAt == nil && !c.Replaced && !at.Before(c.IssuedAt) && at.Before(c.ExpiresAt)
}

// Code computes the six digits of a challenge as Issue or Find returned it. Use
// it to render the notice on the challenge's own channel and nowhere else; never
// log it.
func (s *Service) Code(c Challenge) (string, error) {
	m := hmac.New(sha256.New, s.key)
	for _, f := range []string{"bode one-time code 1", c.Delivery, c.ID, c.Channel} {
		sum := sha256.Sum256([]byte(f)) // one length each: fields cannot run into each other
		m.Write(sum[:])
	}
	code, err := totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(m.Sum(nil)), c.IssuedAt,
		totp.ValidateOpts{Period: uint(Validity / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA256})
	if err != nil {
		return "", fmt.Errorf("otp: %w", err)
	}
	return code, nil
}
