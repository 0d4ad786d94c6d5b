package api

import (
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/bode-erds/bode/delivery"
)

// batchListRoutes are lists: a message to each row, as in the portal.
func (a *API) batchListRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/batches/csv", handle: a.uploadBatch},
		{method: http.MethodGet, path: "/batches/{id}/columns", handle: a.getBatchColumns},
		{method: http.MethodPut, path: "/batches/{id}/columns", handle: a.setBatchColumns},
		{method: http.MethodPost, path: "/batches/{id}/confirm", handle: a.confirmBatch, sender: true},
		{method: http.MethodPost, path: "/batches/{id}/pause", handle: a.pauseBatch},
		{method: http.MethodPost, path: "/batches/{id}/resume", handle: a.resumeBatch, sender: true},
		{method: http.MethodPost, path: "/batches/{id}/cancel", handle: a.cancelBatch},
	}
}

var errListSize = problem{status: http.StatusRequestEntityTooLarge, code: "list_too_large"}

// uploadBatch streams a list into the vault. It waits there for its columns.
func (a *API) uploadBatch(c *call) error {
	once, err := c.once(nil)
	if err != nil {
		return err
	}
	if t, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type")); err != nil || t != "text/csv" {
		return errMediaType
	}
	body, err := c.body(delivery.MaxBulkSize, errListSize)
	if err != nil {
		return err
	}
	done, err := a.limits.upload(c.key.ID, c.key.Mode, a.Now())
	if err != nil {
		return err
	}
	defer done()
	q := c.QueryParams()
	in := delivery.NewBulk{Name: q.Get("name"), Template: delivery.ID(q.Get("template_id")), Documents: q["document_id"],
		Reference: q.Get("reference"), Language: q.Get("language"), Test: c.key.Test}
	if !isID(string(in.Template)) {
		return errInvalid.with(delivery.FieldError{Pointer: "/template_id", Code: "malformed"})
	}
	b, replayed, err := a.Deliveries.UploadBulkOnce(c.ctx(), c.actor(a.Now()), in, body, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/batches/"+string(b.ID))
	return a.answerBatch(c, http.StatusCreated, b)
}

// answerBatch sends a batch. One that waits for its sender says what confirming
// it confirms.
func (a *API) answerBatch(c *call, status int, b delivery.Bulk) (err error) {
	v := batchOf(b)
	if b.State == delivery.BulkChecked {
		if v.Digest, err = b.Digest(); err != nil {
			return err
		}
	}
	return writeJSON(c, status, v)
}

type batchColumns struct {
	Columns []string         `json:"columns"`
	Mapping delivery.Mapping `json:"mapping"`
	Targets []string         `json:"targets"` // what a column can hold
}

// getBatchColumns says what stands in the first row, and what the columns are, or
// seem to be.
func (a *API) getBatchColumns(c *call) error {
	b, err := a.list(c)
	if err != nil {
		return err
	}
	view, err := a.Deliveries.BulkView(c.ctx(), c.key.Account, b.ID, 0)
	if err != nil {
		return err
	}
	t, err := a.Deliveries.TemplateVersion(c.ctx(), c.key.Account, b.Setup.Template, b.Setup.Version)
	if err != nil {
		return err
	}
	out := batchColumns{Columns: view.Header, Mapping: view.Guess, Targets: slices.Clone(delivery.BulkColumns)}
	for _, name := range t.Variables() {
		out.Targets = append(out.Targets, delivery.VariableColumn(name))
	}
	return writeJSON(c, http.StatusOK, out)
}

// list finds a batch that was made of a list. Another has no columns, and cannot
// be turned.
func (a *API) list(c *call) (delivery.Bulk, error) {
	b, err := a.batch(c)
	if err == nil && b.Source != delivery.BulkCSV {
		err = delivery.ErrBulkState
	}
	return b, err
}

// setBatchColumns says which column holds what, and has every row checked.
func (a *API) setBatchColumns(c *call) error {
	var in struct {
		Mapping delivery.Mapping `json:"mapping"`
	}
	_, faults, err := a.readJSON(c, "BatchMapping", &in)
	if err != nil {
		return err
	}
	b, err := a.list(c)
	if err != nil {
		return err
	}
	t, err := a.Deliveries.TemplateVersion(c.ctx(), c.key.Account, b.Setup.Template, b.Setup.Version)
	if err != nil {
		return err
	}
	for _, target := range slices.Sorted(maps.Keys(in.Mapping)) {
		if !slices.Contains(delivery.BulkColumns, target) && !slices.ContainsFunc(t.Variables(), func(v string) bool { return delivery.VariableColumn(v) == target }) {
			faults = append(faults, delivery.FieldError{Pointer: "/mapping/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(target), Code: "unknown_field"})
		}
	}
	if len(faults) > 0 {
		return errInvalid.with(faults...)
	}
	if err := a.Deliveries.MapBulk(c.ctx(), c.actor(a.Now()), b.ID, in.Mapping); err != nil {
		return err
	}
	return a.answerTurned(c, b.ID)
}

// confirmBatch lets a batch be sent as it was checked.
//
// EN 319 522-1 §6.2.1 A.1
func (a *API) confirmBatch(c *call) error {
	var in struct {
		Digest string `json:"digest"`
	}
	_, faults, err := a.readJSON(c, "ConfirmBatch", &in)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return errInvalid.with(faults...)
	}
	return a.turn(c, func(b delivery.Bulk) bool { return b.ConfirmedAs(in.Digest) },
		func(b delivery.Bulk, by delivery.Submitter) error {
			return a.Deliveries.ConfirmBulk(c.ctx(), by, b.ID, in.Digest)
		})
}

func (a *API) resumeBatch(c *call) error {
	return a.turn(c, func(b delivery.Bulk) bool { return b.State == delivery.BulkRunning },
		func(b delivery.Bulk, by delivery.Submitter) error { return a.Deliveries.ResumeBulk(c.ctx(), by, b.ID) })
}

func (a *API) pauseBatch(c *call) error {
	return a.turn(c, func(b delivery.Bulk) bool { return b.State == delivery.BulkPaused },
		func(b delivery.Bulk, _ delivery.Submitter) error {
			return a.Deliveries.PauseBulk(c.ctx(), b.Account, b.ID)
		})
}

func (a *API) cancelBatch(c *call) error {
	return a.turn(c, func(b delivery.Bulk) bool {
		return b.State == delivery.BulkStopping || b.State == delivery.BulkCancelled
	},
		func(b delivery.Bulk, _ delivery.Submitter) error {
			return a.Deliveries.CancelBulk(c.ctx(), b.Account, b.ID)
		})
}

// turn does something with a list, in the name of the key's account, unless that
// was done already: then its answer got lost, and the caller asks again.
func (a *API) turn(c *call, done func(delivery.Bulk) bool, do func(delivery.Bulk, delivery.Submitter) error) error {
	b, err := a.list(c)
	if err != nil {
		return err
	}
	if _, err := c.once(nil); err != nil {
		return err
	}
	by := delivery.Submitter{By: c.actor(a.Now()), Sender: delivery.SenderParty(c.sender), Test: c.key.Test}
	if !done(b) {
		if err := do(b, by); err != nil {
			return err
		}
	}
	return a.answerTurned(c, b.ID)
}

// answerTurned sends a batch as it is after something was done with it: work goes
// on behind the answer.
func (a *API) answerTurned(c *call, id delivery.ID) error {
	b, err := a.Deliveries.Bulk(c.ctx(), c.key.Account, id)
	if err != nil {
		return err
	}
	return a.answerBatch(c, http.StatusAccepted, b)
}
