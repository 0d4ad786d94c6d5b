package portal

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type logPage struct {
	frame
	List    []identity.NamedAccess
	Who     string
	Action  string
	From    string
	To      string
	People  []web.Option
	Actions []web.Option
	Next    string // query of the next page
	CSV     string // query of the file
}

// accessFilter reads a filter from the address. What makes no sense narrows
// nothing; the days are those of the reader's calendar.
func (p *Portal) accessFilter(v *visitor) (f identity.AccessFilter, typed url.Values) {
	typed = url.Values{}
	day := func(name string, plus int) time.Time {
		t, err := time.ParseInLocation(time.DateOnly, v.QueryParam(name), p.Web.Zone)
		if err != nil || t.Year() < 2000 || t.Year() > 9999 {
			return time.Time{}
		}
		typed.Set(name, v.QueryParam(name))
		return t.AddDate(0, 0, plus)
	}
	f.From, f.To = day("from", 0), day("to", 1)
	if who := v.QueryParam("who"); isID(who) {
		f.Who = who
		typed.Set("who", who)
	}
	if action := v.QueryParam("action"); action != "" && len(action) <= 60 && strings.Trim(action, "abcdefghijklmnopqrstuvwxyz_") == "" {
		f.Action = action
		typed.Set("action", action)
	}
	return f, typed
}

// accessLog shows administrators who did what in the account (R6, R36).
func (p *Portal) accessLog(v *visitor) error {
	f, typed := p.accessFilter(v)
	page := logPage{frame: v.frame("/portal/account"), Who: f.Who, Action: f.Action, From: typed.Get("from"), To: typed.Get("to"), CSV: typed.Encode()}
	page.chrome.Wide = true
	if f.Before = v.QueryParam("before"); f.Before != "" && !isID(f.Before) {
		return web.ErrNotFound
	}
	var err error
	if page.List, err = p.Identity.AccessLog(v.ctx(), v.actor(), f, perLog+1); err != nil {
		return err
	}
	if len(page.List) > perLog {
		page.List = page.List[:perLog]
		typed.Set("before", page.List[perLog-1].ID)
		page.Next = typed.Encode()
	}
	if err := p.logChoices(v, &page); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/log", page)
}

// logChoices are what the filter offers.
func (p *Portal) logChoices(v *visitor, page *logPage) error {
	any, err := p.Web.Text(v, "portal", "log.any")
	if err != nil {
		return err
	}
	page.People, page.Actions = []web.Option{{Text: any}}, []web.Option{{Text: any}}
	members, err := p.Identity.Members(v.ctx(), v.actor(), v.session.Account)
	if err != nil {
		return err
	}
	for _, m := range members {
		page.People = append(page.People, web.Option{Value: m.Person, Text: m.Given + " " + m.Family})
	}
	keys, err := p.Identity.Keys(v.ctx(), v.actor(), v.session.Account)
	if err != nil {
		return err
	}
	for _, k := range keys {
		page.People = append(page.People, web.Option{Value: k.ID, Text: k.Name})
	}
	actions, err := p.Identity.AccessActions(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	for _, a := range actions {
		text := a
		if p.Web.HasText("portal", "action."+a) {
			if text, err = p.Web.Text(v, "portal", "action."+a); err != nil {
				return err
			}
		}
		page.Actions = append(page.Actions, web.Option{Value: a, Text: text})
	}
	return nil
}

// accessLogCSV streams what the filter leaves as a file. Cells that a spreadsheet
// would take for a formula are made text.
func (p *Portal) accessLogCSV(v *visitor) error {
	f, _ := p.accessFilter(v)
	list, err := p.Identity.AccessLog(v.ctx(), v.actor(), f, 200)
	if err != nil {
		return err
	}
	h := v.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="log.csv"`)
	v.Response().WriteHeader(http.StatusOK)
	out := csv.NewWriter(v.Response())
	if err := out.Write([]string{"at", "who", "id", "action", "ip", "language", "user_agent", "about"}); err != nil {
		return err
	}
	for len(list) > 0 {
		for _, a := range list {
			id := a.Person + a.Key
			row := []string{a.At.UTC().Format(time.RFC3339), delivery.SheetCell(a.Name), id, a.Action, a.IP, delivery.SheetCell(a.Language), delivery.SheetCell(a.UserAgent), a.About}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		f.Before = list[len(list)-1].ID
		if list, err = p.Identity.AccessLog(v.ctx(), v.actor(), f, 200); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
