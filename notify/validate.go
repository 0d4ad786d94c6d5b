package notify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// Kinds lists every kind, Languages every language we write, Channels every
// channel, in the order people read them.
func Kinds() []Kind {
	return append([]Kind{Announcement, Reminder, Code, Accepted, Rejected, Cancelled, GoesByPost, Receipt, DelegateNamed, DelegateConfirmed,
		LetterPosted, PaperAsked, ContactNamed, ContactProposed, OnlineRefused}, AccountKinds()...)
}

// Languages lists the languages of Belgium's three communities, and English.
func Languages() []string { return []string{"nl", "fr", "de", "en"} }

// Channels lists every channel.
func Channels() []Channel { return []Channel{Email, SMS} }

// e164 is a number as the table holds it (ITU-T E.164).
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// validate refuses what no channel could carry. Addresses are never part of the
// error: it ends up in logs.
func (n Notice) validate() error {
	ids := []string{n.ID}
	switch {
	case !n.Kind.ofAccount():
		ids = append(ids, n.Account, n.Delivery)
	case n.Delivery != "":
		return fmt.Errorf("%w: %s: a %s belongs to no delivery", ErrInvalid, n.ID, n.Kind)
	case n.Account != "":
		ids = append(ids, n.Account)
	}
	for _, id := range ids {
		if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
			return fmt.Errorf("%w: %q is no UUID", ErrInvalid, id)
		}
	}
	switch {
	case !slices.Contains(Kinds(), n.Kind):
		return fmt.Errorf("%w: %s: kind %q", ErrInvalid, n.ID, n.Kind)
	case !slices.Contains(Channels(), n.Channel):
		return fmt.Errorf("%w: %s: channel %q", ErrInvalid, n.ID, n.Channel)
	case !slices.Contains(Languages(), n.Language):
		return fmt.Errorf("%w: %s: language %q", ErrInvalid, n.ID, n.Language)
	case len(n.Ref) > 200:
		return fmt.Errorf("%w: %s: reference of %d octets", ErrInvalid, n.ID, len(n.Ref))
	case n.Channel == SMS && !e164.MatchString(n.To):
		return fmt.Errorf("%w: %s: number not in E.164", ErrInvalid, n.ID)
	case n.Channel == Email && !mailable(n.To):
		return fmt.Errorf("%w: %s: not an e-mail address", ErrInvalid, n.ID)
	}
	return nil
}

// mailable is a coarse check (RFC 5321 §4.5.3.1): one address, no display name,
// nothing that could end a command or a header. Whether it exists, its own
// server says.
func mailable(addr string) bool {
	at := strings.LastIndexByte(addr, '@')
	return at > 0 && at < len(addr)-1 && at <= 64 && len(addr) <= 320 &&
		!strings.ContainsFunc(addr, func(r rune) bool {
			return r == unicode.ReplacementChar || unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`<>",;\`, r)
		})
}
