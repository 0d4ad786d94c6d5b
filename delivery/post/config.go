package post

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Config says where letters go and what they look like.
type Config struct {
	Dir        string         // the hot folder; made when it is not there
	Partner    string         // name of the partner, as it goes into evidence
	Service    string         // the word-mark; default "Bode"
	Window     Window         // default: WindowNamed("be-right")
	Return     []string       // where undelivered letters go back; default: the sender's own address
	Country    string         // home country, ISO 3166-1 alpha-2; default "BE"
	MaxPages   int            // pages of a letter, blanks included; default 200, at most 400
	MaxBytes   int64          // octets of one part that is to be printed; default 32 MiB
	Simplex    bool           // print on one side; default both
	Colour     bool           // default black on white
	Product    string         // the partner's product; default "registered"
	KeepCopies time.Duration  // how long the PDF of a letter without a final report is kept; default 30 days
	Settle     time.Duration  // how long an unreadable status file may still be growing; default 2 minutes
	PapersIn   time.Duration  // how long a report waits for the papers it names; default 1 hour
	AckWithin  time.Duration  // business hours in which a partner acknowledges a letter; default 4; below zero: it never does
	Workday    Workday        // days with business hours; default Monday to Friday
	Operator   Operator       // the postal operator's own interface, which announces and tracks; default: none
	TrackEvery time.Duration  // how often a letter is tracked, or asked after at the partner's; default 15 minutes
	Location   *time.Location // zone of the times shown; default Europe/Brussels
	Seal       Sealer         // seals the finished letter; default: it goes unsealed
	Converter  *Converter     // makes PDF of office documents; default: they are not printed
	Logger     *slog.Logger   // default slog.Default()
	Now        func() time.Time
}

// Sealer puts an invisible seal on a finished PDF, which anybody can
// check; number is the message's.
type Sealer func(ctx context.Context, pdf []byte, number string, at time.Time) ([]byte, error)

// validate fills in defaults and refuses what cannot work.
func (c *Config) validate() error {
	if c.Dir == "" || c.Partner == "" {
		return fmt.Errorf("post: configuration: folder and partner are needed")
	}
	if c.Window.Window == (Box{}) {
		var err error
		if c.Window, err = WindowNamed("be-right"); err != nil {
			return err
		}
	}
	if err := c.Window.validate(); err != nil {
		return err
	}
	if c.Location == nil {
		var err error
		if c.Location, err = time.LoadLocation("Europe/Brussels"); err != nil {
			return fmt.Errorf("post: configuration: %w", err)
		}
	}
	def(&c.Service, "Bode")
	def(&c.Country, "BE")
	def(&c.Product, "registered")
	def(&c.MaxPages, 200)
	def(&c.MaxBytes, 32<<20)
	def(&c.KeepCopies, 30*24*time.Hour)
	def(&c.Settle, 2*time.Minute)
	def(&c.PapersIn, time.Hour)
	def(&c.AckWithin, 4*time.Hour)
	def(&c.TrackEvery, 15*time.Minute)
	if c.MaxPages < 4 || c.MaxPages > 400 {
		return fmt.Errorf("post: configuration: letters of at most %d pages", c.MaxPages)
	}
	if c.Workday == nil {
		c.Workday = weekdays
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// def sets what was left at its zero value.
func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// NewHotFolder opens, and where needed makes, the folder of cfg: the partner
// reads it on this machine, or over a file share.
func NewHotFolder(cfg Config) (*HotFolder, error) {
	d, err := newDesk(cfg)
	if err != nil {
		return nil, err
	}
	h := &HotFolder{desk: d, drop: dirDrop{d}}
	return h, h.makeFolders()
}

// makeFolders makes what the contract with a partner names, on this machine.
func (h *HotFolder) makeFolders() error {
	for dir, mode := range map[string]os.FileMode{"test": 0o750, "status": 0o770, "status/done": 0o750, "status/bad": 0o750,
		"withdrawn": 0o750, "cancel": 0o770} {
		if err := os.MkdirAll(h.path(dir), mode); err != nil {
			return fmt.Errorf("post: %w", err)
		}
	}
	return nil
}
