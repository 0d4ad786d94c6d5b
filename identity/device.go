package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// DeviceLife is how long a browser counts as known after a sign-in in it.
const DeviceLife = 180 * 24 * time.Hour

const deviceNonce = 16

// deviceLimit counts the tries of one known browser.
func deviceLimit() limit { return limit{"device", 5, 15 * time.Minute} }

// KnownDevice is what a browser keeps, in a cookie, after login signed in there:
// from then on its tries are counted apart, and strangers who guess at the login
// cannot slow its owner down. It proves nothing else and names nobody.
func (s *Service) KnownDevice(login string) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(s.now().Unix()))
	nonce := make([]byte, deviceNonce)
	rand.Read(nonce)
	raw = append(raw, nonce...)
	return base64.RawURLEncoding.EncodeToString(append(raw, s.deviceMAC(foldLogin(login), raw)...))
}

// device names the browser that holds what KnownDevice gave for login; false for
// anything else.
func (s *Service) device(value, login string, at time.Time) (string, bool) {
	const size = 8 + deviceNonce
	raw, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(raw) != size+32 || !hmac.Equal(raw[size:], s.deviceMAC(login, raw[:size])) {
		return "", false
	}
	age := at.Sub(time.Unix(int64(binary.BigEndian.Uint64(raw)), 0))
	return string(raw[:size]), age < DeviceLife
}

func (s *Service) deviceMAC(login string, raw []byte) []byte {
	return s.digest("known device", login, string(raw))
}
