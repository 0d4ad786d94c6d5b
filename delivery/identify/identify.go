package identify

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// Owner takes what was proven on an errand of its name.
type Owner struct {
	// Purpose is in which part the person identifies: it decides what a means is
	// worth.
	Purpose identity.Purpose
	// Take checks that its own session asked for l ([identity.Login.Bound]), acts,
	// ends the errand in the same transaction where it can, and answers with a
	// redirect. An error of the identity.ErrLogin… family becomes a page of this
	// face, and the errand goes on.
	Take func(c echo.Context, l identity.Login, p identity.Proof) error
}

// Config is what the face is made of. Every field without a default is required.
type Config struct {
	Web      *web.Web
	Identity *identity.Service
	// Means are offered in this order. Those that are not here cannot be used.
	Means []identity.Means
	// Owners, by the name of their errands. An errand of nobody is not found.
	Owners map[string]Owner
	// Account is the token of the session in which this browser is signed in to an
	// account, or "": who is, may go on as that person. Nobody may when nil.
	Account func(c echo.Context) string
	Now     func() time.Time // the true time, whatever test clocks say; default time.Now
	Log     *slog.Logger     // default slog.Default
}

func (c *Config) validate() error {
	if c.Web == nil || c.Identity == nil || len(c.Owners) == 0 {
		return errors.New("identify: Config lacks a part")
	}
	for i, m := range c.Means {
		if slices.ContainsFunc(c.Means[:i], func(o identity.Means) bool { return o.Method() == m.Method() }) {
			return errors.New("identify: means twice: " + m.Method())
		}
		if !c.Web.HasText(face, "means."+m.Method()+".name") {
			return errors.New("identify: no words for means " + m.Method())
		}
	}
	for name, o := range c.Owners {
		if o.Take == nil || o.Purpose == "" {
			return errors.New("identify: owner lacks a part: " + name)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return nil
}

// Identify serves the pages. Safe for concurrent use.
type Identify struct {
	cfg Config
}

// New reads templates and translations, and checks cfg.
func New(cfg Config) (*Identify, error) {
	if cfg.Web == nil {
		return nil, errors.New("identify: Config lacks a part")
	}
	if err := addPages(cfg.Web); err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Identify{cfg}, nil
}
