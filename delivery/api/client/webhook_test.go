package client_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/bode-erds/bode/delivery/api/client"
)

// TestWebhook holds an example of somebody else (docs.svix.com, "verifying webhooks
// manually") and everything that is one step away from it. Standard Webhooks 1.0 "Signature scheme"
func TestWebhook(t *testing.T) {
	t.Parallel()
	const secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
	const id, stamp, body = "msg_loFOjxBNrRLzqYUf", "1731705121", `{"event_type":"ping","data":{"success":true}}`
	const good = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
	seed := make([]byte, ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	public := "whpk_" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	signed := "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(id+"."+stamp+"."+body)))
	at := time.Unix(1731705121, 0)
	for name, x := range map[string]struct {
		id, stamp, body, signature string
		secrets                    []string
		now                        time.Time
		ok                         bool
	}{
		"good":                  {id, stamp, body, good, []string{secret}, at, true},
		"Ed25519":               {id, stamp, body, signed, []string{public}, at, true},
		"several, one good":     {id, stamp, body, "v1,AAAA v9,x " + signed + " " + good, []string{public, secret}, at.Add(client.Tolerance), true},
		"during a rotation":     {id, stamp, body, good, []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)), secret}, at, true},
		"other id":              {"msg_x", stamp, body, good, []string{secret}, at, false},
		"other time":            {id, "1731705122", body, good, []string{secret}, at, false},
		"other body":            {id, stamp, body + " ", good, []string{secret}, at, false},
		"other secret":          {id, stamp, body, good, []string{public}, at, false},
		"HMAC as Ed25519":       {id, stamp, body, "v1a" + good[2:], []string{secret}, at, false},
		"Ed25519 as HMAC":       {id, stamp, body, "v1" + signed[3:], []string{public}, at, false},
		"no signature":          {id, stamp, body, "", []string{secret}, at, false},
		"empty signature":       {id, stamp, body, "v1,", []string{secret}, at, false},
		"no secret":             {id, stamp, body, good, nil, at, false},
		"too old":               {id, stamp, body, good, []string{secret}, at.Add(client.Tolerance + time.Second), false},
		"from the future":       {id, stamp, body, good, []string{secret}, at.Add(-client.Tolerance - time.Second), false},
		"no time":               {id, "", body, good, []string{secret}, at, false},
		"time in words":         {id, "today", body, good, []string{secret}, at, false},
		"no id":                 {"", stamp, body, good, []string{secret}, at, false},
		"a secret that is none": {id, stamp, body, good, []string{"whsec_x"}, at, false},
		"a short secret":        {id, stamp, body, good, []string{"whsec_AAAA"}, at, false},
		"an unknown kind":       {id, stamp, body, good, []string{"whxx_plJ3nmyCDGBKInavdOK15jsl"}, at, false},
	} {
		h := http.Header{}
		h.Set("webhook-id", x.id)
		h.Set("webhook-timestamp", x.stamp)
		h.Set("webhook-signature", x.signature)
		err := client.Receiver{Secrets: x.secrets, Now: func() time.Time { return x.now }}.Check(h, []byte(x.body))
		if (err == nil) != x.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(time.Now().Unix(), 10)}, "Webhook-Signature": {good}}
	if err := (client.Receiver{Secrets: []string{secret}}).Check(h, []byte(body)); !errors.Is(err, client.ErrSignature) {
		t.Error(err)
	}
}
