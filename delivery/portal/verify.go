package portal

import (
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/evidence"
)

// verifyPage shows what a verifier found in a document.
type verifyPage struct {
	frame
	Name   string
	Report *evidence.Report
	Worker bool // the browser can do it
}

// Found is the evidence inside, or nil.
func (p verifyPage) Found() *evidence.Document { return p.Report.Document }

// Party is how a party is called.
func (verifyPage) Party(p evidence.Party) string { return partyName(p) }

func (p *Portal) askVerify(c echo.Context) error {
	return p.Web.Render(c, http.StatusOK, "portal/verify", verifyPage{frame: public("/verify"), Worker: p.program != nil})
}

// verify checks an uploaded document. Nothing of it is kept. It is held in memory
// meanwhile, so that who finds too many under way is asked to come again.
func (p *Portal) verify(c echo.Context) error {
	select {
	case p.looks <- struct{}{}:
		defer func() { <-p.looks }()
	default:
		return delivery.ErrBusy
	}
	page := verifyPage{frame: public("/verify"), Worker: p.program != nil}
	var failed error
	_, err := readForm(c.Request(), func(part *multipart.Part) error {
		if page.Report != nil || failed != nil {
			return nil
		}
		page.Name = part.FileName()
		var r evidence.Report
		if r, failed = p.Verifier.Verify(c.Request().Context(), page.Name, part); failed == nil {
			page.Report = &r
		}
		return nil
	})
	switch tooLarge, ok := errors.AsType[*http.MaxBytesError](errors.Join(err, failed)); {
	case ok:
		return fmt.Errorf("%w: over %d octets", web.ErrTooLarge, tooLarge.Limit)
	case err != nil:
		return err
	case failed != nil:
		p.Log.WarnContext(c.Request().Context(), "document not verified", "error", failed)
		page.Add("document", "fault.unverifiable")
	case page.Report == nil:
		page.Add("document", "fault.required.document")
	default:
		return p.Web.Render(c, http.StatusOK, "portal/verified", page)
	}
	return p.Web.Render(c, http.StatusUnprocessableEntity, "portal/verify", page)
}
