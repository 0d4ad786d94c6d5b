package portal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// RecoverErrand is the name of the errands on which somebody who lost every
// factor identifies again; [Portal.Recover] takes the proof.
const RecoverErrand = "recover"

// Where somebody recovers, and where a notice's link stops it. The token for the
// new password stays out of addresses, but for the one that operators give.
const (
	recoverPath   = "/portal/recovery"
	stopPath      = recoverPath + "/stop/"
	recoverCookie = "bode_recovery" // the browser that asked
	tokenCookie   = "bode_recovery_token"
	waitCookie    = "bode_recovery_wait"
	recoverLife   = 60 * 60
	tokenLife     = 30 * 60
)

type recoverPage struct {
	frame
	Login   string
	Refused bool
	Ready   time.Time // it goes on from then; zero when it does not wait
	Until   time.Time
}

func (p *Portal) askRecovery(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/recovery", recoverPage{frame: public("/portal"), Refused: c.QueryParam("refused") != ""})
}

// beginRecovery sends somebody to identify for a login. It goes the same way for
// a login that does not exist.
func (p *Portal) beginRecovery(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := recoverPage{frame: public("/portal"), Login: strings.TrimSpace(f.Get("login"))}
	if page.Login == "" || !printable(page.Login) {
		page.Add("login", "fault.required.login")
		return p.Web.Render(c, http.StatusUnprocessableEntity, "portal/recovery", page)
	}
	ctx := c.Request().Context()
	subject, err := p.Identity.AskRecovery(ctx, page.Login, c.RealIP())
	var locked *identity.Locked
	if errors.As(err, &locked) {
		page.Faults = append(page.Faults, p.lockedFault("login", locked))
		return p.Web.Render(c, http.StatusTooManyRequests, "portal/recovery", page)
	}
	if err != nil {
		return err
	}
	about, err := p.Web.Text(c, "portal", "recovery.about", "login", page.Login)
	if err != nil {
		return err
	}
	browser := rand.Text() + rand.Text()
	id, secret, err := p.Identity.OpenLogin(ctx, identity.NewLogin{Errand: RecoverErrand, Subject: subject, Session: browser,
		Level: identity.LevelSubstantial, Language: p.Web.Language(c), About: about, Back: recoverPath})
	if err != nil {
		return err
	}
	p.Web.SetCookie(c, recoverCookie, browser, recoverLife)
	return p.Web.ToIdentify(c, id, secret)
}

// Recover takes the proof of somebody who lost every factor, in the browser that
// asked and in no other. Errors: identity.ErrLoginStale for another browser.
func (p *Portal) Recover(c echo.Context, l identity.Login, proof identity.Proof) error {
	if !l.Bound(p.Web.Cookie(c, recoverCookie)) {
		return fmt.Errorf("%w: another browser asked", identity.ErrLoginStale)
	}
	r, err := p.Identity.Reproof(c.Request().Context(), l, proof, c.RealIP(), c.Request().UserAgent())
	if errors.Is(err, identity.ErrForbidden) {
		return c.Redirect(http.StatusSeeOther, recoverPath+"?refused=1")
	}
	if err != nil {
		return err
	}
	p.Web.ClearCookie(c, recoverCookie)
	if r.Token == "" {
		p.Web.SetCookie(c, waitCookie, r.ReadyAt.UTC().Format(time.RFC3339)+"/"+r.ExpiresAt.UTC().Format(time.RFC3339), recoverLife)
		return c.Redirect(http.StatusSeeOther, recoverPath+"/wait")
	}
	p.Web.SetCookie(c, tokenCookie, r.Token, tokenLife)
	return c.Redirect(http.StatusSeeOther, recoverPath+"/password")
}

