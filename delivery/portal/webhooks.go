package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/delivery/web"
	"github.com/bode-erds/bode/identity"
)

const webhooksPath = "/portal/webhooks"

// registerWebhooks puts the pages about webhooks on a router. Administrators only.
func (p *Portal) registerWebhooks(e *echo.Echo, form echo.MiddlewareFunc) {
	admin := p.as(identity.Administrator)
	e.GET(webhooksPath, admin(p.webhooks), form)
	e.POST(webhooksPath, admin(p.createWebhook), form)
	e.GET(webhooksPath+"/:id", admin(p.webhook), form)
	e.POST(webhooksPath+"/:id", admin(p.changeWebhook), form)
	e.POST(webhooksPath+"/:id/test", admin(p.testWebhook), form)
	e.POST(webhooksPath+"/:id/turn", admin(p.turnWebhook), form)
	e.GET(webhooksPath+"/:id/rotate", admin(p.askRotate), form)
	e.POST(webhooksPath+"/:id/rotate", admin(p.rotateWebhook), form)
	e.GET(webhooksPath+"/:id/delete", admin(p.askDeleteWebhook), form)
	e.POST(webhooksPath+"/:id/delete", admin(p.deleteWebhook), form)
	e.POST(webhooksPath+"/:id/retry", admin(p.retryWebhook), form)
	e.POST(webhooksPath+"/:id/attempts/:n", admin(p.resendAttempt), form)
}

type webhooksPage struct {
	frame
	Test  bool
	Hooks []delivery.Webhook
	Full  bool
	Off   bool // nothing is pushed here
	Form  webhookForm
}

// webhookForm is what a form about a webhook shows.
type webhookForm struct {
	URL, Description, Events string
	Presets                  []web.Option
}

// Choices of events in a form; others are made with the API.
const keepEvents = "keep"

func (p *Portal) webhookForm(v *visitor, in webhookForm, keep bool) (webhookForm, error) {
	presets := []string{delivery.PresetDefault, delivery.PresetAll}
	if keep {
		presets = append([]string{keepEvents}, presets...)
	}
	for _, name := range presets {
		o := web.Option{Value: name}
		var err error
		if o.Text, err = p.Web.Text(v, "portal", "webhook.events."+name); err != nil {
			return in, err
		}
		in.Presets = append(in.Presets, o)
	}
	return in, nil
}

// kind reads which webhooks a page is about: those of tests or of live messages.
func kindOf(v *visitor) bool { return v.QueryParam("test") != "" }

func (p *Portal) webhooks(v *visitor) error {
	return p.showWebhooks(v, http.StatusOK, kindOf(v), webhookForm{Events: delivery.PresetDefault}, nil)
}

func (p *Portal) showWebhooks(v *visitor, status int, test bool, in webhookForm, faults web.Faults) (err error) {
	page := webhooksPage{frame: v.frame("/portal/account"), Test: test, Off: p.Deliveries.Hooks == nil}
	page.Faults, page.chrome.Wide = faults, true
	if page.Hooks, err = p.Deliveries.Webhooks(v.ctx(), v.session.Account, test); err != nil {
		return err
	}
	page.Full = len(page.Hooks) >= delivery.MaxHooks
	if page.Form, err = p.webhookForm(v, in, false); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/webhooks", page)
}

// readWebhook reads the form of a webhook.
func readWebhook(f url.Values) webhookForm {
	return webhookForm{URL: strings.TrimSpace(f.Get("hook_url")), Description: strings.TrimSpace(f.Get("hook_description")), Events: f.Get("hook_events")}
}

// hookFaults turns what the rules say into faults of the form; the error, when it
// is no fault.
func (p *Portal) hookFaults(err error) (web.Faults, error) {
	var faults web.Faults
	var found delivery.FieldErrors
	switch {
	case errors.Is(err, delivery.ErrTooManyHooks):
		faults.Add("hook_url", "fault.webhooks_full")
	case errors.Is(err, delivery.ErrNoHooks):
		faults.Add("hook_url", "fault.webhooks_off")
	case !errors.As(err, &found):
		return nil, err
	}
	for _, x := range found {
		field := map[string]string{"/url": "hook_url", "/description": "hook_description"}[x.Pointer]
		if field == "" {
			field = "hook_events"
		}
		faults.Add(field, "fault."+field)
	}
	return faults, nil
}

// webhookSecret shows a key, once. The answer is not a redirect because the
// secret exists nowhere else.
type webhookSecret struct {
	frame
	Hook    delivery.Webhook
	Secret  string
	Public  string
	Rotated bool
}

