package portal

import (
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const (
	messagesPath = "/portal/messages"
	exportPath   = "/portal/messages.csv"
)

// registerLists puts the pages that look over many deliveries on a router.
func (p *Portal) registerLists(e *echo.Echo, form echo.MiddlewareFunc) {
	reader := p.as(identity.Reader)
	e.GET(messagesPath, reader(p.list), form)
	e.GET(notificationsPath, reader(p.notifications), form)
	e.POST(notificationsPath, reader(p.prefer), form)
	e.GET(exportPath, reader(p.exportList), p.Web.Limits(formSize, uploadTime))
}

// filter is what a list is narrowed to, as it was typed: the fields of the form
// and of the address of the page.
type filter struct {
	Test                                                       bool
	Status, From, To, Number, Reference, CostCentre, Recipient string
}

func readFilter(q url.Values) filter {
	return filter{Test: q.Get("test") == "1", Status: q.Get("status"), From: q.Get("from"), To: q.Get("to"), Number: q.Get("number"),
		Reference: q.Get("reference"), CostCentre: q.Get("cost_centre"), Recipient: q.Get("recipient")}
}

// query is f as the address of a page has it.
func (f filter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"status": f.Status, "from": f.From, "to": f.To, "number": f.Number, "reference": f.Reference,
		"cost_centre": f.CostCentre, "recipient": f.Recipient} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Test {
		q.Set("test", "1")
	}
	return q
}

// address is path narrowed by f, with more of a query.
func (f filter) address(path string, more ...string) string {
	q := f.query()
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Narrowed reports that f asks for less than everything.
func (f filter) Narrowed() bool { return f != filter{Test: f.Test} }

// Rare reports that f uses the fields that are folded away.
func (f filter) Rare() bool { return f.Number != "" || f.Reference != "" || f.CostCentre != "" }

// find is f as a list takes it. Days are those of the service's calendar, and the
// last one counts.
func (f filter) find(zone *time.Location) (find delivery.Find, faults web.Faults) {
	find = delivery.Find{Test: f.Test, Status: delivery.Status(f.Status), Number: f.Number, Reference: f.Reference, CostCentre: f.CostCentre, Recipient: f.Recipient}
	for _, day := range []struct {
		field, value string
		to           *time.Time
		add          int
	}{{"from", f.From, &find.From, 0}, {"to", f.To, &find.To, 1}} {
		if day.value == "" {
			continue
		}
		d, err := delivery.ParseDate(day.value)
		if err != nil {
			faults.Add(day.field, "fault.day")
			continue
		}
		*day.to = d.AddDays(day.add).Begin(zone)
	}
	return find, faults
}

// readFind reads the filter of a request and what is wrong with it.
func (p *Portal) readFind(v *visitor) (f filter, find delivery.Find, faults web.Faults) {
	f = readFilter(v.QueryParams())
	find, faults = f.find(p.Deliveries.Zone)
	for _, fault := range find.Check() {
		faults.Add(fault.Pointer[1:], p.faultKey(fault.Code, fault.Pointer[1:]))
	}
	return f, find, faults
}

// place reads from where a list is shown. What is no place is not found.
func place(q url.Values) (from delivery.Place, err error) {
	if at := q.Get("newer"); at != "" {
		from.Newer = true
		from.Mark, err = delivery.ParseMark(at)
		return from, err
	}
	from.Mark, err = delivery.ParseMark(q.Get("older"))
	return from, err
}

// exportList gives out all deliveries that fit as a file for spreadsheets.
func (p *Portal) exportList(v *visitor) error {
	f, find, faults := p.readFind(v)
	if len(faults) > 0 {
		return v.Redirect(http.StatusSeeOther, f.address(messagesPath)) // which says what is wrong
	}
	var failed error
	say := func(key string) string {
		text, err := p.Web.Text(v, "portal", key)
		if err != nil {
			failed = err
		}
		return text
	}
	sheet := delivery.Sheet{Comma: ';', // as spreadsheets of this country expect
		Title:  func(c string) string { return say("column." + c) },
		Status: func(s delivery.Status) string { return say("status." + string(s)) },
		State:  func(s delivery.State) string { return say("state." + string(s)) },
		Time:   func(t time.Time) string { return t.In(p.Deliveries.Zone).Format(time.DateTime) }}
	v.attach("messages-"+delivery.DateOf(p.Now(), p.Deliveries.Zone).String()+".csv", "text/csv; charset=utf-8")
	if err := p.Deliveries.Export(v.ctx(), v.session.Account, find, sheet, v.Response()); err != nil {
		return err
	}
	return failed
}
