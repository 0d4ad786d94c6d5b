package portal

import (
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
)

// About is what the provider says of itself to everybody. Pages leave out what is
// empty.
type About struct {
	Provider string   // legal name
	Number   string   // how it is registered, as people write it
	Address  []string // lines
	Email    string
	Phone    string
	Security string // where weaknesses are reported: mailto: or https:; empty: no security.txt
	// Processors are the versions of the list of sub-processors, newest first;
	// ParseProcessors makes them.
	Processors []ProcessorList
}

func (a About) validate() error {
	if a.Email != "" {
		if _, err := mail.ParseAddress(a.Email); err != nil {
			return fmt.Errorf("portal: contact: %w", err)
		}
	}
	if u, err := url.Parse(a.Security); a.Security != "" && (err != nil || u.Scheme != "mailto" && u.Scheme != "https") {
		return fmt.Errorf("portal: security contact %q is no address of mailto or https", a.Security)
	}
	return nil
}

// aboutPage is a page about the service and its provider.
type aboutPage struct {
	frame
	About
	Host string
}

// Weakness is where weaknesses are reported, as people write it.
func (p aboutPage) Weakness() string { return strings.TrimPrefix(p.Security, "mailto:") }

// Tel is the number as a link: only what a telephone dials.
func (p aboutPage) Tel() string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, p.Phone)
}

// registerPublic puts on a router what everybody may read about the service.
func (p *Portal) registerPublic(e *echo.Echo, form echo.MiddlewareFunc) {
	e.GET("/contact", p.about("contact"), form)
	e.GET("/accessibility", p.about("accessibility"), form)
	e.GET("/sub-processors", p.processors, form)
	e.GET("/status", p.status, form)
	e.GET("/status/outages/:id", p.outageCertificate, form)
	e.GET("/robots.txt", p.robots, form)
	e.GET("/.well-known/security.txt", p.securityText, form)
}

// about shows a page of words.
func (p *Portal) about(name string) echo.HandlerFunc {
	return func(c echo.Context) error {
		_, host, _ := strings.Cut(p.Web.BaseURL, "://")
		return p.Web.Render(c, http.StatusOK, "portal/"+name, aboutPage{frame: listed("/" + name), About: p.About, Host: host})
	}
}

// listed is the frame of a page that search engines may list.
func listed(here string) frame {
	f := public(here)
	f.chrome.Public = true
	return f
}

// robots keeps search engines to the pages that are for everybody. It names no
// path that a stranger could not know.
func (p *Portal) robots(c echo.Context) error {
	return plain(c, "User-agent: *\nDisallow: /api/\nDisallow: /c/\nDisallow: /identify/\nDisallow: /operator\nDisallow: /portal\n")
}

// securityLife is how far ahead security.txt says that it holds: less than the
// year that the standard advises, in whole months, so that caches agree.
const securityLife = 6

// securityText says where weaknesses are reported.
//
// RFC 9116 §2.5
func (p *Portal) securityText(c echo.Context) error {
	if p.About.Security == "" {
		return web.ErrNotFound
	}
	now := p.Now().UTC()
	expires := time.Date(now.Year(), now.Month()+securityLife, 1, 0, 0, 0, 0, time.UTC)
	return plain(c, "Contact: "+p.About.Security+"\nExpires: "+expires.Format(time.RFC3339)+
		"\nPreferred-Languages: "+strings.Join(web.Languages(), ", ")+"\nCanonical: "+p.Web.BaseURL+"/.well-known/security.txt\n")
}

// plain answers with text for programs, which caches may keep for a day.
func plain(c echo.Context, text string) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=86400")
	return c.String(http.StatusOK, text)
}
