package portal

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

// perQueue is how many rows a page of an operator's list has.
const perQueue = 25

// operator lets a handler be reached by operators who showed two factors just
// now. To everybody else these pages do not exist.
func (p *Portal) operator(h func(*visitor) error) echo.HandlerFunc {
	return p.as(anyRole)(func(v *visitor) error {
		is, err := p.Identity.Operates(v.ctx(), v.actor())
		if err != nil {
			return err
		}
		if !is {
			return web.ErrNotFound
		}
		if ok, err := p.fresh(v); !ok {
			return err
		}
		return h(v)
	})
}

// operatorFrame is the frame of an operator's page.
func (v *visitor) operatorFrame(here string) frame {
	f := frame{chrome: web.Chrome{Home: "/operator", Wide: true, Who: v.session.Given + " " + v.session.Family, SignOut: "/portal/sign-out",
		Nav: []web.Link{{Key: "nav.overview", URL: "/operator/overview"}, {Key: "nav.applications", URL: "/operator"}, {Key: "nav.accounts", URL: "/operator/accounts"},
			{Key: "nav.jobs", URL: "/operator/jobs"}, {Key: "nav.silent_letters", URL: "/operator/letters"}, {Key: "nav.doubts", URL: "/operator/notices"},
			{Key: "nav.suppressed", URL: "/operator/suppressed"}, {Key: "nav.holds", URL: "/operator/holds"}, {Key: "nav.registers", URL: "/operator/registers/processor"}, {Key: "nav.retention", URL: retentionPath},
			{Key: "nav.acts", URL: "/operator/acts"}, {Key: "nav.messages", URL: "/portal"}}}}
	for i := range f.chrome.Nav {
		f.chrome.Nav[i].Here = f.chrome.Nav[i].URL == here
	}
	return f
}

type queuePage struct {
	frame
	State  string
	Search string
	States []web.Option
	List   []identity.Application
	Next   string // query of the next page; empty when there is none
}

// queue lists applications, those that wait for an operator first of all.
func (p *Portal) queue(v *visitor) error {
	page := queuePage{frame: v.operatorFrame("/operator"), State: v.QueryParam("state"), Search: v.QueryParam("q")}
	for _, s := range []string{"", "filed", "signed", "checking", "approved", "refused"} {
		key := "queue.state." + s
		if s == "" {
			key = "queue.state.waiting"
		}
		text, err := p.Web.Text(v, "portal", key)
		if err != nil {
			return err
		}
		page.States = append(page.States, web.Option{Value: s, Text: text})
	}
	if !p.Web.HasText("portal", "queue.state."+page.State) || !printable(page.Search) {
		page.State, page.Search = "", ""
	}
	var err error
	page.List, err = p.Identity.ApplicationQueue(v.ctx(), v.actor(), identity.Queue{State: identity.ApplicationState(page.State),
		Search: page.Search, Before: v.QueryParam("before"), Limit: perQueue + 1})
	if err != nil {
		return err
	}
	if len(page.List) > perQueue {
		page.List = page.List[:perQueue]
		page.Next = url.Values{"state": {page.State}, "q": {page.Search}, "before": {page.List[perQueue-1].ID}}.Encode()
	}
	return p.Web.Render(v, http.StatusOK, "portal/queue", page)
}

type casePage struct {
	frame
	A       identity.Application
	Number  string
	Country string
	Forms   []identity.ApprovalForm
	Acts    []identity.Act
	Others  []identity.AccountSummary // of the same enterprise number
	Waits   bool                      // for an operator
	First   bool                      // a confirmation is there, another is needed
	Reason  string                    // as typed
}

// caseOf shows an operator everything about one application.
func (p *Portal) caseOf(v *visitor) error { return p.showCase(v, http.StatusOK, "", nil) }

func (p *Portal) showCase(v *visitor, status int, reason string, faults web.Faults) error {
	a, err := p.Identity.Application(v.ctx(), v.actor(), v.Param("id"))
	if err != nil {
		return err
	}
	page := casePage{frame: v.operatorFrame("/operator"), A: a, Number: enterpriseNumber(a.EnterpriseNumber), Country: countryName(p.Web.Language(v), a.Country),
		Waits: a.State == identity.ApplicationSigned || a.State == identity.ApplicationChecking, First: a.ConfirmedBy != "" && a.DecidedBy == "", Reason: reason}
	page.Faults = faults
	if page.Forms, err = p.Identity.ApprovalForms(v.ctx(), v.actor(), a.ID); err != nil {
		return err
	}
	if page.Acts, err = p.Identity.ApplicationActs(v.ctx(), v.actor(), a.ID); err != nil {
		return err
	}
	if a.EnterpriseNumber != "" {
		if page.Others, err = p.Identity.FindAccounts(v.ctx(), v.actor(), a.EnterpriseNumber, "", 10); err != nil {
			return err
		}
	}
	return p.Web.Render(v, status, "portal/case", page)
}

// confirm says that the operator found the form right.
func (p *Portal) confirm(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	_, err = p.Identity.ConfirmApplication(v.ctx(), v.actor(), v.Param("id"), line(f, "form"))
	return p.decided(v, "", err)
}

// refuse ends an application; sendBack asks for another form.
func (p *Portal) refuse(v *visitor) error { return p.answer(v, p.Identity.RefuseApplication) }

func (p *Portal) sendBack(v *visitor) error { return p.answer(v, p.Identity.AskFormAgain) }

func (p *Portal) answer(v *visitor, act decision) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	reason := f.Get("reason")
	_, err = act(v.ctx(), v.actor(), v.Param("id"), reason)
	return p.decided(v, reason, err)
}

// decided goes on after a decision, or says why there was none.
func (p *Portal) decided(v *visitor, reason string, err error) error {
	faults, status := p.identityFaults(err, nil), http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, identity.ErrMoved):
		faults.Add("", "fault.application_moved")
		status = http.StatusConflict
	case errors.Is(err, identity.ErrOwnCase):
		faults.Add("", "fault.own_case")
		status = http.StatusForbidden
	case errors.Is(err, identity.ErrClosed):
		faults.Add("", "fault.applicant_gone")
		status = http.StatusConflict
	case err != nil && faults == nil:
		return err
	}
	if len(faults) > 0 {
		return p.showCase(v, status, reason, faults)
	}
	return v.Redirect(http.StatusSeeOther, "/operator/applications/"+v.Param("id"))
}
