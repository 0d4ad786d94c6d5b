package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// webhookRoutes are about addresses that events are pushed to.
func (a *API) webhookRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/webhooks", handle: a.createWebhook},
		{method: http.MethodGet, path: "/webhooks", handle: a.listWebhooks},
		{method: http.MethodGet, path: "/webhooks/{id}", handle: a.getWebhook},
		{method: http.MethodPatch, path: "/webhooks/{id}", handle: a.changeWebhook},
		{method: http.MethodDelete, path: "/webhooks/{id}", handle: a.deleteWebhook},
		{method: http.MethodPost, path: "/webhooks/{id}/rotate", handle: a.rotateWebhook},
		{method: http.MethodPost, path: "/webhooks/{id}/test", handle: a.testWebhook},
		{method: http.MethodPost, path: "/webhooks/{id}/resend", handle: a.resendWebhook},
		{method: http.MethodGet, path: "/webhooks/{id}/attempts", handle: a.listAttempts},
		{method: http.MethodPost, path: "/webhooks/{id}/attempts/{number}/resend", handle: a.resendAttempt},
	}
}

// createWebhook registers an address and gives out its first key.
func (a *API) createWebhook(c *call) error {
	var in struct {
		URL         string   `json:"url"`
		Description string   `json:"description"`
		Types       []string `json:"types"`
	}
	raw, faults, err := a.readJSON(c, "NewWebhook", &in)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults
	}
	once, err := c.once(digestOf(raw))
	if err != nil {
		return err
	}
	w, k, replayed, err := a.Deliveries.CreateWebhook(c.ctx(), c.key.Account, c.key.Test, delivery.NewHook(in), once)
	if err != nil {
		return err
	}
	if !replayed {
		err = a.logWebhook(c, "webhook_created")
	}
	if err != nil {
		return err
	}
	c.replayed(replayed)
	c.Response().Header().Set("Location", Prefix+"/webhooks/"+w.ID)
	return writeJSON(c, http.StatusCreated, webhookOf(w, k))
}

// logWebhook tells the account's people that a key changed a webhook.
func (a *API) logWebhook(c *call, action string) error {
	return a.Identity.LogAccess(c.ctx(), nil, c.actor(a.Now()), action, c.lang)
}

func (a *API) listWebhooks(c *call) error {
	list, err := a.Deliveries.Webhooks(c.ctx(), c.key.Account, c.key.Test)
	if err != nil {
		return err
	}
	p := page[webhookView]{Data: make([]webhookView, len(list))}
	for i, w := range list {
		p.Data[i] = webhookOf(w, delivery.HookKey{})
	}
	return sendPage(c, p)
}

func (a *API) getWebhook(c *call) error {
	w, err := a.Deliveries.Webhook(c.ctx(), c.key.Account, c.key.Test, c.Param("id"))
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, webhookOf(w, delivery.HookKey{}))
}

func (a *API) changeWebhook(c *call) error {
	var in delivery.HookChange
	_, faults, err := a.readJSON(c, "WebhookChange", &in)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults
	}
	w, err := a.Deliveries.ChangeWebhook(c.ctx(), c.key.Account, c.key.Test, c.Param("id"), in)
	if err != nil {
		return err
	}
	if err := a.logWebhook(c, "webhook_changed"); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, webhookOf(w, delivery.HookKey{}))
}

