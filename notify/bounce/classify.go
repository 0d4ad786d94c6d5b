package bounce

import (
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/bode-erds/bode/notify"
)

// enhanced is a status code of RFC 3463 §2 that stands by itself.
var enhanced = regexp.MustCompile(`(?:^|[\s;#])([245])\.(\d{1,3})\.(\d{1,3})(?:$|[\s,;:)])`)

// facts is what a group of a delivery report says of its recipient, and false
// when it says nothing that can be relied on. Action decides; Status only says
// why (RFC 3464 §2.3.3).
func facts(message, group fields) (notify.Report, bool) {
	r := notify.Report{Source: "dsn", Rung: notify.RungAccepted, Status: statusOf(group), Reply: group.get("diagnostic-code"),
		Remote: remoteOf(message, group), OccurredAt: dateOf(group.get("last-attempt-date"))}
	_, byHand := typed(group.get("remote-mta"))
	via, _ := typed(group.get("diagnostic-code"))
	switch word(group.get("action")) {
	case "delivered":
		r.Fact, r.Rung = notify.Delivered, notify.RungMailbox
		if byHand != "" || via == "smtp" { // it was passed on, and that was the answer
			r.Fact, r.Rung = notify.Relayed, notify.RungFarSide
		}
	case "relayed", "expanded":
		r.Fact, r.Rung = notify.Relayed, notify.RungFarSide
	case "delayed":
		r.Fact = notify.Delayed
	case "failed":
		r.Fact, r.Cause = notify.Failed, causeOf(r.Status, r.Reply)
	default:
		return notify.Report{}, false
	}
	for _, name := range []string{"original-recipient", "final-recipient"} {
		r.Recipients = append(r.Recipients, addresses(group.get(name))...)
	}
	return r, len(r.Recipients) > 0
}

// causeOf is why a mail failed. Where the status only repeats that it did, the
// code in the reply is looked at.
func causeOf(status, reply string) notify.Cause {
	code := enhanced.FindStringSubmatch(status)
	if code == nil || code[2] == "0" {
		if better := enhanced.FindStringSubmatch(reply); better != nil {
			code = better
		}
	}
	if code == nil {
		return notify.CauseOther
	}
	class, subject, detail := code[1], code[2], code[3]
	switch {
	case subject == "2" && detail == "2":
		return notify.CauseFull
	case class == "4": // the queue gave up
		return notify.CauseUnreachable
	case subject == "1" && (detail == "7" || detail == "8"): // about our address
		return notify.CauseOurs
	case subject == "1" && detail != "0" && detail != "9", subject == "2" && detail == "1", subject == "4" && detail == "4":
		return notify.CauseAddress
	case subject == "6" && detail == "7": // nobody on the way takes such an address (RFC 6531 §3.5)
		return notify.CauseOther
	case subject == "4":
		return notify.CauseUnreachable
	case subject == "7", subject == "6", subject == "5", subject == "3" && detail == "4":
		return notify.CauseOurs
	}
	return notify.CauseOther
}

// statusOf is the code alone, or "".
func statusOf(group fields) string {
	if code := enhanced.FindStringSubmatch(group.get("status")); code != nil {
		return code[1] + "." + code[2] + "." + code[3]
	}
	return ""
}

// remoteOf is who said so: the system that answered, or else the one that reports.
func remoteOf(message, group fields) string {
	if _, remote := typed(group.get("remote-mta")); remote != "" {
		return remote
	}
	_, reporting := typed(message.get("reporting-mta"))
	return reporting
}

// word is the first word of a value, in lower case, without a comment.
func word(s string) string {
	s, _, _ = strings.Cut(s, "(")
	if f := strings.Fields(strings.ToLower(s)); len(f) > 0 {
		return f[0]
	}
	return ""
}

func dateOf(s string) time.Time {
	t, err := mail.ParseDate(s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
