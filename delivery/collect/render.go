package collect

import (
	"embed"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed words
var wordFiles embed.FS

// face is our name among the faces of delivery/web.
const face = "collect"

// addPages gives our words and pages to w.
func addPages(w *web.Web) error { return w.AddFace(face, wordFiles, pageFiles) }

// page is what every page sees: the item, and what is its own.
type page struct {
	web.Faults
	Item *item // nil when the link leads nowhere
	Step int   // of three; 0 on pages that are no step
	Body any
}

// Chrome implements the header of a page: nothing that leads away by accident.
func (p page) Chrome() web.Chrome {
	if p.Item == nil {
		return web.Chrome{Narrow: true}
	}
	return web.Chrome{Narrow: true, Home: p.Item.Path, Test: p.Item.Test}
}

// item is the message as pages show it: nothing of its content.
type item struct {
	Path      string // of the start page; forms add to it
	Sender    string
	Company   string // enterprise number, as people write it; empty for a person
	Number    string
	Code      string // to be typed at /notice
	Host      string // the one host we ever link to
	Sent      time.Time
	Until     time.Time // first instant at which it is too late; zero before the announcement
	Decided   time.Time
	Received  time.Time
	Kept      time.Time // removed after this
	Post      bool      // a letter follows when nobody decides
	Documents int
	Test      bool
	For       string // whom a delegate acts for; empty for the addressee
	Late      bool   // the window is over, the letter has not arrived: it can still be read here
}

func (v *visit) item() *item {
	m := v.d.Message
	i := &item{Path: v.path(atStart), Sender: m.Sender.Name, Company: companyNumber(m.Sender.Identifier), Number: m.Number,
		Code: v.d.NoticeCode, Sent: m.SubmittedAt, Until: v.d.RespondBy, Decided: v.d.DecidedAt, Received: v.d.HandedOverAt,
		Kept: m.RetainUntil, Post: m.Policy.Fallback == delivery.FallbackPost, Documents: max(0, len(m.Parts)-1), Test: m.Test, Late: v.late()}
	if i.Sender == "" {
		i.Sender = m.Sender.Given + " " + m.Sender.Family
	}
	if v.d.Delegate != nil {
		i.For = v.d.Recipient.Given + " " + v.d.Recipient.Family
		if o := v.d.Recipient.Organisation; o != nil {
			i.For = o.Name
		}
	}
	return i
}

// reader is the language that was given for whoever reads this.
func (v *visit) reader() string {
	if v.d.Delegate != nil {
		return v.d.Delegate.Language
	}
	return v.d.Recipient.Language
}

// companyNumber is a Belgian enterprise number with its dots, and any other
// number as it is. Our own numbers mean nothing to a recipient.
func companyNumber(id evidence.Identifier) string {
	switch n := id.Value; {
	case id.Scheme == "BE:KBO" && len(n) == 10:
		return n[:4] + "." + n[4:7] + "." + n[7:]
	case id.Scheme == "mailto", id.Scheme == "bode:account":
		return ""
	default:
		return n
	}
}

// step numbers the pages one passes on the way to a decision.
func step(name string) int {
	switch name {
	case "codes":
		return 1
	case "identify":
		return 2
	case "decide":
		return 3
	}
	return 0
}

// render writes a page in the language the sender gave for the recipient,
// unless the reader chose another (R17). v is nil when the link leads nowhere.
func (c *Collect) render(x echo.Context, v *visit, status int, name string, body any, faults ...web.Fault) error {
	p := page{Body: body, Faults: faults, Step: step(name)}
	if v != nil {
		c.cfg.Web.Prefer(x, v.reader())
		p.Item = v.item()
		p.Item.Host = c.host
	}
	return c.cfg.Web.Render(x, status, face+"/"+name, p)
}

// message is a page that only says something: Key is the stem of its words, and
// Next, when there is one, where its one button leads.
type message struct {
	Key   string
	Next  string // absolute path
	Facts bool   // show which item it is about
}

// say writes such a page.
func (c *Collect) say(x echo.Context, v *visit, status int, key string, next ...place) error {
	m := message{Key: key, Facts: v != nil}
	if len(next) > 0 && v != nil {
		m.Next = v.path(next[0])
	}
	return c.render(x, v, status, "message", m)
}

// language is the reader's, for pages that others write for us.
func (c *Collect) language(x echo.Context, v *visit) string {
	c.cfg.Web.Prefer(x, v.reader())
	return c.cfg.Web.Language(x)
}
