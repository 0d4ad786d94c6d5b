package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/notify"
)

// paper is one that came with a letter.
type paper struct {
	Position  int                `json:"position"`
	Kind      delivery.PostPaper `json:"kind"`
	Filename  string             `json:"filename"`
	MediaType string             `json:"media_type"`
	Size      int64              `json:"size"`
	SHA256    string             `json:"sha256"`
	At        time.Time          `json:"at"`
}

// proposal is a better address that the recipient named.
type proposal struct {
	ID       string         `json:"id"`
	Channel  notify.Channel `json:"channel"`
	Address  string         `json:"address"`
	ProvenAt time.Time      `json:"proven_at"`
	Status   string         `json:"status"` // open, agreed, declined
}

func (a *API) listPapers(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	list, err := a.Deliveries.Papers(c.ctx(), d.ID)
	if err != nil {
		return err
	}
	out := page[paper]{Data: make([]paper, len(list))}
	for i, p := range list {
		out.Data[i] = paper{p.Position, p.Kind, p.Filename(), p.MediaType, p.Size, p.SHA256, p.At}
	}
	return writeJSON(c, http.StatusOK, out)
}

func (a *API) getPaper(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	list, err := a.Deliveries.Papers(c.ctx(), d.ID)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Param("position"))
	i := slices.IndexFunc(list, func(p delivery.Paper) bool { return p.Position == n })
	if err != nil || i < 0 {
		return errNotFound
	}
	r, err := a.Deliveries.OpenPaper(c.ctx(), d.ID, n)
	if err != nil {
		return err
	}
	defer r.Close()
	return c.file(list[i].Filename(), list[i].MediaType, func(_ context.Context, w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
}

func (a *API) listProposals(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	return a.answerProposals(c, d.ID)
}

func (a *API) answerProposals(c *call, id delivery.ID) error {
	list, err := a.Deliveries.Proposals(c.ctx(), id)
	if err != nil {
		return err
	}
	out := page[proposal]{Data: make([]proposal, len(list))}
	for i, p := range list {
		out.Data[i] = proposal{p.ID, p.Channel, p.Address, p.ProvenAt, "open"}
		switch {
		case p.Agreed:
			out.Data[i].Status = "agreed"
		case !p.Open():
			out.Data[i].Status = "declined"
		}
	}
	return writeJSON(c, http.StatusOK, out)
}

// answerProposal agrees to a better address of the recipient, or declines it.
// Saying the same again is harmless, so it needs no Idempotency-Key.
func (a *API) answerProposal(c *call) error {
	d, err := a.delivery(c)
	if err != nil {
		return err
	}
	var in struct{ Agree bool }
	_, faults, err := a.readJSON(c, "Answer", &in)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults
	}
	if err := a.Deliveries.AnswerProposal(c.ctx(), c.actor(a.Now()), d.ID, c.Param("proposal"), in.Agree); err != nil {
		return err
	}
	return a.answerProposals(c, d.ID)
}
