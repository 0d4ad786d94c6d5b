package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// route is one operation: method, path below /api/v1 in OpenAPI's notation, and
// who answers.
type route struct {
	method, path string
	handle       func(*call) error
	open         bool // needs no key
	sender       bool // acts in the name of the key's account, and needs to know who that is
}

// routes is every URL of the API.
func (a *API) routes() []route {
	return slices.Concat([]route{
		{http.MethodPost, "/documents", a.createDocument, false, false},
		{http.MethodGet, "/documents/{id}", a.getDocument, false, false},
		{http.MethodPost, "/previews", a.createPreview, false, true},
		{http.MethodPost, "/messages", a.createMessage, false, true},
		{http.MethodGet, "/messages/{id}", a.getMessage, false, false},
		{http.MethodPost, "/messages/{id}/cancel", a.cancelMessage, false, false},
		{http.MethodGet, "/messages/{id}/deliveries", a.listDeliveries, false, false},
		{http.MethodGet, "/deliveries/{id}", a.getDelivery, false, false},
		{http.MethodGet, "/deliveries/{id}/events", a.listDeliveryEvents, false, false},
		{http.MethodGet, "/deliveries/{id}/evidence", a.listEvidence, false, false},
		{http.MethodGet, "/deliveries/{id}/dossier", a.getDossier, false, false},
		{http.MethodGet, "/deliveries/{id}/letter", a.getLetter, false, false},
		{http.MethodGet, "/deliveries/{id}/papers", a.listPapers, false, false},
		{http.MethodGet, "/deliveries/{id}/papers/{position}", a.getPaper, false, false},
		{http.MethodGet, "/deliveries/{id}/proposals", a.listProposals, false, false},
		{http.MethodPost, "/deliveries/{id}/proposals/{proposal}", a.answerProposal, false, false},
		{http.MethodGet, "/evidence/{file}", a.getEvidence, false, false},
		{http.MethodGet, "/events", a.listEvents, false, false},
		{http.MethodPost, "/test-clock/advance", a.advanceClock, false, false},
		{http.MethodGet, "/openapi.json", a.getOpenAPI, true, false},
	}, a.listRoutes(), a.draftRoutes(), a.templateRoutes(), a.contactRoutes(), a.batchRoutes(), a.keyRoutes(), a.webhookRoutes(), a.verificationRoutes(), a.statusRoutes(), a.creditRoutes(), a.removalRoutes())
}

// register puts the routes on e and answers everything else with a problem: no
// such method, or no such address.
func (a *API) register(e *echo.Echo) {
	g := e.Group(Prefix)
	for _, r := range a.routes() {
		g.Add(r.method, echoPath(r.path), a.wrap(r))
	}
	e.RouteNotFound("/*", func(c echo.Context) error {
		if methods := a.methods(c.Request().URL.EscapedPath()); len(methods) > 0 {
			c.Response().Header().Set("Allow", strings.Join(methods, ", "))
			return a.fail(c, errMethod)
		}
		return a.fail(c, errNoRoute)
	})
}

// methods lists what may be done with a path.
func (a *API) methods(path string) []string {
	var out []string
	steps := strings.Split(strings.TrimPrefix(path, Prefix), "/")
	for _, r := range a.routes() {
		if slices.EqualFunc(strings.Split(r.path, "/"), steps, func(want, is string) bool {
			return want == is || strings.HasPrefix(want, "{") && is != ""
		}) {
			out = append(out, r.method)
		}
	}
	return out
}
