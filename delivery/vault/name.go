package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
)

const maxName = 200 // octets; leaves room in a file name of 255

// checkName returns ErrName unless name is one to eight parts of [a-z0-9-],
// joined by slashes. Such a name needs no escaping in a path, a URL or a log.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%w: %d octets", ErrName, len(name))
	}
	parts := strings.Split(name, "/")
	if len(parts) > 8 {
		return fmt.Errorf("%w: %d parts", ErrName, len(parts))
	}
	for _, part := range parts {
		if part == "" {
			return fmt.Errorf("%w: empty part", ErrName)
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return fmt.Errorf("%w: octet 0x%02x", ErrName, c)
			}
		}
	}
	return nil
}

// fanOut is the directory of a name below the root: "ab/c", one of 4096. It
// comes from a digest, because names that begin with the time would all fall
// together.
func fanOut(name string) string {
	sum := sha256.Sum256([]byte(name))
	h := hex.EncodeToString(sum[:2])
	return filepath.Join(h[:2], h[2:3])
}

// fileName is the name of the file of an object: slashes become underscores,
// which no object name contains. objectName is its inverse.
func fileName(name string) string { return strings.ReplaceAll(name, "/", "_") }

func objectName(file string) string { return strings.ReplaceAll(file, "_", "/") }
