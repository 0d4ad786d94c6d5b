package portal

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// registerPrivacy puts the pages about rights over data, and about what shows that
// a processor's duties are met, on a router.
func (p *Portal) registerPrivacy(e *echo.Echo, form echo.MiddlewareFunc) {
	admin, operator := p.as(identity.Administrator), p.operator
	e.GET("/privacy/request", p.askRequest, form)
	e.POST("/privacy/request", p.fileRequest, form)
	e.GET(dutiesPath, admin(p.showDuties), form)
	e.POST(dutiesPath, admin(p.takeDuties), form)
	e.POST("/operator/registers/request/:id/package", operator(p.packRequest), form)
	e.GET("/operator/registers/incident/:id/report", operator(p.incidentReport), form)
	e.GET(retentionPath, operator(p.showRules), form)
	e.POST(retentionPath, operator(p.setRule), form)
}

type requestPage struct {
	frame
	Kind, Name, Address, Asked string // as typed
	Kinds                      []web.Option
	Done                       bool
	Until                      time.Time
}

// askRequest shows everybody the form by which to use one's rights (R22, R32).
func (p *Portal) askRequest(c echo.Context) error {
	return p.showRequest(c, http.StatusOK, requestPage{Kind: "inspect", Done: c.QueryParam("done") == "1"}, nil)
}

func (p *Portal) showRequest(c echo.Context, status int, page requestPage, faults web.Faults) (err error) {
	page.frame = public("/privacy/request")
	page.Faults = faults
	if page.Kinds, err = p.requestKinds(c); err != nil {
		return err
	}
	return p.Web.Render(c, status, "portal/privacy-request", page)
}

// fileRequest registers it. It says nothing of whether we know anybody of that name.
func (p *Portal) fileRequest(c echo.Context) error {
	f, err := readForm(c.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := requestPage{Kind: f.Get("kind"), Name: f.Get("name"), Address: f.Get("address"), Asked: f.Get("asked")}
	kinds, err := p.requestKinds(c)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(kinds, func(o web.Option) bool { return o.Value == page.Kind }) {
		page.Kind = ""
	}
	err = p.Identity.FileRequest(c.Request().Context(), map[string]string{"kind": page.Kind, "name": page.Name, "address": page.Address, "asked": page.Asked,
		"language": p.Web.Language(c)}, c.RealIP())
	faults, status := p.identityFaults(err, nil), http.StatusUnprocessableEntity
	for i := range faults {
		faults[i].Key = "fault.request." + faults[i].Field
	}
	if locked, ok := errors.AsType[*identity.Locked](err); ok {
		faults, status = append(faults, p.lockedFault("", locked)), http.StatusTooManyRequests
	}
	if len(faults) > 0 {
		return p.showRequest(c, status, page, faults)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/privacy/request?done=1")
}
