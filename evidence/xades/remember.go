package xades

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bode-erds/bode/evidence"
)

// maxRemembered bounds the reports that are kept; each takes some 50 kB.
const maxRemembered = 64

// Remembering gives a checker that answers as c does, and the same question only
// once when everything was in order: who seals has the same octets checked alone
// and inside a PDF. It is not for long: with its 65th report it forgets all. Safe
// for concurrent use; nobody may change what is in a report.
func Remembering(c Checker) evidence.XMLChecker {
	return &remembering{Checker: c, known: map[question]evidence.Report{}}
}

type remembering struct {
	Checker
	mu    sync.Mutex
	known map[question]evidence.Report
}

// question is everything that an answer depends on.
type question struct {
	octets    [sha256.Size]byte
	seal, tsa *x509.CertPool
	others    string // who else is trusted, and how far
}

func ask(doc []byte, b evidence.Beside, t evidence.Trust) question {
	h := sha256.New()
	for _, part := range [][]byte{doc, b.Record, b.Proof} {
		// Nothing and something empty are two things beside an evidence.
		length := int64(len(part))
		if part == nil {
			length = -1
		}
		binary.Write(h, binary.BigEndian, length)
		h.Write(part)
	}
	others := slices.Concat([]string{t.Log, strconv.Itoa(t.Quorum), strings.Join(t.Policies, " ")}, t.Witnesses)
	return question{[sha256.Size]byte(h.Sum(nil)), t.Seal, t.TSA, strings.Join(others, "\n")}
}

// Check implements [evidence.Checker].
func (c *remembering) Check(doc []byte, t evidence.Trust) evidence.Report {
	return c.CheckWith(doc, evidence.Beside{}, t)
}

// CheckWith implements [evidence.XMLChecker].
func (c *remembering) CheckWith(doc []byte, b evidence.Beside, t evidence.Trust) evidence.Report {
	q := ask(doc, b, t)
	c.mu.Lock()
	r, ok := c.known[q]
	c.mu.Unlock()
	if ok {
		return r
	}
	r = c.Checker.CheckWith(doc, b, t)
	// Who adds to what is in a report gets a copy of his own.
	r.Checks, r.Unchecked, r.Stamps = slices.Clip(r.Checks), slices.Clip(r.Unchecked), slices.Clip(r.Stamps)
	if r.OK() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.known) == maxRemembered {
			clear(c.known)
		}
		c.known[q] = r
	}
	return r
}
