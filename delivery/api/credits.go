package api

import (
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bode-erds/bode/delivery"
)

// creditRoutes are about what messages cost.
func (a *API) creditRoutes() []route {
	return []route{
		{http.MethodGet, "/credits", a.getCredits, false, false},
		{http.MethodGet, "/credits/entries", a.listEntries, false, false},
		{http.MethodPost, "/top-ups", a.createTopUp, false, false},
		{http.MethodGet, "/top-ups/{id}", a.getTopUp, false, false},
		{http.MethodGet, "/invoices", a.listInvoices, false, false},
		{http.MethodGet, "/invoices/{id}", a.getInvoice, false, false},
		{http.MethodGet, "/invoices/{id}/pdf", a.getInvoicePDF, false, false},
		{http.MethodGet, "/invoices/{id}/ubl", a.getInvoiceUBL, false, false},
	}
}

type creditView struct {
	Charged   bool   `json:"charged"`
	Mode      string `json:"mode"`
	Available int64  `json:"available"`
	Reserved  int64  `json:"reserved"`
	Limit     int64  `json:"limit"`
	Prices    string `json:"prices,omitempty"`
}

// getCredits says what the account has, for messages of the key's kind.
func (a *API) getCredits(c *call) error {
	credit, err := a.Deliveries.Credit(c.ctx(), c.key.Account, c.key.Test)
	if err != nil {
		return err
	}
	v := creditView{Mode: string(credit.Mode), Available: credit.Available, Reserved: credit.Reserved, Limit: credit.Limit}
	q, err := a.Deliveries.Quote(delivery.Submission{}, nil)
	v.Charged, v.Prices = err == nil, q.Version
	return writeJSON(c, http.StatusOK, v)
}

type entryView struct {
	ID         string      `json:"id"`
	Kind       string      `json:"kind"`
	At         time.Time   `json:"at"`
	Available  int64       `json:"available"`
	Reserved   int64       `json:"reserved"`
	Used       int64       `json:"used"`
	Paid       int64       `json:"paid"`
	Message    delivery.ID `json:"message,omitempty"`
	Delivery   delivery.ID `json:"delivery,omitempty"`
	CostCentre string      `json:"cost_centre,omitempty"`
	Reference  string      `json:"reference,omitempty"`
	Reason     string      `json:"reason,omitempty"`
}

func (a *API) listEntries(c *call) (err error) {
	f := delivery.EntryFilter{CostCentre: c.QueryParam("cost_centre")}
	if f.Limit, err = c.limit(); err != nil {
		return err
	}
	if f.Before, err = c.cursor(); err != nil || f.Before != "" && !isID(f.Before) {
		return errCursor
	}
	if month := c.QueryParam("month"); month != "" {
		if f.From, f.Until, err = a.Deliveries.MonthOf(month); err != nil {
			return errInvalid.with(delivery.FieldError{Pointer: "/month", Code: "malformed"})
		}
	}
	if !utf8.ValidString(f.CostCentre) || strings.ContainsFunc(f.CostCentre, unicode.IsControl) || utf8.RuneCountInString(f.CostCentre) > 50 {
		return errInvalid.with(delivery.FieldError{Pointer: "/cost_centre", Code: "malformed"})
	}
	list, err := a.Deliveries.Entries(c.ctx(), c.key.Account, c.key.Test, f)
	if err != nil {
		return err
	}
	page := page[entryView]{Data: make([]entryView, len(list))}
	for i, e := range list {
		page.Data[i] = entryView{e.ID, string(e.Kind), e.At, e.Available, e.Reserved, e.Used, e.Paid, e.Message, e.Delivery, e.CostCentre, e.Reference, e.Reason}
	}
	if len(list) == f.Limit {
		page.Next = encodeCursor(list[f.Limit-1].ID)
	}
	return sendPage(c, page)
}

// newTopUp is what is asked for; its amount is credit, without VAT.
type newTopUp struct {
	Amount   int64  `json:"amount"`
	Language string `json:"language"`
}

type topUpView struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"`
	Credit    int64      `json:"credit"`
	VAT       int64      `json:"vat"`
	Amount    int64      `json:"amount"`
	Back      int64      `json:"back"`
	Checkout  string     `json:"checkout,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	BookedAt  *time.Time `json:"booked_at,omitempty"`
}

func topUpOf(p delivery.Payment) topUpView {
	v := topUpView{ID: p.ID, Status: string(p.Status), Credit: p.Credit, VAT: p.VAT, Amount: p.Amount, Back: p.Back, Checkout: p.Checkout, CreatedAt: p.CreatedAt}
	if !p.BookedAt.IsZero() {
		v.BookedAt = &p.BookedAt
	}
	return v
}

// createTopUp asks for a payment. Tests cost nothing: their keys buy nothing.
func (a *API) createTopUp(c *call) error {
	in := newTopUp{Language: "en"}
	raw, faults, err := a.readJSON(c, "NewTopUp", &in)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return errInvalid.with(faults...)
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	if c.key.Test {
		return delivery.ErrNoPayment
	}
	p, replayed, err := a.Deliveries.TopUp(c.ctx(), c.actor(a.Now()), in.Amount, in.Language, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/top-ups/"+p.ID)
	return writeJSON(c, http.StatusCreated, topUpOf(p))
}

func (a *API) getTopUp(c *call) error {
	if c.key.Test {
		return errNotFound
	}
	p, err := a.Deliveries.Payment(c.ctx(), c.key.Account, c.Param("id"))
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, topUpOf(p))
}
