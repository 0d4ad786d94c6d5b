package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Evidence gives out sealed documents; errors evidence.ErrNoEvidence,
// evidence.ErrPending.
type Evidence interface {
	List(ctx context.Context, account, delivery string) ([]evidence.Piece, error)
	Get(ctx context.Context, account, delivery, id string, f evidence.Format) ([]byte, evidence.Piece, error)
}

// Dossiers packs all evidence of a delivery. An error comes before anything is
// written, or cuts the answer off.
type Dossiers interface {
	WriteDossier(ctx context.Context, w io.Writer, delivery string) error
}

// Config is what an API is made of. Deliveries, Identity, Evidence and Dossiers
// are required.
type Config struct {
	Deliveries     *delivery.Service
	Identity       *identity.Service
	Evidence       Evidence
	Dossiers       Dossiers
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed; default nobody
	Now            func() time.Time // default time.Now
	Log            *slog.Logger     // default slog.Default
}

func (c *Config) validate() error {
	if c.Deliveries == nil || c.Identity == nil || c.Evidence == nil || c.Dossiers == nil {
		return errors.New("api: Config lacks a part")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}
