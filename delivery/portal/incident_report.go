package portal

import (
	"bytes"
	"cmp"
	"embed"
	"net/http"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

//go:embed reports/*.txt.tmpl
var reportFiles embed.FS

// reportKinds are those whom a notification of an incident goes to: the supervisory
// body of trust services, the data protection authority, and the people concerned.
func reportKinds() []string { return []string{"supervisor", "authority", "people"} }

// report is what a notification is filled with. What the register does not say yet
// is marked, to be completed by hand.
type report struct {
	Provider, Number, Contact, Address string
	Entry                              string
	Version                            int
	Today, Known, Deadline             string
	gap                                string
	fields                             map[string]string
}

// Say is a field of the register, or the mark.
func (r report) Say(name string) string { return cmp.Or(r.fields[name], r.gap) }

// incidentReport gives an operator a notification, filled from the register as far
// as that goes: text to look at and to send, never sent by itself.
//
// eIDAS art. 19(2), GDPR art. 33(3), GDPR art. 34(2) (R20)
func (p *Portal) incidentReport(v *visitor) error {
	kind, lang := v.QueryParam("to"), v.QueryParam("lang")
	if !slices.Contains(reportKinds(), kind) || !slices.Contains(web.Languages(), lang) {
		return web.ErrNotFound
	}
	history, err := p.Identity.EntryHistory(v.ctx(), v.actor(), identity.Incidents, v.Param("id"))
	if err != nil {
		return err
	}
	name := kind + "." + lang + ".txt"
	t, err := template.ParseFS(reportFiles, "reports/"+name+".tmpl")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p.reportOf(history[0], kind, lang)); err != nil {
		return err
	}
	v.attach("incident-"+name, "text/plain; charset=utf-8")
	return v.Blob(http.StatusOK, "text/plain; charset=utf-8", b.Bytes())
}

func (p *Portal) reportOf(e identity.Entry, kind, lang string) report {
	const shape = "2006-01-02 15:04 UTC"
	r := report{Provider: p.About.Provider, Number: p.About.Number, Contact: strings.TrimSpace(p.About.Email + " " + p.About.Phone),
		Address: strings.Join(p.About.Address, ", "), Entry: e.ID, Version: e.Version, Today: p.Now().UTC().Format(shape), fields: e.Fields}
	r.gap, _ = p.Web.Word("portal", lang, "report.gap")
	for _, to := range []*string{&r.Provider, &r.Number, &r.Contact, &r.Address} {
		*to = cmp.Or(*to, r.gap)
	}
	if at, err := time.Parse("2006-01-02T15:04", e.Fields["known_at"]); err == nil {
		r.Known = at.Format(shape)
	}
	for _, c := range e.Clocks() {
		if c.Name == kind {
			r.Deadline = c.Due.Format(shape)
		}
	}
	return r
}
