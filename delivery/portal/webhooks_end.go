package portal

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
)

// askDeleteWebhook asks before a webhook is removed.
func (p *Portal) askDeleteWebhook(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusOK, "portal/webhook-delete", webhookPage{frame: v.frame("/portal/account"), Hook: w})
}

func (p *Portal) deleteWebhook(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	if err := p.Deliveries.DeleteWebhook(v.ctx(), v.session.Account, w.Test, w.ID); err != nil {
		return err
	}
	if err := p.logHook(v, "webhook_deleted"); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, hooksOf(w))
}

// hooksOf is the list that a webhook is in.
func hooksOf(w delivery.Webhook) string {
	if w.Test {
		return webhooksPath + "?test=1"
	}
	return webhooksPath
}

// retryWebhook pushes again what was given up.
func (p *Portal) retryWebhook(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	if err := p.Deliveries.RetryWebhook(v.ctx(), v.session.Account, w.Test, w.ID); err != nil && !errors.Is(err, delivery.ErrHookOff) {
		return err
	}
	return v.Redirect(http.StatusSeeOther, webhooksPath+"/"+w.ID+"#log") // which says when it is not enabled
}

// resendAttempt pushes once more what was tried.
func (p *Portal) resendAttempt(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(v.Param("n"))
	if err != nil || n < 1 || n > 1<<31-1 {
		return web.ErrNotFound
	}
	if _, err := p.Deliveries.ResendWebhookAttempt(v.ctx(), v.session.Account, w.Test, w.ID, n, delivery.Once{}); err != nil && !errors.Is(err, delivery.ErrHookOff) {
		return err
	}
	return v.Redirect(http.StatusSeeOther, webhooksPath+"/"+w.ID+"#log")
}
