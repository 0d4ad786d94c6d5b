package portal

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
	"github.com/bode-erds/bode/identity"
)

// Evidence gives out sealed documents; errors evidence.ErrNoEvidence,
// evidence.ErrPending.
type Evidence interface {
	Get(ctx context.Context, account, delivery, id string, f evidence.Format) ([]byte, evidence.Piece, error)
}

// Dossiers packs all evidence of a delivery, whoever asks. An error comes before
// anything is written, or cuts the answer off. Errors: evidence.ErrPending.
type Dossiers interface {
	WriteDossier(ctx context.Context, w io.Writer, delivery string, content ...evidence.File) error
}

// Verifier checks a document that somebody brings. An error means that it could
// not be looked at; what is wrong with it stands in the report.
type Verifier interface {
	Verify(ctx context.Context, filename string, r io.Reader) (evidence.Report, error)
}

// Anchors are whom a verifier believes, in the format of the files of
// evidence.ReadTrust.
type Anchors struct {
	Seal string `json:"ca"`
	TSA  string `json:"tsa"`
	Log  string `json:"log,omitempty"`
}

// Config is what a Portal is made of. All but Passkeys, Program, Anchors, Now
// and Log are required.
type Config struct {
	Web          *web.Web
	Deliveries   *delivery.Service
	Identity     *identity.Service
	Evidence     Evidence
	Dossiers     Dossiers
	Verifier     Verifier
	Jobs         Jobs             // nil: operators do not see the work
	Doubts       Doubts           // nil: nor what is in doubt
	Suppressions Suppressions     // nil: nor who is not written to
	Passkeys     Passkeys         // nil: nobody signs in with one
	Program      fs.FS            // the verifier for browsers: [ProgramFile] and [GoScript]; nil: /verify sends files to us
	Anchors      Anchors          // for that verifier
	About        About            // what public pages say of the provider
	Now          func() time.Time // default time.Now
	Log          *slog.Logger     // default slog.Default
}

func (c *Config) validate() error {
	if c.Web == nil || c.Deliveries == nil || c.Identity == nil || c.Evidence == nil || c.Dossiers == nil || c.Verifier == nil {
		return errors.New("portal: Config lacks a part")
	}
	if err := c.About.validate(); err != nil {
		return err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}
