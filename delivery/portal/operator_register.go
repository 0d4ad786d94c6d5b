package portal

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

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
		switch {
		case strings.HasSuffix(name, "_at") && name == "known_at":
			f.Type = "datetime-local"
		case strings.HasSuffix(name, "_at"), name == "from":
			f.Type = "date"
		case slices.Contains([]string{"what", "asked", "measures", "answer", "data", "task", "order", "more", "safeguard"}, name):
			f.Type = "area"
		case name == "kind":
			if f.Options, err = p.requestKinds(v); err != nil {
				return page, err
			}
			f.Type = "choice"
		}
		page.Fields = append(page.Fields, f)
	}
	return page, nil
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
		if x.Field != "reason" && x.Field != "state" {
			faults[i].Key = map[bool]string{true: "fault.register.missing", false: "fault.register.malformed"}[f.Get(x.Field) == ""]
			faults[i].Where = "field.register." + string(r) + "." + x.Field
		} else if x.Field == "state" {
			faults[i].Key = "fault.register.late"
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

// registerValues are the fields of a form that an entry has.
func registerValues(r identity.Register, f url.Values) map[string]string {
	out := map[string]string{}
	for _, name := range r.Fields() {
		name = strings.TrimPrefix(name, "!")
		out[name] = f.Get(name)
	}
	return out
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
	err = p.Identity.FileRequest(c.Request().Context(), map[string]string{"kind": page.Kind, "name": page.Name, "address": page.Address, "asked": page.Asked}, c.RealIP())
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
