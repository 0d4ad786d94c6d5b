package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

const (
	returnPrefix = "b+"
	// returnMAC is how many octets of the HMAC an address carries: guessing one
	// costs 2^79 mails on average.
	returnMAC = 10
	// maxAttempt bounds the number in a return path.
	maxAttempt = 1<<31 - 1
)

// ReturnPath is the address that reports about one attempt of one notice come
// back to: b+NOTICE.ATTEMPT-MAC@domain, lower case, its local part never longer
// than the 64 octets of RFC 5321 §4.5.3.1.1. NOTICE is the id in base32; MAC binds
// both to key, so that nobody can report about what was not sent to them. Errors:
// ErrInvalid for an id that is no UUID or an attempt below 1.
func ReturnPath(domain string, key []byte, notice string, attempt int) (string, error) {
	id, err := uuid.Parse(notice)
	if err != nil || attempt < 1 || attempt > maxAttempt {
		return "", fmt.Errorf("%w: return path of %q, attempt %d", ErrInvalid, notice, attempt)
	}
	return returnLocal(key, id, attempt) + "@" + domain, nil
}

// ParseReturnPath reads what ReturnPath made for the same domain and key, in any
// case. Errors: ErrReturnPath for anything else.
func ParseReturnPath(domain string, key []byte, address string) (notice string, attempt int, err error) {
	local, ok := strings.CutSuffix(strings.ToLower(address), "@"+strings.ToLower(domain))
	if !ok || !strings.HasPrefix(local, returnPrefix) {
		return "", 0, ErrReturnPath
	}
	name, rest, _ := strings.Cut(local[len(returnPrefix):], ".")
	number, _, _ := strings.Cut(rest, "-")
	octets, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(name))
	if err != nil || len(octets) != len(uuid.UUID{}) {
		return "", 0, ErrReturnPath
	}
	if attempt, err = strconv.Atoi(number); err != nil || attempt < 1 || attempt > maxAttempt {
		return "", 0, ErrReturnPath
	}
	id := uuid.UUID(octets)
	// Written again and compared: one form only, and no clock tells how much of
	// the MAC was right.
	if !hmac.Equal([]byte(local), []byte(returnLocal(key, id, attempt))) {
		return "", 0, ErrReturnPath
	}
	return id.String(), attempt, nil
}

func returnLocal(key []byte, id uuid.UUID, attempt int) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("bode return path 1\x00"))
	h.Write(id[:])
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(attempt)))
	return returnPrefix + base32Lower(id[:]) + "." + strconv.Itoa(attempt) + "-" + base32Lower(h.Sum(nil)[:returnMAC])
}

func base32Lower(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
