package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// signatures is the value of webhook-signature: one of each kind for each key,
// the newest key first. The id holds no full stop, so that what is signed can be
// read in one way only. Standard Webhooks 1.0.0 §signature-scheme
func signatures(id string, at time.Time, body []byte, keys []delivery.HookKey) string {
	signed := append([]byte(id+"."+stamp(at)+"."), body...)
	var out []string
	for _, k := range keys {
		mac := hmac.New(sha256.New, k.Secret)
		mac.Write(signed)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)),
			"v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed), signed)))
	}
	return strings.Join(out, " ")
}

func stamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
