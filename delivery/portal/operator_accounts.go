package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// decision is an operator's act on an application, with its reason.
type decision func(ctx context.Context, by identity.Actor, id, reason string) (identity.Application, error)

type accountsPage struct {
	frame
	Search string
	List   []identity.AccountSummary
	Next   string
}

// findAccounts lets an operator find an account.
func (p *Portal) findAccounts(v *visitor) (err error) {
	page := accountsPage{frame: v.operatorFrame("/operator/accounts"), Search: v.QueryParam("q")}
	if !printable(page.Search) {
		page.Search = ""
	}
	if page.List, err = p.Identity.FindAccounts(v.ctx(), v.actor(), page.Search, v.QueryParam("before"), perQueue+1); err != nil {
		return err
	}
	if len(page.List) > perQueue {
		page.List = page.List[:perQueue]
		page.Next = url.Values{"q": {page.Search}, "before": {page.List[perQueue-1].ID}}.Encode()
	}
	return p.Web.Render(v, http.StatusOK, "portal/accounts", page)
}

type oneAccountPage struct {
	frame
	A      identity.AccountSummary
	Number string
	Acts   []identity.Act
	Reason string
	Uses   []delivery.DailyUse
	Modes  []web.Option
}

// oneAccount shows an account to an operator: never its messages or its people.
func (p *Portal) oneAccount(v *visitor) error { return p.showOneAccount(v, http.StatusOK, "", nil) }

func (p *Portal) showOneAccount(v *visitor, status int, reason string, faults web.Faults) error {
	if !isID(v.Param("id")) {
		return web.ErrNotFound
	}
	found, err := p.Identity.FindAccounts(v.ctx(), v.actor(), v.Param("id"), "", 1)
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].ID != v.Param("id") {
		return web.ErrNotFound
	}
	page := oneAccountPage{frame: v.operatorFrame("/operator/accounts"), A: found[0], Number: enterpriseNumber(found[0].EnterpriseNumber), Reason: reason}
	page.Faults = faults
	if page.Uses, err = p.Deliveries.DailyUses(v.ctx(), page.A.ID); err != nil {
		return err
	}
	for _, u := range page.Uses {
		text, err := p.Web.Text(v, "portal", "mode."+string(u.Mode))
		if err != nil {
			return err
		}
		page.Modes = append(page.Modes, web.Option{Value: string(u.Mode), Text: text})
	}
	if page.Acts, err = p.Identity.AccountActs(v.ctx(), v.actor(), page.A.ID); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/one-account", page)
}

func (p *Portal) suspend(v *visitor) error { return p.halt(v, p.Identity.SuspendAccount) }

func (p *Portal) resume(v *visitor) error { return p.halt(v, p.Identity.ResumeAccount) }

// halt suspends an account, or ends that.
func (p *Portal) halt(v *visitor, act func(ctx context.Context, by identity.Actor, account, reason string) error) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	reason := f.Get("reason")
	err = act(v.ctx(), v.actor(), v.Param("id"), reason)
	faults, status := p.identityFaults(err, nil), http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, identity.ErrMoved), errors.Is(err, identity.ErrClosed):
		faults.Add("", "fault.account_moved")
		status = http.StatusConflict
	case errors.Is(err, identity.ErrOwnCase):
		faults.Add("", "fault.own_account")
		status = http.StatusForbidden
	case err != nil && faults == nil:
		return err
	}
	if len(faults) > 0 {
		return p.showOneAccount(v, status, reason, faults)
	}
	return v.Redirect(http.StatusSeeOther, "/operator/accounts/"+v.Param("id"))
}
