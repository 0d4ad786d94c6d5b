package portal

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type accountCreditPage struct {
	frame
	money
	A                           identity.AccountSummary
	Charged                     bool
	Credit                      delivery.Credit
	Modes                       []web.Option
	Mode, Limit, Amount, Reason string // as typed
	Once                        string
	Rows                        []delivery.Entry
	Unpaid                      []delivery.Invoice
}

// accountCredit shows an operator the credit of an account: never its messages.
func (p *Portal) accountCredit(v *visitor) error {
	return p.showAccountCredit(v, http.StatusOK, nil, nil)
}

func (p *Portal) showAccountCredit(v *visitor, status int, typed url.Values, faults web.Faults) error {
	if !isID(v.Param("id")) {
		return web.ErrNotFound
	}
	found, err := p.Identity.FindAccounts(v.ctx(), v.actor(), v.Param("id"), "", 1)
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].ID != v.Param("id") {
		return web.ErrNotFound
	}
	page := accountCreditPage{frame: v.operatorFrame("/operator/accounts"), money: money{p.Web.Language(v)}, A: found[0], Once: newOnce(),
		Limit: typed.Get("limit"), Amount: typed.Get("amount"), Reason: typed.Get("reason"), Mode: typed.Get("mode")}
	page.Faults = faults
	_, err = p.Deliveries.Quote(delivery.Submission{}, nil)
	page.Charged = err == nil
	if page.Credit, err = p.Deliveries.Credit(v.ctx(), page.A.ID, false); err != nil {
		return err
	}
	if page.Mode == "" {
		page.Mode, page.Limit = string(page.Credit.Mode), decimal(page.Credit.Limit)
	}
	for _, m := range []delivery.CreditMode{delivery.Prepaid, delivery.Postpaid, delivery.Free} {
		text, err := p.Web.Text(v, "portal", "credits.mode."+string(m))
		if err != nil {
			return err
		}
		page.Modes = append(page.Modes, web.Option{Value: string(m), Text: text})
	}
	if page.Rows, err = p.Deliveries.Entries(v.ctx(), page.A.ID, false, delivery.EntryFilter{Limit: perPage}); err != nil {
		return err
	}
	all, err := p.Deliveries.Invoices(v.ctx(), page.A.ID, "", delivery.MaxPage)
	for _, i := range all {
		if i.PaidAt.IsZero() {
			page.Unpaid = append(page.Unpaid, i)
		}
	}
	if err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/account-credit", page)
}

// setTerms changes how an account pays.
func (p *Portal) setTerms(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	limit, ok := int64(0), true
	if f.Get("limit") != "" {
		limit, ok = typedCents(f.Get("limit"))
	}
	if !ok {
		return p.creditDone(v, f, delivery.FieldErrors{{Pointer: "/limit", Code: "amount"}})
	}
	return p.creditDone(v, f, p.Deliveries.SetTerms(v.ctx(), v.actor(), v.Param("id"),
		delivery.CreditTerms{Mode: delivery.CreditMode(f.Get("mode")), Limit: limit}, f.Get("reason")))
}

// giveCredit gives credit, or takes it.
func (p *Portal) giveCredit(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	cents, ok := typedCents(f.Get("amount"))
	if !ok {
		return p.creditDone(v, f, delivery.FieldErrors{{Pointer: "/amount", Code: "amount"}})
	}
	return p.creditDone(v, f, p.Deliveries.Give(v.ctx(), v.actor(), v.Param("id"), cents, f.Get("reason"), line(f, "once")))
}

// invoicePaid books that a monthly invoice was paid.
func (p *Portal) invoicePaid(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	return p.creditDone(v, f, p.Deliveries.InvoicePaid(v.ctx(), v.actor(), v.Param("id"), line(f, "invoice"), f.Get("reason")))
}

// creditDone goes on after an operator's act, or says why there was none. Fields
// of the same name stand in two forms: those of giving have ids of their own.
func (p *Portal) creditDone(v *visitor, f url.Values, err error) error {
	var faults web.Faults
	found, _ := errors.AsType[delivery.FieldErrors](err)
	for _, x := range found {
		field := x.Pointer[1:]
		key := p.faultKey(x.Code, field)
		if x.Code == "out_of_range" {
			key = "fault.amount"
		}
		if field == "reason" && f.Has("amount") {
			field = "give_reason"
		} else if field == "reason" && f.Has("invoice") {
			field = "paid_reason"
		}
		faults.Add(field, key)
	}
	reasons, _ := errors.AsType[identity.FieldErrors](err)
	for range reasons {
		faults.Add("", "fault.reason_long")
	}
	if errors.Is(err, delivery.ErrInsufficientCredit) {
		faults.Add("", "fault.in_debt")
	}
	if len(faults) > 0 {
		return p.showAccountCredit(v, http.StatusUnprocessableEntity, f, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/operator/accounts/"+v.Param("id")+"/credit")
}

type pricesPage struct {
	frame
	money
	Charged bool
	P       delivery.Price
}

// prices shows an operator the price list that counts today.
func (p *Portal) prices(v *visitor) error {
	page := pricesPage{frame: v.operatorFrame("/operator/prices"), money: money{p.Web.Language(v)}}
	if p.Deliveries.Prices != nil {
		page.P, page.Charged = p.Deliveries.Prices.At(delivery.DateOf(p.Now(), p.Deliveries.Zone))
	}
	return p.Web.Render(v, http.StatusOK, "portal/prices", page)
}

// Cents writes an amount of a price list.
func (p pricesPage) Cents(n int) string { return p.Money(int64(n)) }
