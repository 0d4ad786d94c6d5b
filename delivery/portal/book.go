package portal

import (
	"encoding/csv"
	"errors"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const bookPath = "/portal/address-book"

// registerBook puts the pages of the address book on a router.
func (p *Portal) registerBook(e *echo.Echo, form echo.MiddlewareFunc) {
	sender, list := p.as(identity.Sender), p.Web.Limits(delivery.MaxBulkSize+1<<20, verifyTime)
	e.GET(bookPath, sender(p.book), form)
	e.POST(bookPath, sender(p.addBookEntry), form)
	e.GET(bookPath+"/new", sender(p.newBookEntry), form)
	e.GET(bookPath+".csv", sender(p.exportBook), list)
	e.GET(bookPath+"/import", sender(p.askImport), form)
	e.POST(bookPath+"/import", sender(p.importBook), list)
	e.GET(bookPath+"/:id", sender(p.bookEntry), form)
	e.POST(bookPath+"/:id", sender(p.changeBookEntry), form)
	e.POST(bookPath+"/:id/remove", sender(p.removeBookEntry), form)
}

type bookPage struct {
	frame
	Rows  []delivery.Addressee
	Query string
	First bool
	Next  delivery.ID
}

func (p *Portal) book(v *visitor) error {
	page := bookPage{frame: v.frame(batchesPath), Query: v.QueryParam("q"), First: v.QueryParam("before") == ""}
	page.chrome.Wide = true
	if len(page.Query) > 200 {
		page.Query = ""
	}
	var err error
	page.Rows, page.Next, err = p.Deliveries.Addressees(v.ctx(), v.session.Account, page.Query, delivery.ID(v.QueryParam("before")), perPage)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/book", page)
}

// bookEntryPage is an entry being written.
type bookEntryPage struct {
	frame
	ID        delivery.ID // empty: a new one
	Key       string
	Person    person
	Languages []web.Option
	Countries []web.Option
	Saved     bool
}

func (p *Portal) newBookEntry(v *visitor) error {
	return p.showBookEntry(v, http.StatusOK, bookEntryPage{Person: newPerson(0, p.Web.Language(v))}, nil)
}

func (p *Portal) showBookEntry(v *visitor, status int, page bookEntryPage, faults web.Faults) error {
	w, err := p.writePage(v, newDraft(p.Deliveries.DefaultPolicy(), p.Web.Language(v)), nil)
	if err != nil {
		return err
	}
	page.frame, page.Languages, page.Countries = v.frame(batchesPath), languageOptions(), w.Countries
	page.Faults = faults
	return p.Web.Render(v, status, "portal/book-entry", page)
}

// personOf is an entry as it is typed.
func personOf(a delivery.Recipient) person {
	r := person{Given: a.Given, Family: a.Family, Email: a.Email, Mobile: a.Mobile, Language: a.Language, Country: "BE", BirthDate: a.BirthDate, NationalNumber: a.NationalNumber}
	if a.Address != nil {
		lines := append(slices.Clone(a.Address.Lines), "", "")
		r.Line1, r.Line2, r.Postcode, r.City, r.Country = lines[0], lines[1], a.Address.Postcode, a.Address.City, a.Address.Country
	}
	if a.Organisation != nil {
		r.OrgName, r.OrgNumber = a.Organisation.Name, a.Organisation.EnterpriseNumber
	}
	return r
}

func (p *Portal) bookEntry(v *visitor) error {
	a, err := p.Deliveries.Addressee(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	return p.showBookEntry(v, http.StatusOK, bookEntryPage{ID: a.ID, Key: a.Key, Person: personOf(a.Recipient), Saved: v.QueryParam("saved") == "1"}, nil)
}

// typedBookEntry reads the form of an entry.
func typedBookEntry(v *visitor) (page bookEntryPage, err error) {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return page, err
	}
	page = bookEntryPage{ID: v.id(), Key: f.Get("own_key")}
	for name, at := range page.Person.fields() {
		*at = f.Get(name)
	}
	return page, nil
}

func (p *Portal) addBookEntry(v *visitor) error {
	page, err := typedBookEntry(v)
	if err != nil {
		return err
	}
	a, _, err := p.Deliveries.AddAddressee(v.ctx(), v.session.Account, delivery.Addressee{Key: page.Key, Recipient: page.Person.recipient()}, delivery.Once{})
	return p.savedBookEntry(v, page, a.ID, err)
}

func (p *Portal) changeBookEntry(v *visitor) error {
	page, err := typedBookEntry(v)
	if err != nil {
		return err
	}
	a, err := p.Deliveries.ChangeAddressee(v.ctx(), v.session.Account, delivery.Addressee{ID: page.ID, Key: page.Key, Recipient: page.Person.recipient()})
	return p.savedBookEntry(v, page, a.ID, err)
}

func (p *Portal) savedBookEntry(v *visitor, page bookEntryPage, id delivery.ID, err error) error {
	var faults web.Faults
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		for _, f := range found {
			field := map[string]string{"organisation": "org_name", "enterprise_number": "org_number", "key": "own_key"}[delivery.ColumnOf(f.Pointer)]
			if field == "" {
				field = delivery.ColumnOf(f.Pointer)
			}
			if faults.At(field) == nil {
				faults = append(faults, web.Fault{Field: field, Key: p.faultKey(f.Code, field), Args: faultArgs(f.Args)})
			}
		}
	}
	if errors.Is(err, delivery.ErrOwnKey) {
		faults.Add("own_key", "fault.own_key")
	}
	if len(faults) > 0 {
		return p.showBookEntry(v, http.StatusUnprocessableEntity, page, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, bookPath+"/"+string(id)+"?saved=1")
}

func (p *Portal) removeBookEntry(v *visitor) error {
	if err := p.Deliveries.RemoveAddressee(v.ctx(), v.session.Account, v.id()); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, bookPath)
}

