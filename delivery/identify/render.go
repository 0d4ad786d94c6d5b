package identify

import (
	"embed"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed words/*.json
var wordFiles embed.FS

// face is our name among the faces of delivery/web.
const face = "identify"

// addPages gives our words and pages to w.
func addPages(w *web.Web) error { return w.AddFace(face, wordFiles, pageFiles) }

// page is what every page sees: the errand, and what is its own.
type page struct {
	web.Faults
	Errand *errand // nil when the browser has none
	Body   any
}

// Chrome implements the header of a page: nothing that leads away by accident.
func (p page) Chrome() web.Chrome { return web.Chrome{Narrow: true} }

// errand is what pages show of what this is for.
type errand struct {
	Path    string // forms add to it
	About   string
	Approve string
	Back    string
	Lang    string // of About and Approve
	Method  string // begun last; empty when none waits
}

// render writes a page in the language of the errand, unless the reader chose
// another.
func (i *Identify) render(v *visit, status int, name string, body any, faults ...web.Fault) error {
	p := page{Body: body, Faults: faults}
	if l := v.login; l.ID != "" {
		p.Errand = &errand{Path: v.path(""), About: l.About, Approve: l.Approve, Back: l.Back, Lang: l.Language, Method: l.Method}
	}
	return i.cfg.Web.Render(v, status, face+"/"+name, p)
}

// ask is what a means is told about the errand; its language is the reader's, for
// pages that others write for us.
func (i *Identify) ask(v *visit) identity.Login {
	l := v.login
	if l.Approve == "" {
		l.Language = i.cfg.Web.Language(v)
	}
	return l
}
