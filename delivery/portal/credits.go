package portal

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const creditsPath = "/portal/credits"

// registerCredits puts the pages about what messages cost on a router.
func (p *Portal) registerCredits(e *echo.Echo, form echo.MiddlewareFunc) {
	reader, admin, operator := p.as(identity.Reader), p.as(identity.Administrator), p.operator

	// Readers of the account.
	e.GET(creditsPath, reader(p.credits), form)
	e.GET(creditsPath+"/statement.csv", reader(p.statement), form)

	// Administrators.
	e.POST(creditsPath+"/low", admin(p.setLow), form)
	e.GET(creditsPath+"/low", admin(p.credits), form) // reached by reloading
	e.GET(creditsPath+"/top-up", admin(p.askTopUp), form)
	e.POST(creditsPath+"/top-up", admin(p.topUp), form)
	e.GET(creditsPath+"/top-ups/:id", admin(p.payment), form)
	e.GET("/portal/invoices", admin(p.invoices), form)
	e.POST("/portal/invoices", admin(p.setBillingAddress), form)
	e.GET("/portal/invoices/:file", admin(p.invoice), form)

	// Operators.
	e.GET("/operator/prices", operator(p.prices), form)
	e.GET("/operator/accounts/:id/credit", operator(p.accountCredit), form)
	e.POST("/operator/accounts/:id/credit/terms", operator(p.setTerms), form)
	e.POST("/operator/accounts/:id/credit/give", operator(p.giveCredit), form)
	e.POST("/operator/accounts/:id/credit/paid", operator(p.invoicePaid), form)
}

// money writes amounts as the reader does.
type money struct{ lang string }

// Money is so many cents.
func (m money) Money(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "\u2212", -cents
	}
	whole, point, group := strconv.FormatInt(cents/100, 10), ",", "."
	switch m.lang {
	case "en":
		point, group = ".", ","
	case "fr":
		group = "\u202f"
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + group + whole[i:]
	}
	n := whole + point + strconv.FormatInt(100+cents%100, 10)[1:]
	switch m.lang {
	case "fr", "de":
		return sign + n + "\u00a0€"
	case "en":
		return sign + "€" + n
	}
	return sign + "€\u00a0" + n
}

// typedCents reads an amount as people type it: 100, 100,5 or 100.50.
func typedCents(s string) (int64, bool) {
	s = strings.TrimSpace(strings.NewReplacer("€", "", "EUR", "", "\u00a0", "", " ", "").Replace(s))
	negative := strings.HasPrefix(s, "-") || strings.HasPrefix(s, "\u2212")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "\u2212")
	whole, part, _ := strings.Cut(strings.ReplaceAll(s, ",", "."), ".")
	if len(part) > 2 || len(whole) == 0 || len(whole) > 9 || strings.ContainsFunc(whole+part, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
	if negative {
		n = -n
	}
	return n, err == nil
}

type creditsPage struct {
	frame
	money
	Charged bool
	Credit  delivery.Credit
	Admin   bool
	Buys    bool // somebody can pay online
	Test    bool
	Month   string
	Centre  string
	Months  []web.Option
	Centres []web.Option
	Rows    []delivery.Entry
	Older   string // query of the next page; empty: that is all
	CSV     string
	Low     string // as typed
	Live    string // the other kind
}

// credits shows what the account has, and its statement.
func (p *Portal) credits(v *visitor) error { return p.showCredits(v, http.StatusOK, "", nil) }

