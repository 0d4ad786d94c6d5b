package flowmailer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bode-erds/bode/notify"
)

// order is the body of POST messages/submit.
type order struct {
	Type      string   `json:"messageType"`
	From      string   `json:"senderAddress"`
	To        string   `json:"recipientAddress"`
	Text      string   `json:"text"`
	Flow      string   `json:"flowSelector,omitempty"`
	Tags      []string `json:"tags"`
	Receipts  string   `json:"deliveryNotificationType"` // by default there are none
	Scheduled *string  `json:"scheduleAt,omitempty"`
}

// tagPrefix marks tags of ours among those of an account.
const tagPrefix = "bode-"

// noticeTag is the same for all attempts of a notice; attemptTag names one.
func noticeTag(notice string) string { return tagPrefix + notice }

func attemptTag(notice string, attempt int) string {
	return noticeTag(notice) + "." + strconv.Itoa(attempt)
}

// attemptOf finds the attempt that tags name.
func attemptOf(tags []string) (notice string, attempt int, ok bool) {
	for _, tag := range tags {
		rest, ours := strings.CutPrefix(tag, tagPrefix)
		id, number, named := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if ours && named && err == nil && n > 0 {
			return id, n, true
		}
	}
	return "", 0, false
}

// Deliver submits the message, unless the provider has it already. The digest is
// of the JSON body.
func (t *Transport) Deliver(ctx context.Context, m notify.Message) (notify.Result, string) {
	body, err := json.Marshal(order{Type: "SMS", From: t.cfg.From, To: m.Notice.To, Text: m.Text, Flow: t.cfg.Flow,
		Tags: []string{noticeTag(m.Notice.ID), attemptTag(m.Notice.ID, m.Attempt)}, Receipts: "DELIVERY_AND_FAILURE"})
	if err != nil {
		return notify.Result{Outcome: notify.Technical, Reply: "(no reply) " + err.Error()}, ""
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:])
	if m.Attempt > 1 {
		if r, settled := t.lookUp(ctx, m.Notice.ID); settled {
			return r, digest
		}
	}
	return t.call(ctx, http.MethodPost, t.base+"/messages/submit", "", body).submitted(), digest
}

// submitted classifies the answer to a submission.
func (a answer) submitted() notify.Result {
	r := notify.Result{Outcome: notify.Technical, Reply: a.reply(), Remote: a.remote, TLS: a.tls}
	switch {
	case a.status == 0 && !a.dialled:
		r.Unreached = true
		if !untrusted(a.err) && !errors.Is(a.err, errCredentials) {
			r.Outcome = notify.Temporary
		}
		return r
	case a.status == http.StatusCreated:
		if r.ID = a.id(); r.ID == "" {
			break
		}
		r.Outcome, r.Reply = notify.Sent, r.Reply+" "+r.ID
		return r
	case a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable:
		r.Outcome = notify.Temporary
		return r
	case a.status == http.StatusBadRequest && slices.ContainsFunc(a.faults(), func(f fault) bool { return f.Field == "recipientAddress" }):
		r.Outcome = notify.Permanent
		return r
	case a.status/100 == 4 && a.status != http.StatusRequestTimeout:
		return r
	}
	// No answer, one of a proxy, or one that broke off: perhaps it has the message.
	r.InDoubt = true
	return r
}

// id is the last segment of Location.
func (a answer) id() string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Path == "" {
		return ""
	}
	id := path.Base(u.Path)
	if id == "." || id == "/" || id == "submit" || len(id) > 100 {
		return ""
	}
	return id
}
