package notify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/idna"
)

const (
	// maxRaw is what is kept of a report as received; sealing adds a few octets.
	maxRaw = 1<<20 - 1<<10
	// maxReports bounds what is kept about one notice: who has its return path
	// could fill the table.
	maxReports = 100
)

var (
	sourceName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	sha256Hex  = regexp.MustCompile(`^([0-9a-f]{64})?$`)
)

// clean makes a report storable, or refuses it: its words are foreign text.
func (r Report) clean() (Report, error) {
	refuse := func(format string, args ...any) (Report, error) {
		return Report{}, fmt.Errorf("%w: report: "+format, append([]any{ErrInvalid}, args...)...)
	}
	switch {
	case !sourceName.MatchString(r.Source):
		return refuse("source %q", clip(r.Source))
	case r.ID == "" || len(r.ID) > 200 || clip(r.ID) != r.ID || strings.Contains(r.ID, "\n"):
		return refuse("id of %d octets", len(r.ID))
	case r.Attempt < 0 || r.Attempt > maxAttempt:
		return refuse("attempt %d", r.Attempt)
	case !slices.Contains(AllFacts(), r.Fact):
		return refuse("fact %q", clip(string(r.Fact)))
	case r.Rung < RungRendered || r.Rung > RungMailbox: // RungRecipient is for our own events
		return refuse("rung %d", r.Rung)
	case !slices.Contains([]Cause{"", CauseAddress, CauseFull, CauseUnreachable, CauseOurs, CauseOther}, r.Cause):
		return refuse("cause %q", clip(string(r.Cause)))
	case (r.Fact == Failed) != (r.Cause != ""):
		return refuse("%s with cause %q", r.Fact, r.Cause)
	case (r.Fact == Relayed || r.Fact == Delivered) && r.Rung < RungFarSide:
		return refuse("%s on rung %d", r.Fact, r.Rung)
	case !sha256Hex.MatchString(r.Digest):
		return refuse("digest")
	}
	id, err := uuid.Parse(r.Notice)
	if err != nil {
		return refuse("notice is no UUID")
	}
	r.Notice = id.String()
	r.Reply, r.Remote, r.Status = clip(r.Reply), oneLine(r.Remote), oneLine(r.Status)
	for len(r.Status) > 50 {
		r.Status = strings.ToValidUTF8(r.Status[:50], "")
	}
	r.Raw = r.Raw[:min(len(r.Raw), maxRaw)]
	if y := r.OccurredAt.UTC().Year(); y < 2000 || y > 2200 {
		r.OccurredAt = time.Time{} // a foreign clock
	}
	r.First, r.Final, r.Ended = false, false, false
	return r, nil
}

// names reports whether a report is about somebody with this address: an address
// that it names is the same but for case and the way in which the domain is
// written, or it names none.
func (r Report) names(to string) bool {
	to = plainAddress(to)
	return len(r.Recipients) == 0 || slices.ContainsFunc(r.Recipients, func(a string) bool { return plainAddress(a) == to })
}

// plainAddress is an address or number in the one form in which it is compared:
// lower case, its domain in ASCII (RFC 5891).
func plainAddress(addr string) string {
	addr = strings.ToLower(strings.TrimSpace(addr))
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return addr
	}
	domain, err := idna.Lookup.ToASCII(addr[at+1:])
	if err != nil {
		return addr
	}
	return addr[:at+1] + domain
}

// oneLine is clip for what has no lines.
func oneLine(s string) string { return clip(strings.Join(strings.Fields(s), " ")) }
