package portal

import (
	"errors"
	"net/http"
	"strconv"
	"time"

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

// overlaps are how long an old key may go on, to choose from.
func overlaps() map[string]time.Duration {
	return map[string]time.Duration{"0": 0, "1": 24 * time.Hour, "7": 7 * 24 * time.Hour}
}

func (p *Portal) askRotate(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	page := webhookPage{frame: v.frame("/portal/account"), Hook: w}
	for _, days := range []string{"1", "7", "0"} {
		text, err := p.Web.Text(v, "portal", "webhook.overlap."+days)
		if err != nil {
			return err
		}
		page.Overlaps = append(page.Overlaps, web.Option{Value: days, Text: text})
	}
	return p.Web.Render(v, http.StatusOK, "portal/webhook-rotate", page)
}

func (p *Portal) rotateWebhook(v *visitor) error {
	if ok, err := p.fresh(v); !ok {
		return err
	}
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	overlap, ok := overlaps()[f.Get("hook_overlap")]
	if !ok {
		return web.ErrBadInput
	}
	w, k, _, err := p.Deliveries.RotateWebhook(v.ctx(), v.session.Account, w.Test, w.ID, overlap, delivery.Once{})
	if err != nil {
		return err
	}
	if err := p.logHook(v, "webhook_rotated"); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusCreated, "portal/webhook-secret", webhookSecret{v.frame("/portal/account"), w, k.Shared(), k.Public(), true})
}
