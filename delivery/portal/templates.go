package portal

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const templatesPath = "/portal/templates"

// registerTemplates puts the pages about texts that are used again on a router.
func (p *Portal) registerTemplates(e *echo.Echo, form echo.MiddlewareFunc) {
	sender := p.as(identity.Sender)
	e.GET(templatesPath, sender(p.templates), form)
	e.POST(templatesPath, sender(p.createTemplate), form)
	e.GET(templatesPath+"/new", sender(p.newTemplate), form)
	e.GET(templatesPath+"/:id", sender(p.template), form)
	e.POST(templatesPath+"/:id", sender(p.changeTemplate), form)
	e.POST(templatesPath+"/:id/archive", sender(p.archiveTemplate), form)
	e.GET(templatesPath+"/:id/use", sender(p.askValues), form)
	e.POST(templatesPath+"/:id/use", sender(p.useTemplate), form)
}

type templatesPage struct {
	frame
	Rows     []delivery.Template
	Archived bool
	Next     delivery.ID
}

func (p *Portal) templates(v *visitor) error {
	page := templatesPage{frame: v.frame(batchesPath), Archived: v.QueryParam("archived") == "1"}
	page.chrome.Wide = true
	var err error
	page.Rows, err = p.Deliveries.Templates(v.ctx(), v.session.Account, page.Archived, delivery.ID(v.QueryParam("before")), perPage+1)
	if err != nil {
		return err
	}
	if len(page.Rows) > perPage {
		page.Rows = page.Rows[:perPage]
		page.Next = page.Rows[perPage-1].ID
	}
	return p.Web.Render(v, http.StatusOK, "portal/templates", page)
}

// templatePage is a template being written, and what it was before.
type templatePage struct {
	frame
	ID        delivery.ID // empty: a new one
	Once      string
	Version   int
	Name      string
	Content   delivery.TemplateContent
	Days      string
	Archived  bool
	Variables []string
	History   []delivery.TemplateVersion
	Post      bool
	Languages []web.Option
	Fallbacks []web.Option
	Saved     bool
}

func (p *Portal) newTemplate(v *visitor) error {
	c := delivery.TemplateContent{Language: p.Web.Language(v), Policy: p.Deliveries.DefaultPolicy()}
	return p.showTemplate(v, http.StatusOK, templatePage{Once: rand.Text(), Content: c, Days: strconv.Itoa(c.Policy.CollectDays)}, nil)
}

func (p *Portal) showTemplate(v *visitor, status int, page templatePage, faults web.Faults) error {
	page.frame, page.Languages, page.Post = v.frame(batchesPath), languageOptions(), p.Deliveries.Post != nil
	page.Faults, page.Variables = faults, page.Content.Variables()
	for _, f := range []delivery.Fallback{delivery.FallbackPost, delivery.FallbackNone} {
		text, err := p.Web.Text(v, "portal", "fallback."+string(f))
		if err != nil {
			return err
		}
		page.Fallbacks = append(page.Fallbacks, web.Option{Value: string(f), Text: text})
	}
	return p.Web.Render(v, status, "portal/template", page)
}

func (p *Portal) template(v *visitor) error {
	version, err := strconv.Atoi(v.QueryParam("version"))
	if err != nil {
		version = 0
	}
	t, err := p.Deliveries.TemplateVersion(v.ctx(), v.session.Account, v.id(), version)
	if err != nil {
		return err
	}
	page := templatePage{ID: t.ID, Version: t.Newest, Name: t.Name, Content: t.TemplateContent, Days: strconv.Itoa(t.Policy.CollectDays),
		Archived: !t.Archived.IsZero(), Saved: v.QueryParam("saved") == "1"}
	if page.History, err = p.Deliveries.TemplateHistory(v.ctx(), v.session.Account, t.ID); err != nil {
		return err
	}
	return p.showTemplate(v, http.StatusOK, page, nil)
}

// typedTemplate reads the form of a template.
func (p *Portal) typedTemplate(v *visitor) (page templatePage, err error) {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return page, err
	}
	c := delivery.TemplateContent{Subject: f.Get("subject"), Body: strings.ReplaceAll(f.Get("body"), "\r\n", "\n"), Language: f.Get("language"),
		Reference: f.Get("reference"), CostCentre: f.Get("cost_centre"), Policy: p.Deliveries.DefaultPolicy()}
	page = templatePage{ID: v.id(), Once: f.Get("once"), Name: f.Get("template_name"), Days: f.Get("days"), Content: c}
	page.Version, _ = strconv.Atoi(f.Get("version")) // 0 is no version
	days, err := strconv.Atoi(strings.TrimSpace(page.Days))
	if err != nil {
		days = 0 // out of range, and so a fault of its field
	}
	pol := &page.Content.Policy
	pol.CollectDays, pol.Fallback = days, delivery.Fallback(f.Get("fallback"))
	pol.PostAtOnce, pol.Class = pol.Fallback == delivery.FallbackPost, strings.ToLower(strings.TrimSpace(f.Get("class")))
	return page, nil
}

