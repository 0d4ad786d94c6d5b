package identify

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/bode-erds/bode/identity"
)

// failure is a page that says why nobody was identified, and what the person can
// do. Key is the stem of its words.
type failure struct {
	Key string
}

func (i *Identify) say(v *visit, status int, key string) error {
	return i.render(v, status, "failure", failure{key})
}

// fail turns an error of a means into a page. What the operator must know is
// logged, without anything of the person; whatever is not known here is an
// incident, and left to delivery/web.
func (i *Identify) fail(v *visit, err error) error {
	if v.Response().Committed {
		return err
	}
	status, key := failureOf(err)
	if key == "" {
		return err
	}
	if v.login.ID == "" {
		status, key = http.StatusBadRequest, "lost" // not this browser, or no longer
	}
	i.cfg.Log.WarnContext(v.Request().Context(), "identification did not finish", "errand", v.login.Errand, "means", v.login.Method,
		"outcome", key, "err", fmt.Sprintf("%.300v", err))
	return i.say(v, status, key)
}

// failureOf is the table of failures.
func failureOf(err error) (status int, key string) {
	switch {
	case errors.Is(err, identity.ErrLoginRefused):
		return http.StatusForbidden, "refused"
	case errors.Is(err, identity.ErrLoginStale):
		return http.StatusConflict, "stale"
	case errors.Is(err, identity.ErrLoginLevel):
		return http.StatusForbidden, "level"
	case errors.Is(err, identity.ErrLoginUnavailable):
		return http.StatusServiceUnavailable, "unavailable"
	case errors.Is(err, identity.ErrLoginDocument):
		return http.StatusForbidden, "document"
	case errors.Is(err, identity.ErrLoginUnusable):
		return http.StatusBadGateway, "unusable"
	}
	return 0, ""
}
