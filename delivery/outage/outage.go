// Package outage makes the certificate that a part of the service did not work
// for a time: one page in four languages under the seal of the provider, for
// whoever has to show that they could not act in time.
//
// A certificate says what our own looks found, and nothing of who was hindered.
// It is no evidence of a delivery, and /verify does not take it for one; any
// program that checks signatures in PDF does.
//
// Sources: ISO 32000-1 (PDF 1.7), EN 319 142-1 (PAdES).
package outage

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signintech/gopdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

//go:embed words/*.json
var wordFiles embed.FS

// Sealer puts the seal of the provider, with a time-stamp, on a PDF. Reason is
// shown with the seal.
type Sealer func(ctx context.Context, pdf []byte, reason string, at time.Time) ([]byte, error)

// Config is what certificates are made with. All but Now and Zone are required.
type Config struct {
	Issuer evidence.Issuer
	Seal   Sealer
	Page   string           // address of the page that lists outages
	Zone   *time.Location   // default Europe/Brussels
	Now    func() time.Time // default time.Now
}

// Certifier makes certificates. Safe for concurrent use when its Sealer is.
type Certifier struct {
	cfg   Config
	words map[string]map[string]string
}

// languages in the order in which they stand on the page.
func languages() []string { return []string{"nl", "fr", "de", "en"} }

// New checks cfg and reads the words.
func New(cfg Config) (*Certifier, error) {
	if cfg.Seal == nil || cfg.Issuer.Name == "" || cfg.Page == "" {
		return nil, errors.New("outage: Config lacks a part")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Zone == nil {
		z, err := time.LoadLocation("Europe/Brussels")
		if err != nil {
			return nil, err
		}
		cfg.Zone = z
	}
	c := &Certifier{cfg: cfg, words: map[string]map[string]string{}}
	for _, lang := range languages() {
		b, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			return nil, err
		}
		w := map[string]string{}
		if err := json.Unmarshal(b, &w); err != nil {
			return nil, fmt.Errorf("outage: words of %s: %w", lang, err)
		}
		c.words[lang] = w
	}
	return c, nil
}

// ErrLasting says that an outage is not over.
var ErrLasting = errors.New("outage: it is not over")

// Certificate is the sealed page about o. Errors: ErrLasting, those of the Sealer.
func (c *Certifier) Certificate(ctx context.Context, o delivery.Outage) ([]byte, error) {
	if o.Ended.IsZero() {
		return nil, ErrLasting
	}
	at := c.cfg.Now().UTC()
	page, err := c.draw(o, at)
	if err != nil {
		return nil, fmt.Errorf("outage: %w", err)
	}
	return c.cfg.Seal(ctx, page, string(o.ID), at)
}

// The page, in millimetres from its upper left corner.
const (
	left, right = 22.0, 188.0
	lead        = 5.0
)

// sheet is a page being drawn. The first error sticks.
type sheet struct {
	pdf gopdf.GoPdf
	y   float64
	err error
}

func (s *sheet) do(err error) {
	if s.err == nil {
		s.err = err
	}
}

// text writes a paragraph.
func (s *sheet) text(face string, size float64, text string) {
	s.do(s.pdf.SetFont(face, "", size))
	lines, err := s.pdf.SplitTextWithWordWrap(text, right-left)
	s.do(err)
	for _, line := range lines {
		s.y += lead * size / 10
		s.pdf.SetXY(left, s.y)
		s.do(s.pdf.Text(line))
	}
}

func (c *Certifier) draw(o delivery.Outage, at time.Time) ([]byte, error) {
	s := &sheet{y: 18}
	s.pdf.Start(gopdf.Config{Unit: gopdf.UnitMM, PageSize: gopdf.Rect{W: 210, H: 297}})
	s.do(s.pdf.AddTTFFontData("regular", goregular.TTF))
	s.do(s.pdf.AddTTFFontData("bold", gobold.TTF))
	s.pdf.SetInfo(gopdf.PdfInfo{Title: c.words["en"]["title"] + " " + string(o.ID), Author: c.cfg.Issuer.Name, Creator: "Bode", Producer: "Bode", CreationDate: at})
	s.pdf.AddPage()
	s.text("bold", 11, c.cfg.Issuer.Name+" · "+c.cfg.Issuer.Identifier.Scheme+" "+c.cfg.Issuer.Identifier.Value)
	s.text("regular", 9, string(o.ID))
	for _, lang := range languages() {
		w := c.words[lang]
		kind := "text"
		if o.Unwatched {
			kind = "unwatched"
		}
		s.y += 6
		s.text("bold", 14, w["title"])
		s.y += 1
		s.text("regular", 10, strings.NewReplacer("{part}", w["part."+o.Part], "{service}", c.cfg.Issuer.ServiceName).Replace(w[kind]))
		s.y += 1
		s.text("bold", 10, w["from"]+": "+c.moment(o.Began))
		s.text("bold", 10, w["to"]+": "+c.moment(o.Ended))
		s.y += 1
		s.text("regular", 9, strings.NewReplacer("{page}", c.cfg.Page).Replace(w["use"]))
	}
	if s.err == nil && s.y > 280 {
		s.err = errors.New("the words do not fit on the page")
	}
	if s.err != nil {
		return nil, s.err
	}
	var b bytes.Buffer
	if _, err := s.pdf.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// moment writes an instant in Brussels and in universal time, the same in every
// language.
func (c *Certifier) moment(t time.Time) string {
	return t.In(c.cfg.Zone).Format("2006-01-02 15:04:05 -07:00") + " (" + t.UTC().Format("15:04:05") + " UTC)"
}
