package portal

import (
	"embed"
	"html/template"
	"net/http"
	"path"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// The texts people agree to, by name, version and language. A version that was
// once in use is never changed: a new text is a new version, and the old one
// stays, because consents cite it (R4).
//
//go:embed texts
var textFiles embed.FS

// The versions that people agree to today.
const (
	TermsVersion   = "2026-11" // for who opens accounts for others
	termsVersion   = TermsVersion
	privacyVersion = "2026-11"
	onlineVersion  = "2026-11" // consent to electronic registered mail at an address
)

const onlineText = "online"

// hasText reports whether there is such a version of a text.
func hasText(name, version string) bool {
	_, err := textFiles.Open("texts/" + name + "/" + version + "/en.html")
	return err == nil
}

// textVersions are the versions of today, by the name of the text.
func textVersions() map[string]string {
	return map[string]string{identity.TermsText: termsVersion, "privacy": privacyVersion, onlineText: onlineVersion}
}

type textPage struct {
	frame
	Name    string
	Version string
	Today   bool // it is the version of today
	Body    template.HTML
}

// text shows a text in the reader's language: the version of today, or one that
// somebody agreed to before.
func (p *Portal) text(c echo.Context) error {
	page := textPage{frame: public(""), Name: c.Param("name"), Version: c.Param("version")}
	today, ok := textVersions()[page.Name]
	if !ok {
		return web.ErrNotFound
	}
	if page.Version == "" {
		page.Version = today
	}
	page.Today = page.Version == today
	if path.Base(page.Version) != page.Version {
		return web.ErrNotFound
	}
	b, err := textFiles.ReadFile("texts/" + page.Name + "/" + page.Version + "/" + p.Web.Language(c) + ".html")
	if err != nil {
		return web.ErrNotFound
	}
	page.Body = template.HTML(b) // ours, from the binary
	return p.Web.Render(c, http.StatusOK, "portal/text", page)
}
