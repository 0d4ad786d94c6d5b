package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
)

type invoiceView struct {
	ID       string            `json:"id"`
	Number   string            `json:"number"`
	Kind     string            `json:"kind"`
	Corrects string            `json:"corrects,omitempty"`
	IssuedAt time.Time         `json:"issued_at"`
	DueOn    string            `json:"due_on"`
	Period   string            `json:"period,omitempty"`
	Net      int64             `json:"net"`
	VAT      int64             `json:"vat"`
	Gross    int64             `json:"gross"`
	VATRate  int               `json:"vat_rate"`
	VATKind  string            `json:"vat_kind"`
	Lines    []invoiceLineView `json:"lines"`
	OGM      string            `json:"structured_communication"`
	PaidAt   *time.Time        `json:"paid_at,omitempty"`
}

type invoiceLineView struct {
	Kind string `json:"kind"`
	Net  int64  `json:"net"`
}

func invoiceOf(i delivery.Invoice) invoiceView {
	v := invoiceView{ID: i.ID, Number: i.Number(), Kind: string(i.Kind), Corrects: i.Corrects, IssuedAt: i.IssuedAt, DueOn: i.DueOn, Period: i.Period,
		Net: i.Net, VAT: i.VAT, Gross: i.Gross, VATRate: i.Tax.Rate, VATKind: string(i.Tax.Kind), OGM: i.Structured(), Lines: []invoiceLineView{}}
	for _, l := range i.Lines {
		v.Lines = append(v.Lines, invoiceLineView{string(l.Kind), l.Net})
	}
	if !i.PaidAt.IsZero() {
		v.PaidAt = &i.PaidAt
	}
	return v
}

// listInvoices lists those of the account; there are none of tests.
func (a *API) listInvoices(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := c.cursor()
	if err != nil || before != "" && !isID(before) {
		return errCursor
	}
	var list []delivery.Invoice
	if !c.key.Test {
		if list, err = a.Deliveries.Invoices(c.ctx(), c.key.Account, before, limit); err != nil {
			return err
		}
	}
	page := page[invoiceView]{Data: make([]invoiceView, len(list))}
	for n, i := range list {
		page.Data[n] = invoiceOf(i)
	}
	if len(list) == limit {
		page.Next = encodeCursor(list[limit-1].ID)
	}
	return sendPage(c, page)
}

func (a *API) getInvoice(c *call) error {
	if c.key.Test {
		return errNotFound
	}
	i, err := a.Deliveries.Invoice(c.ctx(), c.key.Account, c.Param("id"))
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, invoiceOf(i))
}

func (a *API) getInvoicePDF(c *call) error {
	if c.key.Test {
		return errNotFound
	}
	b, i, err := a.Deliveries.InvoicePDF(c.ctx(), c.key.Account, c.Param("id"))
	return sendInvoice(c, b, i, "application/pdf", ".pdf", err)
}

func (a *API) getInvoiceUBL(c *call) error {
	if c.key.Test {
		return errNotFound
	}
	b, i, err := a.Deliveries.InvoiceUBL(c.ctx(), c.key.Account, c.Param("id"))
	return sendInvoice(c, b, i, "application/xml", ".xml", err)
}

func sendInvoice(c *call, b []byte, i delivery.Invoice, kind, ending string, err error) error {
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Content-Disposition", `attachment; filename="`+i.Number()+ending+`"`)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	return c.Blob(http.StatusOK, kind, b)
}
