// Package token encrypts the key-encryption keys of content with an AES key that
// never leaves a PKCS #11 device (HSM, smart card, SoftHSM).
//
// The device is asked when a month's key is made or read, not for each message: what
// lies in the directory of keys is then of no use to who has not the device and its
// PIN as well.
package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
)

// Errors of a device.
var (
	ErrConfig      = errors.New("token: configuration")
	ErrPIN         = errors.New("token: the PIN is wrong or locked") // only a person can mend it; not tried again
	ErrKey         = errors.New("token: no such key")
	ErrUnavailable = fmt.Errorf("token: the device does not answer: %w", delivery.ErrAway)
	ErrSealed      = errors.New("token: not encrypted by this key, or altered")
	ErrNoPKCS11    = errors.New("token: this program was built without a C compiler")
)

// Config says which key in which device.
type Config struct {
	// Module is the absolute path of the device maker's library.
	Module string `json:"module"`
	// Label names the token.
	Label string `json:"label"`
	// PINFile holds the user's PIN in one line.
	PINFile string `json:"pin_file"`
	// KeyLabel names the AES key: 256 bits, sensitive, not extractable.
	KeyLabel string `json:"key_label"`
	// Seconds bounds one use of the device, 1 to 60. Default 10.
	Seconds int `json:"timeout_seconds,omitempty"`
}

// maxConfig bounds a configuration file, in octets.
const maxConfig = 64 << 10

// ReadConfig reads a configuration from a file with one JSON object. Errors:
// ErrConfig, or what the disk said.
func ReadConfig(path string) (c Config, err error) {
	f, err := os.Open(path)
	if err != nil {
		return c, fmt.Errorf("token: %w", err)
	}
	defer f.Close()
	d := json.NewDecoder(io.LimitReader(f, maxConfig))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	return c, c.validate()
}

func (c *Config) validate() error {
	if c.Seconds == 0 {
		c.Seconds = 10
	}
	switch {
	case !filepath.IsAbs(c.Module):
		return fmt.Errorf("%w: module is no absolute path", ErrConfig)
	case c.Label == "" || c.KeyLabel == "" || c.PINFile == "":
		return fmt.Errorf("%w: label, key_label and pin_file are needed", ErrConfig)
	case c.Seconds < 1 || c.Seconds > 60:
		return fmt.Errorf("%w: timeout_seconds is 1 to 60", ErrConfig)
	}
	return nil
}

func (c Config) timeout() time.Duration { return time.Duration(c.Seconds) * time.Second }

// pin reads the PIN. The file is its owner's alone.
func (c Config) pin() (string, error) {
	info, err := os.Stat(c.PINFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("%w: %s has mode %04o; its owner alone may read it", ErrConfig, c.PINFile, mode)
	}
	b, err := os.ReadFile(c.PINFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	pin := strings.TrimRight(string(b), "\r\n")
	if pin == "" || strings.ContainsAny(pin, "\r\n") {
		return "", fmt.Errorf("%w: %s holds no PIN in one line", ErrConfig, c.PINFile)
	}
	return pin, nil
}
