package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// removalRoutes are about what is no longer kept (R23).
func (a *API) removalRoutes() []route {
	return []route{{http.MethodGet, "/removals", a.listRemovals, false, false}}
}

type removalView struct {
	Message    string `json:"message_id"`
	DueAt      string `json:"due_at"`
	ErasedAt   string `json:"removed_at"`
	ContentsAt string `json:"contents_removed_at,omitempty"`
	Deliveries int    `json:"deliveries"`
	Pieces     int    `json:"keys_forgotten"`
	Heads      string `json:"heads_sha256"`
}

// listRemovals lists what is left of the messages of the key's kind.
func (a *API) listRemovals(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := removalAt(c)
	if err != nil {
		return err
	}
	list, err := a.Deliveries.Removals(c.ctx(), c.key.Account, c.key.Test, after, limit)
	if err != nil {
		return err
	}
	p := page[removalView]{Data: make([]removalView, len(list))}
	for n, x := range list {
		p.Data[n] = removalView{string(x.Message), instant(x.DueAt), instant(x.ErasedAt), instant(x.ContentsAt), x.Deliveries, x.Pieces, x.Heads}
	}
	if len(list) == limit {
		last := list[limit-1]
		p.Next = encodeCursor(instant(last.ErasedAt) + " " + string(last.Message))
	}
	return sendPage(c, p)
}

// removalAt reads where a list of removals goes on.
func removalAt(c *call) (after delivery.Removal, err error) {
	cursor, err := c.cursor()
	if err != nil || cursor == "" {
		return after, err
	}
	at, id, _ := strings.Cut(cursor, " ")
	if after.ErasedAt, err = time.Parse(time.RFC3339Nano, at); err != nil || !isID(id) {
		return after, errCursor
	}
	after.Message = delivery.ID(id)
	return after, nil
}
