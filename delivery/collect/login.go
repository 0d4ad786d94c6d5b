package collect

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// loginLife is how long somebody may take at the provider.
const loginLife = 10 * time.Minute

// finishPatience bounds the conversation with the provider.
const finishPatience = 40 * time.Second

func (c *Collect) identify(x echo.Context, v *visit) error {
	return c.render(x, v, http.StatusOK, "identify", string(v.d.Message.Policy.Level))
}

// beginLogin sends the browser to the provider. What the provider's answer is
// checked against stays with the session in the database, sealed and for one
// use; the browser keeps a cookie that leads from the state back to the link,
// because the provider knows one return address only.
func (c *Collect) beginLogin(x echo.Context, v *visit) error {
	to, saved, err := c.cfg.Provider.Begin(c.language(x, v))
	if err != nil {
		return c.loginFailed(x, v, err)
	}
	sealed, err := c.cfg.Box.Seal(saved, v.loginPlace())
	if err != nil {
		return err
	}
	if err := c.cfg.Deliveries.SaveLogin(x.Request().Context(), v.shown, sealed); err != nil {
		return err
	}
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	state := u.Query().Get("state")
	if state == "" {
		return errors.New("collect: the provider's address has no state")
	}
	back, err := c.cfg.Box.Seal([]byte(v.token), callbackPlace(state))
	if err != nil {
		return err
	}
	c.setCookie(x, c.cookieName("bode_login", state), base64.RawURLEncoding.EncodeToString(back), loginLife)
	return x.Redirect(http.StatusSeeOther, to)
}

// loginPlace and callbackPlace bind what is sealed to where it belongs.
func (v *visit) loginPlace() []byte     { return []byte("collect login\x00" + string(v.d.ID)) }
func callbackPlace(state string) []byte { return []byte("collect callback\x00" + state) }

// answerFields are what a provider may send back (OpenID Connect Core 1.0
// §3.1.2.5, §3.1.2.6; RFC 9207), and all that is passed on.
var answerFields = []string{"state", "code", "iss", "error", "error_description"}

// callback is where the provider sends the browser, with GET, because the
// protocol knows nothing else. A GET must prove nothing, so this page redeems
// and records nothing: it carries the answer into a form, and the person's own
// POST finishes. An answer that is prefetched, scanned or reloaded therefore
// has no effect; one that was copied from elsewhere fails here for lack of the
// cookie, and in finishLogin for lack of the session, of the state and nonce
// kept with it, and of the PKCE verifier.
func (c *Collect) callback(x echo.Context) error {
	state := x.QueryParam("state")
	v, err := c.returning(x, state)
	if err != nil {
		return c.say(x, nil, http.StatusBadRequest, "login_lost")
	}
	if at := v.where(); at != atIdentify {
		return v.send(x, at)
	}
	if x.QueryParam("error") != "" {
		return c.say(x, v, http.StatusOK, "login_stopped", atIdentify)
	}
	answer := map[string]string{}
	for _, name := range answerFields {
		if q := x.QueryParam(name); q != "" && len(q) <= 2048 {
			answer[name] = q
		}
	}
	return c.render(x, v, http.StatusOK, "continue", answer)
}

// returning finds the link by the cookie that beginLogin gave for this state.
func (c *Collect) returning(x echo.Context, state string) (*visit, error) {
	cookie, err := x.Cookie(c.cookieName("bode_login", state))
	if err != nil {
		return nil, err
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return nil, err
	}
	token, err := c.cfg.Box.Open(sealed, callbackPlace(state))
	if err != nil {
		return nil, err
	}
	x.SetParamNames("token")
	x.SetParamValues(string(token))
	return c.visit(x)
}

// finishLogin redeems the provider's answer and records who identified, and
// whether that is the addressee. What was begun is taken out of its place
// before anything else: of any number of presses one goes through.
func (c *Collect) finishLogin(x echo.Context, v *visit) error {
	ctx := x.Request().Context()
	sealed, err := c.cfg.Deliveries.TakeLogin(ctx, v.shown)
	if errors.Is(err, delivery.ErrNotFound) {
		return c.say(x, v, http.StatusConflict, "login_used", atIdentify)
	}
	if err != nil {
		return err
	}
	saved, err := c.cfg.Box.Open(sealed, v.loginPlace())
	if err != nil {
		return err
	}
	answer := url.Values{}
	for _, name := range answerFields {
		if q := x.FormValue(name); q != "" {
			answer.Set(name, q)
		}
	}
	c.setCookie(x, c.cookieName("bode_login", answer.Get("state")), "", 0)
	proof, err := c.prove(x, saved, answer)
	if err != nil {
		return c.loginFailed(x, v, err)
	}
	who := client(x)
	err = c.cfg.Deliveries.Identify(ctx, v.shown, proof, who.IP, who.UserAgent)
	switch {
	case err == nil:
		return v.send(x, atDecide)
	case errors.Is(err, delivery.ErrMismatch):
		return c.say(x, v, http.StatusForbidden, "mismatch", atIdentify)
	case errors.Is(err, delivery.ErrUnidentified):
		return c.say(x, v, http.StatusForbidden, "login_level", atIdentify)
	}
	return err
}

// prove asks the provider. The time is the true one: tokens live minutes, and
// the clock of a test delivery may be days ahead.
func (c *Collect) prove(x echo.Context, saved []byte, answer url.Values) (identity.Proof, error) {
	ctx, cancel := contextWithPatience(x)
	defer cancel()
	return c.cfg.Provider.Finish(ctx, saved, answer, c.cfg.Now())
}

// loginFailed says what the person can do. What the operator must know is
// logged, without anything of the person.
func (c *Collect) loginFailed(x echo.Context, v *visit, err error) error {
	status, key := http.StatusBadGateway, "login_failed"
	switch {
	case errors.Is(err, identity.ErrLoginRefused):
		status, key = http.StatusForbidden, "login_stopped"
	case errors.Is(err, identity.ErrLoginStale):
		status, key = http.StatusConflict, "login_used"
	case errors.Is(err, identity.ErrLoginLevel):
		status, key = http.StatusForbidden, "login_level"
	case errors.Is(err, identity.ErrLoginUnavailable):
		status, key = http.StatusServiceUnavailable, "login_unavailable"
	}
	c.cfg.Log.WarnContext(x.Request().Context(), "identification did not finish", "delivery", string(v.d.ID), "means", key, "err", fmt.Sprintf("%.300v", err))
	return c.say(x, v, status, key, atIdentify)
}
