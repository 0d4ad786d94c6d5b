package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bode-erds/bode/evidence"
)

// verificationRoutes are open to everybody.
func (a *API) verificationRoutes() []route {
	return []route{{method: http.MethodPost, path: "/verifications", handle: a.createVerification, open: true}}
}

// Bounds of looking at documents that strangers bring.
const (
	maxVerified    = 64 << 20
	verifyingAtAll = 4 // documents at the same time, in this process
	verifyEach     = rate.Limit(0.5)
	verifyBurst    = 10
	maxVisitors    = 10000
)

var (
	errVerified    = problem{status: http.StatusRequestEntityTooLarge, code: "verification_too_large"}
	errNoVerifier  = problem{status: http.StatusNotImplemented, code: "verifications_unavailable"}
	errUnreadable  = problem{status: http.StatusUnprocessableEntity, code: "document_unreadable"}
	errNothingSent = problem{status: http.StatusUnprocessableEntity, code: "document_empty"}
)

// visitors bounds what one address asks for, and what all of them do at once. Safe
// for concurrent use; the zero value is ready.
type visitors struct {
	mu   sync.Mutex
	seen map[netip.Prefix]*rate.Limiter
	busy int
}

// enter lets somebody in who must leave again. Errors: errTooMany.
func (v *visitors) enter(ip string, now time.Time) (leave func(), err error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		addr = netip.IPv6Unspecified()
	}
	bits := 32
	if addr = addr.Unmap(); addr.Is6() {
		bits = 64 // what one subscriber has
	}
	whose, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxVisitors || v.seen == nil {
		v.seen = map[netip.Prefix]*rate.Limiter{}
	}
	l := v.seen[whose]
	if l == nil {
		l = rate.NewLimiter(verifyEach, verifyBurst)
		v.seen[whose] = l
	}
	r := l.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return nil, errTooMany.after(wait)
	}
	if v.busy >= verifyingAtAll {
		return nil, errTooMany.after(time.Second)
	}
	v.busy++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.busy--
	}, nil
}

// verification is what a verifier found. RFC 9457 is for what could not be looked
// at; a document that is not good is an answer.
type verification struct {
	Valid     bool                 `json:"valid"`
	SHA256    string               `json:"sha256"`
	Checks    []evidence.Check     `json:"checks"`
	Unchecked []evidence.Unchecked `json:"unchecked,omitempty"`
	Stamps    []evidence.TokenInfo `json:"stamps,omitempty"`
	Log       *evidence.LogInfo    `json:"log,omitempty"`
	Signer    string               `json:"signer,omitempty"`
	Evidence  *verifiedEvent       `json:"evidence,omitempty"`
	Members   []verifiedMember     `json:"members,omitempty"`
}

type verifiedEvent struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	At       string `json:"at"`
	Delivery string `json:"delivery_id"`
	Message  string `json:"message_id"`
	Number   string `json:"number"`
	Test     bool   `json:"test"`
	Issuer   string `json:"issuer"`
	Hash     string `json:"hash"`
}

type verifiedMember struct {
	Name     string         `json:"name"`
	SHA256   string         `json:"sha256"`
	Valid    *bool          `json:"valid,omitempty"` // absent for a file that is no evidence
	Evidence *verifiedEvent `json:"evidence,omitempty"`
}

// createVerification looks at a document that somebody brings. Nothing of it is
// kept.
func (a *API) createVerification(c *call) error {
	if a.Verifier == nil {
		return errNoVerifier
	}
	leave, err := a.visitors.enter(c.RealIP(), a.Now())
	if err != nil {
		return err
	}
	defer leave()
	body, err := c.body(maxVerified, errVerified)
	if err != nil {
		return err
	}
	sum := sha256.New()
	counted := &counter{Reader: io.TeeReader(body, sum)}
	r, err := a.Verifier.Verify(c.ctx(), path.Base(c.QueryParam("filename")), counted)
	switch {
	case errors.As(err, &problem{}):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", errUnreadable, err)
	case counted.n == 0:
		return errNothingSent
	}
	out := verification{Valid: r.OK(), SHA256: hex.EncodeToString(sum.Sum(nil)), Checks: r.Checks, Unchecked: r.Unchecked, Stamps: r.Stamps, Log: r.Log,
		Signer: r.Signer, Evidence: verifiedOf(r.Document)}
	if out.Checks == nil {
		out.Checks = []evidence.Check{}
	}
	for _, m := range r.Members {
		v := verifiedMember{Name: m.Name, SHA256: m.SHA256, Evidence: verifiedOf(m.Report.Document)}
		if len(m.Report.Checks) > 0 {
			ok := m.Report.OK()
			v.Valid = &ok
		}
		out.Members = append(out.Members, v)
	}
	return writeJSON(c, http.StatusOK, out)
}

func verifiedOf(d *evidence.Document) *verifiedEvent {
	if d == nil {
		return nil
	}
	e := d.Event
	return &verifiedEvent{e.ID, string(e.Name), instant(e.At), e.Delivery, e.Message, e.Number, e.Test, d.Issuer.Name, d.Hash}
}

// counter counts what is read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}
