package seal

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"
)

// TokenConfig says where a key is in a PKCS#11 device. The key must be marked as
// not extractable.
type TokenConfig struct {
	// Module is the absolute path of the device maker's library.
	Module string `json:"module"`
	// Exactly one of Label, Serial and Slot names the token. A label that two
	// tokens bear is refused. Slot numbers change; prefer the others.
	Label  string `json:"label,omitempty"`
	Serial string `json:"serial,omitempty"`
	Slot   *int   `json:"slot,omitempty"`
	// PINFile holds the user's PIN in one line. A PIN that the token refused is
	// not tried twice, and none is tried on a token that warns that it may lock.
	PINFile string `json:"pin_file"`
	// KeyLabel and KeyID (hexadecimal) name the key pair: one of them, or both.
	// Both halves must be on the token, and nothing else by that name.
	KeyLabel string `json:"key_label,omitempty"`
	KeyID    string `json:"key_id,omitempty"`
	// MaxSessions is how many sessions may be open; one of them only keeps the
	// log-in. Default 8, at least 2.
	MaxSessions int `json:"max_sessions,omitempty"`
	// Timeout bounds one signature, with a new connection when it needs one.
	// Default 10s.
	Timeout Duration `json:"timeout,omitempty"`
}

// validate fills in defaults and gives the key's identifier in octets.
func (c *TokenConfig) validate() (id []byte, err error) {
	if c.MaxSessions == 0 {
		c.MaxSessions = 8
	}
	c.Timeout = Duration(c.Timeout.or(10 * time.Second))
	named := 0
	for _, set := range []bool{c.Label != "", c.Serial != "", c.Slot != nil} {
		if set {
			named++
		}
	}
	if id, err = hex.DecodeString(c.KeyID); err != nil {
		return nil, fmt.Errorf("%w: the key's id is not hexadecimal", ErrConfig)
	}
	switch {
	case !filepath.IsAbs(c.Module):
		return nil, fmt.Errorf("%w: the absolute path of the module is needed", ErrConfig)
	case named != 1:
		return nil, fmt.Errorf("%w: exactly one of token label, serial and slot", ErrConfig)
	case c.KeyLabel == "" && len(id) == 0:
		return nil, fmt.Errorf("%w: the key's label or id is needed", ErrConfig)
	case c.MaxSessions < 2 || c.Timeout < 0:
		return nil, fmt.Errorf("%w: at least 2 sessions, a positive timeout", ErrConfig)
	}
	return id, nil
}