func (p *Portal) showCredits(v *visitor, status int, low string, faults web.Faults) (err error) {
	page := creditsPage{frame: v.frame(creditsPath), money: money{p.Web.Language(v)}, Admin: v.may(identity.Administrator), Test: v.QueryParam("test") != "", Low: low}
	page.Faults, page.chrome.Wide = faults, true
	_, err = p.Deliveries.Quote(delivery.Submission{}, nil)
	page.Charged = err == nil
	page.Buys = page.Charged && p.Deliveries.Billing != nil && p.Deliveries.Billing.Provider != nil
	if page.Credit, err = p.Deliveries.Credit(v.ctx(), v.session.Account, page.Test); err != nil {
		return err
	}
	if low == "" {
		page.Low = strings.TrimSuffix(decimal(page.Credit.LowAt), ".00")
	}
	f, err := p.entryFilter(v, &page)
	if err != nil {
		return err
	}
	f.Limit = perPage + 1
	if page.Rows, err = p.Deliveries.Entries(v.ctx(), v.session.Account, page.Test, f); err != nil {
		return err
	}
	q := url.Values{"month": {page.Month}, "cost_centre": {page.Centre}}
	if page.Test {
		q.Set("test", "1")
	}
	page.CSV = creditsPath + "/statement.csv?" + q.Encode()
	if len(page.Rows) > perPage {
		page.Rows = page.Rows[:perPage]
		q.Set("before", page.Rows[perPage-1].ID)
		page.Older = q.Encode()
	}
	return p.Web.Render(v, status, "portal/credits", page)
}

// months is how far back a statement can be narrowed to one.
const months = 24

// entryFilter reads how the statement is narrowed, and what there is to choose.
func (p *Portal) entryFilter(v *visitor, page *creditsPage) (f delivery.EntryFilter, err error) {
	page.Month, page.Centre, f.Before = v.QueryParam("month"), v.QueryParam("cost_centre"), v.QueryParam("before")
	if f.Before != "" && !isID(f.Before) || !printable(page.Centre) {
		return f, web.ErrNotFound
	}
	all, err := p.Web.Text(v, "portal", "credits.all")
	if err != nil {
		return f, err
	}
	page.Months, page.Centres = []web.Option{{Text: all}}, []web.Option{{Text: all}}
	at := p.Now().In(p.Deliveries.Zone)
	for i := range months {
		m := time.Date(at.Year(), at.Month()-time.Month(i), 1, 12, 0, 0, 0, p.Deliveries.Zone)
		page.Months = append(page.Months, web.Option{Value: m.Format("2006-01"), Text: m.Format("01/2006")})
	}
	if page.Month != "" {
		if f.From, f.Until, err = p.Deliveries.MonthOf(page.Month); err != nil {
			return f, err
		}
	}
	centres, err := p.Deliveries.CostCentres(v.ctx(), v.session.Account, page.Test)
	if err != nil {
		return f, err
	}
	if page.Centre != "" && !slices.Contains(centres, page.Centre) {
		centres = append(centres, page.Centre)
	}
	for _, c := range centres {
		page.Centres = append(page.Centres, web.Option{Value: c, Text: c})
	}
	f.CostCentre = page.Centre
	return f, nil
}

// decimal writes cents for a machine.
func decimal(cents int64) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return sign + strconv.FormatInt(cents/100, 10) + "." + strconv.FormatInt(100+cents%100, 10)[1:]
}

// statement sends the narrowed statement as CSV, row by row.
func (p *Portal) statement(v *visitor) error {
	page := creditsPage{Test: v.QueryParam("test") != ""}
	f, err := p.entryFilter(v, &page)
	if err != nil {
		return err
	}
	h := v.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="statement.csv"`)
	h.Set("Cache-Control", "no-store")
	out := csv.NewWriter(v.Response())
	_ = out.Write([]string{"at", "kind", "available", "reserved", "used", "paid", "cost_centre", "reference", "message", "delivery", "reason", "id"})
	err = p.Deliveries.EachEntry(v.ctx(), v.session.Account, page.Test, f, func(e delivery.Entry) error {
		return out.Write([]string{e.At.Format(time.RFC3339), string(e.Kind), decimal(e.Available), decimal(e.Reserved), decimal(e.Used), decimal(e.Paid),
			delivery.SheetCell(e.CostCentre), delivery.SheetCell(e.Reference), string(e.Message), string(e.Delivery), delivery.SheetCell(e.Reason), e.ID})
	})
	out.Flush()
	return err
}

// setLow says below which credit the account is told.
func (p *Portal) setLow(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	var faults web.Faults
	cents, ok := typedCents(f.Get("low"))
	if !ok || p.Deliveries.SetLow(v.ctx(), v.session.Account, cents) != nil {
		faults.Add("low", "fault.amount")
		return p.showCredits(v, http.StatusUnprocessableEntity, f.Get("low"), faults)
	}
	return v.Redirect(http.StatusSeeOther, creditsPath)
}
