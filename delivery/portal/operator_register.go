package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// registerField is a field of an entry's form.
type registerField struct {
	Name     string
	Value    string
	Type     string // of the input; "area" for long text
	Optional bool
	Options  []web.Option // of a choice
}

type entriesPage struct {
	frame
	Register identity.Register
	All      []identity.Register
	List     []entryRow
}

// entryRow is an entry as a list shows it.
type entryRow struct {
	identity.Entry
	Title string
	Late  bool
	Hours int // until it is late; negative: since
}

func (p *Portal) entryRow(e identity.Entry, r identity.Register) entryRow {
	row := entryRow{Entry: e, Title: e.Fields[strings.TrimPrefix(r.Fields()[0], "!")]}
	if r == identity.Requests {
		row.Title = e.Fields["name"]
	}
	if e.Due != nil {
		left := e.Due.Sub(p.Now())
		row.Late, row.Hours = left < 0, int(left.Abs().Hours())
	}
	return row
}

// entries lists a register, what is due first.
func (p *Portal) entries(v *visitor) error {
	page := entriesPage{frame: v.operatorFrame("/operator/registers/processor"), Register: identity.Register(v.Param("register")), All: identity.Registers()}
	list, err := p.Identity.Entries(v.ctx(), v.actor(), page.Register)
	if err != nil {
		return err
	}
	for _, e := range list {
		page.List = append(page.List, p.entryRow(e, page.Register))
	}
	return p.Web.Render(v, http.StatusOK, "portal/entries", page)
}

type registeredPage struct {
	frame
	Register identity.Register
	ID       string // empty: a new one
	Version  int
	State    string
	States   []web.Option
	Fields   []registerField
	Reason   string
	History  []entryRow
	Row      entryRow
	Clocks   []clockRow // of an incident
	Packable bool       // who asks is known: there is an answer to give
	PackedBy string     // reason for giving it, as typed
	Reports  []string   // for whom there is a notification to fill in
	Langs    []string
}

// clockRow is a duty about an incident as a page shows it.
type clockRow struct {
	identity.Clock
	Late bool
}

// registerForm makes the form of an entry.
func (p *Portal) registerForm(v *visitor, r identity.Register, state string, values map[string]string) (page registeredPage, err error) {
	page = registeredPage{frame: v.operatorFrame("/operator/registers/processor"), Register: r, State: state}
	for _, s := range r.States() {
		text, err := p.Web.Text(v, "portal", "register.state."+s)
		if err != nil {
			return page, err
		}
		page.States = append(page.States, web.Option{Value: s, Text: text})
	}
	for _, name := range r.Fields() {
		name, needed := strings.CutPrefix(name, "!")
		f := registerField{Name: name, Value: values[name], Type: "text", Optional: !needed}
		if f.Type, f.Options, err = p.registerInput(v, r, name); err != nil {
			return page, err
		}
		page.Fields = append(page.Fields, f)
	}
	return page, nil
}

// registerInput is how a field is filled in.
func (p *Portal) registerInput(v *visitor, r identity.Register, name string) (kind string, options []web.Option, err error) {
	switch {
	case name == "kind":
		options, err = p.requestKinds(v)
		return "choice", options, err
	case registerChoices()[name] != nil:
		options, err = p.registerOptions(v, name)
		return "choice", options, err
	case r == identity.Incidents && strings.HasSuffix(name, "_at"):
		return "datetime-local", nil, nil
	case strings.HasSuffix(name, "_at"), slices.Contains([]string{"from", "until", "extended_told", "birth_date"}, name):
		return "date", nil, nil
	case slices.Contains([]string{"what", "asked", "measures", "answer", "data", "order", "more", "safeguard", "consequences", "objections", "identity", "accounts"}, name):
		return "area", nil, nil
	}
	return "text", nil, nil
}

// registerChoices are the fields with few values. None of them has to be chosen.
func registerChoices() map[string][]string {
	return map[string][]string{
		"channel":  {"", "form", "mail", "letter"},
		"means":    {"", "account", "eid", "itsme", "signature", "other"},
		"personal": {"", "yes", "no"},
		"secret":   {"", "yes", "no"},
		"language": append([]string{""}, web.Languages()...),
	}
}