func (p *Portal) createTemplate(v *visitor) error {
	page, err := p.typedTemplate(v)
	if err != nil {
		return err
	}
	once, err := onceOf(page.Once, delivery.Submission{Subject: page.Name + "\x00" + page.Content.Subject, Body: page.Content.Body, Policy: page.Content.Policy})
	if err != nil {
		return err
	}
	t, _, err := p.Deliveries.CreateTemplate(v.ctx(), v.actor(), page.Name, page.Content, once)
	if errors.Is(err, delivery.ErrKeyReused) {
		page.Once = rand.Text()
	}
	return p.savedTemplate(v, page, t.ID, err)
}

func (p *Portal) changeTemplate(v *visitor) error {
	page, err := p.typedTemplate(v)
	if err != nil {
		return err
	}
	t, err := p.Deliveries.ChangeTemplate(v.ctx(), v.actor(), page.ID, page.Version, page.Name, page.Content)
	return p.savedTemplate(v, page, t.ID, err)
}

// savedTemplate goes on after a template was kept, or shows what is wrong.
func (p *Portal) savedTemplate(v *visitor, page templatePage, id delivery.ID, err error) error {
	var faults web.Faults
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		faults = p.templateFaults(found)
	}
	for sentinel, key := range map[error]string{delivery.ErrTemplateChanged: "fault.template_changed", delivery.ErrKeyReused: "fault.template_again"} {
		if errors.Is(err, sentinel) {
			faults.Add("", key)
		}
	}
	if errors.Is(err, delivery.ErrTemplateName) {
		faults.Add("template_name", "fault.template_name")
	}
	if len(faults) > 0 {
		return p.showTemplate(v, http.StatusUnprocessableEntity, page, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, templatesPath+"/"+string(id)+"?saved=1")
}

// templateFaults says what is wrong with a template in the words of its form.
func (p *Portal) templateFaults(found delivery.FieldErrors) (out web.Faults) {
	fields := map[string]string{"/name": "template_name", "/subject": "subject", "/body": "body", "/reference": "reference", "/cost_centre": "cost_centre",
		"/language": "language", "/policy/collect_days": "days", "/policy/fallback": "fallback", "/policy/class": "class"}
	for _, f := range found {
		field := fields[f.Pointer]
		if field != "" && out.At(field) != nil {
			continue
		}
		out = append(out, web.Fault{Field: field, Key: p.faultKey(f.Code, field), Args: faultArgs(f.Args)})
	}
	return out
}

func faultArgs(args map[string]string) (out []any) {
	for k, v := range args {
		out = append(out, k, said(v))
	}
	return out
}

func (p *Portal) archiveTemplate(v *visitor) error {
	if err := p.Deliveries.ArchiveTemplate(v.ctx(), v.session.Account, v.id()); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, templatesPath)
}

// valuesPage asks for the values of a template's variables.
type valuesPage struct {
	frame
	Template delivery.Template
	Fields   []web.Field
}

func (p *Portal) askValues(v *visitor) error {
	t, err := p.Deliveries.Template(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	if len(t.Variables()) == 0 {
		return p.composeFrom(v, t, nil)
	}
	return p.showValues(v, http.StatusOK, t, url.Values{}, nil)
}

func valueField(n int) string { return "v" + strconv.Itoa(n) }

func (p *Portal) showValues(v *visitor, status int, t delivery.Template, typed url.Values, faults web.Faults) error {
	page := valuesPage{frame: v.frame(batchesPath), Template: t}
	page.Faults = faults
	for i, name := range t.Variables() {
		f := web.Field{ID: valueField(i), Name: valueField(i), Type: "text", Label: name, Value: typed.Get(valueField(i)), Autocomplete: "off", Max: delivery.MaxValue}
		if bad := faults.At(f.ID); bad != nil {
			var err error
			if f.Fault, err = p.Web.Text(v, "portal", bad.Key, bad.Args...); err != nil {
				return err
			}
			if f.FaultWord, err = p.Web.Text(v, "portal", "fault"); err != nil {
				return err
			}
		}
		page.Fields = append(page.Fields, f)
	}
	return p.Web.Render(v, status, "portal/template-use", page)
}

// useTemplate begins a message with a template that is filled in; it keeps
// nothing.
func (p *Portal) useTemplate(v *visitor) error {
	t, err := p.Deliveries.Template(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for i, name := range t.Variables() {
		values[name] = strings.TrimSpace(f.Get(valueField(i)))
	}
	if _, _, err := t.Fill(values); err != nil {
		var faults web.Faults
		for i, name := range t.Variables() {
			if values[name] == "" {
				faults.Add(valueField(i), "fault.template_value_missing", "name", name)
			} else if len([]rune(values[name])) > delivery.MaxValue {
				faults.Add(valueField(i), "fault.template_value_long", "name", name, "max", delivery.MaxValue)
			}
		}
		return p.showValues(v, http.StatusUnprocessableEntity, t, f, faults)
	}
	return p.composeFrom(v, t, values)
}

func (p *Portal) composeFrom(v *visitor, t delivery.Template, values map[string]string) error {
	if ok, err := p.mayWrite(v); !ok {
		return err
	}
	subject, body, err := t.Fill(values)
	if err != nil {
		return err
	}
	d := newDraft(t.Policy, p.Web.Language(v))
	d.Subject, d.Body, d.Reference, d.CostCentre, d.Class = subject, body, t.Reference, t.CostCentre, t.Policy.Class
	d.Recipients[0].Language = t.Language
	return p.showDraft(v, http.StatusOK, d)
}
