package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// sendLater keeps the message whose answers were checked and has it sent at a
// time, in the name of the visitor.
func (p *Portal) sendLater(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	return p.readAndSend(v, false)
}

// handOver keeps the message whose answers were checked for a colleague to
// release, at once or for a time.
func (p *Portal) handOver(v *visitor) error {
	if ok, err := p.mayWrite(v); !ok {
		return err
	}
	return p.readAndSend(v, true)
}

func (p *Portal) readAndSend(v *visitor, colleague bool) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	at, fault := p.sendAt(f, colleague)
	if fault.Key != "" {
		return p.showAnswers(v, http.StatusUnprocessableEntity, p.readDraft(v, f), fault)
	}
	return p.keepAndSend(v, f, delivery.Sending{At: at, HandOver: colleague})
}

// typedDraft is a form with its documents as it names them, there or not.
func typedDraft(f url.Values) draft {
	d, ids := parseDraft(f)
	for _, id := range ids {
		d.Documents = append(d.Documents, delivery.Document{ID: id})
	}
	return d
}

// keepAndSend keeps what the form holds and sends it so. Pressing twice leads to
// what became of it the first time.
func (p *Portal) keepAndSend(v *visitor, f url.Values, how delivery.Sending) error {
	d := typedDraft(f)
	stored, err := p.store(v, d)
	switch {
	case err == nil:
		d.ID = stored.ID
	case errors.Is(err, delivery.ErrNotFound) && d.ID != "": // it may have been sent
	case errors.Is(err, delivery.ErrNotOpen) && stored.ID != "":
		return v.Redirect(http.StatusSeeOther, draftsPath+"/"+string(stored.ID))
	default:
		if fault, ok := draftFault(err); ok {
			return p.showDraft(v, http.StatusConflict, p.readDraft(v, f), fault)
		}
		return err
	}
	f.Set("draft", string(d.ID))
	return p.sendStored(v, p.readDraft(v, f), how)
}

// sendAt reads the day and time of day at which a message is to go: as clocks in
// Brussels show them. Without either it goes at once, where that is meant.
func (p *Portal) sendAt(f url.Values, optional bool) (at time.Time, fault web.Fault) {
	day, clock := strings.TrimSpace(f.Get("send_date")), strings.TrimSpace(f.Get("send_time"))
	if optional && day == "" && clock == "" {
		return time.Time{}, web.Fault{}
	}
	d, err := delivery.ParseDate(day)
	if err != nil {
		return at, web.Fault{Field: "send_date", Key: "fault.send_date"}
	}
	at, ok := d.Wall(clock, p.Deliveries.Zone)
	if !ok {
		if _, err := time.Parse("15:04", clock); err != nil {
			return at, web.Fault{Field: "send_time", Key: "fault.send_time"}
		}
		return at, web.Fault{Field: "send_time", Key: "fault.send_time_skipped"}
	}
	return at, web.Fault{}
}

// sendStored sends a stored draft, or has it wait, and leads on. What is wrong is
// shown in the form.
func (p *Portal) sendStored(v *visitor, d draft, how delivery.Sending) error {
	sent, err := p.Deliveries.SendDraft(v.ctx(), v.actor(), d.ID, how)
	if err == nil {
		return p.wentOn(v, sent)
	}
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		faults := p.faultsOf(d, found)
		if faults.At("send_date") != nil {
			return p.showAnswers(v, http.StatusUnprocessableEntity, d, faults...)
		}
		return p.showDraft(v, http.StatusUnprocessableEntity, d, faults...)
	}
	if errors.Is(err, delivery.ErrInsufficientCredit) {
		return p.showAnswers(v, http.StatusConflict, d, web.Fault{Key: "fault.draft_credit"})
	}
	if fault, ok := draftFault(err); ok {
		return p.showAnswers(v, http.StatusConflict, d, fault)
	}
	return err
}
