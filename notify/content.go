package notify

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// content is a mail as structure: both forms of it are rendered from this one
// value, so they cannot say different things.
type content struct {
	Language, Service, Subject, Headline, Greeting string
	Note                                           string // that it is a test; else empty
	Paragraphs                                     []string
	Code                                           string
	Facts                                          []fact
	Button, ButtonFallback, Link                   string
	After                                          []string
	Closing, Footer                                string
}

type fact struct{ Label, Value string }

// outline is which sentences and facts a kind is made of.
type outline struct {
	paragraphs []string
	facts      []string
	after      []string
	link       bool // has a button when there is a link
}

// outlineOf returns the outline of a mail. A code never comes with anything to
// click: who asks for the code and who reads it must be the same person's doing.
func outlineOf(k Kind, f Facts) outline {
	if k.ofAccount() {
		return accountOutline(k)
	}
	kind := string(k)
	switch k {
	case Announcement, Reminder:
		return outline{
			paragraphs: []string{kind + ".intro", kind + ".how"},
			facts:      []string{"sender", "number", "submitted", "deadline"},
			after:      []string{"nothing." + fallback(f), "genuine.mail"}, link: true,
		}
	case Code:
		return outline{paragraphs: []string{"code.intro"}, after: []string{"code.valid", "code.secret", "code.unasked"}}
	case DelegateNamed:
		return outline{
			paragraphs: []string{kind + ".intro", kind + ".how"},
			facts:      []string{"sender", "recipient", "number", "submitted", "deadline"},
			after:      []string{kind + ".free", "genuine.mail"}, link: true,
		}
	case DelegateConfirmed:
		return outline{
			paragraphs: []string{kind + ".intro", kind + ".next"},
			facts:      []string{"sender", "number", "submitted", "deadline"},
			after:      []string{kind + ".unasked", "genuine.mail"}, link: true,
		}
	case Receipt:
		return outline{
			paragraphs: []string{"outcome." + f.Outcome, "receipt.next"},
			facts:      []string{"number", "reference", "recipient", "submitted", "decided"}, link: true,
		}
	case Accepted, Rejected:
		return outline{
			paragraphs: []string{kind + ".intro", kind + ".next"},
			facts:      []string{"sender", "number", "submitted", "decided"},
			after:      []string{"genuine.mail"}, link: true,
		}
	}
	switch k {
	case LetterPosted:
		return outline{
			paragraphs: []string{kind + ".intro", kind + ".next"},
			facts:      []string{"sender", "number", "submitted", "expected", "tracking", "follow"},
			after:      []string{kind + ".follow", "genuine.mail"},
		}
	case PaperAsked, ContactNamed, OnlineRefused:
		o := outline{
			paragraphs: []string{kind + ".intro", kind + ".next"},
			facts:      []string{"sender", "number", "submitted"},
			after:      []string{kind + ".unasked", "genuine.mail"},
		}
		if k == ContactNamed {
			o.facts = append(o.facts, "what")
		}
		return o
	case ContactProposed:
		return outline{
			paragraphs: []string{kind + ".intro", kind + ".next"},
			facts:      []string{"number", "reference", "recipient", "submitted", "what"}, link: true,
		}
	}
	return outline{ // Cancelled, GoesByPost: nothing left to open
		paragraphs: []string{kind + ".intro", kind + ".next"},
		facts:      []string{"sender", "number", "submitted", "decided"},
		after:      []string{"genuine.mail"},
	}
}

func fallback(f Facts) string {
	if f.Fallback == "post" {
		return "post"
	}
	return "none"
}

// need refuses to write a notice that would be misleading without a fact.
func (f Facts) need(k Kind) error {
	missing := ""
	require := func(name string, given bool) {
		if !given && missing == "" {
			missing = name
		}
	}
	require("ServiceName", f.ServiceName != "")
	require("ServiceHost", f.ServiceHost != "")
	if k.ofAccount() {
		f.needAccount(k, require)
		return f.judge(k, missing)
	}
	require("Number", f.Number != "")
	switch k {
	case Announcement, Reminder:
		require("SenderName", f.SenderName != "")
		require("Link", f.Link != "")
		require("NoticeCode", f.NoticeCode != "")
		require("Deadline", !f.Deadline.IsZero())
		require("Fallback", f.Fallback == "post" || f.Fallback == "none")
	case DelegateNamed:
		require("SenderName", f.SenderName != "")
		require("RecipientName", f.RecipientName != "")
		require("Link", f.Link != "")
		require("NoticeCode", f.NoticeCode != "")
		require("Deadline", !f.Deadline.IsZero())
	case DelegateConfirmed:
		require("SenderName", f.SenderName != "")
		require("Who", f.Who != "")
		require("Link", f.Link != "")
	case Code:
		require("Code", f.Code != "" && strings.Trim(f.Code, "0123456789") == "")
		require("CodeMinutes", f.CodeMinutes > 0)
	case Receipt:
		require("Outcome", f.Outcome != "")
	case ContactProposed:
		require("Link", f.Link != "")
		require("What", f.What != "")
	case ContactNamed:
		require("SenderName", f.SenderName != "")
		require("What", f.What != "")
	case Accepted:
		require("SenderName", f.SenderName != "")
		require("Link", f.Link != "")
	default:
		require("SenderName", f.SenderName != "")
	}
	return f.judge(k, missing)
}

// judge is need once it is known which fact is missing, and looks at the link.
func (f Facts) judge(k Kind, missing string) error {
	if missing == "" && f.Link != "" {
		u, err := url.Parse(f.Link)
		ours := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil &&
			(u.Host == f.ServiceHost || u.Hostname() == f.ServiceHost)
		if !ours {
			missing = "Link on our host"
		}
	}
	if missing != "" {
		return fmt.Errorf("%w: %s needs %s", ErrFacts, k, missing)
	}
	return nil
}

// bare is the text of an address that is not to be clicked on: without its
// scheme, and nothing when it is no web address.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Host == "" {
		return ""
	}
	return plain(strings.TrimPrefix(u.String(), u.Scheme+"://"))
}

// plain makes a foreign name one line of visible text: nothing that breaks a
// line, hides, or turns the direction of what follows.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}
