package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

type suppressedPage struct {
	frame
	List    []notify.Suppression
	Address string // looked for
	Found   bool   // it was looked for
	Reason  string
}

// suppressed lists why addresses are not written to: by digest, newest first.
func (p *Portal) suppressed(v *visitor) error {
	return p.showSuppressed(v, http.StatusOK, suppressedPage{}, nil)
}

func (p *Portal) showSuppressed(v *visitor, status int, page suppressedPage, faults web.Faults) (err error) {
	if p.Suppressions == nil {
		return web.ErrNotFound
	}
	page.frame = v.operatorFrame("/operator/suppressed")
	page.Faults = faults
	if page.Address == "" {
		page.List, err = p.Suppressions.List(v.ctx(), perList)
	} else {
		page.Found = true
		page.List, err = p.Suppressions.Of(v.ctx(), channelOf(page.Address), page.Address)
	}
	if err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/suppressed", page)
}

func channelOf(address string) notify.Channel {
	if strings.Contains(address, "@") {
		return notify.Email
	}
	return notify.SMS
}

// findSuppressed looks for one address. It is a POST so that the address stands in
// no log.
func (p *Portal) findSuppressed(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	return p.showSuppressed(v, http.StatusOK, suppressedPage{Address: typedAddress(f.Get("address"))}, nil)
}

// typedAddress is an address as it is looked for; what nobody can have typed is none.
func typedAddress(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 320 || !printable(s) {
		return ""
	}
	return s
}

// unsuppress lets an address be written to again. The reason is written down
// first: a crash between leaves an act without an effect, which can be done again.
func (p *Portal) unsuppress(v *visitor) error {
	if p.Suppressions == nil {
		return web.ErrNotFound
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	address := typedAddress(f.Get("address"))
	if address == "" {
		return web.ErrBadInput
	}
	err = p.Identity.Operate(v.ctx(), v.actor(), identity.Operation{Act: "suppression_removed", Subject: string(channelOf(address)), Reason: f.Get("reason")},
		func(pgx.Tx, time.Time) error { return nil })
	if faults := p.identityFaults(err, nil); faults != nil {
		return p.showSuppressed(v, http.StatusUnprocessableEntity, suppressedPage{Address: address}, faults)
	}
	if err != nil {
		return err
	}
	if _, err := p.Suppressions.Remove(v.ctx(), channelOf(address), address); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/operator/suppressed")
}

type holdsPage struct {
	frame
	List   []delivery.LegalHold
	Number string // as typed
	Reason string
	Ends   string
}

// holds lists what is kept while legal proceedings run (R27).
func (p *Portal) holds(v *visitor) error { return p.showHolds(v, http.StatusOK, holdsPage{}, nil) }

func (p *Portal) showHolds(v *visitor, status int, page holdsPage, faults web.Faults) (err error) {
	page.frame = v.operatorFrame("/operator/holds")
	page.Faults = faults
	if page.List, err = p.Deliveries.Holds(v.ctx()); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/holds", page)
}

// hold keeps a message beyond its retention (R27).
func (p *Portal) hold(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := holdsPage{Number: f.Get("hold_number"), Reason: f.Get("reason"), Ends: f.Get("hold_ends")}
	var faults web.Faults
	var ends *time.Time
	if page.Ends != "" {
		day, err := time.ParseInLocation(time.DateOnly, page.Ends, p.Web.Zone)
		if err != nil || !day.After(p.Now()) || day.Year() > 2200 {
			faults.Add("hold_ends", "fault.hold_ends")
		}
		ends = &day
	}
	var m delivery.Message
	if printable(page.Number) {
		m, err = p.Deliveries.Named(v.ctx(), page.Number)
	}
	if errors.Is(err, delivery.ErrNotFound) || m.ID == "" && err == nil {
		faults.Add("hold_number", "fault.hold_number")
	} else if err != nil {
		return err
	}
	if len(faults) == 0 {
		err = p.Identity.Operate(v.ctx(), v.actor(), identity.Operation{Act: "hold_placed", Subject: "message " + m.Number, Account: m.Account, Reason: page.Reason},
			func(tx pgx.Tx, _ time.Time) error {
				return p.Deliveries.HoldTx(v.ctx(), tx, m.ID, v.actor(), page.Reason, ends)
			})
		switch faults = p.identityFaults(err, nil); {
		case errors.Is(err, delivery.ErrHeld):
			faults.Add("hold_number", "fault.held")
		case errors.Is(err, delivery.ErrPurged):
			faults.Add("hold_number", "fault.purged")
		case err != nil && faults == nil:
			return err
		}
	}
	if len(faults) > 0 {
		return p.showHolds(v, http.StatusUnprocessableEntity, page, faults)
	}
	return v.Redirect(http.StatusSeeOther, "/operator/holds")
}

// lift ends a hold.
func (p *Portal) lift(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	m, err := p.Deliveries.Named(v.ctx(), v.Param("id"))
	if err != nil {
		return err
	}
	err = p.Identity.Operate(v.ctx(), v.actor(), identity.Operation{Act: "hold_lifted", Subject: "message " + m.Number, Account: m.Account, Reason: f.Get("lift_reason")},
		func(tx pgx.Tx, _ time.Time) error { return p.Deliveries.LiftTx(v.ctx(), tx, m.ID, v.actor()) })
	if faults := p.identityFaults(err, map[string]string{"reason": "lift-" + v.Param("id")}); faults != nil {
		faults[0].Key = "fault.missing.reason"
		return p.showHolds(v, http.StatusUnprocessableEntity, holdsPage{}, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/operator/holds")
}