func (a *API) deleteWebhook(c *call) error {
	if err := a.Deliveries.DeleteWebhook(c.ctx(), c.key.Account, c.key.Test, c.Param("id")); err != nil {
		return err
	}
	if err := a.logWebhook(c, "webhook_deleted"); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// rotateWebhook makes a new key beside the one there is.
func (a *API) rotateWebhook(c *call) error {
	var in struct {
		Overlap *string `json:"overlap"`
	}
	raw, faults, err := a.readJSON(c, "RotateWebhook", &in)
	if err != nil {
		return err
	}
	overlap, ok := delivery.DefaultOverlap, true
	if in.Overlap != nil {
		overlap, ok = parseDuration(*in.Overlap)
	}
	if len(faults) > 0 || !ok {
		return merge(faults, delivery.FieldErrors{{Pointer: "/overlap", Code: "duration", Args: map[string]string{"max": "P7D"}}})
	}
	once, err := c.once(digestOf(append([]byte(c.Param("id")+"\x00"), raw...)))
	if err != nil {
		return err
	}
	w, k, replayed, err := a.Deliveries.RotateWebhook(c.ctx(), c.key.Account, c.key.Test, c.Param("id"), overlap, once)
	if err != nil {
		return err
	}
	if !replayed {
		if err := a.logWebhook(c, "webhook_rotated"); err != nil {
			return err
		}
	}
	c.replayed(replayed)
	return writeJSON(c, http.StatusOK, webhookOf(w, k))
}

// testWebhook pushes once, now.
func (a *API) testWebhook(c *call) error {
	once, err := c.once(digestOf([]byte("test " + c.Param("id"))))
	if err != nil {
		return err
	}
	try, replayed, err := a.Deliveries.PingWebhook(c.ctx(), c.key.Account, c.key.Test, c.Param("id"), once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	return writeJSON(c, http.StatusOK, attemptOf(try))
}

// resendWebhook pushes everything after a cursor again.
func (a *API) resendWebhook(c *call) error {
	var in struct {
		After string `json:"after"`
	}
	raw, faults, err := a.readJSON(c, "ResendWebhook", &in)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return faults
	}
	once, err := c.once(digestOf(append([]byte(c.Param("id")+"\x00"), raw...)))
	if err != nil {
		return err
	}
	replayed, err := a.Deliveries.ResendWebhook(c.ctx(), c.key.Account, c.key.Test, c.Param("id"), in.After, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	return a.getWebhook(c)
}

func (a *API) listAttempts(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := c.cursor()
	if err != nil {
		return err
	}
	before := 0
	if after != "" {
		if before, err = strconv.Atoi(after); err != nil || before < 1 {
			return errCursor
		}
	}
	list, err := a.Deliveries.WebhookAttempts(c.ctx(), c.key.Account, c.key.Test, c.Param("id"), before, limit)
	if err != nil {
		return err
	}
	p := page[attemptView]{Data: make([]attemptView, len(list))}
	for i, try := range list {
		p.Data[i] = attemptOf(try)
	}
	if len(list) == limit {
		p.Next = encodeCursor(strconv.Itoa(list[limit-1].Number))
	}
	return sendPage(c, p)
}

func (a *API) resendAttempt(c *call) error {
	n, err := strconv.Atoi(c.Param("number"))
	if err != nil || n < 1 || n > 1<<31-1 {
		return errNotFound
	}
	once, err := c.once(digestOf([]byte("resend " + c.Param("id") + " " + c.Param("number"))))
	if err != nil {
		return err
	}
	replayed, err := a.Deliveries.ResendWebhookAttempt(c.ctx(), c.key.Account, c.key.Test, c.Param("id"), n, once)
	if err != nil {
		return err
	}
	c.replayed(replayed)
	return a.getWebhook(c)
}

// webhookView is a webhook on the wire; Secret only where a key was made.
type webhookView struct {
	ID           string        `json:"id"`
	URL          string        `json:"url"`
	Description  string        `json:"description,omitempty"`
	Types        []string      `json:"types"`
	Test         bool          `json:"test"`
	State        string        `json:"state"`
	Reason       string        `json:"reason,omitempty"`
	CreatedAt    string        `json:"created_at"`
	ProvenAt     string        `json:"proven_at,omitempty"`
	FailingSince string        `json:"failing_since,omitempty"`
	Waiting      int           `json:"waiting"`
	Keys         []hookKeyView `json:"keys"`
	Secret       string        `json:"secret,omitempty"`
}

type hookKeyView struct {
	Public    string `json:"public"`
	CreatedAt string `json:"created_at"`
	EndsAt    string `json:"ends_at,omitempty"`
}

func webhookOf(w delivery.Webhook, k delivery.HookKey) webhookView {
	out := webhookView{ID: w.ID, URL: w.URL, Description: w.Description, Types: w.Types, Test: w.Test, State: string(w.State), Reason: string(w.Reason),
		CreatedAt: instant(w.CreatedAt), ProvenAt: instant(w.ProvenAt), FailingSince: instant(w.FailingSince), Waiting: w.Waiting, Keys: []hookKeyView{}}
	for _, p := range w.Keys {
		out.Keys = append(out.Keys, hookKeyView{p.Public, instant(p.CreatedAt), instant(p.EndsAt)})
	}
	if k.Secret != nil {
		out.Secret = k.Shared()
	}
	return out
}

// attemptView is one try on the wire.
type attemptView struct {
	Number    int    `json:"number"`
	EventID   string `json:"event_id"`
	Type      string `json:"type"`
	At        string `json:"at"`
	TookMS    int64  `json:"took_ms"`
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status,omitempty"`
	Fault     string `json:"fault,omitempty"`
	Answer    string `json:"answer,omitempty"`
	RetryAt   string `json:"retry_at,omitempty"`
}

func attemptOf(t delivery.HookAttempt) attemptView {
	return attemptView{t.Number, t.Event, t.Type, instant(t.At.Truncate(time.Microsecond)), t.Took.Milliseconds(), t.Delivered(), t.Status, t.Fault,
		delivery.CleanAnswer(t.Answer), instant(t.RetryAt)}
}
