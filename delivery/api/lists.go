package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// listRoutes look over many messages and deliveries.
func (a *API) listRoutes() []route {
	return []route{
		{http.MethodGet, "/messages", a.listMessages, false, false},
		{http.MethodGet, "/deliveries", a.searchDeliveries, false, false},
		{http.MethodGet, "/deliveries.csv", a.exportDeliveries, false, false},
		{http.MethodGet, "/overview", a.getOverview, false, false},
	}
}

// filters are the query parameters that narrow a list.
var filters = []string{"status", "state", "submitted_from", "submitted_before", "number", "reference", "cost_centre", "recipient"}

// find reads what a list is narrowed to: of the kind of the key, each parameter
// once.
func (c *call) find() (delivery.Find, error) {
	q := c.QueryParams()
	for _, name := range filters {
		if len(q[name]) > 1 {
			return delivery.Find{}, delivery.FieldErrors{{Pointer: "/" + name, Code: "repeated"}}
		}
	}
	f := delivery.Find{Test: c.key.Test, Status: delivery.Status(q.Get("status")), State: delivery.State(q.Get("state")), Number: q.Get("number"),
		Reference: q.Get("reference"), CostCentre: q.Get("cost_centre"), Recipient: q.Get("recipient")}
	for name, to := range map[string]*time.Time{"submitted_from": &f.From, "submitted_before": &f.To} {
		if !q.Has(name) {
			continue
		}
		at, err := time.Parse(time.RFC3339, q.Get(name))
		if err != nil || at.Year() < 1 || at.Year() > 9999 {
			return f, delivery.FieldErrors{{Pointer: "/" + name, Code: "malformed"}}
		}
		*to = at.UTC()
	}
	faults := f.Check()
	for i := range faults {
		if faults[i].Pointer == "/to" {
			faults[i].Pointer = "/submitted_before"
		}
	}
	if len(faults) > 0 {
		return f, faults
	}
	return f, nil
}

// newer begins the cursor of a page that holds what is newer than its mark.
const newer = "+"

// place reads from where a list is given.
func (c *call) place() (from delivery.Place, err error) {
	s, err := c.cursor()
	if err != nil {
		return from, err
	}
	s, from.Newer = strings.CutPrefix(s, newer)
	if from.Mark, err = delivery.ParseMark(s); err != nil || from.Newer && s == "" {
		return from, errCursor
	}
	return from, nil
}

// found turns what was found into a page.
func found[T, V any](f delivery.Found[T], view func(T) V) page[V] {
	p := page[V]{Data: make([]V, len(f.List))}
	for i, x := range f.List {
		p.Data[i] = view(x)
	}
	if f.Older != (delivery.Mark{}) {
		p.Next = encodeCursor(f.Older.String())
	}
	if f.Newer != (delivery.Mark{}) {
		p.Previous = encodeCursor(newer + f.Newer.String())
	}
	return p
}

func (a *API) listMessages(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	from, err := c.place()
	if err != nil {
		return err
	}
	f, err := c.find()
	if err != nil {
		return err
	}
	list, err := a.Deliveries.FindMessages(c.ctx(), c.key.Account, f, from, limit)
	if err != nil {
		return err
	}
	ids := make([]delivery.ID, len(list.List))
	for i, m := range list.List {
		ids[i] = m.ID
	}
	counts, err := a.Deliveries.Counts(c.ctx(), c.key.Account, ids...)
	if err != nil {
		return err
	}
	return sendPage(c, found(list, func(m delivery.Message) message { return messageOf(m, counts[m.ID], nil) }))
}

// searchDeliveries lists deliveries of all messages.
func (a *API) searchDeliveries(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	from, err := c.place()
	if err != nil {
		return err
	}
	f, err := c.find()
	if err != nil {
		return err
	}
	list, err := a.Deliveries.FindDeliveries(c.ctx(), c.key.Account, f, from, limit)
	if err != nil {
		return err
	}
	return sendPage(c, found(list, deliveryOf))
}

// exportDeliveries streams the whole list as CSV.
func (a *API) exportDeliveries(c *call) error {
	f, err := c.find()
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="deliveries.csv"`)
	plain := delivery.Sheet{Comma: ',', Title: func(c string) string { return c }, Status: func(s delivery.Status) string { return string(s) },
		State: func(s delivery.State) string { return string(s) }, Time: instant}
	if err = a.Deliveries.Export(c.ctx(), c.key.Account, f, plain, c.Response()); err != nil && !c.Response().Committed {
		h.Del("Content-Disposition")
	}
	return err
}

// pageAt is the address of a page of the same list.
func (c *call) pageAt(cursor string) string {
	q := c.Request().URL.Query()
	q.Set("cursor", cursor)
	return (&url.URL{Path: c.Request().URL.Path, RawQuery: q.Encode()}).String()
}

// overviewView is how the deliveries of an account stand.
type overviewView struct {
	Statuses  map[string]countView `json:"statuses"`
	Collected []dayView            `json:"collected"`
	Median    int64                `json:"median_seconds,omitempty"`
}

type countView struct {
	Count int  `json:"count"`
	More  bool `json:"more"`
}

type dayView struct {
	Day   string `json:"day"`
	Count int    `json:"count"`
}

func (a *API) getOverview(c *call) error {
	o, err := a.Deliveries.Overview(c.ctx(), c.key.Account, c.key.Test)
	if err != nil {
		return err
	}
	out := overviewView{Statuses: map[string]countView{}, Collected: []dayView{}, Median: int64(o.Median / time.Second)}
	for _, s := range delivery.Looked {
		out.Statuses[string(s)] = countView{o.Counts[s].N, o.Counts[s].More}
	}
	for _, d := range o.Days {
		out.Collected = append(out.Collected, dayView{d.Day.String(), d.N})
	}
	return writeJSON(c, http.StatusOK, out)
}
