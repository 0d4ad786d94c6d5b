package portal

import (
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// writePage is the form of a message, or the page on which its answers are
// checked before it is sent.
type writePage struct {
	frame
	Draft     draft
	Blank     person // what a script makes further recipients from
	Sender    string
	Post      bool // the service can send paper
	Languages []web.Option
	Countries []web.Option
	Fallbacks []web.Option
	Rules     []web.Option // that date a letter
	Plan      *planPart    // of the answers; nil while they are written
	MaxDays   int
	Preview   delivery.Preview // when the answers are checked
	Previewed bool             // it is known
	waitingPart
}

// waitingPart is what a page says of a message that is kept, or may be.
type waitingPart struct {
	Stored     *delivery.Draft // nil: it is kept nowhere
	Saved      bool            // just now
	Asked      string          // whether colleagues were told: "now", "later"
	Second     bool            // the account asks for a second person
	MaySend    bool            // the visitor, now
	MayRelease bool
	Mine       bool // the visitor wrote it
	Company    bool // there may be colleagues
	Known      bool // who the visitor is
	Releasers  []identity.Colleague
	Notices    []delivery.NoticePreview
	Quote      *delivery.Quote // nil: nobody is charged
}

// People are the recipients, and the blank one for a script.
func (w writePage) People() []person { return append(slices.Clone(w.Draft.Recipients), w.Blank) }

// Field is the id of a recipient's field.
func (writePage) Field(r person, name string) string { return fieldName(r.N, name) }

// Ordinal is how a recipient is counted.
func (writePage) Ordinal(r person) int { return r.N + 1 }

// Country names a country in the language of the page.
func (w writePage) Country(code string) string {
	for _, c := range w.Countries {
		if c.Value == code {
			return c.Text
		}
	}
	return code
}

// LanguageName is what a language calls itself.
func (w writePage) LanguageName(code string) string {
	for _, l := range w.Languages {
		if l.Value == code {
			return l.Text
		}
	}
	return code
}

func (p *Portal) write(v *visitor) error {
	if ok, err := p.mayWrite(v); !ok {
		return err
	}
	if id := v.QueryParam("template"); id != "" {
		return v.Redirect(http.StatusSeeOther, templatesPath+"/"+url.PathEscape(id)+"/use")
	}
	d := newDraft(p.Deliveries.DefaultPolicy(), p.Web.Language(v))
	if err := p.prefill(v, &d); err != nil {
		return err
	}
	return p.showDraft(v, http.StatusOK, d)
}

// rewrite takes in what was typed and uploaded so far, does what the pressed
// button asks, and shows the form again, or the answers to check. It submits
// nothing.
func (p *Portal) rewrite(v *visitor) error {
	if ok, err := p.mayWrite(v); !ok {
		return err
	}
	var faults web.Faults
	var fresh []delivery.Document
	f, err := readForm(v.Request(), func(part *multipart.Part) error {
		d, err := p.take(v, part, len(fresh), &faults)
		if err == nil && d.ID != "" {
			fresh = append(fresh, d)
		}
		return err
	})
	if err != nil {
		return err
	}
	d := p.readDraft(v, f)
	if d.Lost { // uploaded too long ago: nobody may think that it goes along
		faults.Add("documents", "fault.document_gone")
	}
	d.Documents = append(d.Documents, fresh...)
	if len(d.Documents) > delivery.MaxDocuments {
		d.Documents = d.Documents[:delivery.MaxDocuments]
		faults.Add("documents", "fault.too_many_documents", "max", delivery.MaxDocuments)
	}
	lang := p.Web.Language(v)
	verb, arg, _ := strings.Cut(f.Get("do"), ":")
	switch verb {
	case "add":
		d.add(lang)
	case "remove":
		if n, err := strconv.Atoi(arg); err == nil {
			d.remove(n, lang)
		}
	case "drop":
		d.Documents = dropDocument(d.Documents, delivery.ID(arg))
	case "save":
		return p.saveDraft(v, d, faults)
	case "check":
		for len(d.Recipients) > 1 && d.Recipients[len(d.Recipients)-1].empty() {
			d.Recipients = d.Recipients[:len(d.Recipients)-1]
		}
		faults = append(faults, p.faultsOf(d, p.Deliveries.Check(p.submission(v, d)))...)
		if len(faults) == 0 {
			return p.showAnswers(v, http.StatusOK, d)
		}
	}
	status := http.StatusOK
	if len(faults) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return p.showDraft(v, status, d, faults...)
}

// readDraft reads a form back, with the documents that are still there.
func (p *Portal) readDraft(v *visitor, f url.Values) draft {
	d, ids := parseDraft(f)
	d.Documents = p.documents(v, ids)
	d.Lost = len(d.Documents) < len(ids)
	d.SendDate, d.SendTime = f.Get("send_date"), f.Get("send_time")
	if len(d.Recipients) == 0 {
		d.Recipients = []person{newPerson(0, p.Web.Language(v))}
	}
	return d
}

func (p *Portal) submission(v *visitor, d draft) delivery.Submission {
	base, lang := p.Deliveries.DefaultPolicy(), p.Web.Language(v)
	if d.ID != "" { // what a form does not show stays as a program wrote it
		if stored, err := p.Deliveries.Draft(v.ctx(), v.session.Account, d.ID); err == nil {
			base = stored.Content.Submission.Policy
		}
	}
	return d.submission(base, lang)
}

// take streams one file into the vault. What is wrong with it is a fault of the
// form; an error is our own.
func (p *Portal) take(v *visitor, part *multipart.Part, n int, faults *web.Faults) (delivery.Document, error) {
	name, _, _ := disposition(part)
	name = path.Base(strings.ReplaceAll(name, `\`, "/")) // some browsers send the whole path
	if n >= delivery.MaxDocuments {
		faults.Add("documents", "fault.too_many_documents", "max", delivery.MaxDocuments)
		return delivery.Document{}, nil
	}
	d, _, err := p.Deliveries.Upload(v.ctx(), v.session.Account,
		delivery.NewDocument{Filename: name, MediaType: part.Header.Get("Content-Type")}, part, delivery.Once{})
	if _, ok := errors.AsType[delivery.FieldErrors](err); ok {
		faults.Add("documents", "fault.filename", "name", name)
		return delivery.Document{}, nil
	}
	for is, key := range map[error]string{delivery.ErrTooLarge: "fault.document_too_large", delivery.ErrMalware: "fault.malware",
		delivery.ErrUnscanned: "fault.not_scanned"} {
		if errors.Is(err, is) {
			faults.Add("documents", key, "name", name)
			return delivery.Document{}, nil
		}
	}
	if err != nil {
		return delivery.Document{}, fmt.Errorf("portal: upload: %w", err)
	}
	return d, nil
}

func dropDocument(list []delivery.Document, id delivery.ID) []delivery.Document {
	var out []delivery.Document
	for _, d := range list {
		if d.ID != id {
			out = append(out, d)
		}
	}
	return out
}