// waitRecovery says when to come back. It tells this browser what it was told
// before, and decides nothing.
func (p *Portal) waitRecovery(c echo.Context) error {
	page := recoverPage{frame: public("/portal")}
	from, until, _ := strings.Cut(p.Web.Cookie(c, waitCookie), "/")
	var err1, err2 error
	page.Ready, err1 = time.Parse(time.RFC3339, from)
	page.Until, err2 = time.Parse(time.RFC3339, until)
	if err1 != nil || err2 != nil {
		return c.Redirect(http.StatusSeeOther, recoverPath)
	}
	return p.Web.Render(c, http.StatusOK, "portal/recovery-wait", page)
}

// recoveryByLink keeps the token that operators gave and takes it out of the
// address.
func (p *Portal) recoveryByLink(c echo.Context) error {
	p.Web.SetCookie(c, tokenCookie, c.Param("token"), tokenLife)
	return c.Redirect(http.StatusSeeOther, recoverPath+"/password")
}

// askRecoveryPassword asks for a new password, if the token is ready.
func (p *Portal) askRecoveryPassword(c echo.Context) error {
	r, err := p.Identity.RecoveryOf(c.Request().Context(), p.Web.Cookie(c, tokenCookie))
	page := recoverPage{frame: public("/portal")}
	switch {
	case errors.Is(err, identity.ErrToken):
		return c.Redirect(http.StatusSeeOther, recoverPath)
	case err != nil:
		return err
	case p.Now().Before(r.ReadyAt):
		page.Ready, page.Until = r.ReadyAt, r.ExpiresAt
		return p.Web.Render(c, http.StatusOK, "portal/recovery-wait", page)
	}
	return p.Web.Render(c, http.StatusOK, "portal/recovery-password", page)
}

// recovered sets the new password. What it opens may only enrol new factors.
func (p *Portal) recovered(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := recoverPage{frame: public("/portal")}
	token, err := p.Identity.FinishRecovery(c.Request().Context(), p.Web.Cookie(c, tokenCookie), f.Get("new_password"), c.RealIP(), c.Request().UserAgent(), p.Web.Language(c))
	switch {
	case errors.Is(err, identity.ErrInvalid):
		page.Faults = append(page.Faults, passwordFault(err))
		return p.Web.Render(c, http.StatusUnprocessableEntity, "portal/recovery-password", page)
	case errors.Is(err, identity.ErrBusy):
		page.Add("", "fault.busy")
		return p.Web.Render(c, http.StatusServiceUnavailable, "portal/recovery-password", page)
	case errors.Is(err, identity.ErrToken), errors.Is(err, identity.ErrSignIn):
		return c.Redirect(http.StatusSeeOther, recoverPath)
	case err != nil:
		return err
	}
	p.Web.ClearCookie(c, tokenCookie)
	p.Web.SetCookie(c, sessionCookie, token, 0)
	return c.Redirect(http.StatusSeeOther, "/portal/factors")
}

type stopRecoveryPage struct {
	frame
	Token string
	Done  bool
}

// askStopRecovery asks before a recovery is stopped: the link of a notice alone
// changes nothing.
func (p *Portal) askStopRecovery(c echo.Context) error {
	err := p.Identity.MayStopRecovery(c.Request().Context(), c.Param("token"))
	if errors.Is(err, identity.ErrToken) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	return p.Web.Render(c, http.StatusOK, "portal/recovery-stop", stopRecoveryPage{frame: public("/portal"), Token: c.Param("token")})
}

func (p *Portal) stopRecovery(c echo.Context) error {
	err := p.Identity.StopRecoveryByLink(c.Request().Context(), c.Param("token"), c.RealIP(), c.Request().UserAgent())
	if errors.Is(err, identity.ErrToken) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	return p.Web.Render(c, http.StatusOK, "portal/recovery-stop", stopRecoveryPage{frame: public("/portal"), Done: true})
}

// stopOwnRecovery stops a recovery from within the account.
func (p *Portal) stopOwnRecovery(v *visitor) error {
	if err := p.Identity.StopRecovery(v.ctx(), v.actor()); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/factors?done=recovery_stopped")
}