func (p *Portal) registerOptions(c echo.Context, name string) (out []web.Option, err error) {
	for _, value := range registerChoices()[name] {
		key := "register.option." + name + "." + value
		if value == "" {
			key = "register.option.none"
		}
		o := web.Option{Value: value}
		if o.Text, err = p.Web.Text(c, "portal", key); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// requestKinds are what a data subject may ask for. GDPR art. 15 to 21
func (p *Portal) requestKinds(c echo.Context) (out []web.Option, err error) {
	for _, k := range []string{"inspect", "correct", "erase", "restrict", "transfer", "object"} {
		o := web.Option{Value: k}
		if o.Text, err = p.Web.Text(c, "portal", "request.kind."+k); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// askEntry shows the form of a new entry.
func (p *Portal) askEntry(v *visitor) error {
	r := identity.Register(v.Param("register"))
	if !slices.Contains(identity.Registers(), r) {
		return web.ErrNotFound
	}
	page, err := p.registerForm(v, r, r.States()[0], nil)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/registered", page)
}

// registered shows an entry with every version of it.
func (p *Portal) registered(v *visitor) error {
	r := identity.Register(v.Param("register"))
	history, err := p.Identity.EntryHistory(v.ctx(), v.actor(), r, v.Param("id"))
	if err != nil {
		return err
	}
	return p.showRegistered(v, http.StatusOK, r, history, history[0].State, history[0].Fields, "", nil)
}

func (p *Portal) showRegistered(v *visitor, status int, r identity.Register, history []identity.Entry, state string, values map[string]string, reason string, faults web.Faults) error {
	page, err := p.registerForm(v, r, state, values)
	if err != nil {
		return err
	}
	page.Faults, page.Reason = faults, reason
	for _, e := range history {
		page.History = append(page.History, p.entryRow(e, r))
	}
	if len(history) > 0 {
		page.ID, page.Version, page.Row = history[0].ID, history[0].Version, page.History[0]
		page.Packable = r == identity.Requests && identified(history[0])
	}
	if r == identity.Incidents && page.ID != "" {
		page.Reports, page.Langs = reportKinds(), web.Languages()
		for _, c := range history[0].Clocks() {
			page.Clocks = append(page.Clocks, clockRow{c, c.Late(p.Now())})
		}
	}
	return p.Web.Render(v, status, "portal/registered", page)
}

// writeEntry writes a new version.
func (p *Portal) writeEntry(v *visitor) error {
	r := identity.Register(v.Param("register"))
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	version, _ := strconv.Atoi(f.Get("version")) // none: somebody wrote another meanwhile
	e := identity.Entry{ID: f.Get("id"), State: f.Get("state"), Fields: registerValues(r, f)}
	id, err := p.Identity.WriteEntry(v.ctx(), v.actor(), r, e, version, f.Get("reason"))
	faults, status := p.identityFaults(err, nil), http.StatusUnprocessableEntity
	for i, x := range faults {
		switch code := codeOf(err, x.Field); {
		case x.Field == "state" && code == "too_early":
			faults[i].Key = "fault.register.clock"
		case x.Field == "state":
			faults[i].Key = "fault.register.late"
		case x.Field == "from" && code == "too_soon":
			faults[i].Key, faults[i].Where = "fault.register.too_soon", "field.register."+string(r)+".from"
		case x.Field != "reason":
			faults[i].Key = map[bool]string{true: "fault.register.missing", false: "fault.register.malformed"}[f.Get(x.Field) == ""]
			faults[i].Where = "field.register." + string(r) + "." + x.Field
		}
	}
	if errors.Is(err, identity.ErrMoved) {
		faults.Add("", "fault.register.moved")
		status = http.StatusConflict
	}
	switch {
	case len(faults) > 0:
		var history []identity.Entry
		if e.ID != "" {
			if history, err = p.Identity.EntryHistory(v.ctx(), v.actor(), r, e.ID); err != nil {
				return err
			}
		}
		return p.showRegistered(v, status, r, history, e.State, e.Fields, f.Get("reason"), faults)
	case err != nil:
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/operator/registers/"+string(r)+"/"+id)
}

// codeOf is what is wrong with a field.
func codeOf(err error, field string) string {
	found, _ := errors.AsType[identity.FieldErrors](err)
	for _, x := range found {
		if x.Field == field {
			return x.Code
		}
	}
	return ""
}

// registerValues are the fields of a form that an entry has.
func registerValues(r identity.Register, f url.Values) map[string]string {
	out := map[string]string{}
	for _, name := range r.Fields() {
		name = strings.TrimPrefix(name, "!")
		out[name] = f.Get(name)
	}
	return out
}
