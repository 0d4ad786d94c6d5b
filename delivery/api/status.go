package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// statusRoutes are open to everybody, as the page of the same name is.
func (a *API) statusRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/status", handle: a.getStatus, open: true},
		{method: http.MethodGet, path: "/status/outages", handle: a.listOutages, open: true},
	}
}

type statusView struct {
	Status  string       `json:"status"`
	Parts   []partView   `json:"parts"`
	Figures *figuresView `json:"figures,omitempty"`
}

type partView struct {
	Part   string    `json:"part"`
	Status string    `json:"status"`
	Looked string    `json:"looked_at"`
	Since  string    `json:"since"`
	Share  float64   `json:"share"`
	Down   int64     `json:"down_seconds"`
	Days   []partDay `json:"days"`
}

type partDay struct {
	Date    string `json:"date"`
	Down    int64  `json:"down_seconds"`
	Watched bool   `json:"watched"`
}

type figuresView struct {
	Until  string  `json:"until"`
	Ended  int     `json:"ended"`
	Share  float64 `json:"share"`
	Median int64   `json:"median_seconds,omitempty"`
}

type outageView struct {
	ID          string `json:"id"`
	Part        string `json:"part"`
	Unwatched   bool   `json:"unwatched"`
	Began       string `json:"began_at"`
	Ended       string `json:"ended_at,omitempty"`
	Certificate string `json:"certificate,omitempty"` // where it is, below the service
}

// getStatus says what works, as it was last looked at. It counts nothing itself.
func (a *API) getStatus(c *call) error {
	levels, err := a.Deliveries.Levels(c.ctx())
	if err != nil {
		return err
	}
	figures, err := a.Deliveries.Figures(c.ctx())
	if err != nil {
		return err
	}
	v := statusView{Status: "works", Parts: make([]partView, len(levels))}
	if len(levels) == 0 {
		v.Status = "unknown"
	}
	for i, l := range levels {
		v.Parts[i] = partOf(l)
		if s := v.Parts[i].Status; s == "fails" || s == "unknown" && v.Status == "works" {
			v.Status = s
		}
	}
	if figures.Ended > 0 {
		v.Figures = &figuresView{figures.Day.Format(time.DateOnly), figures.Ended, figures.Share, int64(figures.Median / time.Second)}
	}
	return writeJSON(c, http.StatusOK, v)
}

func partOf(l delivery.Level) partView {
	v := partView{Part: l.Part, Status: "fails", Looked: instant(l.Looked), Since: instant(l.Since), Share: l.Share, Down: int64(l.Down / time.Second),
		Days: make([]partDay, len(l.Days))}
	switch {
	case l.Stale:
		v.Status = "unknown"
	case l.Working:
		v.Status = "works"
	}
	for i, d := range l.Days {
		v.Days[i] = partDay{d.Date.Format(time.DateOnly), int64(d.Down / time.Second), d.Watched}
	}
	return v
}

// listOutages lists outages, newest first, with the certificate of each that ended.
func (a *API) listOutages(c *call) error {
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
	list, err := a.Deliveries.Outages(c.ctx(), delivery.ID(before), limit)
	if errors.Is(err, delivery.ErrNotFound) {
		return errCursor
	}
	if err != nil {
		return err
	}
	page := page[outageView]{Data: make([]outageView, len(list))}
	for i, o := range list {
		page.Data[i] = outageView{ID: string(o.ID), Part: o.Part, Unwatched: o.Unwatched, Began: instant(o.Began), Ended: since(o.Ended)}
		if !o.CertifiedAt.IsZero() {
			page.Data[i].Certificate = "/status/outages/" + string(o.ID)
		}
	}
	if len(list) == limit {
		page.Next = encodeCursor(string(list[limit-1].ID))
	}
	return sendPage(c, page)
}
