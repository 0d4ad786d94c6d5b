package bounce

import (
	"bytes"
	"strings"
)

// kind is what a mail turned out to be.
type kind string

const (
	delivery    kind = "delivery"    // a delivery report, RFC 3464
	complaint   kind = "complaint"   // a feedback report, RFC 5965
	disposition kind = "disposition" // RFC 8098: says what somebody's program says it did
	automatic   kind = "automatic"   // a machine answers
	other       kind = "other"       // anything else: perhaps somebody wrote to the return path
)

// back is a mail that came back, as far as it can be read.
type back struct {
	kind   kind
	header fields
	body   []byte
	report fields   // of a delivery report the message's fields, of a complaint all of them
	groups []fields // of a delivery report, one for each recipient
	parts  []entity // of a report: with what it returns
}

// read says what a mail is. It never fails.
func read(raw []byte) back {
	top := parseEntity(raw)
	b := back{kind: other, header: top.header, body: top.body}
	if r, ok := findReport(top, 0); ok {
		b.readReport(r)
	}
	if b.kind == other && isAutomatic(top.header) {
		b.kind = automatic
	}
	return b
}

// findReport looks for a multipart/report, also among the parts of multiparts:
// gateways add notes of their own. Mails inside a mail are not looked into: one
// that is returned may be a report itself.
func findReport(e entity, depth int) (entity, bool) {
	t, _ := e.mediaType()
	if t == "multipart/report" {
		return e, true
	}
	if depth+1 >= maxDepth {
		return entity{}, false
	}
	for _, p := range e.parts() {
		if r, ok := findReport(p, depth+1); ok {
			return r, true
		}
	}
	return entity{}, false
}

// readReport reads the part that is for machines.
func (b *back) readReport(r entity) {
	_, params := r.mediaType()
	want := strings.ToLower(params["report-type"])
	b.parts = r.parts()
	for _, p := range b.parts {
		t, _ := p.mediaType()
		name, _ := strings.CutPrefix(strings.TrimPrefix(t, "message/"), "global-") // RFC 6533 §4
		if want != "" && strings.TrimPrefix(want, "global-") != name {
			continue
		}
		switch name {
		case "delivery-status":
			b.kind = delivery
			b.report, b.groups = readStatus(p.content())
		case "feedback-report":
			b.kind, b.report = complaint, parseEntity(p.content()).header
		case "disposition-notification":
			b.kind, b.report = disposition, parseEntity(p.content()).header
		default:
			continue
		}
		return
	}
}

// ofRecipient reports whether a field stands in the group of a recipient only
// (RFC 3464 §2.3).
func ofRecipient(name string) bool {
	switch name {
	case "original-recipient", "final-recipient", "action", "status", "remote-mta", "diagnostic-code", "last-attempt-date", "final-log-id", "will-retry-until":
		return true
	}
	return false
}

// readStatus splits a status part into the fields about the message and those
// about each recipient. A blank line ends a group; so does what a group has
// once only, where the blank line was lost (RFC 3464 §2.1).
func readStatus(body []byte) (message fields, groups []fields) {
	var group fields
	end := func() {
		if len(group) > 0 && len(groups) < maxRecipients {
			groups = append(groups, group)
		}
		group = nil
	}
	first := true
	for line := range bytes.Lines(body) {
		text := string(bytes.TrimRight(line, "\r\n"))
		if strings.TrimSpace(text) == "" {
			end()
			first = first && len(message) == 0
			continue
		}
		name, _, _ := strings.Cut(strings.ToLower(text), ":")
		name = strings.TrimRight(name, " \t") // what is folded matches no name
		if first && !ofRecipient(name) {
			message = message.add(text)
			continue
		}
		first = false
		switch name {
		case "original-recipient", "final-recipient", "action":
			if group.get(name) != "" {
				end()
			}
		}
		group = group.add(text)
	}
	end()
	return message, groups
}

// isAutomatic reports whether a machine says that it answers (RFC 3834 §5, and
// what was in use before).
func isAutomatic(h fields) bool {
	if auto, _, _ := strings.Cut(strings.ToLower(h.get("auto-submitted")), ";"); strings.TrimSpace(auto) != "" && strings.TrimSpace(auto) != "no" {
		return true
	}
	return strings.EqualFold(h.get("precedence"), "auto_reply") || h.get("x-autoreply") != "" || h.get("x-autorespond") != ""
}
