package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

type invoicesPage struct {
	frame
	money
	Rows    []delivery.Invoice
	Older   string
	Company bool
	Address delivery.BillingAddress
	Lines   string // as typed
}

// invoices lists invoices and credit notes of the account.
func (p *Portal) invoices(v *visitor) error { return p.showInvoices(v, http.StatusOK, nil, nil) }

func (p *Portal) showInvoices(v *visitor, status int, typed url.Values, faults web.Faults) (err error) {
	page := invoicesPage{frame: v.frame(creditsPath), money: money{p.Web.Language(v)}, Company: v.session.AccountKind == identity.Company}
	page.Faults, page.chrome.Wide = faults, true
	if page.Rows, err = p.Deliveries.Invoices(v.ctx(), v.session.Account, v.QueryParam("before"), perPage+1); err != nil {
		return err
	}
	if len(page.Rows) > perPage {
		page.Rows = page.Rows[:perPage]
		page.Older = page.Rows[perPage-1].ID
	}
	if page.Address, err = p.Deliveries.BillingAddress(v.ctx(), v.session.Account); err != nil {
		return err
	}
	page.Lines = strings.Join(page.Address.Lines, "\n")
	if typed != nil {
		page.Lines, page.Address.Postcode, page.Address.City = typed.Get("street"), typed.Get("postcode"), typed.Get("city")
	}
	return p.Web.Render(v, status, "portal/invoices", page)
}

// setBillingAddress says where a company wants to be on its invoices.
func (p *Portal) setBillingAddress(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	if v.session.AccountKind != identity.Company {
		return web.ErrForbidden
	}
	a := delivery.BillingAddress{Postcode: line(f, "postcode"), City: line(f, "city")}
	for l := range strings.Lines(f.Get("street")) {
		if l = strings.TrimSpace(l); l != "" {
			a.Lines = append(a.Lines, l)
		}
	}
	err = p.Deliveries.SetBillingAddress(v.ctx(), v.session.Account, a)
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		var faults web.Faults
		for _, x := range found {
			field := strings.TrimPrefix(x.Pointer, "/")
			faults.Add(field, p.faultKey(x.Code, field))
		}
		return p.showInvoices(v, http.StatusUnprocessableEntity, f, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/invoices")
}

// invoice sends an invoice: …/ID.pdf for people, …/ID.xml for machines.
func (p *Portal) invoice(v *visitor) error {
	id, ending, _ := strings.Cut(v.Param("file"), ".")
	fetch, kind := p.Deliveries.InvoicePDF, "application/pdf"
	switch ending {
	case "pdf":
	case "xml":
		fetch, kind = p.Deliveries.InvoiceUBL, "application/xml"
	default:
		return web.ErrNotFound
	}
	b, i, err := fetch(v.ctx(), v.session.Account, id)
	if err != nil {
		return err
	}
	h := v.Response().Header()
	h.Set("Content-Disposition", `attachment; filename="`+i.Number()+"."+ending+`"`)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "no-store")
	return v.Blob(http.StatusOK, kind, b)
}
