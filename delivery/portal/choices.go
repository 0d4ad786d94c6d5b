package portal

import (
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// countries are those a letter can go to from the form; Belgium stands first.
var countries = []string{"BE", "AT", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS",
	"IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}

// countryOptions names the countries in a language, sorted as it sorts.
func countryOptions(lang string) []web.Option {
	tag := language.Make(lang)
	names := display.Regions(tag)
	out := make([]web.Option, len(countries))
	for i, c := range countries {
		out[i] = web.Option{Value: c, Text: names.Name(language.MustParseRegion(c))}
	}
	order := collate.New(tag)
	slices.SortFunc(out[1:], func(a, b web.Option) int { return order.CompareString(a.Text, b.Text) })
	return out
}

// postal is an address as it stands on a page in a language: its country by name.
func postal(a *delivery.PostalAddress, lang string) []string {
	if a == nil {
		return nil
	}
	lines := a.Block()
	if r, err := language.ParseRegion(a.Country); err == nil {
		lines[len(lines)-1] = display.Regions(language.Make(lang)).Name(r)
	}
	return lines
}

// languageOptions are the languages of notices, each by its own name.
func languageOptions() []web.Option {
	out := make([]web.Option, len(delivery.Languages))
	for i, l := range delivery.Languages {
		out[i] = web.Option{Value: l, Text: map[string]string{"nl": "Nederlands", "fr": "Français", "de": "Deutsch", "en": "English"}[l]}
	}
	return out
}

// writePage makes the page of a draft.
func (p *Portal) writePage(v *visitor, d draft, faults web.Faults) (writePage, error) {
	lang := p.Web.Language(v)
	page := writePage{frame: v.frame("/portal/new"), Draft: d, Blank: newPerson(-1, lang), Post: p.Deliveries.Post != nil,
		Languages: languageOptions(), Countries: countryOptions(lang), MaxDays: delivery.MaxCollectDays}
	page.Faults = faults
	page.Company, page.Known = v.session.AccountKind == identity.Company, known(v.session)
	profile, err := p.Identity.Profile(v.ctx(), v.session.Account)
	if err != nil {
		return page, fmt.Errorf("portal: sender: %w", err)
	}
	page.Sender = partyName(delivery.SenderParty(profile))
	for _, f := range []delivery.Fallback{delivery.FallbackPost, delivery.FallbackNone} {
		o := web.Option{Value: string(f)}
		if o.Text, err = p.Web.Text(v, "portal", "fallback."+o.Value); err != nil {
			return page, err
		}
		if o.Hint, err = p.Web.Text(v, "portal", "fallback."+o.Value+".hint"); err != nil {
			return page, err
		}
		page.Fallbacks = append(page.Fallbacks, o)
	}
	for _, r := range p.Deliveries.Terms().Plannable() {
		page.Rules = append(page.Rules, web.Option{Value: r.ID, Text: r.Title[lang]})
	}
	return page, nil
}

func (p *Portal) showDraft(v *visitor, status int, d draft, faults ...web.Fault) error {
	page, err := p.writePage(v, d, faults)
	if err != nil {
		return err
	}
	p.Web.MayFetch(v)
	return p.Web.Render(v, status, "portal/write", page)
}

// showAnswers shows a draft as it will be sent and what it would become, to be
// checked; or the form again when nothing can become of it.
func (p *Portal) showAnswers(v *visitor, status int, d draft, faults ...web.Fault) error {
	page, err := p.writePage(v, d, faults)
	if err != nil {
		return err
	}
	if page.Plan, err = p.preview(v, d); err != nil {
		return err
	}
	sub := p.submission(v, d)
	if wrong, err := p.foresee(v, &page, sub, false, p.Deliveries.Now()); err != nil {
		return err
	} else if len(wrong) > 0 && status == http.StatusOK {
		return p.showDraft(v, http.StatusUnprocessableEntity, d, wrong...)
	}
	if page.Second, err = p.Deliveries.SecondPerson(v.ctx(), v.session.Account); err != nil {
		return err
	}
	page.MaySend = page.Known && !page.Second && p.Deliveries.MaySend(v.ctx(), v.actor(), sub.Policy.Class) == nil
	return p.Web.Render(v, status, "portal/check", page)
}
