package portal

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/identity"
)

// approvalTime is how long the upload of an approval form may take.
const approvalTime = 10 * time.Minute

// registerCompanies puts the pages about companies, their people and mandates on
// a router, and those of operators.
func (p *Portal) registerCompanies(e *echo.Echo, form echo.MiddlewareFunc) {
	admin, anybody, operator := p.as(identity.Administrator), p.everyRole, p.operator
	approval := p.Web.Limits(identity.MaxApprovalForm+1<<20, approvalTime)

	// Everybody who has the link.
	e.GET("/portal/invitation/:token", p.perhaps(p.invitation), form)

	// Whoever is signed in, with whatever role.
	e.POST("/portal/invitation/:token", anybody(p.join), form)
	e.GET("/portal/applications", anybody(p.applications), form)
	e.GET("/portal/applications/new", anybody(p.askApply), form)
	e.POST("/portal/applications", anybody(p.apply), form)
	e.GET("/portal/applications/:id", anybody(p.application), form)
	e.GET("/portal/applications/:id/form", anybody(p.blankForm), form)
	e.POST("/portal/applications/:id/form", anybody(p.bringForm), approval)
	e.GET("/portal/applications/:id/forms/:form", anybody(p.signedForm), form)
	e.GET("/portal/mandates", anybody(p.mandates), form)
	e.GET("/portal/mandates/:id", anybody(p.mandate), form)
	e.POST("/portal/mandates/:id/withdraw", anybody(p.withdrawMandate), form)

	// Administrators.
	e.GET("/portal/people", admin(p.people), form)
	e.POST("/portal/people", admin(p.invite), form)
	e.GET("/portal/people/:id", admin(p.member), form)
	e.POST("/portal/people/:id", admin(p.changeRole), form)
	e.POST("/portal/people/:id/remove", admin(p.removeMember), form)
	e.POST("/portal/invitations/:id/withdraw", admin(p.withdrawInvitation), form)
	e.GET("/portal/mandates/new", admin(p.askGrant), form)
	e.POST("/portal/mandates", admin(p.grant), form)

	// Operators.
	e.GET("/operator", operator(p.queue), form)
	e.GET("/operator/applications/:id", operator(p.caseOf), form)
	e.GET("/operator/applications/:id/forms/:form", operator(p.signedForm), form)
	e.POST("/operator/applications/:id/confirm", operator(p.confirm), form)
	e.POST("/operator/applications/:id/refuse", operator(p.refuse), form)
	e.POST("/operator/applications/:id/again", operator(p.sendBack), form)
	e.GET("/operator/accounts", operator(p.findAccounts), form)
	e.GET("/operator/accounts/:id", operator(p.oneAccount), form)
	e.POST("/operator/accounts/:id/suspend", operator(p.suspend), form)
	e.POST("/operator/accounts/:id/resume", operator(p.resume), form)
}

// everyRole lets a handler be reached by whoever is signed in, and not only to
// make new factors.
func (p *Portal) everyRole(h func(*visitor) error) echo.HandlerFunc {
	return p.as(anyRole)(func(v *visitor) error {
		if v.session.Method == identity.MethodReproofed {
			return v.Redirect(http.StatusSeeOther, "/portal/factors")
		}
		return h(v)
	})
}

// start is where people come after signing in: who may see no messages sees the
// account.
func (p *Portal) start(v *visitor) error {
	if !v.may(identity.Reader) {
		return v.Redirect(http.StatusSeeOther, "/portal/account")
	}
	v.confine()
	return p.overview(v)
}
