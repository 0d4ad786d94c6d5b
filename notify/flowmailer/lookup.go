package flowmailer

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/bode-erds/bode/notify"
)

// listed is a message in a list.
type listed struct {
	ID     string   `json:"id"`
	Status string   `json:"status"`
	Tags   []string `json:"tags"`
}

// lookUp asks for a message of the notice. Only a clear no, an empty list or an
// unknown tag, lets it be sent.
func (t *Transport) lookUp(ctx context.Context, notice string) (notify.Result, bool) {
	tag := noticeTag(notice)
	a := t.call(ctx, http.MethodGet, t.base+"/tag/"+url.PathEscape(tag)+"/messages?addtags=true", "items=:100", nil)
	r := notify.Result{Outcome: notify.Temporary, Reply: a.reply(), Remote: a.remote, TLS: a.tls, Unreached: a.status == 0 && !a.dialled}
	switch {
	case a.status == http.StatusNotFound:
		return r, false
	case a.status == http.StatusOK || a.status == http.StatusPartialContent:
	case a.status/100 == 4 && a.status != http.StatusTooManyRequests && a.status != http.StatusRequestTimeout:
		r.Outcome = notify.Technical
		return r, true
	default:
		return r, true
	}
	var list []listed
	if err := json.Unmarshal(a.body, &list); err != nil || list == nil {
		r.Outcome = notify.Technical
		return r, true
	}
	i := slices.IndexFunc(list, func(l listed) bool { return l.ID != "" && slices.Contains(l.Tags, tag) })
	if i < 0 {
		return r, false
	}
	r.ID, r.Outcome, r.Reply = list[i].ID, notify.Sent, r.Reply+" "+list[i].Status+" "+list[i].ID
	switch list[i].Status {
	case "HARDBOUNCE":
		r.Outcome = notify.Permanent
	case "REJECT", "DISCARD", "ERROR":
		r.Outcome = notify.Technical
	}
	return r, true
}
