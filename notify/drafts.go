package notify

// Kinds that tell the people of an account about a message before it is one. They
// are kinds of accounts, and name nothing of what is in it.
const (
	ReleaseAsked   Kind = "release_asked"    // to those who may release: a colleague's message waits
	DraftReleased  Kind = "draft_released"   // to its author, as the next two
	DraftGivenBack Kind = "draft_given_back" //
	DraftFailed    Kind = "draft_failed"     // it could not be sent at its time, and why
	DraftPostponed Kind = "draft_postponed"  // the account sent what it may in a day: it goes later
)

// draftOutline is [accountOutline] for these, from what it has by default.
func draftOutline(k Kind, o outline) outline {
	if o.facts = []string{"account"}; k == DraftFailed {
		o.facts = []string{"account", "what"}
	}
	return o
}

// needDraft is the part of [Facts.need] for these.
func (f Facts) needDraft(k Kind, require func(name string, given bool)) {
	require("Account", f.Account != "")
	require("Link", f.Link != "")
	if k == DraftFailed {
		require("What", f.What != "")
	}
	if k == DraftPostponed {
		require("Until", !f.Until.IsZero())
	}
}
