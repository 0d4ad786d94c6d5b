package notify

// outline is which sentences and facts a mail of some kind is made of, in the
// order in which they are read.
type outline struct {
	paragraphs []string
	facts      []string
	link       bool   // has a button when there is a link
	parts      []part // below the button
}

// part is what stands below the button, under a heading of its own or without.
type part struct {
	title      string // key of the heading; empty: none
	steps      []string
	paragraphs []string
	check      bool // shows what to type at /notice; left out where there is nothing to type
}

// say is a part of paragraphs alone.
func say(keys ...string) part { return part{paragraphs: keys} }

// genuine tells how to find out by hand whether a mail is ours.
func genuine() part {
	return part{title: "genuine.title", paragraphs: []string{"genuine.mail", "genuine.never"}, check: true}
}

// genuineAccount is [genuine] for those who can sign in.
func genuineAccount() part {
	return part{title: "genuine.title", paragraphs: []string{"genuine.account", "genuine.never"}}
}

// outlineOf returns the outline of a mail. A code never comes with anything to
// click: who asks for the code and who reads it must be the same person's doing.
func outlineOf(k Kind, f Facts) outline {
	if k.ofAccount() {
		return accountOutline(k)
	}
	kind := string(k)
	o := outline{paragraphs: []string{kind + ".intro", kind + ".next"}, facts: []string{"sender", "number", "submitted"}, parts: []part{genuine()}}
	switch k {
	case Announcement, Reminder:
		return outline{
			paragraphs: []string{kind + ".intro"},
			facts:      []string{"sender", "recipient", "number", "submitted", "deadline"}, link: true,
			parts: []part{howToOpen("how.choose"), {title: "nothing.title", paragraphs: []string{"nothing." + fallback(f)}}, genuine()},
		}
	case Code:
		return outline{paragraphs: []string{"code.intro"}, parts: []part{say("code.valid", "code.secret", "code.unasked")}}
	case DelegateNamed:
		return outline{
			paragraphs: []string{kind + ".intro"},
			facts:      []string{"sender", "recipient", "number", "submitted", "deadline"}, link: true,
			parts: []part{howToOpen(kind + ".choose"), {title: "nothing.title", paragraphs: []string{kind + ".free"}}, genuine()},
		}
	case DelegateConfirmed:
		o.facts, o.link, o.parts = append(o.facts, "deadline"), true, []part{say(kind + ".unasked"), genuine()}
	case Receipt:
		return outline{
			paragraphs: []string{"outcome." + f.Outcome},
			facts:      []string{"number", "reference", "recipient", "submitted", "decided"}, link: true,
			parts: []part{{title: "next.title", paragraphs: []string{"comes." + comes(f)}}, {title: "proof.title", paragraphs: []string{"proof.where"}}, genuineAccount()},
		}
	case ContactProposed:
		o.facts, o.link, o.parts = []string{"number", "reference", "recipient", "submitted", "what"}, true, []part{genuineAccount()}
	case Accepted, Rejected:
		o.paragraphs, o.facts, o.link = []string{kind + ".intro", kind + ".means", kind + ".next"}, append(o.facts, "decided"), k == Accepted
	case GoesByPost:
		if f.Link != "" {
			o.paragraphs, o.link = append(o.paragraphs, kind+".online"), true
		}
	case LetterPosted:
		o.facts, o.parts = append(o.facts, "expected", "tracking", "follow"), []part{genuine()}
		if f.Tracking != "" {
			o.parts = []part{say(kind + ".follow"), genuine()}
		}
	case ContactNamed:
		o.facts, o.parts = append(o.facts, "what"), []part{say(kind + ".unasked"), genuine()}
	case PaperAsked, OnlineRefused:
		o.parts = []part{say(kind + ".unasked"), genuine()}
	default: // Cancelled: nothing left to open
		o.facts = append(o.facts, "decided")
	}
	return o
}

// howToOpen is the way from the button to the content; what is chosen at its end
// differs with who reads.
func howToOpen(choose string) part {
	return part{title: "how.title", steps: []string{"how.codes", "how.identify", choose}, paragraphs: []string{"how.closed"}}
}

func fallback(f Facts) string {
	if f.Fallback == "post" {
		return "post"
	}
	return "none"
}

// comes is what follows on an outcome; where a letter follows, that.
func comes(f Facts) string {
	if (f.Outcome == "expired" || f.Outcome == "undeliverable") && f.Fallback == "post" {
		return f.Outcome + "_post"
	}
	return f.Outcome
}
