package identity

import (
	"crypto/rand"
	"crypto/subtle"
	"hash/crc32"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Mode says what a key's submissions are.
type Mode string

const (
	Test  Mode = "test"  // everything says it is a test; nothing reaches a stranger's letter box
	Trial Mode = "trial" // real, and only to the account's own people and to addresses it confirmed
	Live  Mode = "live"  //
)

// Modes are the kinds of keys, the most harmless first.
func Modes() []Mode { return []Mode{Test, Trial, Live} }

// Scope is one thing that a key may do.
type Scope string

const (
	ScopeSend     Scope = "send"     // submit and withdraw
	ScopeRead     Scope = "read"     // messages, deliveries and events
	ScopeEvidence Scope = "evidence" // evidence, dossiers and letters
	ScopeWebhooks Scope = "webhooks" // endpoints that are told
	ScopeAdmin    Scope = "admin"    // keys, credits and what else belongs to the account
)

// Scopes are all there are, in the order in which people read them.
func Scopes() []Scope {
	return []Scope{ScopeRead, ScopeSend, ScopeEvidence, ScopeWebhooks, ScopeAdmin}
}

// Kinds of keys.
const (
	KindKey    = "key"    // with a secret
	KindClient = "client" // signs assertions and gets tokens. RFC 7523 §2.2
)

// Key is an API key of an account, or a client, without its secret.
type Key struct {
	ID          string
	Account     string
	AccountName string // legal name, or the person's
	Kind        string
	Mode        Mode
	Test        bool // Mode is Test
	Name        string
	CreatedAt   time.Time
	ExpiresAt   *time.Time // nil: never
	LastUsedAt  *time.Time // up to a minute late
	LastUsedIP  string
	BlockedAt   *time.Time // answers nothing until it is unblocked
	RevokedAt   *time.Time
	Certified   bool    // its account wants a certificate with live keys
	Scopes      []Scope // of a token: those it was given
	Bound       []byte  // of a token: SHA-256 of the certificate it is bound to; nil: none
}

// May reports whether the key has a scope.
func (k Key) May(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Good reports whether the key answers at an instant.
func (k Key) Good(at time.Time) bool {
	return k.RevokedAt == nil && k.BlockedAt == nil && (k.ExpiresAt == nil || at.Before(*k.ExpiresAt))
}

// Actor is the key as an actor. A key is one factor and proves no level by
// itself; what binds it to a proven sender is the account
// (REQ-QERDS-5.2.2-04).
func (k Key) Actor(ip, userAgent string, at time.Time) Actor {
	method := "api-key"
	if k.Kind == KindClient {
		method = "oauth2"
	}
	return Actor{Kind: ActorKey, Subject: k.ID, Account: k.Account, Name: k.Name, Method: method, Mode: k.Mode,
		ProvenAt: at, IP: clean(ip, 64), UserAgent: clean(userAgent, 500)}
}

const (
	alphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	secretSize = 43 // characters: 256.03 bits
	checkSize  = 6  // characters: a CRC-32, to tell a typing error from an attack and to let scanners find leaked keys
)

// access is what a token of a client has in the place of a mode.
const access Mode = "access"

// newSecret is bode_MODE_, 43 random characters, and a checksum over all that.
func newSecret(mode Mode) string {
	var b strings.Builder
	b.WriteString("bode_" + string(mode) + "_")
	size := big.NewInt(int64(len(alphabet)))
	for range secretSize {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String() + checksum(b.String())
}

// secretMode checks the shape of a secret.
func secretMode(s string) (Mode, bool) {
	for _, m := range append(Modes(), access) {
		rest, ok := strings.CutPrefix(s, "bode_"+string(m)+"_")
		if !ok || len(rest) != secretSize+checkSize || strings.Trim(rest, alphabet) != "" {
			continue
		}
		cut := len(s) - checkSize
		return m, subtle.ConstantTimeCompare([]byte(checksum(s[:cut])), []byte(s[cut:])) == 1
	}
	return "", false
}

func checksum(s string) string {
	n := crc32.ChecksumIEEE([]byte(s))
	out := make([]byte, checkSize)
	for i := range out {
		out[checkSize-1-i] = alphabet[n%62]
		n /= 62
	}
	return string(out)
}
