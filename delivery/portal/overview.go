package portal

import (
	"net/http"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// figure is one number of the overview, and the list behind it.
type figure struct {
	Status delivery.Status
	delivery.Count
	URL  string
	Tone string
}

// bar is one day of the chart, in the units of its picture.
type bar struct {
	delivery.DayCollected
	At           time.Time
	X, Y, Height int
}

type overviewPage struct {
	frame
	Test, May, Weak bool
	None            bool // the account has sent nothing of this kind
	Figures         []figure
	Bars            []bar
	Collected       int
	Unit            string // of Median: minutes, hours or days
	Median          int
	Proposals       []delivery.Proposal
	Waiting         int // drafts that the visitor may release
	List            string
}

// chartHeight is the height of the highest bar.
const chartHeight = 60

// overview is where people begin: how their deliveries stand, and what waits for
// them.
func (p *Portal) overview(v *visitor) error {
	page := overviewPage{frame: v.frame("/portal"), Test: v.QueryParam("test") == "1", May: v.may("sender"), Weak: !strong(v.session)}
	page.chrome.Wide = true
	page.List = filter{Test: page.Test}.address(messagesPath)
	o, err := p.Deliveries.Overview(v.ctx(), v.session.Account, page.Test)
	if err != nil {
		return err
	}
	if page.May && !page.Test {
		drafts, err := p.Deliveries.DraftCounts(v.ctx(), v.session.Account)
		if err != nil {
			return err
		}
		page.Waiting = drafts[delivery.DraftWaiting]
	}
	page.None = !o.Any && page.Waiting == 0
	tones := map[delivery.Status]string{delivery.StatusSoon: "warn", delivery.StatusUnreached: "warn", delivery.StatusRefused: "bad", delivery.StatusReturned: "bad"}
	for _, s := range delivery.Looked {
		f := figure{Status: s, Count: o.Counts[s], URL: filter{Test: page.Test, Status: string(s)}.address(messagesPath)}
		if f.N > 0 {
			f.Tone = tones[s]
		}
		page.Figures = append(page.Figures, f)
	}
	page.Bars, page.Collected, page.Proposals = bars(o.Days, p.Deliveries.Zone), o.Collected, o.Proposals
	page.Median, page.Unit = roughly(o.Median)
	return p.Web.Render(v, http.StatusOK, "portal/overview", page)
}

// bars are the days of a chart: the highest fills it, and one of one can be seen.
func bars(days []delivery.DayCollected, zone *time.Location) (out []bar) {
	most := 1
	for _, d := range days {
		most = max(most, d.N)
	}
	for i, d := range days {
		h := d.N * chartHeight / most
		if d.N > 0 {
			h = max(h, 2)
		}
		out = append(out, bar{d, d.Day.Clock(12*time.Hour, zone), i * 10, chartHeight - h, h})
	}
	return out
}

// roughly is a time as people say it.
func roughly(d time.Duration) (n int, unit string) {
	switch {
	case d < 90*time.Minute:
		return int(d.Round(time.Minute) / time.Minute), "minutes"
	case d < 48*time.Hour:
		return int(d.Round(time.Hour) / time.Hour), "hours"
	}
	return int(d.Round(24*time.Hour) / (24 * time.Hour)), "days"
}
