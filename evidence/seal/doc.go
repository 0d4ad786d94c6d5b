// Package seal holds the back-ends of the keys that seal evidence: a device that
// never gives its key away (PKCS#11), a remote service (Cloud Signature
// Consortium API), and a file. A key in a file is for demonstrations and tests:
// whoever reads the file can seal.
//
// A [Ring] holds several keys, so that one certificate follows another without a
// pause, and [Expiring] says early that one has to.
//
// Sources: eIDAS art. 36 and 38, EN 319 411-1 §6.5, EN 419 221-5, PKCS#11 v2.40,
// CSC API v2, RFC 6749 §4.4.
package seal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// Errors of opening a key.
var (
	// ErrConfig says that a configuration cannot be used.
	ErrConfig = errors.New("seal: config")
	// ErrFileKey says that a key in a file was not explicitly allowed.
	ErrFileKey = errors.New("seal: a key in a file is not allowed here")
	// ErrKey says that the key, its certificate, or their fit is not usable.
	ErrKey = errors.New("seal: key not usable")
	// ErrNoPKCS11 says that this program was built without cgo.
	ErrNoPKCS11 = errors.New("seal: built without PKCS#11")
	// ErrPIN says that a token refused the PIN, or would lock if we tried one.
	// Nobody tries again before a person has looked at it.
	ErrPIN = errors.New("seal: PIN refused")
)

// Errors of using a key.
var (
	// ErrUnavailable says that the token or the service did not answer as it
	// should. A later attempt may succeed.
	ErrUnavailable = errors.New("seal: key out of reach")
	// ErrRefused says that the remote service declined: nothing was signed.
	ErrRefused = errors.New("seal: refused by the remote service")
	// ErrSignature says that what came back is no signature of this key over
	// this digest.
	ErrSignature = errors.New("seal: not a signature of this key")
	// ErrClosed says that the key was closed.
	ErrClosed = errors.New("seal: key closed")
)

// Key is an open key. Safe for concurrent use. Its Sign takes SHA-256, SHA-384 or
// SHA-512 digests and gives ASN.1 for ECDSA, PKCS #1 v1.5 for RSA; it ends by
// itself when the back-end does not answer.
type Key interface {
	evidence.SealKey
	// Health asks the back-end whether the key can sign now.
	Health(ctx context.Context) error
	// Close gives the back-end's resources back. What is being signed is
	// finished first, as far as the back-end answers.
	Close() error
}

// Config of one key: exactly one of KeyFile, Token and Remote. A file of a
// [Ring] has this form, as JSON:
//
//	{"token": {"module": "/usr/lib/softhsm/libsofthsm2.so", "label": "bode",
//	           "pin_file": "/etc/bode/pin", "key_label": "seal 2027"},
//	 "cert_file": "/etc/bode/seal-2027.pem"}
//
// Secrets stand in files of their own, readable by their owner only, and are named
// here by path.
type Config struct {
	// AllowFileKey must be set on purpose for KeyFile. Default false: refuse.
	// No file can set it.
	AllowFileKey bool `json:"-"`
	// KeyFile holds one PKCS #8 private key and nothing else. It is read once.
	KeyFile string `json:"key_file,omitempty"`
	// CertFile holds the certificate of the key and then its intermediates,
	// without the root, as PEM. Without it, a token is asked for its certificate
	// objects and a remote service for its chain; with it, a remote service
	// whose certificate is another one is refused.
	CertFile string `json:"cert_file,omitempty"`
	// Token says where the key is in a PKCS#11 device.
	Token *TokenConfig `json:"token,omitempty"`
	// Remote says where the key is behind the CSC API.
	Remote *RemoteConfig `json:"remote,omitempty"`
	// Now is the clock of back-off and of access tokens. Default time.Now.
	Now func() time.Time `json:"-"`
	// Log gets what operators have to know. Default: nothing.
	Log *slog.Logger `json:"-"`
}

// New opens a key, checks that it belongs to its certificate and satisfies the
// policy on algorithms, and lets it sign once. It ends by itself, after the
// timeouts of cfg at the latest. Errors: [ErrConfig], [ErrFileKey],
// [ErrKey], [ErrNoPKCS11], [ErrPIN], [ErrUnavailable], [ErrRefused],
// [ErrSignature]; none of them says anything about a secret.
func New(cfg Config) (Key, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	kinds := 0
	for _, set := range []bool{cfg.KeyFile != "", cfg.Token != nil, cfg.Remote != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return nil, fmt.Errorf("%w: one of key file, token and remote", ErrConfig)
	case cfg.Token != nil:
		return openToken(cfg)
	case cfg.Remote != nil:
		return openRemote(cfg)
	}
	return openFile(cfg)
}

// Duration is a time span that reads as "20ms" or "10s" in JSON.
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// or gives the time span, or what stands for none.
func (d Duration) or(none time.Duration) time.Duration {
	if d == 0 {
		return none
	}
	return time.Duration(d)
}