type importPage struct {
	frame
	Done   *delivery.Imported
	Faults []rowProblem
	Many   bool // there are more
}

func (p *Portal) askImport(v *visitor) error { return p.showImport(v, http.StatusOK, nil, nil) }

func (p *Portal) showImport(v *visitor, status int, done *delivery.Imported, faults web.Faults) error {
	page := importPage{frame: v.frame(batchesPath), Done: done}
	page.frame.Faults = faults
	if done != nil {
		for _, r := range done.Faults[:min(len(done.Faults), 100)] {
			page.Faults = append(page.Faults, rowProblem{Line: r.Line, Cells: p.cellProblems(v, r.Faults)})
		}
		page.Many = done.Faulty > len(page.Faults)
	}
	return p.Web.Render(v, status, "portal/book-import", page)
}

func (p *Portal) importBook(v *visitor) error {
	var done delivery.Imported
	var got bool
	_, err := readForm(v.Request(), func(part *multipart.Part) (err error) {
		if part.FormName() == "list" && !got {
			got = true
			done, err = p.Deliveries.ImportAddressees(v.ctx(), v.session.Account, part)
		}
		return err
	})
	if faults := p.listFaults(err, got); faults != nil {
		return p.showImport(v, http.StatusUnprocessableEntity, nil, faults)
	}
	if err != nil {
		return err
	}
	return p.showImport(v, http.StatusOK, &done, nil)
}

// exportBook writes the whole address book, a page at a time.
func (p *Portal) exportBook(v *visitor) error {
	v.attach("address-book-"+delivery.DateOf(p.Now(), p.Deliveries.Zone).String()+".csv", "text/csv; charset=utf-8")
	if _, err := v.Response().Write([]byte("\ufeff")); err != nil {
		return err
	}
	out := csv.NewWriter(v.Response())
	out.Comma, out.UseCRLF = ';', true
	targets := delivery.BulkColumns[:len(delivery.BulkColumns)-2] // reference and cost centre are of messages
	var head []string
	for _, t := range targets {
		text, err := p.Web.Text(v, "portal", "col."+t)
		if err != nil {
			return err
		}
		head = append(head, text)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for before := delivery.ID(""); ; {
		list, next, err := p.Deliveries.Addressees(v.ctx(), v.session.Account, "", before, 500)
		if err != nil {
			return err
		}
		for _, a := range list {
			if err := out.Write(a.Cells(targets)); err != nil {
				return err
			}
		}
		out.Flush()
		if err := out.Error(); err != nil || next == "" {
			return err
		}
		before = next
	}
}

// prefill puts the entry of the address book that an address names into a draft.
func (p *Portal) prefill(v *visitor, d *draft) error {
	id := strings.TrimSpace(v.QueryParam("contact"))
	if id == "" {
		return nil
	}
	a, err := p.Deliveries.Addressee(v.ctx(), v.session.Account, delivery.ID(id))
	if err != nil {
		return err
	}
	d.Recipients = []person{personOf(a.Recipient)}
	return nil
}
