package client

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrSignature: a call to your webhook that did not come from the service, or
// came too long ago. Answer it with 400 and do nothing.
var ErrSignature = errors.New("client: signature of a webhook")

// Tolerance is how far the clock of the sender and ours may be apart, and how old
// a call may be.
const Tolerance = 5 * time.Minute

// Receiver checks calls to you. Secrets are what the service gave you for the
// endpoint: whsec_… for HMAC-SHA256, whpk_… for Ed25519; during a rotation both
// the old and the new one. Standard Webhooks 1.0 "Signature scheme"
type Receiver struct {
	Secrets []string
	Now     func() time.Time // default time.Now
}

// Check holds the header of a call against its body, which must be the octets as
// they came. Errors: ErrSignature, and one that says which secret is none. Calls
// can come twice: their webhook-id stays the same.
func (w Receiver) Check(h http.Header, body []byte) error {
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return fmt.Errorf("%w: no webhook-id or webhook-timestamp", ErrSignature)
	}
	if d := now().Sub(time.Unix(seconds, 0)); d > Tolerance || d < -Tolerance {
		return fmt.Errorf("%w: made at %s", ErrSignature, time.Unix(seconds, 0).UTC().Format(time.RFC3339))
	}
	signed := append([]byte(id+"."+stamp+"."), body...)
	signatures := strings.Fields(h.Get("webhook-signature"))
	for _, secret := range w.Secrets {
		good, err := verifier(secret)
		if err != nil {
			return err
		}
		for _, s := range signatures {
			if good(s, signed) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: none of %d is good", ErrSignature, len(signatures))
}

// verifier makes of a secret what judges one signature.
func verifier(secret string) (func(signature string, signed []byte) bool, error) {
	prefix, text, _ := strings.Cut(secret, "_")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < 16 {
		return nil, fmt.Errorf("client: not a secret of a webhook: %s_…", prefix)
	}
	decoded := func(signature, version string) []byte {
		v, s, _ := strings.Cut(signature, ",")
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil || v != version {
			return nil
		}
		return b
	}
	switch {
	case prefix == "whsec":
		return func(signature string, signed []byte) bool {
			mac := hmac.New(sha256.New, key)
			mac.Write(signed)
			return hmac.Equal(mac.Sum(nil), decoded(signature, "v1"))
		}, nil
	case prefix == "whpk" && len(key) == ed25519.PublicKeySize:
		return func(signature string, signed []byte) bool {
			b := decoded(signature, "v1a")
			return len(b) == ed25519.SignatureSize && ed25519.Verify(key, signed, b)
		}, nil
	}
	return nil, fmt.Errorf("client: not a secret of a webhook: %s_…", prefix)
}
