package portal

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// newOnce marks a form, so that pressing its button twice does one thing.
func newOnce() string { return rand.Text() }

// topUpOnce is the once of a form for so many cents.
func topUpOnce(mark string, cents int64) delivery.Once {
	if mark == "" || len(mark) > 40 {
		return delivery.Once{}
	}
	sum := sha256.Sum256([]byte(decimal(cents)))
	return delivery.Once{Key: "portal top-up " + mark, Digest: sum[:]}
}

type topUpPage struct {
	frame
	money
	Buys     bool
	Amount   string // as typed
	Min, Max int64
	Once     string // a second press of the button asks for nothing more
}

// askTopUp asks how much credit to buy.
func (p *Portal) askTopUp(v *visitor) error { return p.showTopUp(v, http.StatusOK, "", nil) }

func (p *Portal) showTopUp(v *visitor, status int, amount string, faults web.Faults) error {
	page := topUpPage{frame: v.frame(creditsPath), money: money{p.Web.Language(v)}, Amount: amount, Min: delivery.MinTopUp, Max: delivery.MaxTopUp,
		Buys: p.Deliveries.Billing != nil && p.Deliveries.Billing.Provider != nil, Once: newOnce()}
	page.Faults = faults
	return p.Web.Render(v, status, "portal/top-up", page)
}

// topUp asks the provider for a payment, and shows where to pay.
func (p *Portal) topUp(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	var faults web.Faults
	cents, ok := typedCents(f.Get("amount"))
	if !ok {
		faults.Add("amount", "fault.amount")
		return p.showTopUp(v, http.StatusUnprocessableEntity, f.Get("amount"), faults)
	}
	pay, _, err := p.Deliveries.TopUp(v.ctx(), v.actor(), cents, p.Web.Language(v), topUpOnce(line(f, "once"), cents))
	switch _, bounds := errors.AsType[delivery.FieldErrors](err); {
	case bounds:
		faults.Add("amount", "fault.amount_range", "min", money{p.Web.Language(v)}.Money(delivery.MinTopUp), "max", money{p.Web.Language(v)}.Money(delivery.MaxTopUp))
		return p.showTopUp(v, http.StatusUnprocessableEntity, f.Get("amount"), faults)
	case errors.Is(err, delivery.ErrProvider):
		p.Log.WarnContext(v.ctx(), "payment provider", "err", err)
		faults.Add("", "fault.provider")
		return p.showTopUp(v, http.StatusServiceUnavailable, f.Get("amount"), faults)
	case errors.Is(err, delivery.ErrNoPayment), errors.Is(err, delivery.ErrKeyReused):
		return p.showTopUp(v, http.StatusConflict, f.Get("amount"), nil)
	case err != nil:
		return err
	}
	if err := p.Identity.LogAccess(v.ctx(), nil, v.actor(), "credit_asked", p.Web.Language(v)); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, creditsPath+"/top-ups/"+pay.ID)
}

type paymentPage struct {
	frame
	money
	P delivery.Payment
}

// payment shows how far a payment is, and where to pay.
func (p *Portal) payment(v *visitor) (err error) {
	page := paymentPage{frame: v.frame(creditsPath), money: money{p.Web.Language(v)}}
	if page.P, err = p.Deliveries.Payment(v.ctx(), v.session.Account, v.Param("id")); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/payment", page)
}

// shortOf says to somebody who sends that there is not enough credit.
func (p *Portal) shortOf(v *visitor, short delivery.InsufficientCredit) web.Fault {
	m := money{p.Web.Language(v)}
	return web.Fault{Key: "fault.insufficient_credit", Args: []any{"needed", m.Money(short.Needed), "available", m.Money(short.Available)}}
}
