package portal

import "github.com/labstack/echo/v4"

// SessionToken is the token of the session in which this browser is signed in,
// or "". It may be over.
func (p *Portal) SessionToken(c echo.Context) string { return p.Web.Cookie(c, sessionCookie) }
