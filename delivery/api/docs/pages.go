package docs

import (
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
)

// operations shows one group of operations.
func (d *Docs) operations(c echo.Context) error {
	for _, t := range d.contract.Tags {
		if t.Name == c.Param("tag") {
			return d.Pages.Render(c, http.StatusOK, "docs/operations", operationsPage{d.page(c), t, d.titles})
		}
	}
	return echo.ErrNotFound
}

type operationsPage struct {
	page
	Tag    tag
	Titles map[string]string
}

// Curl is the call of an operation to the chosen address.
func (p operationsPage) Curl(o operation) string { return o.curl(p.Base) }

// schemas shows every object that has a name.
func (d *Docs) schemas(c echo.Context) error {
	return d.Pages.Render(c, http.StatusOK, "docs/schemas", schemasPage{d.page(c), d.contract.Schemas})
}

type schemasPage struct {
	page
	Schemas []schema
}

// errors shows every problem and which operations answer with it.
func (d *Docs) errors(c echo.Context) error {
	p := errorsPage{page: d.page(c)}
	in := map[string][]operation{}
	total := 0
	for _, t := range d.contract.Tags {
		for _, o := range t.Operations {
			total++
			for _, code := range o.Problems {
				in[code] = append(in[code], o)
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(d.titles)) {
		p.Problems = append(p.Problems, problemRow{code, d.titles[code], in[code], len(in[code]) > total*2/3})
	}
	return d.Pages.Render(c, http.StatusOK, "docs/errors", p)
}

type errorsPage struct {
	page
	Problems []problemRow
}

// problemRow is one code; Most: nearly every operation can answer with it.
type problemRow struct {
	Code, Title string
	Operations  []operation
	Most        bool
}
