package portal

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// send submits the message whose answers were checked. Pressing twice, or going
// back and pressing again, sends it once.
//
// EN 319 522-1 §6.2.1 A.1
func (p *Portal) send(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	d := typedDraft(f)
	if d.ID != "" {
		return p.keepAndSend(v, f, delivery.Sending{})
	}
	sub := p.submission(v, d)
	profile, err := p.Identity.Profile(v.ctx(), v.session.Account)
	if err != nil {
		return fmt.Errorf("portal: sender: %w", err)
	}
	once, err := onceOf(d.Once, sub)
	if err != nil {
		return err
	}
	leave, err := p.Deliveries.Seat()
	if err != nil {
		return p.showAnswers(v, http.StatusServiceUnavailable, p.readDraft(v, f), web.Fault{Key: "fault.busy"})
	}
	defer leave()
	m, _, err := p.Deliveries.Submit(v.ctx(), delivery.Submitter{By: v.actor(), Sender: delivery.SenderParty(profile)}, sub, once)
	if found, ok := errors.AsType[delivery.FieldErrors](err); ok {
		d := p.readDraft(v, f)
		return p.showDraft(v, http.StatusUnprocessableEntity, d, p.faultsOf(d, found)...)
	}
	if short, ok := errors.AsType[delivery.InsufficientCredit](err); ok {
		return p.showAnswers(v, http.StatusPaymentRequired, p.readDraft(v, f), p.shortOf(v, short))
	}
	if errors.Is(err, delivery.ErrSecondPerson) {
		return p.showAnswers(v, http.StatusConflict, p.readDraft(v, f), web.Fault{Key: "fault.second_person"})
	}
	if errors.Is(err, delivery.ErrDailyCap) {
		return p.showAnswers(v, http.StatusTooManyRequests, p.readDraft(v, f), web.Fault{Key: "fault.daily_cap"})
	}
	if errors.Is(err, delivery.ErrKeyReused) {
		d := p.readDraft(v, f)
		d.Once = rand.Text()
		var page frame
		page.Add("", "fault.sent_before")
		return p.showAnswers(v, http.StatusConflict, d, page.Faults...)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/portal/messages/"+string(m.ID)+"?sent=1")
}

// onceOf binds the key of a form to all that it would send.
func onceOf(key string, sub delivery.Submission) (delivery.Once, error) {
	b, err := json.Marshal(sub)
	if err != nil {
		return delivery.Once{}, err
	}
	sum := sha256.Sum256(b)
	return delivery.Once{Key: "portal " + key, Digest: sum[:]}, nil
}
