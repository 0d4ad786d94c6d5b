package portal

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/evidence"
)

type plainPage struct{ frame }

func (p *Portal) home(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/home", plainPage{listed("/")})
}

func (p *Portal) privacy(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/privacy", plainPage{listed("/privacy")})
}

// partyName is how a party is called.
func partyName(p evidence.Party) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Given + " " + p.Family
}

// enterpriseNumber writes ten digits as Belgium does: 0671.516.647.
func enterpriseNumber(s string) string {
	if len(s) != 10 {
		return s
	}
	return s[:4] + "." + s[4:7] + "." + s[7:]
}
