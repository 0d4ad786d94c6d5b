package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// Processor is a company that works with data of recipients and senders for us.
type Processor struct {
	Name    string            `json:"name"`
	Country string            `json:"country"` // where it works with the data, as people write it
	Task    map[string]string `json:"task"`    // by language
	Data    map[string]string `json:"data"`    // by language
}

// ProcessorList is the list that holds from a day on. A version that was
// published is never changed: a new list is a new version.
type ProcessorList struct {
	Since      time.Time
	Processors []Processor
}

var errProcessors = errors.New("portal: list of sub-processors")

// ParseProcessors reads the versions of the list: a JSON array of
//
//	{"since": "2026-11-01", "processors": [{"name": …, "country": …, "task": {"nl": …}, "data": {"nl": …}}]}
//
// with every text in every language, and gives them newest first. No two may be
// of one day.
func ParseProcessors(raw []byte) ([]ProcessorList, error) {
	var versions []struct {
		Since      string      `json:"since"`
		Processors []Processor `json:"processors"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&versions); err != nil {
		return nil, fmt.Errorf("%w: %w", errProcessors, err)
	}
	var lists []ProcessorList
	for _, v := range versions {
		since, err := time.Parse(time.DateOnly, v.Since)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errProcessors, err)
		}
		names := map[string]bool{}
		for _, p := range v.Processors {
			if p.Name == "" || p.Country == "" || names[p.Name] {
				return nil, fmt.Errorf("%w: of %s: %q lacks a name or a country, or is there twice", errProcessors, v.Since, p.Name)
			}
			names[p.Name] = true
			for _, lang := range web.Languages() {
				if p.Task[lang] == "" || p.Data[lang] == "" {
					return nil, fmt.Errorf("%w: of %s: %s lacks its task or its data in %s", errProcessors, v.Since, p.Name, lang)
				}
			}
		}
		lists = append(lists, ProcessorList{since, v.Processors})
	}
	slices.SortFunc(lists, func(a, b ProcessorList) int { return b.Since.Compare(a.Since) })
	for i := 1; i < len(lists); i++ {
		if lists[i].Since.Equal(lists[i-1].Since) {
			return nil, fmt.Errorf("%w: two of %s", errProcessors, lists[i].Since.Format(time.DateOnly))
		}
	}
	return lists, nil
}

// processorsPage shows who works for us today, what is planned, and how that
// changed.
type processorsPage struct {
	frame
	Today   *ProcessorList // nil: nothing is published
	Changes []processorChange
}

// processorChange is what a version changed. Coming says that it does not hold yet.
type processorChange struct {
	Since          time.Time
	Coming         bool
	Added, Removed []string
	Changed        []string    // the same name, another task, country or data
	Planned        []Processor // of these, when it is coming: what senders can object to
}

// processorLists are the versions of the list, newest first: those of the register,
// or, until that has entries, those of the file.
func (p *Portal) processorLists(ctx context.Context) ([]ProcessorList, error) {
	all, err := p.Identity.Processors(ctx)
	if err != nil || len(all) == 0 {
		return p.About.Processors, err
	}
	return listsOf(all), nil
}

// listsOf are the lists that entries of the register make: one for each day on
// which somebody begins or ends, newest first.
func listsOf(all []identity.Processor) (lists []ProcessorList) {
	var days []time.Time
	for _, x := range all {
		days = append(days, x.From)
		if !x.Until.IsZero() {
			days = append(days, x.Until)
		}
	}
	slices.SortFunc(days, func(a, b time.Time) int { return b.Compare(a) })
	for _, day := range slices.CompactFunc(days, time.Time.Equal) {
		l := ProcessorList{Since: day}
		for _, x := range all {
			if !x.From.After(day) && (x.Until.IsZero() || x.Until.After(day)) {
				l.Processors = append(l.Processors, Processor{x.Name, x.Country, x.Task, x.Data})
			}
		}
		lists = append(lists, l)
	}
	return lists
}

// EntriesOf are entries of the register that make the lists of a file: a company
// whose task, data or country changed is another entry from that day on.
func EntriesOf(lists []ProcessorList) (all []identity.Processor) {
	open := map[string]int{} // index in all, by name
	for _, l := range slices.Backward(lists) {
		now := map[string]bool{}
		for _, x := range l.Processors {
			now[x.Name] = true
			i, ok := open[x.Name]
			if ok && x.same(Processor{all[i].Name, all[i].Country, all[i].Task, all[i].Data}) {
				continue
			}
			if ok {
				all[i].Until = l.Since
			}
			open[x.Name] = len(all)
			all = append(all, identity.Processor{Name: x.Name, Country: x.Country, Task: x.Task, Data: x.Data, From: l.Since})
		}
		for name, i := range open {
			if !now[name] {
				all[i].Until = l.Since
				delete(open, name)
			}
		}
	}
	return all
}

func (p *Portal) processors(c echo.Context) error {
	now := p.Now()
	page := processorsPage{frame: listed("/sub-processors")}
	lists, err := p.processorLists(c.Request().Context())
	if err != nil {
		return err
	}
	for i, l := range lists {
		if page.Today == nil && !l.Since.After(now) {
			page.Today = &lists[i]
		}
		var before []Processor
		if i+1 < len(lists) {
			before = lists[i+1].Processors
		}
		ch := difference(before, l.Processors)
		ch.Since, ch.Coming = l.Since, l.Since.After(now)
		for _, x := range l.Processors {
			if ch.Coming && (slices.Contains(ch.Added, x.Name) || slices.Contains(ch.Changed, x.Name)) {
				ch.Planned = append(ch.Planned, x)
			}
		}
		page.Changes = append(page.Changes, ch)
	}
	return p.Web.Render(c, http.StatusOK, "portal/processors", page)
}

// difference says what of before is not in after, and the other way round.
func difference(before, after []Processor) (ch processorChange) {
	at := func(list []Processor, name string) int {
		return slices.IndexFunc(list, func(p Processor) bool { return p.Name == name })
	}
	for _, p := range after {
		switch i := at(before, p.Name); {
		case i < 0:
			ch.Added = append(ch.Added, p.Name)
		case !p.same(before[i]):
			ch.Changed = append(ch.Changed, p.Name)
		}
	}
	for _, p := range before {
		if at(after, p.Name) < 0 {
			ch.Removed = append(ch.Removed, p.Name)
		}
	}
	return ch
}

func (p Processor) same(q Processor) bool {
	for _, lang := range web.Languages() {
		if p.Task[lang] != q.Task[lang] || p.Data[lang] != q.Data[lang] {
			return false
		}
	}
	return p.Country == q.Country
}
