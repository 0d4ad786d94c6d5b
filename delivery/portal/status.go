package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
)

// outagesShown is how many outages a page lists.
const outagesShown = 20

// statusPage says what works, how well it did, and how messages fare.
type statusPage struct {
	frame
	Levels  []delivery.Level
	Well    bool // every part works, and somebody looked
	Blind   bool // nobody looks at some part
	Looked  time.Time
	Outages []delivery.Outage
	Older   delivery.ID // the list goes on before this one
	Figures delivery.Figures
	Enough  int
	Gap     int // minutes
}

// Lasted is how long an outage lasted, or has lasted until now.
func (p statusPage) Lasted(o delivery.Outage) time.Duration {
	if o.Ended.IsZero() {
		return p.Looked.Sub(o.Began)
	}
	return o.Ended.Sub(o.Began)
}

// Good is the number of days without an outage, of those that were watched.
func (statusPage) Good(l delivery.Level) (n int) {
	for _, d := range l.Days {
		if d.Watched && d.Down == 0 {
			n++
		}
	}
	return n
}

// Watched is the number of days that were watched.
func (statusPage) Watched(l delivery.Level) (n int) {
	for _, d := range l.Days {
		if d.Watched {
			n++
		}
	}
	return n
}

// status shows all of it. It reads rows that others keep up to date, and counts
// nothing itself.
func (p *Portal) status(c echo.Context) error {
	page := statusPage{frame: listed("/status"), Enough: delivery.Enough, Gap: int(delivery.Gap.Minutes())}
	if err := p.fillStatus(c.Request().Context(), &page, delivery.ID(c.QueryParam("before"))); err != nil {
		return outward(err)
	}
	return p.Web.Render(c, http.StatusOK, "portal/status", page)
}

func (p *Portal) fillStatus(ctx context.Context, page *statusPage, before delivery.ID) (err error) {
	if page.Levels, err = p.Deliveries.Levels(ctx); err != nil {
		return err
	}
	page.Well = len(page.Levels) > 0
	for _, l := range page.Levels {
		page.Well = page.Well && l.Working && !l.Stale
		page.Blind = page.Blind || l.Stale
		if l.Looked.After(page.Looked) {
			page.Looked = l.Looked
		}
	}
	if page.Outages, err = p.Deliveries.Outages(ctx, before, outagesShown+1); err != nil {
		return err
	}
	if len(page.Outages) > outagesShown {
		page.Outages = page.Outages[:outagesShown]
		page.Older = page.Outages[outagesShown-1].ID
	}
	page.Figures, err = p.Deliveries.Figures(ctx)
	return err
}

// outageCertificate gives the certificate of an outage to whoever asks.
func (p *Portal) outageCertificate(c echo.Context) error {
	id := delivery.ID(c.Param("id"))
	pdf, err := p.Deliveries.OutageCertificate(c.Request().Context(), id)
	if err != nil {
		return outward(err)
	}
	h := c.Response().Header()
	h.Set("Content-Disposition", `attachment; filename="outage-`+string(id)+`.pdf"`)
	h.Set("Cache-Control", "public, max-age=86400")
	return c.Blob(http.StatusOK, "application/pdf", pdf)
}
