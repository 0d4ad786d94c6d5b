package collect

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
)

// Evidence gives evidence out.
type Evidence interface {
	// List returns the evidence of a delivery of an account in order.
	List(ctx context.Context, account, delivery string) ([]evidence.Piece, error)
	// Get returns one document of a delivery; account stays empty for a
	// recipient. Errors: evidence.ErrNoEvidence, evidence.ErrPending.
	Get(ctx context.Context, account, delivery, id string, f evidence.Format) ([]byte, evidence.Piece, error)
}

// Dossiers packs all evidence of a delivery into one file, with content if any is
// given. Errors:
// evidence.ErrPending, before anything is written.
type Dossiers interface {
	WriteDossier(ctx context.Context, w io.Writer, delivery string, content ...evidence.File) error
}

// Config is what the face is made of. Every field without a default is required.
type Config struct {
	Web        *web.Web
	Deliveries *delivery.Service
	Errands    Errands
	Evidence   Evidence
	Dossiers   Dossiers
	Viewer     delivery.PageViewer // nil: PDF can be saved, not shown
	Log        *slog.Logger        // default slog.Default
	Now        func() time.Time    // the true time, whatever test clocks say; default time.Now
}

func (c *Config) validate() error {
	if c.Web == nil || c.Deliveries == nil || c.Errands == nil || c.Evidence == nil || c.Dossiers == nil {
		return errors.New("collect: Config lacks a part")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Collect serves the pages. Safe for concurrent use.
type Collect struct {
	cfg  Config
	host string // as people type it
}

// New checks cfg and reads templates and translations.
func New(cfg Config) (*Collect, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	_, host, _ := strings.Cut(cfg.Deliveries.BaseURL, "://")
	c := &Collect{cfg: cfg, host: host}
	return c, addPages(cfg.Web)
}
