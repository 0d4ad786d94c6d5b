package flowmailer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// event is one line of message_events, as far as it is read. What it quotes of the
// dialogue with a network stays out of it: it may hold number and text.
type event struct {
	ID       string    `json:"id"`
	Message  string    `json:"messageId"`
	Type     string    `json:"type"`
	SubType  string    `json:"subType,omitempty"`
	Received time.Time `json:"received"`
	MTA      string    `json:"mta,omitempty"`
	Tags     []string  `json:"messageTags"`
}

// report says what an event means, and false when it is not about an attempt of
// ours or decides nothing.
func (e event) report() (notify.Report, bool) {
	notice, attempt, ours := attemptOf(e.Tags)
	fact, cause, rung, decides := e.meaning()
	if !ours || !decides || e.ID == "" {
		return notify.Report{}, false
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return notify.Report{}, false
	}
	sum := sha256.Sum256(raw)
	said := strings.TrimSpace(e.Type + " " + e.SubType)
	return notify.Report{Source: "flowmailer", ID: e.ID, Notice: notice, Attempt: attempt, Fact: fact, Rung: rung, Cause: cause,
		Status: said, Reply: said + " " + e.Message, Remote: e.MTA, OccurredAt: e.Received, Digest: hex.EncodeToString(sum[:]), Raw: raw}, true
}

// meaning of the types of events. DELIVERED is the network's word for a text
// message. ATTEMPT failed and is tried again for a day, after which SOFTBOUNCE says
// that it was given up.
func (e event) meaning() (fact notify.Fact, cause notify.Cause, rung notify.Rung, decides bool) {
	rung = notify.RungAccepted
	switch e.Type {
	case "DELIVERED":
		return notify.Delivered, "", notify.RungFarSide, true
	case "ATTEMPT", "HELD", "SUSPENDED":
		return notify.Delayed, "", rung, true
	case "SOFTBOUNCE":
		return notify.Failed, notify.CauseUnreachable, rung, true
	case "HARDBOUNCE":
		return notify.Failed, notify.CauseAddress, rung, true
	case "REJECT", "DISCARD", "ERROR":
		return notify.Failed, notify.CauseOurs, rung, true
	case "COMPLAINT", "UNSUBSCRIBE":
		return notify.Complained, "", rung, true
	}
	// SUBMITTED, PROCESSED, INSERTED, QUEUEATTEMPT, POSTED, RESUMED, RESENT and
	// RESUBMITTED: under way. OPENED and CLICKED: not asked for. REPLY: nobody reads it.
	return "", "", 0, false
}
