package api

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

// delivery finds a delivery of the key's account and kind.
func (a *API) delivery(c *call) (delivery.Delivery, error) {
	d, err := a.Deliveries.Delivery(c.ctx(), c.key.Account, delivery.ID(c.Param("id")))
	if err == nil && d.Message.Test != c.key.Test {
		err = delivery.ErrNotFound
	}
	return d, err
}

func (a *API) getDelivery(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	plan, err := a.Deliveries.PlanFor(c.ctx(), d)
	if err != nil {
		return err
	}
	out := deliveryOf(d)
	out.Plan = planOf(plan, a.Deliveries.Zone)
	return writeJSON(c, http.StatusOK, out)
}

// listDeliveryEvents gives the whole timeline: it is short.
func (a *API) listDeliveryEvents(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	events, err := a.Deliveries.Events(c.ctx(), c.key.Account, d.ID)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, eventsOf(events))
}

// listEvents is the feed: events of the account in the order of commit.
func (a *API) listEvents(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	q := delivery.FeedQuery{Account: c.key.Account, Test: c.key.Test, Cursor: c.QueryParam("after"), Limit: limit}
	if types := c.QueryParam("types"); types != "" {
		if err := q.Types(strings.Split(types, ",")...); err != nil {
			return err
		}
	}
	p, err := a.Deliveries.Pull(c.ctx(), q)
	if err == delivery.ErrNotFound {
		return errCursor
	}
	if err != nil {
		return err
	}
	out := feed{Data: eventsOf(p.Events).Data, After: p.Next}
	if !p.More {
		out.Retry = pause
	}
	return writeJSON(c, http.StatusOK, out)
}

func (a *API) listEvidence(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	pieces, err := a.Evidence.List(c.ctx(), c.key.Account, string(d.ID))
	if err != nil {
		return err
	}
	out := page[piece]{Data: make([]piece, len(pieces))}
	for i, p := range pieces {
		out.Data[i] = pieceOf(p)
	}
	return writeJSON(c, http.StatusOK, out)
}

// getEvidence gives one document: {id}.xml or {id}.pdf.
func (a *API) getEvidence(c *call) error {
	id, ext, _ := strings.Cut(c.Param("file"), ".")
	format := evidence.Format(ext)
	if format.MediaType() == "" || !isID(id) {
		return errNotFound
	}
	doc, p, err := a.Evidence.Get(c.ctx(), c.key.Account, "", id, format)
	if err != nil {
		return err
	}
	d, err := a.Deliveries.Delivery(c.ctx(), c.key.Account, delivery.ID(p.Delivery))
	if err != nil {
		return err
	}
	if d.Message.Test != c.key.Test {
		return errNotFound
	}
	return c.file(string(p.Event)+"-"+id+"."+ext, format.MediaType(), func(_ context.Context, w io.Writer) error {
		_, err := w.Write(doc)
		return err
	})
}

func (a *API) getDossier(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	return c.file("dossier-"+d.Message.Number+".asice", "application/vnd.etsi.asic-e+zip", func(ctx context.Context, w io.Writer) error {
		return a.Dossiers.WriteDossier(ctx, w, string(d.ID))
	})
}

func (a *API) getLetter(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	r, _, err := a.Deliveries.Letter(c.ctx(), c.key.Account, d.ID)
	if err != nil {
		return err
	}
	defer r.Close()
	return c.file("letter-"+d.Message.Number+".pdf", "application/pdf", func(_ context.Context, w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// advanceClock moves the clock of the account's test deliveries.
func (a *API) advanceClock(c *call) error {
	if !c.key.Test {
		return errTestOnly
	}
	var in struct{ By string }
	raw, faults, err := a.readJSON(c, "Advance", &in)
	if err != nil {
		return err
	}
	by, ok := parseDuration(in.By)
	if len(faults) > 0 || !ok {
		return merge(faults, delivery.FieldErrors{{Pointer: "/by", Code: "duration", Args: map[string]string{"max": "P1200D"}}})
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	now, replayed, err := a.Deliveries.Advance(c.ctx(), c.key.Account, by, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	return writeJSON(c, http.StatusOK, map[string]string{"now": instant(now)})
}

func (a *API) getOpenAPI(c *call) error {
	c.Response().Header().Set("Cache-Control", "public, max-age=300")
	c.Response().Header().Set("Content-Type", "application/json")
	_, err := c.Response().Write(a.contract.json)
	return err
}
