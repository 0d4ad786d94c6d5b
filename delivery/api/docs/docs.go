package docs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Prefix is where the documentation lives.
const Prefix = "/api/docs"

//go:embed words
var wordFiles embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed docs.css
var style []byte

// Pages renders pages in the layout that all faces share, in the reader's
// language.
type Pages interface {
	AddFace(face string, words, pages fs.FS) error
	Render(c echo.Context, status int, page string, data any) error
}

// Config is what the documentation is made of. Everything is required.
type Config struct {
	Pages    Pages
	Contract []byte                                       // the OpenAPI document as JSON
	Problems func(lang string) (map[string]string, error) // titles of problems by code
	BaseURL  string                                       // of this service
}

// Docs serves the documentation. Safe for concurrent use.
type Docs struct {
	Config
	contract *contract
	titles   map[string]string
	style    string // where the style sheet is, under a name that changes with it
}

// New reads the contract and the pages. Errors name what cannot be shown.
func New(cfg Config) (*Docs, error) {
	if cfg.Pages == nil || cfg.Problems == nil || len(cfg.Contract) == 0 || baseURL(cfg.BaseURL) == "" {
		return nil, errors.New("docs: Config lacks a part")
	}
	d := &Docs{Config: cfg}
	var err error
	if d.contract, err = readContract(cfg.Contract); err != nil {
		return nil, fmt.Errorf("docs: contract: %w", err)
	}
	if d.titles, err = cfg.Problems("en"); err != nil {
		return nil, fmt.Errorf("docs: problems: %w", err)
	}
	sum := sha256.Sum256(style)
	d.style = Prefix + "/docs." + hex.EncodeToString(sum[:8]) + ".css"
	return d, cfg.Pages.AddFace("docs", wordFiles, pageFiles)
}

// Register puts the pages on a router.
func (d *Docs) Register(e *echo.Echo) {
	e.GET(Prefix, d.start)
	e.GET(Prefix+"/", d.start)
	e.GET(d.style, serveStyle)
	e.GET(Prefix+"/schemas", d.schemas)
	e.GET(Prefix+"/errors", d.errors)
	e.GET(Prefix+"/operations/:tag", d.operations)
	for _, g := range guides() {
		if g.Page != "errors" {
			e.GET(Prefix+"/"+g.Page, d.guide(g))
		}
	}
}

// guide is a page of prose.
type guide struct{ Page, Title string }

// guides are all of them, in the order in which they are read.
func guides() []guide {
	return []guide{{"getting-started", "Getting started"}, {"errors", "Errors"}, {"idempotency", "Idempotency"}, {"paging", "Lists and the feed"},
		{"webhooks", "Webhooks"}, {"sandbox", "Sandbox"}, {"limits", "Limits"}, {"versions", "Versions"}, {"clients", "Clients"}, {"changelog", "Changelog"}}
}

// page is what every page of the documentation knows.
type page struct {
	Style  string
	Base   string // that the calls for curl go to
	Own    bool   // Base is this service's
	Wrong  bool   // what was asked for instead is no address
	Here   string // path of the page
	Guides []guide
	Tags   []tag
}

func (d *Docs) page(c echo.Context) page {
	p := page{Style: d.style, Base: strings.TrimSuffix(d.BaseURL, "/"), Own: true, Here: c.Request().URL.Path, Guides: guides(), Tags: d.contract.Tags}
	if asked := c.QueryParam("base"); asked != "" && asked != p.Base {
		if base := baseURL(asked); base != "" {
			p.Base, p.Own = base, false
		} else {
			p.Wrong = true
		}
	}
	return p
}

// To is a page of the documentation, with the base URL that was chosen.
func (p page) To(path string) string {
	if p.Own {
		return Prefix + path
	}
	return Prefix + path + "?" + url.Values{"base": {p.Base}}.Encode()
}

// baseURL is an address that calls can go to, "" when it is none: it becomes
// part of a line for a shell.
func baseURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > 200 || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/.-_[]", r)
	}) {
		return ""
	}
	return strings.TrimSuffix(s, "/")
}

func (d *Docs) start(c echo.Context) error {
	return d.Pages.Render(c, http.StatusOK, "docs/start", d.page(c))
}

func (d *Docs) guide(g guide) echo.HandlerFunc {
	return func(c echo.Context) error { return d.Pages.Render(c, http.StatusOK, "docs/"+g.Page, d.page(c)) }
}

func serveStyle(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(style))
	return nil
}
