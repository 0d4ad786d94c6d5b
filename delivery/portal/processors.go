package portal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
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
	Changed        []string // the same name, another task, country or data
}

func (p *Portal) processors(c echo.Context) error {
	now := p.Now()
	page := processorsPage{frame: listed("/sub-processors")}
	lists := p.About.Processors
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
