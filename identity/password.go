package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Cost is what one password hash costs (argon2id, RFC 9106).
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultCost is 64 MiB and three passes: about half a second on one slow
// processor, above the least that OWASP asks.
func DefaultCost() Cost { return Cost{Memory: 64 << 10, Time: 3, Threads: 1} }

func (c Cost) validate() error {
	if c.Memory < 8*uint32(c.Threads) || c.Time == 0 || c.Threads == 0 || c.Memory > 4<<20 || c.Time > 64 {
		return errors.New("identity: Config.Password is out of range")
	}
	return nil
}

// Password length, in characters.
const (
	minPassword = 12
	maxPassword = 128
)

const (
	saltSize = 16
	hashSize = 32
	// maxWaiting is how many sign-ins may wait for a processor; the next is
	// told ErrBusy rather than kept for minutes.
	maxWaiting = 64
)

//go:embed common_passwords.txt
var commonPasswords string

// hasher hashes passwords, few at a time: every hash takes the memory of its
// cost, and without a bound signing in would be a way to exhaust it.
type hasher struct {
	cost    Cost
	slots   chan struct{}
	waiting atomic.Int64
	hashes  atomic.Int64 // how many were computed
	dummy   string       // hash of nothing anybody knows, for logins that do not exist
	common  map[string]bool
}

func newHasher(cost Cost, slots int) (*hasher, error) {
	if slots == 0 {
		slots = runtime.GOMAXPROCS(0)
	}
	h := &hasher{cost: cost, slots: make(chan struct{}, slots), common: make(map[string]bool)}
	for line := range strings.Lines(commonPasswords) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			h.common[line] = true
		}
	}
	var err error
	h.dummy, err = h.hash(context.Background(), rand.Text())
	return h, err
}

// check says what is wrong with a new password. about is what strangers know of
// its owner. No composition rules: length counts (NIST SP 800-63B §3.1.1.2).
func (h *hasher) check(password string, about ...string) FieldErrors {
	p := strings.ToLower(normalise(password))
	bad := func(code string) FieldErrors { return FieldErrors{{Field: "password", Code: code}} }
	n := utf8.RuneCountInString(p)
	switch {
	case password == "":
		return bad("missing")
	case !utf8.ValidString(password):
		return bad("malformed")
	case n < minPassword:
		return bad("too_short")
	case n > maxPassword:
		return bad("too_long")
	}
	seen := make(map[rune]bool)
	for _, r := range p {
		seen[r] = true
	}
	squeezed := strings.NewReplacer(" ", "", "-", "", "_", "", ".", "").Replace(p)
	if len(seen) < 5 || h.common[p] || h.common[squeezed] || h.common[strings.TrimRight(squeezed, "0123456789!?")] {
		return bad("common")
	}
	for _, a := range append(houseWords(), about...) {
		a = strings.ToLower(normalise(a))
		if utf8.RuneCountInString(a) >= 4 && strings.Contains(p, a) && n-utf8.RuneCountInString(a) < minPassword/2 {
			return bad("common")
		}
	}
	return nil
}

// houseWords are what anybody would try first here: our name, and what we do.
func houseWords() []string {
	return []string{"aangetekend", "aangetekende", "recommande", "recommandé", "einschreiben", "registered", "delivery", "zending", "courrier", "postbode"}
}

// normalise makes one password of every way a keyboard may encode it.
func normalise(password string) string { return norm.NFKC.String(password) }

// slot waits for the right to hash.
func (h *hasher) slot(ctx context.Context) (release func(), err error) {
	if h.waiting.Add(1) > maxWaiting+int64(cap(h.slots)) {
		h.waiting.Add(-1)
		return nil, ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; h.waiting.Add(-1) }, nil
	case <-ctx.Done():
		h.waiting.Add(-1)
		return nil, ctx.Err()
	}
}

// hash gives a PHC string.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	release, err := h.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, saltSize)
	rand.Read(salt)
	c := h.cost
	h.hashes.Add(1)
	sum := argon2.IDKey([]byte(normalise(password)), salt, c.Time, c.Memory, c.Threads, hashSize)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Threads,
		enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

// verify reports whether password belongs to phc, and whether phc was made at
// another cost than today's. It takes its time for a malformed phc too.
func (h *hasher) verify(ctx context.Context, phc, password string) (ok, stale bool, err error) {
	release, err := h.slot(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	c, salt, want, good := parsePHC(phc)
	if !good {
		c, salt, want = h.cost, make([]byte, saltSize), make([]byte, hashSize)
	}
	if len(password) > 8*maxPassword {
		password, good = "", false
	}
	got := argon2.IDKey([]byte(normalise(password)), salt, c.Time, c.Memory, c.Threads, uint32(len(want)))
	h.hashes.Add(1)
	same := subtle.ConstantTimeCompare(got, want) == 1
	return same && good, c != h.cost, nil
}

func parsePHC(phc string) (c Cost, salt, sum []byte, ok bool) {
	f := strings.Split(phc, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, false
	}
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Threads); err != nil || c.validate() != nil {
		return c, nil, nil, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(f[5])
	return c, salt, sum, err1 == nil && err2 == nil && len(salt) >= 8 && len(sum) == hashSize
}
