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
}

// routes is every URL of the API.
func (a *API) routes() []route {
	return []route{
		{http.MethodPost, "/documents", a.createDocument, false},
		{http.MethodGet, "/documents/{id}", a.getDocument, false},
		{http.MethodPost, "/messages", a.createMessage, false},
		{http.MethodGet, "/messages", a.listMessages, false},
		{http.MethodGet, "/messages/{id}", a.getMessage, false},
		{http.MethodPost, "/messages/{id}/cancel", a.cancelMessage, false},
		{http.MethodGet, "/messages/{id}/deliveries", a.listDeliveries, false},
		{http.MethodGet, "/deliveries/{id}", a.getDelivery, false},
		{http.MethodGet, "/deliveries/{id}/events", a.listDeliveryEvents, false},
		{http.MethodGet, "/deliveries/{id}/evidence", a.listEvidence, false},
		{http.MethodGet, "/deliveries/{id}/dossier", a.getDossier, false},
		{http.MethodGet, "/deliveries/{id}/letter", a.getLetter, false},
		{http.MethodGet, "/evidence/{file}", a.getEvidence, false},
		{http.MethodGet, "/events", a.listEvents, false},
		{http.MethodPost, "/test-clock/advance", a.advanceClock, false},
		{http.MethodGet, "/openapi.json", a.getOpenAPI, true},
	}
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
