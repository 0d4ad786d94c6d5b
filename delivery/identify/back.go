package identify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// maxAnswer bounds one field of an answer in an address, in octets.
const maxAnswer = 4096

// answerFields are what an answer may hold, and all that is passed on: of a
// provider (OpenID Connect Core 1.0 §3.1.2.5, §3.1.2.6; RFC 9207), of a wallet's
// own way back (OpenID4VP 1.0 §8.2), and of the script of a page.
var answerFields = []string{"state", "code", "iss", "error", "error_description", "response_code", "token"}

// stateCookie is the name under which a browser keeps which errand a state is of.
func stateCookie(state string) string {
	sum := sha256.Sum256([]byte(state))
	return "bode_state_" + hex.EncodeToString(sum[:8])
}

// returned is the page on which the person goes on after having been elsewhere.
type returned struct {
	Method string
	Answer map[string]string
}

// callback is where a provider sends the browser, with GET, because the protocol
// knows nothing else. A GET must prove nothing, so this page redeems and records
// nothing: it carries the answer into a form, and the person's own POST
// finishes. An answer that is prefetched, scanned or reloaded therefore has no
// effect; one that was copied from elsewhere fails here for lack of the cookies,
// and in finish for lack of the state and nonce kept with the errand, and of the
// PKCE verifier.
func (i *Identify) callback(c echo.Context) error {
	state := c.QueryParam("state")
	id := i.cfg.Web.Cookie(c, stateCookie(state))
	if state == "" || id == "" {
		return i.fail(&visit{Context: c}, identity.ErrLoginStale)
	}
	v, err := i.visit(c, id)
	if err != nil {
		return i.fail(&visit{Context: c}, err)
	}
	if v.login.Method != c.Param("means") {
		return i.fail(v, fmt.Errorf("%w: another provider answers", identity.ErrLoginStale))
	}
	if c.QueryParam("error") != "" {
		return i.say(v, http.StatusOK, "refused")
	}
	return i.render(v, http.StatusOK, "continue", returned{v.login.Method, answer(c.QueryParam)})
}

// back is where a wallet, or the host that speaks with the card, sends the
// browser. What they left is in the errand already; a code that proves that the
// wallet was opened from this browser comes along, and may come in the fragment,
// which the page's script moves into the form.
func (i *Identify) back(v *visit) error {
	if !v.login.Answered {
		return i.fail(v, identity.ErrLoginStale)
	}
	return i.render(v, http.StatusOK, "continue", returned{v.login.Method, answer(v.QueryParam)})
}

// answer picks the fields of an answer.
func answer(get func(string) string) map[string]string {
	a := map[string]string{}
	for _, name := range answerFields {
		if q := get(name); q != "" && len(q) <= maxAnswer {
			a[name] = q
		}
	}
	return a
}
