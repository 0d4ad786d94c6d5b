package portal

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const retentionPath = "/operator/retention"

// rulesPage shows operators how long each class of records is kept (R29).
type rulesPage struct {
	frame
	Rules   []identity.Rule
	Default int // months of a message whose sender chose nothing
	Most    int // that a sender may choose
	Class   string
	Classes []web.Option
	Months  string // as typed
	Reason  string
}

func (p *Portal) showRules(v *visitor) error {
	return p.showRulesWith(v, http.StatusOK, rulesPage{}, nil)
}

func (p *Portal) showRulesWith(v *visitor, status int, page rulesPage, faults web.Faults) (err error) {
	page.frame = v.operatorFrame(retentionPath)
	page.Faults, page.Default, page.Most = faults, delivery.DefaultRetention, delivery.MaxRetentionMonths
	if page.Rules, err = p.Identity.Rules(v.ctx()); err != nil {
		return err
	}
	for _, c := range identity.Classes() {
		text, err := p.Web.Text(v, "portal", "retention.class."+string(c))
		if err != nil {
			return err
		}
		page.Classes = append(page.Classes, web.Option{Value: string(c), Text: text})
	}
	return p.Web.Render(v, status, "portal/retention", page)
}

// setRule changes how long a class is kept. No number is the default again.
func (p *Portal) setRule(v *visitor) error {
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	page := rulesPage{Class: f.Get("class"), Months: f.Get("months"), Reason: f.Get("rule_reason")}
	var faults web.Faults
	months, err := strconv.Atoi(page.Months)
	if page.Months != "" && (err != nil || months < 1) {
		faults.Add("months", "fault.retention.months")
	} else {
		err = p.Identity.SetRule(v.ctx(), v.actor(), identity.Class(page.Class), months, page.Reason)
		faults = p.identityFaults(err, nil)
		for i := range faults {
			if faults[i].Field == "reason" {
				faults[i].Field = "rule_reason"
			} else {
				faults[i].Key = "fault.retention.months"
			}
		}
	}
	if len(faults) > 0 {
		if !slices.Contains(identity.Classes(), identity.Class(page.Class)) {
			page.Class = ""
		}
		return p.showRulesWith(v, http.StatusUnprocessableEntity, page, faults)
	}
	if err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, retentionPath)
}
