package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// errandLife is how long the cookie of an errand stays, in seconds: no shorter
// than the errand itself.
const errandLife = 60 * 60

// ToIdentify sends the browser, with an errand that identity.OpenLogin began, to
// the pages of delivery/identify. The secret stays behind in a cookie: the
// address alone opens nothing. Every errand has a cookie of its own, so that two
// can be open side by side.
func (w *Web) ToIdentify(c echo.Context, id, secret string) error {
	w.SetCookie(c, errandCookie(id), secret, errandLife)
	return c.Redirect(http.StatusSeeOther, "/identify/"+id)
}

// ErrandSecret is what ToIdentify kept in this browser for an errand, or "".
func (w *Web) ErrandSecret(c echo.Context, id string) string {
	return w.Cookie(c, errandCookie(id))
}

// errandCookie ends as the id does: the end is random, the beginning is the time.
func errandCookie(id string) string { return "bode_errand_" + id[max(0, len(id)-12):] }
