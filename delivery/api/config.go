package api

import (
	"cmp"
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
	WriteDossier(ctx context.Context, w io.Writer, delivery string, content ...evidence.File) error
}

// Verifier checks a document that somebody brings. An error means that it could
// not be looked at; what is wrong with it stands in the report.
type Verifier interface {
	Verify(ctx context.Context, filename string, r io.Reader) (evidence.Report, error)
}

// Config is what an API is made of. Deliveries, Identity, Evidence and Dossiers
// are required.
type Config struct {
	Deliveries     *delivery.Service
	Identity       *identity.Service
	Evidence       Evidence
	Dossiers       Dossiers
	Verifier       Verifier       // nil: nothing is verified here
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; default nobody
	Rate           float64        // calls per second and key, in each process; default 50
	Burst          int            // calls that a key may make at once; default 100
	TrialRate      float64        // calls per second of a trial key; default 5
	TrialBurst     int            // calls that a trial key may make at once; default 20
	Uploads        int            // uploads of a key at the same time; default 8
	MaxDocument    int64          // octets of an upload; default, and at most, delivery.MaxDocument
	BodyTime       time.Duration  // how long a body may take beside what its size takes at 64 KiB a second; default 1 minute
	// CertificateHeader is where a trusted proxy puts the certificate that the
	// client showed it; empty: certificates come from our own connections only.
	CertificateHeader string
	CertificateURL    string           // of the host that asks for certificates; empty: there is none of its own
	Now               func() time.Time // default time.Now
	Log               *slog.Logger     // default slog.Default
}

func (c *Config) validate() error {
	if c.Deliveries == nil || c.Identity == nil || c.Evidence == nil || c.Dossiers == nil {
		return errors.New("api: Config lacks a part")
	}
	if c.Rate < 0 || c.Burst < 0 || c.Uploads < 0 || c.TrialRate < 0 || c.TrialBurst < 0 || c.MaxDocument < 0 || c.MaxDocument > delivery.MaxDocument {
		return errors.New("api: Config has a limit out of range")
	}
	c.Rate, c.Burst = cmp.Or(c.Rate, 50), cmp.Or(c.Burst, 100)
	c.TrialRate, c.TrialBurst = cmp.Or(c.TrialRate, 5), cmp.Or(c.TrialBurst, 20)
	c.Uploads, c.MaxDocument = cmp.Or(c.Uploads, 8), cmp.Or(c.MaxDocument, delivery.MaxDocument)
	c.BodyTime = cmp.Or(c.BodyTime, time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}
