package notify

import (
	"slices"
	"strings"
)

// Kinds that tell account holders something about their account. They belong to
// no delivery, make no event, and some belong to no account yet.
const (
	ContactCode         Kind = "contact_code"         // a one-time code that proves this address; never together with a link
	AccountExists       Kind = "account_exists"       // this address has an account already
	PasswordReset       Kind = "password_reset"       // a link to choose a new password
	Invitation          Kind = "invitation"           // a link to join a company's account
	ApplicationReceived Kind = "application_received" // for a company account
	ApplicationApproved Kind = "application_approved" //
	ApplicationRefused  Kind = "application_refused"  // and why
	AccountSuspended    Kind = "account_suspended"    //
	AccountResumed      Kind = "account_resumed"      //
	AccountClosed       Kind = "account_closed"       // and when its data goes
	RecoveryStarted     Kind = "recovery_started"     // somebody says the means to sign in are lost; a link to stop it
	RecoveryDone        Kind = "recovery_done"        //
	SignInChanged       Kind = "sign_in_changed"      // and what
	ContactChanged      Kind = "contact_changed"      // to the old address
	MandateGranted      Kind = "mandate_granted"      // to the grantee
	MandateWithdrawn    Kind = "mandate_withdrawn"    //
	ApplicationForm     Kind = "application_form"     // another form is asked for, and why
	MandateGiven        Kind = "mandate_given"        // to those who administer the principal
	MandateEnded        Kind = "mandate_ended"        //
	KeyExpires          Kind = "key_expires"          // an API key ends soon, and when
	ProcessorPlanned    Kind = "processor_planned"    // a sub-processor will begin, what it does, and when
	RequestExtended     Kind = "request_extended"     // to who asked for their rights: the answer takes longer, why, and until when
	CreditLow           Kind = "credit_low"           // the account will not be able to send for long
	WebhookDisabled     Kind = "webhook_disabled"     // events are not pushed any more
)

// AccountKinds lists the kinds that belong to no delivery.
func AccountKinds() []Kind {
	return []Kind{ContactCode, AccountExists, PasswordReset, Invitation, ApplicationReceived, ApplicationApproved, ApplicationRefused,
		AccountSuspended, AccountResumed, AccountClosed, RecoveryStarted, RecoveryDone, SignInChanged, ContactChanged, MandateGranted, MandateWithdrawn,
		ApplicationForm, ReleaseAsked, DraftReleased, DraftGivenBack, DraftFailed, DraftPostponed, MandateGiven, MandateEnded, KeyExpires, WebhookDisabled, CreditLow, DailyReport,
		ProcessorPlanned, RequestExtended}
}

// ofAccount reports whether a notice of kind k belongs to no delivery.
func (k Kind) ofAccount() bool { return slices.Contains(AccountKinds(), k) }

// isCode reports whether somebody sits waiting for a code.
func (k Kind) isCode() bool { return k == Code || k == ContactCode }

// Urgent reports whether a notice goes before others: somebody sits waiting for it.
func (k Kind) Urgent() bool { return k.isCode() }

// accountOutline is [outlineOf] for the kinds of accounts.
func accountOutline(k Kind) outline {
	kind := string(k)
	o := outline{paragraphs: []string{kind + ".intro", kind + ".next"}, parts: []part{genuineAccount()}, link: true}
	switch k {
	case ContactCode:
		return outline{paragraphs: []string{"contact_code.intro"}, parts: []part{say("code.valid", "code.secret", "code.unasked")}}
	case PasswordReset:
		o.parts = []part{say(kind + ".unasked"), genuineAccount()}
	case KeyExpires:
		o.facts = []string{"account", "until"}
	case RequestExtended:
		o.parts, o.link = nil, false
	case Invitation, MandateGranted, MandateWithdrawn:
		o.facts = []string{"account", "who", "until"}
	case ApplicationRefused, ApplicationForm, AccountSuspended:
		o.facts = []string{"account", "reason"}
	case AccountResumed:
		o.facts = []string{"account"}
	case DailyReport:
		return dailyOutline(o)
	case ReleaseAsked, DraftReleased, DraftGivenBack, DraftFailed, DraftPostponed:
		return draftOutline(k, o)
	case AccountClosed:
		o.facts, o.parts, o.link = []string{"account"}, []part{say(kind + ".unasked")}, false
	case SignInChanged, ContactChanged:
		o.paragraphs, o.facts, o.parts = []string{kind + ".intro"}, []string{"what"}, []part{say(kind + ".unasked"), genuineAccount()}
	}
	return o
}

// needAccount is the part of [Facts.need] for the kinds of accounts.
func (f Facts) needAccount(k Kind, require func(name string, given bool)) {
	switch k {
	case ContactCode:
		require("Code", f.Code != "" && strings.Trim(f.Code, "0123456789") == "")
		require("CodeMinutes", f.CodeMinutes > 0)
	case PasswordReset, RecoveryStarted:
		require("Link", f.Link != "")
		require("Until", !f.Until.IsZero())
	case Invitation:
		require("Account", f.Account != "")
		require("Link", f.Link != "")
		require("Until", !f.Until.IsZero())
	case ApplicationReceived, ApplicationApproved, MandateGranted, MandateWithdrawn:
		require("Account", f.Account != "")
	case ApplicationRefused, ApplicationForm:
		require("Account", f.Account != "")
		require("Reason", f.Reason != "")
	case MandateGiven, MandateEnded:
		require("Account", f.Account != "")
		require("Who", f.Who != "")
	case KeyExpires:
		require("Who", f.Who != "")
		require("Until", !f.Until.IsZero())
	case ProcessorPlanned:
		require("Who", f.Who != "")
		require("Reason", f.Reason != "")
		require("Until", !f.Until.IsZero())
	case RequestExtended:
		require("Reason", f.Reason != "")
		require("Until", !f.Until.IsZero())
	case AccountClosed:
		require("Until", !f.Until.IsZero())
	case SignInChanged, ContactChanged:
		require("What", f.What != "")
	case DailyReport:
		f.needDaily(require)
	case ReleaseAsked, DraftReleased, DraftGivenBack, DraftFailed, DraftPostponed:
		f.needDraft(k, require)
	}
}
