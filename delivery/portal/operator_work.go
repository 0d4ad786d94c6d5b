package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
	"github.com/bode-erds/bode/notify"
)

// registerOperators puts the pages of operators about the work of the service on a
// router.
func (p *Portal) registerOperators(e *echo.Echo, form echo.MiddlewareFunc) {
	operator := p.operator
	e.GET("/operator/overview", operator(p.desk), form)
	e.GET("/operator/jobs", operator(p.jobs), form)
	e.POST("/operator/jobs/:id/retry", operator(p.retryJob), form)
	e.POST("/operator/jobs/:id/cancel", operator(p.cancelJob), form)
	e.GET("/operator/letters", operator(p.silentLetters), form)
	e.GET("/operator/notices", operator(p.doubts), form)
	e.GET("/operator/suppressed", operator(p.suppressed), form)
	e.POST("/operator/suppressed", operator(p.findSuppressed), form)
	e.POST("/operator/suppressed/remove", operator(p.unsuppress), form)
	e.GET("/operator/holds", operator(p.holds), form)
	e.POST("/operator/holds", operator(p.hold), form)
	e.POST("/operator/holds/:id/lift", operator(p.lift), form)
	e.POST("/operator/accounts/:id/daily", operator(p.setDaily), form)
	e.GET("/operator/acts", operator(p.acts), form)
	e.GET("/operator/registers/:register", operator(p.entries), form)
	e.GET("/operator/registers/:register/new", operator(p.askEntry), form)
	e.POST("/operator/registers/:register", operator(p.writeEntry), form)
	e.GET("/operator/registers/:register/:id", operator(p.registered), form)
	p.registerPrivacy(e, form)
}

// perList bounds what a page of trouble shows.
const perList = 100

// tile is one number of the overview, and where it leads.
type tile struct {
	Key  string // a stem of the words
	URL  string
	N    int
	More bool // there are more than that
	Bad  bool
}

type deskPage struct {
	frame
	Tiles []tile
}

// desk shows operators what waits for them.
func (p *Portal) desk(v *visitor) error {
	page := deskPage{frame: v.operatorFrame("/operator/overview")}
	add := func(key, url string, n int, bad bool) {
		page.Tiles = append(page.Tiles, tile{key, url, min(n, perList), n > perList, bad && n > 0})
	}
	waiting, err := p.Identity.ApplicationQueue(v.ctx(), v.actor(), identity.Queue{Limit: perList})
	if err != nil {
		return err
	}
	add("desk.applications", "/operator", len(waiting), false)
	if p.Jobs != nil {
		jobs, err := p.Jobs.Troubled(v.ctx(), 0, perList+1)
		if err != nil {
			return err
		}
		add("desk.jobs", "/operator/jobs", len(jobs), true)
	}
	letters, err := p.Deliveries.SilentLetters(v.ctx(), perList+1)
	if err != nil {
		return err
	}
	add("desk.letters", "/operator/letters", len(letters), true)
	if p.Doubts != nil {
		doubts, err := p.Doubts.Doubts(v.ctx(), perList+1)
		if err != nil {
			return err
		}
		add("desk.notices", "/operator/notices", len(doubts), true)
	}
	holds, err := p.Deliveries.Holds(v.ctx())
	if err != nil {
		return err
	}
	add("desk.holds", "/operator/holds", len(holds), false)
	due, err := p.Identity.DueEntries(v.ctx(), v.actor())
	if err != nil {
		return err
	}
	for _, r := range identity.Registers() {
		page.Tiles = append(page.Tiles, tile{Key: "register." + string(r), URL: "/operator/registers/" + string(r), N: due[r].Open, Bad: due[r].Late+due[r].Soon > 0})
	}
	return p.Web.Render(v, http.StatusOK, "portal/desk", page)
}

type jobsPage struct {
	frame
	List   []Job
	Next   int64
	Job    int64 // the one that a form is about
	Reason string
}

// jobs lists work that failed, or takes too long.
func (p *Portal) jobs(v *visitor) error { return p.showJobs(v, http.StatusOK, jobsPage{}, nil) }

