package post

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// maxList is how large a daily list may be, in octets.
const maxList = 8 << 20

// listColumns are what the lines of a daily list can say; the first four must be
// there, in any order.
var listColumns = []string{"id", "item", "status", "at", "cause", "mode", "tracking", "sha256", "text"}

// list reads a daily list of statuses: a first line with names of listColumns,
// then a report on each line. A line that makes no sense is logged with the
// file's name and number, and left out. Errors: errKnown once all lines were
// dealt with, errNonsense when nothing in it makes sense, errGrowing.
func (h *HotFolder) list(ctx context.Context, e entry) ([]delivery.PostReport, error) {
	if !e.plain || e.size > maxList {
		return nil, nonsense("not a file, or larger than %d octets", maxList)
	}
	if h.recent(e, h.cfg.Settle) {
		return nil, errGrowing // half a list looks like a list
	}
	raw, err := contents(ctx, h.drop, "status/"+e.name, maxList)
	if err != nil {
		return nil, err
	}
	lines := csv.NewReader(bytes.NewReader(raw))
	head, err := lines.Read()
	if err != nil || slices.ContainsFunc(listColumns[:4], func(c string) bool { return !slices.Contains(head, c) }) {
		return nil, nonsense("first line names no columns of ours")
	}
	var found []delivery.PostReport
	old := 0
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var r delivery.PostReport
		if err == nil {
			r, err = h.line(head, fields)
		}
		switch {
		case err == nil:
			found = append(found, r)
		case errors.Is(err, errKnown):
			old++
		case errors.Is(err, errOther):
			h.cfg.Logger.ErrorContext(ctx, "answer to another letter", "partner", h.cfg.Partner, "file", e.name, "error", err)
		default:
			at, _ := lines.FieldPos(0)
			h.complain(ctx, fmt.Sprintf("%s:%d", e.name, at), err)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if old > 0 {
		return nil, errKnown
	}
	return nil, nonsense("no line makes sense")
}

// line reads one report of a list.
func (h *HotFolder) line(head, fields []string) (delivery.PostReport, error) {
	v := map[string]string{}
	for i, name := range head {
		v[name] = fields[i]
	}
	at, err := time.Parse(time.RFC3339, v["at"])
	if err != nil {
		return delivery.PostReport{}, nonsense("time %q", cleaned(v["at"]))
	}
	r, err := h.report(statusFile{ID: v["id"], Item: v["item"], Status: v["status"], Cause: v["cause"], Mode: v["mode"],
		Tracking: v["tracking"], SHA256: v["sha256"], At: at, Text: v["text"]})
	if err == nil {
		err = h.known(r)
	}
	return r, err
}
