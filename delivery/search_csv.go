package delivery

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"time"
)

// Columns are those of an export, in their order.
var Columns = []string{"number", "position", "reference", "cost_centre", "subject", "submitted_at", "family", "given", "organisation", "email", "mobile",
	"status", "state", "state_since", "notified_at", "respond_by", "decided_at", "handed_over_at", "tracking", "delivery", "message"}

// Sheet is how an export is written: the names of columns, statuses and states,
// and instants, of which none is empty.
type Sheet struct {
	Title  func(column string) string
	Status func(Status) string
	State  func(State) string
	Time   func(time.Time) string
	Comma  rune
}

// byteOrderMark tells spreadsheets that the text is UTF-8.
const byteOrderMark = "\ufeff"

// Export writes all deliveries of an account that fit, newest first, as CSV in
// UTF-8 with a byte order mark. It holds one page of them in memory. A cell that a
// spreadsheet would take for a formula begins with an apostrophe. An error cuts
// off what was written; FieldErrors come before.
//
// RFC 4180 §2
func (s *Service) Export(ctx context.Context, account string, f Find, sheet Sheet, w io.Writer) error {
	place := Place{}
	page, err := s.FindDeliveries(ctx, account, f, place, MaxPage)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.Comma, out.UseCRLF = sheet.Comma, true
	titles := make([]string, len(Columns))
	for i, c := range Columns {
		titles[i] = SheetCell(sheet.Title(c))
	}
	if err := out.Write(titles); err != nil {
		return err
	}
	for {
		for _, d := range page.List {
			if err := out.Write(d.row(sheet)); err != nil {
				return err
			}
		}
		out.Flush()
		if err := out.Error(); err != nil || page.Older == (Mark{}) {
			return err
		}
		if page, err = s.FindDeliveries(ctx, account, f, Place{Mark: page.Older}, MaxPage); err != nil {
			return err
		}
	}
}

// row is d in the order of Columns.
func (d Delivery) row(sheet Sheet) []string {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return sheet.Time(t)
	}
	organisation, tracking := "", ""
	if o := d.Recipient.Organisation; o != nil {
		organisation = o.Name
	}
	if d.Post != nil {
		tracking = d.Post.Tracking
	}
	m, r := d.Message, d.Recipient
	row := []string{m.Number, strconv.Itoa(d.Position), m.Reference, m.CostCentre, m.Subject, at(m.SubmittedAt), r.Family, r.Given, organisation, r.Email, r.Mobile,
		sheet.Status(d.State.Status()), sheet.State(d.State), at(d.MovedAt), at(d.NotifiedAt), at(d.RespondBy), at(d.DecidedAt), at(d.HandedOverAt), tracking,
		string(d.ID), string(m.ID)}
	for i := range row {
		row[i] = SheetCell(row[i])
	}
	return row
}
