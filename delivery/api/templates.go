package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// templateRoutes are texts that are used again and again.
func (a *API) templateRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/templates", handle: a.createTemplate},
		{method: http.MethodGet, path: "/templates", handle: a.listTemplates},
		{method: http.MethodGet, path: "/templates/{id}", handle: a.getTemplate},
		{method: http.MethodPut, path: "/templates/{id}", handle: a.changeTemplate},
		{method: http.MethodGet, path: "/templates/{id}/versions", handle: a.listTemplateVersions},
		{method: http.MethodPost, path: "/templates/{id}/preview", handle: a.previewTemplate},
		{method: http.MethodPost, path: "/templates/{id}/archive", handle: a.archiveTemplate},
	}
}

type newTemplate struct {
	Name       string `json:"name"`
	Version    int    `json:"version"` // that is changed
	Subject    string `json:"subject"`
	Body       string `json:"body"`
	Language   string `json:"language"`
	Reference  string `json:"reference"`
	CostCentre string `json:"cost_centre"`
	Policy     policy `json:"policy"`
}

func (in newTemplate) content() delivery.TemplateContent {
	return delivery.TemplateContent{Subject: in.Subject, Body: in.Body, Language: in.Language, Reference: in.Reference, CostCentre: in.CostCentre, Policy: in.Policy.domain()}
}

type templateView struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Version    int      `json:"version"`
	Newest     int      `json:"newest_version"`
	Archived   bool     `json:"archived"`
	Subject    string   `json:"subject"`
	Body       string   `json:"body"`
	Language   string   `json:"language"`
	Reference  string   `json:"reference,omitempty"`
	CostCentre string   `json:"cost_centre,omitempty"`
	Policy     policy   `json:"policy"`
	Variables  []string `json:"variables"`
	CreatedAt  string   `json:"created_at"`
	ChangedAt  string   `json:"changed_at"`
}

func templateOf(t delivery.Template) templateView {
	return templateView{string(t.ID), t.Name, t.Version, t.Newest, !t.Archived.IsZero(), t.Subject, t.Body, t.Language, t.Reference, t.CostCentre,
		policyOf(t.Policy), append([]string{}, t.Variables()...), instant(t.CreatedAt), instant(t.ChangedAt)}
}

// readTemplate reads what a template is to say.
func (a *API) readTemplate(c *call, schema string) (in newTemplate, raw []byte, err error) {
	in.Policy = policyOf(a.Deliveries.DefaultPolicy())
	raw, faults, err := a.readJSON(c, schema, &in)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	return in, raw, err
}

func (a *API) createTemplate(c *call) error {
	in, raw, err := a.readTemplate(c, "NewTemplate")
	if err != nil {
		return err
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	t, replayed, err := a.Deliveries.CreateTemplate(c.ctx(), c.actor(a.Now()), in.Name, in.content(), once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/templates/"+string(t.ID))
	return writeJSON(c, http.StatusCreated, templateOf(t))
}

func (a *API) listTemplates(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := c.cursor()
	if err != nil {
		return err
	}
	if before != "" && !isID(before) {
		return errCursor
	}
	archived := c.QueryParam("archived")
	if archived != "" && archived != "true" && archived != "false" {
		return errInvalid.with(delivery.FieldError{Pointer: "/archived", Code: "unsupported", Args: map[string]string{"allowed": "true, false"}})
	}
	list, err := a.Deliveries.Templates(c.ctx(), c.key.Account, archived == "true", delivery.ID(before), limit)
	if err != nil {
		return err
	}
	page := page[templateView]{Data: make([]templateView, len(list))}
	for i, t := range list {
		page.Data[i] = templateOf(t)
	}
	if len(list) == limit {
		page.Next = encodeCursor(string(list[limit-1].ID))
	}
	return sendPage(c, page)
}

// version reads ?version=; 0 is the newest.
func (c *call) version() (int, error) {
	values := c.QueryParams()["version"]
	if len(values) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(values[0])
	if err != nil || n < 1 {
		return 0, delivery.ErrNotFound
	}
	return n, nil
}

func (a *API) getTemplate(c *call) error {
	version, err := c.version()
	if err != nil {
		return err
	}
	t, err := a.Deliveries.TemplateVersion(c.ctx(), c.key.Account, delivery.ID(c.Param("id")), version)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, templateOf(t))
}

func (a *API) changeTemplate(c *call) error {
	in, _, err := a.readTemplate(c, "ChangedTemplate")
	if err != nil {
		return err
	}
	t, err := a.Deliveries.ChangeTemplate(c.ctx(), c.actor(a.Now()), delivery.ID(c.Param("id")), in.Version, in.Name, in.content())
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, templateOf(t))
}

