package api

import (
	"net/http"

	"github.com/bode-erds/bode/delivery"
)

// contactRoutes are the account's address book.
func (a *API) contactRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/contacts", handle: a.createContact},
		{method: http.MethodGet, path: "/contacts", handle: a.listContacts},
		{method: http.MethodGet, path: "/contacts/{id}", handle: a.getContact},
		{method: http.MethodPut, path: "/contacts/{id}", handle: a.replaceContact},
		{method: http.MethodDelete, path: "/contacts/{id}", handle: a.deleteContact},
	}
}

type newContact struct {
	Key string `json:"key"`
	newRecipient
}

func (in newContact) addressee() delivery.Addressee {
	return delivery.Addressee{Key: in.Key, Recipient: newMessage{Recipients: []newRecipient{in.newRecipient}}.submission().Recipients[0]}
}

type contactView struct {
	ID             string          `json:"id"`
	Key            string          `json:"key,omitempty"`
	Name           name            `json:"name"`
	Email          string          `json:"email"`
	Mobile         string          `json:"mobile"`
	Language       string          `json:"language"`
	PostalAddress  *postalAddress  `json:"postal_address,omitempty"`
	Organisation   *organisation   `json:"organisation,omitempty"`
	Identification *identification `json:"identification,omitempty"`
	CreatedAt      string          `json:"created_at"`
	ChangedAt      string          `json:"changed_at"`
}

type identification struct {
	BirthDate      string `json:"birth_date,omitempty"`
	NationalNumber string `json:"national_number,omitempty"`
}

func contactOf(e delivery.Addressee) contactView {
	v := contactView{ID: string(e.ID), Key: e.Key, Name: name{e.Given, e.Family}, Email: e.Email, Mobile: e.Mobile, Language: e.Language,
		CreatedAt: instant(e.CreatedAt), ChangedAt: instant(e.ChangedAt)}
	if p := e.Address; p != nil {
		v.PostalAddress = &postalAddress{p.Lines, p.Postcode, p.City, p.Country}
	}
	if o := e.Organisation; o != nil {
		v.Organisation = &organisation{o.Name, o.EnterpriseNumber}
	}
	if e.BirthDate+e.NationalNumber != "" {
		v.Identification = &identification{e.BirthDate, e.NationalNumber}
	}
	return v
}

// readContact reads an entry.
func (a *API) readContact(c *call) (e delivery.Addressee, raw []byte, err error) {
	var in newContact
	raw, faults, err := a.readJSON(c, "NewContact", &in)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	return in.addressee(), raw, err
}

func (a *API) createContact(c *call) error {
	e, raw, err := a.readContact(c)
	if err != nil {
		return err
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	e, replayed, err := a.Deliveries.AddAddressee(c.ctx(), c.key.Account, e, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/contacts/"+string(e.ID))
	return writeJSON(c, http.StatusCreated, contactOf(e))
}

func (a *API) listContacts(c *call) error {
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
	query := c.QueryParam("query")
	if len(query) > 200 {
		return errInvalid.with(delivery.FieldError{Pointer: "/query", Code: "malformed"})
	}
	list, next, err := a.Deliveries.Addressees(c.ctx(), c.key.Account, query, delivery.ID(before), limit)
	if err != nil {
		return err
	}
	page := page[contactView]{Data: make([]contactView, len(list))}
	for i, e := range list {
		page.Data[i] = contactOf(e)
	}
	if next != "" {
		page.Next = encodeCursor(string(next))
	}
	return sendPage(c, page)
}

func (a *API) getContact(c *call) error {
	e, err := a.Deliveries.Addressee(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, contactOf(e))
}

func (a *API) replaceContact(c *call) error {
	e, _, err := a.readContact(c)
	if err != nil {
		return err
	}
	e.ID = delivery.ID(c.Param("id"))
	if e, err = a.Deliveries.ChangeAddressee(c.ctx(), c.key.Account, e); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, contactOf(e))
}

func (a *API) deleteContact(c *call) error {
	if err := a.Deliveries.RemoveAddressee(c.ctx(), c.key.Account, delivery.ID(c.Param("id"))); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
