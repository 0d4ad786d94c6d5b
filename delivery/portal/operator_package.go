package portal

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// answerPackage is what a data subject gets: everything held about one person.
type answerPackage struct {
	Request    packedRequest        `json:"request"`
	Account    *identity.Holding    `json:"account,omitempty"`
	Deliveries delivery.Held        `json:"deliveries"`
	Proofs     []identity.HeldProof `json:"identifications"`
	Requests   []packedRequest      `json:"requests"`
}

// packedRequest is a request as the person made it.
type packedRequest struct {
	ID       string     `json:"id"`
	Kind     string     `json:"kind"`
	State    string     `json:"state"`
	Received time.Time  `json:"received"`
	Due      *time.Time `json:"due,omitempty"`
	Name     string     `json:"name"`
	Address  string     `json:"address"`
	Asked    string     `json:"asked"`
	Means    string     `json:"identified_by"`
}

func packed(e identity.Entry, received time.Time) packedRequest {
	return packedRequest{ID: e.ID, Kind: e.Fields["kind"], State: e.State, Received: received, Due: e.Due, Name: e.Fields["name"],
		Address: e.Fields["address"], Asked: e.Fields["asked"], Means: e.Fields["means"]}
}

// packRequest gives an operator the package that answers a request (R22). There is
// none before it is written down how we know who asks; that it was made is an act
// of the operator.
func (p *Portal) packRequest(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	history, err := p.Identity.EntryHistory(v.ctx(), v.actor(), identity.Requests, v.Param("id"))
	if err != nil {
		return err
	}
	e := history[0]
	var faults web.Faults
	if !identified(e) {
		faults.Add("", "fault.package.unidentified")
	}
	if strings.TrimSpace(f.Get("package_reason")) == "" {
		faults.Add("package_reason", "fault.register.missing")
	}
	if len(faults) > 0 {
		return p.showRegistered(v, http.StatusUnprocessableEntity, identity.Requests, history, e.State, e.Fields, "", faults)
	}
	all, err := p.gather(v.ctx(), v.actor(), e, history[len(history)-1].At)
	if err != nil {
		return err
	}
	if err := p.Identity.Operate(v.ctx(), v.actor(), identity.Operation{Act: "request_packed", Subject: "request " + e.ID, Reason: f.Get("package_reason")},
		func(pgx.Tx, time.Time) error { return nil }); err != nil {
		return err
	}
	lang := p.packLanguage(v, e.Fields["language"])
	return p.sendPack(v, "request-"+e.ID+".zip", "pack.title.request", lang, all)
}

// identified reports whether it is written down who asks and how that is known.
func identified(e identity.Entry) bool {
	who := e.Fields["given"] != "" && e.Fields["family"] != "" || e.Fields["login"] != ""
	return who && e.Fields["means"] != "" && e.Fields["identity"] != "" && slices.Contains([]string{"identified", "extended", "answered"}, e.State)
}

// gather collects what is held about the person of a request: of the account, if
// there is one, and of deliveries to the addresses that are the person's.
func (p *Portal) gather(ctx context.Context, by identity.Actor, e identity.Entry, received time.Time) (a answerPackage, err error) {
	who := delivery.Subject{Emails: words(e.Fields["emails"]), Mobiles: words(e.Fields["mobiles"])}
	who.Given, who.Family, who.BirthDate = e.Fields["given"], e.Fields["family"], e.Fields["birth_date"]
	if login := e.Fields["login"]; login != "" {
		h, err := p.Identity.HoldingOf(ctx, by, login)
		if err != nil {
			return a, err
		}
		a.Account, who.Person = &h, h.Person.ID
		if who.Given == "" {
			who.Given, who.Family = h.Person.Given, h.Person.Family
		}
		for _, x := range h.Identifications {
			if x.Bound {
				who.Given, who.Family, who.BirthDate, who.NationalNumber = x.Given, x.Family, x.BirthDate, x.NationalNumber
			}
		}
		who.Emails, who.Mobiles = append(who.Emails, h.Person.Email), append(who.Mobiles, h.Person.Mobile)
		for _, c := range h.Contacts {
			who.Emails, who.Mobiles = append(who.Emails, c.Value), append(who.Mobiles, c.Value)
		}
	}
	a.Request = packed(e, received)
	if a.Deliveries, err = p.Deliveries.HeldOf(ctx, who); err != nil {
		return a, err
	}
	var records []string
	for _, d := range a.Deliveries.Received {
		records = append(records, d.Record)
	}
	if a.Proofs, err = p.Identity.ProofsOf(ctx, by, who.Given, who.Family, records); err != nil {
		return a, err
	}
	return a, p.otherRequests(ctx, by, e, &a)
}

// otherRequests adds the requests that came from the same address, under the same
// name.
func (p *Portal) otherRequests(ctx context.Context, by identity.Actor, e identity.Entry, a *answerPackage) error {
	all, err := p.Identity.Entries(ctx, by, identity.Requests)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.ID != e.ID && strings.EqualFold(x.Fields["address"], e.Fields["address"]) && strings.EqualFold(x.Fields["name"], e.Fields["name"]) {
			a.Requests = append(a.Requests, packed(x, x.At))
		}
	}
	return nil
}

// words are the parts of a list as people type it.
func words(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return c <= ' ' || c == ',' || c == ';' })
}

// packLanguage is a language that we have, or that of the page.
func (p *Portal) packLanguage(v *visitor, lang string) string {
	if slices.Contains(web.Languages(), lang) {
		return lang
	}
	return p.Web.Language(v)
}

// sendPack answers with a package. It is made whole before anything is sent: half a
// file is no answer.
func (p *Portal) sendPack(v *visitor, name, titleKey, lang string, what any) error {
	var b bytes.Buffer
	word := func(key string) string {
		if s, ok := p.Web.Word("portal", lang, "pack."+key); ok {
			return s
		}
		return strings.ReplaceAll(key, "_", " ")
	}
	title, _ := p.Web.Word("portal", lang, titleKey)
	if err := pack(&b, title, lang, p.Now(), what, word); err != nil {
		return err
	}
	v.attach(name, "application/zip")
	return v.Blob(http.StatusOK, "application/zip", b.Bytes())
}
