package api

import (
	"net/http"
	"strconv"

	"github.com/bode-erds/bode/delivery"
)

// batchRoutes are many messages at once.
func (a *API) batchRoutes() []route {
	return append([]route{
		{method: http.MethodPost, path: "/batches", handle: a.createBatch, sender: true},
		{method: http.MethodGet, path: "/batches", handle: a.listBatches},
		{method: http.MethodGet, path: "/batches/{id}", handle: a.getBatch},
		{method: http.MethodGet, path: "/batches/{id}/items", handle: a.listBatchItems},
	}, a.batchListRoutes()...)
}

type batchView struct {
	ID        string     `json:"id"`
	Source    string     `json:"source"`
	Name      string     `json:"name"`
	Status    string     `json:"status"`
	Cause     string     `json:"cause,omitempty"`
	Test      bool       `json:"test"`
	Counts    batchCount `json:"counts"`
	Online    *int       `json:"price_online,omitempty"`
	Posted    *int       `json:"price_posted,omitempty"`
	Digest    string     `json:"digest,omitempty"` // of what confirming confirms
	CreatedAt string     `json:"created_at"`
	ChangedAt string     `json:"changed_at"`
	EndedAt   string     `json:"ended_at,omitempty"`
}

type batchCount struct {
	Items  int `json:"items"`
	Faulty int `json:"faulty"` // cannot be sent
	Twice  int `json:"twice"`  // to a recipient of a row before
	Sent   int `json:"sent"`
	Failed int `json:"failed"`
	Left   int `json:"left"`
}

func batchOf(b delivery.Bulk) batchView {
	v := batchView{ID: string(b.ID), Source: b.Source, Name: b.Name, Status: string(b.State), Cause: b.Cause, Test: b.Test,
		Counts:    batchCount{b.Rows, b.Faulty, b.Warned, b.Sent, b.Failed, b.Left()},
		CreatedAt: instant(b.CreatedAt), ChangedAt: instant(b.ChangedAt), EndedAt: since(b.EndedAt)}
	if b.Online >= 0 {
		v.Online, v.Posted = &b.Online, &b.Posted
	}
	return v
}

// batch finds a batch of the key's account and kind.
func (a *API) batch(c *call) (delivery.Bulk, error) {
	b, err := a.Deliveries.Bulk(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err == nil && b.Test != c.key.Test {
		err = delivery.ErrNotFound
	}
	return b, err
}

func (a *API) getBatch(c *call) error {
	b, err := a.batch(c)
	if err != nil {
		return err
	}
	return a.answerBatch(c, http.StatusOK, b)
}

func (a *API) listBatches(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := c.cursor()
	if err != nil {
		return err
	}
	if before != "" && !isID(before) {
		return errCursor
	}
	list, err := a.Deliveries.Bulks(c.ctx(), c.key.Account, c.key.Test, delivery.ID(before), limit)
	if err != nil {
		return err
	}
	page := page[batchView]{Data: make([]batchView, len(list))}
	for i, b := range list {
		page.Data[i] = batchOf(b)
	}
	if len(list) == limit {
		page.Next = encodeCursor(string(list[limit-1].ID))
	}
	return sendPage(c, page)
}

type batchItem struct {
	Index     int          `json:"index"` // from 0
	Line      int          `json:"line,omitempty"`
	SameAs    int          `json:"same_as,omitempty"` // line of the same recipient before
	Status    string       `json:"status"`
	MessageID string       `json:"message_id,omitempty"`
	Number    string       `json:"number,omitempty"`
	State     string       `json:"state,omitempty"` // of the delivery, where there is one
	Errors    []itemDetail `json:"errors,omitempty"`
}

// itemDetail is a fault of a row: Column for one of a list, Pointer for one of a
// call.
type itemDetail struct {
	Pointer string `json:"pointer,omitempty"`
	Column  string `json:"column,omitempty"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

func (a *API) itemOf(c *call, b delivery.Bulk, r delivery.BulkRow) batchItem {
	v := batchItem{Index: r.Position - 1, Status: r.State, MessageID: string(r.Message), Number: r.Number, State: string(r.Delivery)}
	if b.Source == delivery.BulkCSV {
		v.Line, v.SameAs = r.Line, r.SameAs
	}
	for _, f := range r.Faults {
		d := itemDetail{Code: f.Code, Detail: a.words.text(c.lang, "field."+f.Code, f.Args)}
		if b.Source == delivery.BulkCSV {
			d.Column = f.Column
		} else {
			d.Pointer = f.Column
		}
		v.Errors = append(v.Errors, d)
	}
	return v
}

func (a *API) listBatchItems(c *call) error {
	b, err := a.batch(c)
	if err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := c.cursor()
	if err != nil {
		return err
	}
	position := 0
	if after != "" {
		if position, err = strconv.Atoi(after); err != nil || position < 1 || position > delivery.MaxBulkRows {
			return errCursor
		}
	}
	kind := c.QueryParam("only")
	switch kind {
	case delivery.AllRows, delivery.FaultyRows, delivery.WarnedRows, delivery.SentRows:
	default:
		return errInvalid.with(delivery.FieldError{Pointer: "/only", Code: "unsupported", Args: map[string]string{"allowed": "faulty, warned, sent"}})
	}
	list, err := a.Deliveries.BulkRows(c.ctx(), c.key.Account, b.ID, kind, position, limit)
	if err != nil {
		return err
	}
	page := page[batchItem]{Data: make([]batchItem, len(list))}
	for i, r := range list {
		page.Data[i] = a.itemOf(c, b, r)
	}
	if len(list) == limit {
		page.Next = encodeCursor(strconv.Itoa(list[limit-1].Position))
	}
	return sendPage(c, page)
}