func (p *Portal) createWebhook(v *visitor) error {
	if ok, err := p.proven(v); !ok {
		return err
	}
	if ok, err := p.fresh(v); !ok {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	in, test := readWebhook(f), f.Get("test") != ""
	w, k, _, err := p.Deliveries.CreateWebhook(v.ctx(), v.session.Account, test,
		delivery.NewHook{URL: in.URL, Description: in.Description, Types: []string{in.Events}}, delivery.Once{})
	if err != nil {
		faults, err := p.hookFaults(err)
		if err != nil {
			return err
		}
		return p.showWebhooks(v, http.StatusUnprocessableEntity, test, in, faults)
	}
	if err := p.logHook(v, "webhook_created"); err != nil {
		return err
	}
	return p.Web.Render(v, http.StatusCreated, "portal/webhook-secret", webhookSecret{v.frame("/portal/account"), w, k.Shared(), k.Public(), false})
}

func (p *Portal) logHook(v *visitor, action string) error {
	return p.Identity.LogAccess(v.ctx(), nil, v.actor(), action, p.Web.Language(v))
}

// findHook finds the webhook of the address, whatever kind it is of.
func (p *Portal) findHook(v *visitor) (delivery.Webhook, error) {
	w, err := p.Deliveries.Webhook(v.ctx(), v.session.Account, false, v.Param("id"))
	if errors.Is(err, delivery.ErrNotFound) {
		w, err = p.Deliveries.Webhook(v.ctx(), v.session.Account, true, v.Param("id"))
	}
	return w, err
}

type webhookPage struct {
	frame
	Hook     delivery.Webhook
	Attempts []delivery.HookAttempt
	Next     int // number before which older ones are
	Form     webhookForm
	Result   *delivery.HookAttempt // of a ping that was just sent
	Busy     bool
	Overlaps []web.Option
}

// perHookLog is how many tries a page shows.
const perHookLog = 20

func (p *Portal) webhook(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	return p.showWebhook(v, http.StatusOK, webhookPage{Hook: w, Form: webhookForm{URL: w.URL, Description: w.Description, Events: keepEvents}}, nil)
}

func (p *Portal) showWebhook(v *visitor, status int, page webhookPage, faults web.Faults) (err error) {
	page.frame = v.frame("/portal/account")
	page.Faults, page.chrome.Wide, page.chrome.Test = faults, true, page.Hook.Test
	before := 0
	if older := v.QueryParam("before"); older != "" {
		if before, err = strconv.Atoi(older); err != nil || before < 1 {
			return web.ErrNotFound
		}
	}
	if page.Attempts, err = p.Deliveries.WebhookAttempts(v.ctx(), v.session.Account, page.Hook.Test, page.Hook.ID, before, perHookLog+1); err != nil {
		return err
	}
	if len(page.Attempts) > perHookLog {
		page.Attempts = page.Attempts[:perHookLog]
		page.Next = page.Attempts[perHookLog-1].Number
	}
	if page.Form, err = p.webhookForm(v, page.Form, true); err != nil {
		return err
	}
	return p.Web.Render(v, status, "portal/webhook", page)
}

func (p *Portal) changeWebhook(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	f, err := readForm(v.Request(), dropFiles)
	if err != nil {
		return err
	}
	in := readWebhook(f)
	change := delivery.HookChange{URL: &in.URL, Description: &in.Description}
	if in.Events != keepEvents {
		change.Types = &[]string{in.Events}
	}
	if _, err = p.Deliveries.ChangeWebhook(v.ctx(), v.session.Account, w.Test, w.ID, change); err != nil {
		faults, err := p.hookFaults(err)
		if err != nil {
			return err
		}
		return p.showWebhook(v, http.StatusUnprocessableEntity, webhookPage{Hook: w, Form: in}, faults)
	}
	return p.hookChanged(v, w, "webhook_changed")
}

// hookChanged notes what was done and shows the webhook.
func (p *Portal) hookChanged(v *visitor, w delivery.Webhook, action string) error {
	if err := p.logHook(v, action); err != nil {
		return err
	}
	return v.Redirect(http.StatusSeeOther, webhooksPath+"/"+w.ID)
}

// testWebhook pushes once and says what came of it.
func (p *Portal) testWebhook(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	try, _, err := p.Deliveries.PingWebhook(v.ctx(), v.session.Account, w.Test, w.ID, delivery.Once{})
	busy := errors.Is(err, delivery.ErrHookBusy)
	if err != nil && !busy {
		return err
	}
	if w, err = p.findHook(v); err != nil {
		return err
	}
	page := webhookPage{Hook: w, Form: webhookForm{URL: w.URL, Description: w.Description, Events: keepEvents}, Result: &try, Busy: busy}
	return p.showWebhook(v, http.StatusOK, page, nil)
}

// turnWebhook enables or disables a webhook.
func (p *Portal) turnWebhook(v *visitor) error {
	w, err := p.findHook(v)
	if err != nil {
		return err
	}
	on := w.State != delivery.HookEnabled
	_, err = p.Deliveries.ChangeWebhook(v.ctx(), v.session.Account, w.Test, w.ID, delivery.HookChange{Enabled: &on})
	if errors.Is(err, delivery.ErrHookUnproven) {
		return v.Redirect(http.StatusSeeOther, webhooksPath+"/"+w.ID) // the page says what is missing
	}
	if err != nil {
		return err
	}
	return p.hookChanged(v, w, "webhook_changed")
}
