package portal

import (
	"encoding/csv"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// rowProblem is a row and what is wrong with it, in words.
type rowProblem struct {
	Line  int
	Cells []cellProblem
}

type cellProblem struct{ Column, Text string }

// batchPage shows a batch: what it would send, or how far it is.
type batchPage struct {
	frame
	Bulk     delivery.Bulk
	Template delivery.Template
	Digest   string
	Samples  []delivery.BulkSample
	Problems []rowProblem
	Warned   []delivery.BulkRow
	Next     int // position to go on from; 0 when that was all
	Percent  int
	Asks     bool // may be confirmed here
}

// Tone colours a state.
func (batchPage) Tone(s delivery.BulkState) string { return bulkTone(s) }

// Euro and Cents are the two halves of an amount.
func (batchPage) Euro(cents int) int     { return cents / 100 }
func (batchPage) Cents(cents int) string { return strconv.Itoa(100 + cents%100)[1:] }

func (p *Portal) batch(v *visitor) error { return p.showBatch(v, http.StatusOK, nil) }

const shownSamples = 3

func (p *Portal) showBatch(v *visitor, status int, faults web.Faults) error {
	b, err := p.Deliveries.Bulk(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	if b.State == delivery.BulkMapping && len(faults) == 0 {
		return v.Redirect(http.StatusSeeOther, batchesPath+"/"+string(b.ID)+"/columns")
	}
	page := batchPage{frame: v.frame(batchesPath), Bulk: b, Asks: b.State == delivery.BulkChecked && b.Ready() > 0 && !b.Test}
	page.Faults, page.chrome.Test, page.chrome.Wide = faults, b.Test, true
	if b.Ready() > 0 {
		page.Percent = 100 * (b.Sent + b.Failed) / b.Ready()
	}
	if b.Source == delivery.BulkCSV {
		if page.Template, err = p.Deliveries.TemplateVersion(v.ctx(), v.session.Account, b.Setup.Template, b.Setup.Version); err != nil {
			return err
		}
	}
	if b.State == delivery.BulkChecked {
		if page.Digest, err = b.Digest(); err != nil {
			return err
		}
		view, err := p.Deliveries.BulkView(v.ctx(), v.session.Account, b.ID, shownSamples)
		if err != nil {
			return err
		}
		page.Samples = view.Samples
		if page.Warned, err = p.Deliveries.BulkRows(v.ctx(), v.session.Account, b.ID, delivery.WarnedRows, 0, perPage); err != nil {
			return err
		}
	}
	list, err := p.Deliveries.BulkRows(v.ctx(), v.session.Account, b.ID, delivery.FaultyRows, rowAfter(v), perPage+1)
	if err != nil {
		return err
	}
	if len(list) > perPage {
		list, page.Next = list[:perPage], list[perPage-1].Position
	}
	for _, r := range list {
		page.Problems = append(page.Problems, rowProblem{r.Line, p.cellProblems(v, r.Faults)})
	}
	return p.Web.Render(v, status, "portal/batch", page)
}

// cellProblems says what is wrong with cells in words.
func (p *Portal) cellProblems(v *visitor, faults []delivery.CellFault) (out []cellProblem) {
	for _, f := range faults {
		out = append(out, cellProblem{p.columnName(v, f.Column), p.cellText(v, f)})
	}
	return out
}

func (p *Portal) columnName(v *visitor, column string) string {
	if name, ok := strings.CutPrefix(column, "var:"); ok {
		return "((" + name + "))"
	}
	if text, err := p.Web.Text(v, "portal", "col."+column); err == nil {
		return text
	}
	return column
}

func (p *Portal) cellText(v *visitor, f delivery.CellFault) string {
	text, err := p.Web.Text(v, "portal", p.faultKey(f.Code, f.Column), faultArgs(f.Args)...)
	if err != nil {
		return f.Code
	}
	return text
}

// columnsPage asks which column holds what.
type columnsPage struct {
	frame
	Bulk     delivery.Bulk
	Template delivery.Template
	Fields   []web.Field
	Header   []string
	Cells    [][]string // of the first rows
}

func (p *Portal) columns(v *visitor) error { return p.showColumns(v, http.StatusOK, nil, nil) }

func (p *Portal) showColumns(v *visitor, status int, typed delivery.Mapping, faults web.Faults) error {
	b, err := p.Deliveries.Bulk(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	if b.State != delivery.BulkMapping && b.State != delivery.BulkChecked {
		return v.Redirect(http.StatusSeeOther, batchesPath+"/"+string(b.ID))
	}
	view, err := p.Deliveries.BulkView(v.ctx(), v.session.Account, b.ID, shownSamples)
	if err != nil {
		return err
	}
	if typed != nil {
		view.Guess = typed
	}
	page := columnsPage{frame: v.frame(batchesPath), Bulk: b, Header: view.Header}
	page.Faults, page.chrome.Wide = faults, true
	if page.Template, err = p.Deliveries.TemplateVersion(v.ctx(), v.session.Account, b.Setup.Template, b.Setup.Version); err != nil {
		return err
	}
	for _, s := range view.Samples {
		page.Cells = append(page.Cells, s.Cells)
	}
	if page.Fields, err = p.columnFields(v, page, view.Guess); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/batch-columns", page)
}

// columnFields are the choices of a column for everything a list can hold.
func (p *Portal) columnFields(v *visitor, page columnsPage, guess delivery.Mapping) (out []web.Field, err error) {
	none, err := p.Web.Text(v, "portal", "columns.none")
	if err != nil {
		return nil, err
	}
	word, err := p.Web.Text(v, "portal", "fault")
	if err != nil {
		return nil, err
	}
	options := []web.Option{{Value: "", Text: none}}
	for i, h := range page.Header {
		options = append(options, web.Option{Value: strconv.Itoa(i), Text: strconv.Itoa(i+1) + ". " + h})
	}
	for i, target := range batchTargets(page.Template) {
		f := web.Field{ID: columnField(i), Name: columnField(i), Label: p.columnName(v, target), Options: options, FaultWord: word}
		if at, ok := guess[target]; ok {
			f.Value = strconv.Itoa(at)
		}
		if bad := page.Faults.At(f.ID); bad != nil {
			if f.Fault, err = p.Web.Text(v, "portal", bad.Key, bad.Args...); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
	}
	return out, nil
}

func columnField(n int) string { return "c" + strconv.Itoa(n) }

// batchTargets are all that columns can hold: variables first.
func batchTargets(t delivery.Template) (out []string) {
	for _, name := range t.Variables() {
		out = append(out, delivery.VariableColumn(name))
	}
	return append(out, delivery.BulkColumns...)
}

// setColumns says which column holds what, and has the rows checked.
func (p *Portal) setColumns(v *visitor) error {
	b, err := p.Deliveries.Bulk(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	t, err := p.Deliveries.TemplateVersion(v.ctx(), v.session.Account, b.Setup.Template, b.Setup.Version)
	if err != nil {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	m, targets := delivery.Mapping{}, batchTargets(t)
	for i, target := range targets {
		if n, err := strconv.Atoi(f.Get(columnField(i))); err == nil {
			m[target] = n
		}
	}
	err = p.Deliveries.MapBulk(v.ctx(), v.actor(), b.ID, m)
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		var faults web.Faults
		for _, x := range found {
			target := strings.TrimPrefix(x.Pointer, "/mapping/")
			faults.Add(columnField(slices.Index(targets, target)), "fault.column_missing", "name", p.columnName(v, target))
		}
		return p.showColumns(v, http.StatusUnprocessableEntity, m, faults)
	}
	return p.turned(v, err)
}

// batchErrors gives the rows that cannot be sent as a list.
func (p *Portal) batchErrors(v *visitor) error {
	return p.batchSheet(v, "errors", delivery.FaultyRows, []string{"line", "column", "problem"}, func(out *csv.Writer, r delivery.BulkRow) error {
		for _, c := range p.cellProblems(v, r.Faults) {
			if err := out.Write([]string{strconv.Itoa(r.Line), delivery.SheetCell(c.Column), delivery.SheetCell(c.Text)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// batchOutcome gives what became of each row as a list.
func (p *Portal) batchOutcome(v *visitor) error {
	return p.batchSheet(v, "outcome", delivery.AllRows, []string{"line", "row_state", "number", "delivery_state", "problem"}, func(out *csv.Writer, r delivery.BulkRow) error {
		row, err := p.Web.Text(v, "portal", "row.state."+r.State)
		if err != nil {
			return err
		}
		state := ""
		if r.Delivery != "" {
			if state, err = p.Web.Text(v, "portal", "state."+string(r.Delivery)); err != nil {
				return err
			}
		}
		var wrong []string
		for _, c := range p.cellProblems(v, r.Faults) {
			wrong = append(wrong, c.Column+": "+c.Text)
		}
		return out.Write([]string{strconv.Itoa(r.Line), row, r.Number, state, delivery.SheetCell(strings.Join(wrong, "; "))})
	})
}

// batchSheet writes rows of a batch as a list, a page at a time.
func (p *Portal) batchSheet(v *visitor, name, kind string, columns []string, write func(*csv.Writer, delivery.BulkRow) error) error {
	b, err := p.Deliveries.Bulk(v.ctx(), v.session.Account, v.id())
	if err != nil {
		return err
	}
	v.attach(name+"-"+string(b.ID)+".csv", "text/csv; charset=utf-8")
	if _, err := v.Response().Write([]byte("\ufeff")); err != nil {
		return err
	}
	out := csv.NewWriter(v.Response())
	out.Comma, out.UseCRLF = ';', true
	for i, c := range columns {
		if columns[i], err = p.Web.Text(v, "portal", "sheet."+c); err != nil {
			return err
		}
	}
	if err := out.Write(columns); err != nil {
		return err
	}
	for after := 0; ; {
		list, err := p.Deliveries.BulkRows(v.ctx(), v.session.Account, b.ID, kind, after, 1000)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := write(out, r); err != nil {
				return err
			}
			after = r.Position
		}
		out.Flush()
		if err := out.Error(); err != nil || len(list) < 1000 {
			return err
		}
	}
}
