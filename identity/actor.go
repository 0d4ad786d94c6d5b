package identity

import "time"

// Level is an eIDAS assurance level (eIDAS art. 8). The zero value claims none.
type Level string

const (
	LevelNone        Level = ""            // nothing but a secret was shown
	LevelLow         Level = "low"         //
	LevelSubstantial Level = "substantial" // enough for a sender
	LevelHigh        Level = "high"        // Belgian eID, itsme: enough for a recipient
)

// AtLeast reports whether l reaches want. An unknown level reaches nothing but
// LevelNone.
func (l Level) AtLeast(want Level) bool { return l.rank() >= want.rank() }

func (l Level) rank() int {
	switch l {
	case LevelLow:
		return 1
	case LevelSubstantial:
		return 2
	case LevelHigh:
		return 3
	}
	return 0
}

// URI is the level as it stands in evidence, or "" for LevelNone.
func (l Level) URI() string {
	if l.rank() == 0 {
		return ""
	}
	return "http://eidas.europa.eu/LoA/" + string(l)
}

// ActorKind says what kind of subject acts.
type ActorKind string

const (
	ActorPerson    ActorKind = "person"    // signed in to an account
	ActorKey       ActorKind = "key"       // an API key of an account
	ActorRecipient ActorKind = "recipient" // identified for one delivery
	ActorSystem    ActorKind = "system"    // Bode itself: a deadline, a partner's report
)

// Actor is who did it. It is an argument of every command, never carried in a
// context. The zero value is nobody and may do nothing.
type Actor struct {
	Kind      ActorKind
	Subject   string    // person id, key id, or identification record id
	Account   string    // the account acted for; empty for a recipient by link
	Mandate   string    // id of the mandate under which Subject acts for somebody else
	Given     string    // as proven, or as registered for an account holder
	Family    string    //
	Name      string    // label of a key
	Mode      Mode      // of a key; empty for others
	Method    string    // "itsme", "password+totp", "api-key"
	Provider  string    // issuer of the proof; empty for our own sessions and keys
	Level     Level     // what Method proved
	ProvenAt  time.Time // when it was proven
	Record    string    // id of the identification record, if any
	IP        string    // textual address of the client; empty for ActorSystem
	UserAgent string    // as sent, at most 500 octets
	Language  string    // chosen in the session; empty for others
}

// System is the actor of what happens by data alone.
var System = Actor{Kind: ActorSystem, Subject: "system"}
