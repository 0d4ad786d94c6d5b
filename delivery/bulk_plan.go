package delivery

import (
	"context"
	"errors"
	"fmt"
)

// bulkPlan is how rows of a batch become messages.
type bulkPlan struct {
	setup    BulkSetup
	template Template
	account  string
	names    map[string][]string // of columns
}

func (s *Service) bulkPlan(ctx context.Context, b Bulk) (bulkPlan, error) {
	t, err := s.TemplateVersion(ctx, b.Account, b.Setup.Template, b.Setup.Version)
	if err != nil {
		return bulkPlan{}, fmt.Errorf("delivery: template of batch %s: %w", b.ID, err)
	}
	names, err := readColumnNames()
	return bulkPlan{b.Setup, t, b.Account, names}, err
}

// planned is a row as it would be sent, without documents, or what is wrong with
// it.
type planned struct {
	line   int
	sub    Submission
	faults FieldErrors
}

// planRows makes messages of rows. Recipients of the address book are looked up
// together.
func (s *Service) planRows(ctx context.Context, p bulkPlan, rows []sheetRow) ([]planned, error) {
	var keys []string
	for _, row := range rows {
		if k := p.setup.Mapping.cell(row.cells, "own_key"); k != "" {
			keys = append(keys, k)
		}
	}
	known, err := s.byOwnKeys(ctx, p.account, keys)
	if err != nil {
		return nil, err
	}
	out := make([]planned, len(rows))
	for i, row := range rows {
		out[i] = planned{line: row.line}
		if row.fault != "" {
			out[i].faults = FieldErrors{{Pointer: "/row", Code: row.fault}}
			continue
		}
		out[i].sub, out[i].faults = s.planOne(p, row.cells, known)
	}
	return out, nil
}

func (s *Service) planOne(p bulkPlan, cells []string, known map[string]Addressee) (Submission, FieldErrors) {
	m := p.setup.Mapping
	var faults FieldErrors
	key := m.cell(cells, "own_key")
	entry, found := known[key]
	r := m.described(cells, entry.Recipient, p.setup.Language)
	if key != "" && !found && r.Email == "" {
		return Submission{}, FieldErrors{{Pointer: "/own_key", Code: "unknown_key"}}
	}
	values := map[string]string{}
	for _, v := range p.template.Variables() {
		if values[v] = m.cell(cells, VariableColumn(v)); values[v] == "" {
			values[v] = r.known(targetNamed(p.names, v))
		}
	}
	subject, body, err := p.template.Fill(values)
	if f, ok := errors.AsType[FieldErrors](err); ok {
		faults = append(faults, f...)
		subject, body = "-", "-" // what else is wrong is said too
	}
	t := p.template
	sub := Submission{Subject: subject, Body: body, Language: t.Language, Policy: t.Policy, Reference: t.Reference, CostCentre: t.CostCentre,
		Recipients: []Recipient{r}}
	for _, x := range []struct {
		at    *string
		value string
	}{{&sub.Reference, p.setup.Reference}, {&sub.Reference, m.cell(cells, "reference")}, {&sub.CostCentre, m.cell(cells, "cost_centre")}} {
		if x.value != "" {
			*x.at = x.value
		}
	}
	return sub, append(faults, s.Check(sub)...)
}
