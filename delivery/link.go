package delivery

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"strings"
)

// crockford is base 32 without the letters that are mistaken for digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newNumber makes a message number: 60 random bits as XXXX-XXXX-XXXX.
func newNumber() string { return grouped(8, 4, 12) }

// newNoticeCode makes what a recipient types at /notice: 50 random bits as
// XXXXX-XXXXX. It opens nothing.
func newNoticeCode() string { return grouped(7, 5, 10) }

func grouped(octets, group, length int) string {
	b := make([]byte, octets)
	rand.Read(b) // never fails
	s := crockford.EncodeToString(b)[:length]
	var parts []string
	for ; len(s) > 0; s = s[group:] {
		parts = append(parts, s[:group])
	}
	return strings.Join(parts, "-")
}

// NormalCode brings what somebody typed into the form in which codes and
// numbers are kept: upper case, confusable letters as digits, grouped by size.
func NormalCode(typed string, group int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToUpper(typed) {
		switch {
		case r == 'O':
			r = '0'
		case r == 'I' || r == 'L':
			r = '1'
		case r == '-' || r == ' ':
			continue
		case (r < '0' || r > '9') && (r < 'A' || r > 'Z'):
			return "" // in none of them
		}
		if n > 0 && n%group == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// link makes the token of a collect link and the hash it is found by. The token
// is a keyed digest of a random nonce: it can be made again for a reminder, and
// neither nonce nor hash gives it away without the key.
func (s *Service) link(id ID, nonce []byte) (token string, hash []byte) {
	mac := hmac.New(sha256.New, s.LinkKey)
	mac.Write([]byte("collect link\x00" + string(id) + "\x00"))
	mac.Write(nonce)
	token = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return token, linkHash(token)
}

func linkHash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
