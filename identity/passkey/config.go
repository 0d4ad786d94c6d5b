package passkey

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/bode-erds/bode/identity"
)

// life is how long a person may take over one challenge.
const life = 5 * time.Minute

// Config is what a Service needs. All but Now and Log are required.
type Config struct {
	Pool     *pgxpool.Pool
	Identity *identity.Service
	RPID     string   // host name that passkeys are for; changing it makes all of them useless
	Origins  []string // scheme, host and port of the pages that may ask
	Name     string   // of the service, as devices show it
	Now      func() time.Time
	Log      *slog.Logger
}

// Service keeps passkeys and checks what is signed with them. Safe for
// concurrent use, by any number of processes on one database.
type Service struct {
	Config
	web *webauthn.WebAuthn
}

// New makes a Service. It does not touch the database.
func New(cfg Config) (*Service, error) {
	if cfg.Pool == nil || cfg.Identity == nil || cfg.RPID == "" || len(cfg.Origins) == 0 || cfg.Name == "" {
		return nil, errors.New("passkey: Config lacks a part")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	required := true
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: life, TimeoutUVD: life}
	w, err := webauthn.New(&webauthn.Config{
		RPID: cfg.RPID, RPDisplayName: cfg.Name, RPOrigins: cfg.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &required,
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return &Service{Config: cfg, web: w}, nil
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }
