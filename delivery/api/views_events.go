package api

import (
	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/evidence"
)

type eventView struct {
	ID         string   `json:"id"`
	DeliveryID string   `json:"delivery_id"`
	MessageID  string   `json:"message_id"`
	Seq        int      `json:"seq"`
	Type       string   `json:"type"`
	Name       string   `json:"name"`
	URI        string   `json:"uri"`
	At         string   `json:"at"`
	Test       bool     `json:"test"`
	Reasons    []reason `json:"reasons,omitempty"`
	Details    []detail `json:"details,omitempty"`
	Prev       string   `json:"prev,omitempty"`
	Hash       string   `json:"hash"`
	SealedAt   string   `json:"sealed_at,omitempty"` // absent: evidence is being made
	State      string   `json:"state,omitempty"`     // of a feed only, as is what follows
	Status     string   `json:"status,omitempty"`
	Removed    bool     `json:"removed,omitempty"`
}

type reason struct {
	Code string `json:"code"`
	URI  string `json:"uri"`
	Text string `json:"text,omitempty"`
}

type detail struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type feed struct {
	Data  []eventView `json:"data"`
	After string      `json:"after"` // where to go on from
	Retry int         `json:"retry_after"`
}

// pause is after how many seconds asking again makes sense when there was nothing
// more.
const pause = 5

func eventsOf(list []delivery.Recorded) page[eventView] {
	out := page[eventView]{Data: make([]eventView, len(list))}
	for i, e := range list {
		v := eventView{ID: e.ID, DeliveryID: e.Delivery, MessageID: e.Message, Seq: e.Seq, Type: string(delivery.TypeOf(e.Name)), Name: string(e.Name), URI: e.Name.URI(),
			At: instant(e.At), Test: e.Test, Prev: e.Prev, Hash: e.Hash, SealedAt: instant(e.SealedAt),
			State: string(e.State), Status: string(e.State.Status()), Removed: e.Removed}
		for _, r := range e.Reasons {
			v.Reasons = append(v.Reasons, reason{r.Code, evidence.ReasonURI(r.Code), r.Text})
		}
		for _, d := range e.Details {
			v.Details = append(v.Details, detail(d))
		}
		out.Data[i] = v
	}
	return out
}

type piece struct {
	ID        string `json:"id"`
	Seq       int    `json:"seq"`
	Event     string `json:"event"`
	At        string `json:"at"`
	Status    string `json:"status"`               // pending, pending_timestamp, sealed
	TimeStamp string `json:"time_stamp,omitempty"` // own, batch
	Level     string `json:"level,omitempty"`      // B-B, B-T, B-LT
	Validated bool   `json:"validated"`
	LogIndex  *int64 `json:"log_index,omitempty"`
	XMLSHA256 string `json:"xml_sha256,omitempty"`
	PDFSHA256 string `json:"pdf_sha256,omitempty"`
	StampedAt string `json:"stamped_at,omitempty"`
	SealedAt  string `json:"sealed_at,omitempty"`
}

func pieceOf(p evidence.Piece) piece {
	out := piece{ID: p.ID, Seq: p.Seq, Event: string(p.Event), At: instant(p.At), Status: "pending", XMLSHA256: p.XMLSHA256,
		PDFSHA256: p.PDFSHA256, StampedAt: instant(p.StampedAt), SealedAt: instant(p.SealedAt)}
	switch p.State {
	case evidence.PendingStamp:
		out.Status = "pending_timestamp"
	case evidence.SealedState:
		out.Status, out.TimeStamp, out.Level, out.Validated = "sealed", "own", "B-T", p.Complete
		switch {
		case !p.OwnStamp:
			out.TimeStamp, out.Level = "batch", "B-B"
		case p.Complete:
			out.Level = "B-LT"
		}
		if p.Logged {
			out.LogIndex = &p.LogIndex
		}
	}
	return out
}
