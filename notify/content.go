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
	Language, Service, Line, Subject, Headline, Greeting string
	Note                                                 string // that it is a test; else empty
	Paragraphs                                           []string
	Code                                                 string
	Facts                                                []fact
	Button, ButtonFallback, Link                         string
	Sections                                             []section
	Closing, Footer                                      string
}

// fact is one row of the table. Note stands below the value; Strong is the one
// that must not be overlooked.
type fact struct {
	Label, Value, Note string
	Strong             bool
}

// section is a part as it is read. Check and its label are empty where there is
// nothing to type.
type section struct {
	Title             string
	Steps, Paragraphs []string
	CheckLabel, Check string
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
