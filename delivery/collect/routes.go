package collect

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
)

// maxForm bounds a form, in octets.
const maxForm = 64 << 10

// handler answers one request of a recipient whose link is known.
type handler func(x echo.Context, v *visit) error

// route is one row of the table of contents. What stands under from are the
// places on the way ([visit.where]) at which the request makes sense; from
// anywhere else the browser is sent to where it is.
type route struct {
	method, path string
	from         []place
	do           handler
}

// pages are the forms and what they lead to.
func (c *Collect) pages() []route {
	return []route{
		{http.MethodGet, "", anywhere, c.start},
		{http.MethodPost, "/codes", []place{atStart, atCodes}, c.sendCodes},
		{http.MethodGet, "/codes", []place{atCodes}, c.codes},
		{http.MethodPost, "/check", []place{atCodes}, c.checkCodes},
		{http.MethodGet, "/identify", []place{atIdentify}, c.identify},
		{http.MethodPost, "/identify", []place{atIdentify}, c.beginLogin},
		{http.MethodGet, string(atMismatch), []place{atIdentify}, c.mismatch},
		{http.MethodGet, "/ways", []place{atIdentify, atDecide, atRead}, c.ways},
		{http.MethodPost, "/paper", []place{atIdentify, atDecide}, c.askPaper},
		{http.MethodPost, "/no-online", []place{atIdentify, atDecide, atRead}, c.refuseOnline},
		{http.MethodGet, "/address", []place{atCodes}, c.address},
		{http.MethodPost, "/address", []place{atCodes}, c.proposeAddress},
		{http.MethodPost, "/address/prove", []place{atCodes}, c.proveAddress},
		{http.MethodGet, "/decide", []place{atDecide}, c.decide},
		{http.MethodGet, "/delegate", []place{atDecide}, c.delegate},
		{http.MethodPost, "/delegate", []place{atDecide}, c.name},
		{http.MethodPost, "/delegate/withdraw", []place{atDecide}, c.unname},
		{http.MethodPost, "/accept", []place{atDecide}, c.accept},
		{http.MethodGet, "/refuse", []place{atDecide}, c.refuse},
		{http.MethodPost, "/refuse", []place{atDecide}, c.reject},
		{http.MethodGet, "/read", []place{atRead}, c.read},
		{http.MethodPost, "/open", []place{atRead}, c.open},
		{http.MethodGet, "/done", []place{atRead, atDone}, c.done},
		{http.MethodGet, "/evidence/:file", []place{atRead, atDone}, c.evidence},
	}
}

// transfers take as long as the line does.
func (c *Collect) transfers() []route {
	return []route{
		{http.MethodPost, "/documents/:n", []place{atRead}, c.document},
		{http.MethodPost, "/documents/:n/view", []place{atRead}, c.view},
		{http.MethodPost, "/all", []place{atRead}, c.all},
		{http.MethodGet, "/dossier", []place{atRead, atDone}, c.dossier},
		{http.MethodPost, "/dossier", []place{atRead}, c.wholeDossier},
	}
}

// Register mounts the pages on e.
func (c *Collect) Register(e *echo.Echo) error {
	short := c.cfg.Web.Limits(maxForm, time.Minute)
	for _, r := range c.pages() {
		e.Add(r.method, "/c/:token"+r.path, c.at(r), short)
	}
	for _, r := range c.transfers() {
		e.Add(r.method, "/c/:token"+r.path, c.at(r))
	}
	// A POST may answer with a page. Its address, when reloaded or read in
	// another language, leads to the page that is next.
	for _, path := range []string{"/check", "/delegate/withdraw", "/paper", "/no-online", "/address/prove", "/accept", "/open", "/documents/:n", "/documents/:n/view", "/all"} {
		e.GET("/c/:token"+path, c.at(route{}), short)
	}
	return nil
}

// at lets a request through at the places of its route.
func (c *Collect) at(r route) echo.HandlerFunc {
	return func(x echo.Context) error {
		v, err := c.visit(x)
		if err != nil {
			return c.fail(x, v, err)
		}
		if at := v.where(); !slices.Contains(r.from, at) {
			return v.send(x, at)
		}
		if err := r.do(x, v); err != nil {
			return c.fail(x, v, err)
		}
		return nil
	}
}
