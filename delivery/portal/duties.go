package portal

import (
	"net/http"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

const dutiesPath = "/portal/duties"

// duties is what shows a sender that we do what a processor has to (R23).
//
// GDPR art. 28(3)(h)
type duties struct {
	Provider    string             `json:"provider"`
	Number      string             `json:"provider_number"`
	Contact     string             `json:"contact"`
	Account     string             `json:"account"`
	Processors  []dutyProcessor    `json:"sub_processors"`
	Hosting     []dutyHosting      `json:"hosting"`
	Measures    []string           `json:"measures"`
	Retention   []dutyRetention    `json:"retention"`
	Incidents   []dutyIncident     `json:"incidents"`
	Disclosures []dutyDisclosure   `json:"disclosures"`
	Held        int                `json:"messages_under_hold"`
	Removed     int                `json:"messages_removed"`
	Removals    []delivery.Removal `json:"removals"`
}

type dutyProcessor struct {
	Name    string    `json:"name"`
	Country string    `json:"country"`
	Task    string    `json:"task"`
	Data    string    `json:"data"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until,omitzero"`
	ToldAt  time.Time `json:"told_at,omitzero"`
	Coming  bool      `json:"-"`
}

type dutyHosting struct {
	What      string `json:"what"`
	Where     string `json:"where"`
	Who       string `json:"who"`
	Transfer  string `json:"transfer,omitempty"`
	Safeguard string `json:"safeguard,omitempty"`
	From      string `json:"from,omitempty"`
}

type dutyRetention struct {
	Class  string `json:"class"`
	Months int    `json:"months"`
}

type dutyIncident struct {
	What         string `json:"what"`
	KnownAt      string `json:"known_at"`
	People       string `json:"people,omitempty"`
	Data         string `json:"data,omitempty"`
	Consequences string `json:"consequences,omitempty"`
	Measures     string `json:"measures,omitempty"`
	ReportedAt   string `json:"reported_at,omitempty"`
	AuthorityAt  string `json:"authority_at,omitempty"`
	ToldPeople   string `json:"told_people,omitempty"`
	State        string `json:"state"`
}

type dutyDisclosure struct {
	Authority string `json:"authority"`
	Law       string `json:"law"`
	What      string `json:"what"`
	GivenAt   string `json:"given_at,omitempty"`
	State     string `json:"state"`
}

// measures are the keys of what is done to keep data safe, each a row of the
// security document.
func measures() []string {
	return []string{"encryption", "keys", "access", "factors", "scope", "evidence", "purge", "log", "outages", "breach"}
}

// shownRemovals bounds what a page shows; a file holds up to delivery.MaxRemovals.
const shownRemovals = 20

type dutiesPage struct {
	frame
	duties
}

// showDuties shows administrators the report.
func (p *Portal) showDuties(v *visitor) error {
	d, err := p.dutiesOf(v, p.Web.Language(v), shownRemovals)
	if err != nil {
		return err
	}
	page := dutiesPage{v.frame("/portal/account"), d}
	page.chrome.Wide = true
	return p.Web.Render(v, http.StatusOK, "portal/duties", page)
}

// takeDuties gives them as a file, and leaves in the log that somebody took it.
func (p *Portal) takeDuties(v *visitor) error {
	d, err := p.dutiesOf(v, p.Web.Language(v), delivery.MaxRemovals)
	if err != nil {
		return err
	}
	if err := p.Identity.LogAccess(v.ctx(), nil, v.actor(), "duties_taken", p.Web.Language(v)); err != nil {
		return err
	}
	return p.sendPack(v, "processor-report.zip", "pack.title.duties", p.Web.Language(v), d)
}

func (p *Portal) dutiesOf(v *visitor, lang string, removals int) (d duties, err error) {
	d = duties{Provider: p.About.Provider, Number: p.About.Number, Contact: p.About.Email, Account: v.session.AccountName}
	if d.Processors, err = p.dutyProcessors(v, lang); err != nil {
		return d, err
	}
	for _, m := range measures() {
		text, _ := p.Web.Word("portal", lang, "measure."+m)
		d.Measures = append(d.Measures, text)
	}
	if err := p.dutyEntries(v, &d); err != nil {
		return d, err
	}
	rules, err := p.Identity.Rules(v.ctx())
	if err != nil {
		return d, err
	}
	d.Retention = append(d.Retention, dutyRetention{"evidence", delivery.DefaultRetention})
	for _, r := range rules {
		if r.Months == 0 { // as long as the message
			r.Months = delivery.DefaultRetention
		}
		if r.Class == identity.ClassContents || r.Class == identity.ClassAccessLog {
			d.Retention = append(d.Retention, dutyRetention{string(r.Class), r.Months})
		}
	}
	if d.Removed, err = p.Deliveries.CountRemovals(v.ctx(), v.session.Account); err != nil {
		return d, err
	}
	if d.Removals, err = p.Deliveries.Removals(v.ctx(), v.session.Account, false, delivery.Removal{}, removals); err != nil {
		return d, err
	}
	d.Held, err = p.Deliveries.HeldMessages(v.ctx(), v.session.Account)
	return d, err
}

func (p *Portal) dutyProcessors(v *visitor, lang string) (list []dutyProcessor, err error) {
	all, err := p.Identity.Processors(v.ctx())
	if err != nil {
		return nil, err
	}
	told, err := p.Identity.ProcessorsTold(v.ctx(), v.actor())
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		d := dutyProcessor{Name: x.Name, Country: x.Country, Task: x.Task[lang], Data: x.Data[lang], From: x.From, Until: x.Until, Coming: x.From.After(p.Now())}
		for _, t := range told {
			if t.Entry == x.Entry && t.Starts.Equal(x.From) {
				d.ToldAt = t.ToldAt
			}
		}
		list = append(list, d)
	}
	return list, nil
}

// dutyEntries adds what the registers say that concerns the account.
func (p *Portal) dutyEntries(v *visitor, d *duties) error {
	hosting, err := p.Identity.EntriesFor(v.ctx(), v.actor(), identity.Hosting)
	if err != nil {
		return err
	}
	for _, e := range hosting {
		f := e.Fields
		d.Hosting = append(d.Hosting, dutyHosting{f["what"], f["where"], f["who"], f["transfer"], f["safeguard"], f["from"]})
	}
	incidents, err := p.Identity.EntriesFor(v.ctx(), v.actor(), identity.Incidents)
	if err != nil {
		return err
	}
	for _, e := range incidents {
		f := e.Fields
		d.Incidents = append(d.Incidents, dutyIncident{f["what"], f["known_at"], f["people"], f["data"], f["consequences"], f["measures"],
			f["reported_at"], f["authority_at"], f["told_people"], e.State})
	}
	disclosures, err := p.Identity.EntriesFor(v.ctx(), v.actor(), identity.Disclosures)
	for _, e := range disclosures {
		f := e.Fields
		d.Disclosures = append(d.Disclosures, dutyDisclosure{f["authority"], f["law"], f["what"], f["given_at"], e.State})
	}
	return err
}
