package submission

import (
	"bytes"
	"strings"

	"github.com/emersion/go-smtp"
)

// oauth is OAUTHBEARER; the token is the API key. The name that a client gives
// is not looked at.
//
// RFC 7628 §3.1
type oauth struct {
	check  func(string) error
	failed error // of the key; the client still has to take note of it
}

// invalidToken is what a client is told of a key that is not good. RFC 7628 §3.2.2
const invalidToken = `{"status":"invalid_token","schemes":"bearer"}`

func (o *oauth) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case o.failed != nil: // whatever it says now: RFC 7628 §3.2.3
		return nil, true, o.failed
	case response == nil:
		return []byte{}, false, nil
	}
	token, ok := bearer(response)
	if !ok {
		return nil, true, errSASL
	}
	if err := o.check(token); err != nil {
		if err != smtp.ErrAuthFailed {
			return nil, true, err // not for its key, or not only
		}
		o.failed = err
		return []byte(invalidToken), false, nil
	}
	return nil, true, nil
}

// bearer reads a client's message: a GS2 header (RFC 5801 §4) without channel
// binding, and key=value pairs between octets of value 1.
func bearer(response []byte) (token string, ok bool) {
	parts := bytes.Split(response, []byte{1})
	n := len(parts)
	if n < 4 || len(parts[n-1]) > 0 || len(parts[n-2]) > 0 {
		return "", false
	}
	header := strings.Split(string(parts[0]), ",")
	if len(header) != 3 || header[0] != "n" && header[0] != "y" || header[2] != "" || header[1] != "" && !strings.HasPrefix(header[1], "a=") {
		return "", false
	}
	for _, pair := range parts[1 : n-2] {
		name, value, found := strings.Cut(string(pair), "=")
		if !found {
			return "", false
		}
		if name != "auth" {
			continue // host, port: ours, whatever the client thinks they are
		}
		scheme, rest, found := strings.Cut(value, " ")
		if !found || !strings.EqualFold(scheme, "bearer") || token != "" {
			return "", false
		}
		token = strings.TrimSpace(rest)
	}
	return token, token != ""
}