func (p *Portal) showJobs(v *visitor, status int, page jobsPage, faults web.Faults) (err error) {
	if p.Jobs == nil {
		return web.ErrNotFound
	}
	page.frame = v.operatorFrame("/operator/jobs")
	page.Faults = faults
	before, _ := strconv.ParseInt(v.QueryParam("before"), 10, 64) // what is none begins at the start
	if page.List, err = p.Jobs.Troubled(v.ctx(), max(0, before), perQueue+1); err != nil {
		return err
	}
	if len(page.List) > perQueue {
		page.List = page.List[:perQueue]
		page.Next = page.List[perQueue-1].ID
	}
	return p.Web.Render(v, status, "portal/jobs", page)
}

func (p *Portal) retryJob(v *visitor) error  { return p.changeJob(v, "job_retried") }
func (p *Portal) cancelJob(v *visitor) error { return p.changeJob(v, "job_cancelled") }

// changeJob does something to a job, with a reason.
func (p *Portal) changeJob(v *visitor, act string) error {
	id, err := strconv.ParseInt(v.Param("id"), 10, 64)
	if err != nil || p.Jobs == nil {
		return web.ErrNotFound
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	do := p.Jobs.Retry
	if act == "job_cancelled" {
		do = p.Jobs.Cancel
	}
	err = p.Identity.Operate(v.ctx(), v.actor(), identity.Operation{Act: act, Subject: "job " + v.Param("id"), Reason: f.Get("reason")},
		func(tx pgx.Tx, _ time.Time) error { return do(v.ctx(), tx, id) })
	if faults := p.identityFaults(err, map[string]string{"reason": "reason-" + v.Param("id")}); faults != nil {
		for i := range faults {
			faults[i].Key = "fault.missing.reason"
		}
		return p.showJobs(v, http.StatusUnprocessableEntity, jobsPage{Job: id, Reason: f.Get("reason")}, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, "/operator/jobs")
}

type lettersPage struct {
	frame
	List []delivery.SilentLetter
}

// silentLetters lists letters of which too little is heard.
func (p *Portal) silentLetters(v *visitor) (err error) {
	page := lettersPage{frame: v.operatorFrame("/operator/letters")}
	if page.List, err = p.Deliveries.SilentLetters(v.ctx(), perList); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/silent-letters", page)
}

type doubtsPage struct {
	frame
	List []notify.Doubt
}

// doubts lists notices of which nobody knows whether they were sent.
func (p *Portal) doubts(v *visitor) (err error) {
	if p.Doubts == nil {
		return web.ErrNotFound
	}
	page := doubtsPage{frame: v.operatorFrame("/operator/notices")}
	if page.List, err = p.Doubts.Doubts(v.ctx(), perList); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/doubts", page)
}

type actsPage struct {
	frame
	List []identity.Act
	Next string
}

// acts shows what operators did.
func (p *Portal) acts(v *visitor) (err error) {
	page := actsPage{frame: v.operatorFrame("/operator/acts")}
	if page.List, err = p.Identity.Acts(v.ctx(), v.actor(), v.QueryParam("before"), perQueue+1); err != nil {
		return err
	}
	if len(page.List) > perQueue {
		page.List = page.List[:perQueue]
		page.Next = page.List[perQueue-1].ID
	}
	return p.Web.Render(v, http.StatusOK, "portal/acts", page)
}

// setDaily lets an account send another number in a day.
func (p *Portal) setDaily(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	account := v.Param("id")
	if !isID(account) {
		return web.ErrNotFound
	}
	perDay, bad := strconv.Atoi(strings.NewReplacer(".", "", " ", "").Replace(f.Get("per_day")))
	if bad != nil {
		perDay = 0
	}
	mode := identity.Mode(f.Get("mode"))
	err = p.Identity.Operate(v.ctx(), v.actor(), identity.Operation{Act: "daily_cap_set", Subject: string(mode) + " " + strconv.Itoa(perDay), Account: account, Reason: f.Get("daily_reason")},
		func(tx pgx.Tx, _ time.Time) error {
			return p.Deliveries.SetDailyCap(v.ctx(), tx, account, mode, perDay, v.actor().Subject)
		})
	var faults web.Faults
	if _, wrong := errors.AsType[delivery.FieldErrors](err); wrong {
		faults.Add("per_day", "fault.per_day")
	} else if faults = p.identityFaults(err, map[string]string{"reason": "daily_reason"}); faults != nil {
		faults[0].Key = "fault.missing.reason"
	} else if err != nil {
		return err
	}
	if len(faults) > 0 {
		return p.showOneAccount(v, http.StatusUnprocessableEntity, "", faults)
	}
	return v.Redirect(http.StatusSeeOther, "/operator/accounts/"+account)
}