func (a *API) archiveTemplate(c *call) error {
	id := delivery.ID(c.Param("id"))
	if _, err := c.once(digestOf([]byte("archive " + id))); err != nil {
		return err
	}
	if err := a.Deliveries.ArchiveTemplate(c.ctx(), c.key.Account, id); err != nil {
		return err
	}
	t, err := a.Deliveries.Template(c.ctx(), c.key.Account, id)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, templateOf(t))
}

func (a *API) listTemplateVersions(c *call) error {
	list, err := a.Deliveries.TemplateHistory(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err != nil {
		return err
	}
	type version struct {
		Version   int    `json:"version"`
		CreatedAt string `json:"created_at"`
	}
	out := page[version]{Data: make([]version, len(list))}
	for i, v := range list {
		out.Data[i] = version{v.Version, instant(v.CreatedAt)}
	}
	return writeJSON(c, http.StatusOK, out)
}

// templateUse is a template in a message.
type templateUse struct {
	ID      string            `json:"id"`
	Version int               `json:"version"`
	Values  map[string]string `json:"values"`
}

func (a *API) previewTemplate(c *call) error {
	var in templateUse
	_, faults, err := a.readJSON(c, "TemplateValues", &in)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	if err != nil {
		return err
	}
	if _, err := c.once(nil); err != nil {
		return err
	}
	t, err := a.Deliveries.TemplateVersion(c.ctx(), c.key.Account, delivery.ID(c.Param("id")), in.Version)
	if err != nil {
		return err
	}
	subject, body, err := t.Fill(in.Values)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, struct {
		Subject string `json:"subject"`
		Body    string `json:"body"`
	}{subject, body})
}

// fillIn puts the template that a message names in its place: what the message
// says of policy, language, reference and cost centre itself stays.
func (a *API) fillIn(c *call, raw []byte, in newMessage) (newMessage, error) {
	use := in.Template
	if use == nil {
		return in, nil
	}
	if in.Subject+in.Body != "" {
		return in, errInvalid.with(delivery.FieldError{Pointer: "/subject", Code: "with_template"})
	}
	t, err := a.Deliveries.TemplateVersion(c.ctx(), c.key.Account, delivery.ID(use.ID), use.Version)
	if err != nil {
		return in, errInvalid.with(delivery.FieldError{Pointer: "/template", Code: "template_unknown"})
	}
	out := newMessage{Language: t.Language, Reference: t.Reference, CostCentre: t.CostCentre, Policy: policyOf(t.Policy)}
	if err := json.Unmarshal(raw, &out); err != nil {
		return in, errJSON
	}
	out.Subject, out.Body, err = t.Fill(use.Values)
	return out, err
}

// prepared is a message as it will be submitted: its template filled in, and its
// shared documents made its own.
func (a *API) prepared(c *call, raw []byte, in newMessage) (newMessage, error) {
	in, err := a.fillIn(c, raw, in)
	if err == nil && len(in.Documents) > 0 {
		in.Documents, err = a.Deliveries.Lend(c.ctx(), c.key.Account, in.Documents)
	}
	return in, err
}

// since leaves out a time that has not come.
func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instant(t)
}
