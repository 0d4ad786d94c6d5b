package api

import (
	"net/http"
	"time"

	"github.com/bode-erds/bode/identity"
)

// keyRoutes are about keys, and how clients get tokens.
func (a *API) keyRoutes() []route {
	return []route{
		{http.MethodGet, "/keys", a.listKeys, false, false},
		{http.MethodPost, "/oauth/token", a.grantToken, true, false},
	}
}

// keyView is a key on the wire, without its secret.
type keyView struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Kind       string           `json:"kind"`
	Mode       identity.Mode    `json:"mode"`
	Scopes     []identity.Scope `json:"scopes"`
	State      string           `json:"state"`
	Current    bool             `json:"current"`
	CreatedAt  time.Time        `json:"created_at"`
	ExpiresAt  *time.Time       `json:"expires_at,omitempty"`
	LastUsedAt *time.Time       `json:"last_used_at,omitempty"`
	LastUsedIP string           `json:"last_used_ip,omitempty"`
	Limits     keyLimits        `json:"limits"`
}

// keyLimits are what the key may ask for.
type keyLimits struct {
	PerSecond float64 `json:"calls_per_second"`
	Burst     int     `json:"calls_at_once"`
	Uploads   int     `json:"uploads_at_once"`
	PerDay    *int64  `json:"deliveries_per_day,omitempty"`
}

// stateOf is the one word for whether a key answers.
func stateOf(k identity.Key, at time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked"
	case k.ExpiresAt != nil && !at.Before(*k.ExpiresAt):
		return "expired"
	case k.BlockedAt != nil:
		return "blocked"
	}
	return "active"
}

// listKeys shows the calling key to itself; with the scope admin, every key of the
// account and of its kind.
func (a *API) listKeys(c *call) error {
	list, err := a.Identity.KeysSeenBy(c.ctx(), c.key)
	if err != nil {
		return err
	}
	uses, err := a.Deliveries.DailyUses(c.ctx(), c.key.Account)
	if err != nil {
		return err
	}
	p := page[keyView]{Data: make([]keyView, len(list))}
	for i, k := range list {
		limit := a.limits.pace[k.Mode]
		v := keyView{ID: k.ID, Name: k.Name, Kind: k.Kind, Mode: k.Mode, Scopes: k.Scopes, State: stateOf(k, a.Now()), Current: k.ID == c.key.ID,
			CreatedAt: k.CreatedAt.UTC(), ExpiresAt: inUTC(k.ExpiresAt), LastUsedAt: inUTC(k.LastUsedAt), LastUsedIP: k.LastUsedIP,
			Limits: keyLimits{PerSecond: float64(limit.perSecond), Burst: limit.burst, Uploads: a.Uploads}}
		for _, u := range uses {
			if u.Mode == k.Mode {
				v.Limits.PerDay = &u.PerDay
			}
		}
		p.Data[i] = v
	}
	return sendPage(c, p)
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
