package evidence

import "time"

// Name is the name of an event: one of the 22 of EN 319 522-1 §6 verbatim, or
// one of Bode's own where ETSI has none.
type Name string

// The events of EN 319 522-1 §6, Table 1. The letter code never travels on the
// wire; the URI does.
const (
	SubmissionAcceptance             Name = "SubmissionAcceptance"             // A.1: we took responsibility; the legal "sent"
	SubmissionRejection              Name = "SubmissionRejection"              // A.2
	RelayAcceptance                  Name = "RelayAcceptance"                  // B.1: only between two services
	RelayRejection                   Name = "RelayRejection"                   // B.2
	RelayFailure                     Name = "RelayFailure"                     // B.3
	NotificationForAcceptance        Name = "NotificationForAcceptance"        // C.1: the recipient was asked, per channel and attempt
	NotificationForAcceptanceFailure Name = "NotificationForAcceptanceFailure" // C.2
	ConsignmentAcceptance            Name = "ConsignmentAcceptance"            // C.3: the identified recipient accepted
	ConsignmentRejection             Name = "ConsignmentRejection"             // C.4: the identified recipient refused
	AcceptanceRejectionExpiry        Name = "AcceptanceRejectionExpiry"        // C.5: the window closed with neither
	NotificationDelivered            Name = "NotificationDelivered"            // C.6: a mail system or handset network took it
	ContentConsignment               Name = "ContentConsignment"               // D.1: content opened to that person; not "received"
	ContentConsignmentFailure        Name = "ContentConsignmentFailure"        // D.2
	ConsignmentNotification          Name = "ConsignmentNotification"          // D.3
	ConsignmentNotificationFailure   Name = "ConsignmentNotificationFailure"   // D.4
	NotificationAccessTracking       Name = "NotificationAccessTracking"       // D.5: the link was used
	ContentAccessTracking            Name = "ContentAccessTracking"            // D.6: one document was transferred
	ContentHandover                  Name = "ContentHandover"                  // E.1: the content is in the recipient's hands; the legal "received"
	ContentHandoverFailure           Name = "ContentHandoverFailure"           // E.2
	RelayToNonERDS                   Name = "RelayToNonERDS"                   // F.1: given to the print and post partner
	RelayToNonERDSFailure            Name = "RelayToNonERDSFailure"            // F.2
	ReceivedFromNonERDS              Name = "ReceivedFromNonERDS"              // F.3
)

// Bode's own events: facts for which ETSI has no name.
const (
	SubmissionCancelled     Name = "SubmissionCancelled"     // the sender withdrew before a decision
	RecipientIdentification Name = "RecipientIdentification" // somebody identified; Details say whether it was the addressee
	DelegateNamed           Name = "DelegateNamed"           // somebody was named to receive this item for the recipient: ReceivedBy
	DelegateWithdrawn       Name = "DelegateWithdrawn"       // and no longer is
	PostalItemPosted        Name = "PostalItemPosted"        // the postal operator has the letter
	PostalItemDelivered     Name = "PostalItemDelivered"     // the postal operator delivered it
	PostalItemReturned      Name = "PostalItemReturned"      // the postal operator brought it back
	PostalItemTracked       Name = "PostalItemTracked"       // the partner or the operator said where the letter is; "post_status" in Details
	PostalItemCancelled     Name = "PostalItemCancelled"     // the letter was not posted, as we asked
	RecipientChoice         Name = "RecipientChoice"         // the recipient chose how to be reached; "choice" in Details
)

// Event is one fact about one delivery at one instant. It holds everything its
// evidence will say, so that a document can be made, or made again, from the
// event alone. The zero value is not an event.
type Event struct {
	ID         string    `json:"id"`       // UUIDv7; the evidence identifier (EN 319 522-2 §8.2 G01)
	Delivery   string    `json:"delivery"` // UUIDv7
	Seq        int       `json:"seq"`      // from 1 within the delivery, no gaps (G06)
	Name       Name      `json:"name"`     // G03
	At         time.Time `json:"at"`       // UTC, microseconds (G05)
	Message    string    `json:"message"`  // UUIDv7 (M01)
	Number     string    `json:"number"`   // what people type: the message number
	Reference  string    `json:"reference,omitempty"`
	Subject    string    `json:"subject"`
	Submitted  time.Time `json:"submitted"` // M03
	Sender     Party     `json:"sender"`
	SentBy     *Party    `json:"sent_by,omitempty"` // the person or key that acted for the sender (I03/I04)
	Recipient  Party     `json:"recipient"`
	ReceivedBy *Party    `json:"received_by,omitempty"` // delegate of the recipient (I07/I08)
	Parts      []Part    `json:"parts"`                 // M02; the message text first
	Reasons    []Reason  `json:"reasons,omitempty"`     // G04; mandatory on a rejection, failure or expiry
	External   string    `json:"external,omitempty"`    // M04: operator and item, for F.1 and F.2
	Details    []Detail  `json:"details,omitempty"`     // facts in the order to be shown
	Language   string    `json:"language"`              // nl, fr, de or en: the language of the PDF
	Test       bool      `json:"test,omitempty"`        // made with a test key: says so on every page
	Prev       string    `json:"prev,omitempty"`        // hex SHA-256 of the delivery's previous event; empty on the first
}

// PartyKind tells a person from an organisation.
type PartyKind string

const (
	NaturalPerson PartyKind = "natural"
	LegalPerson   PartyKind = "legal"
)

// Party is a sender, a recipient or a delegate as known at the time of the
// event. Declared fields are what the sender gave; Proof is what an identity
// provider proved, and is nil until then.
type Party struct {
	Kind       PartyKind  `json:"kind"`
	Name       string     `json:"name,omitempty"` // legal name; for a person empty
	Given      string     `json:"given,omitempty"`
	Family     string     `json:"family,omitempty"`
	Identifier Identifier `json:"identifier,omitzero"`
	Email      string     `json:"email,omitempty"`
	Mobile     string     `json:"mobile,omitempty"`  // E.164
	Address    []string   `json:"address,omitempty"` // as printed on an envelope, country last
	Proof      *Proof     `json:"proof,omitempty"`
	Mandate    *Mandate   `json:"mandate,omitempty"` // under which a delegate acted
}

// Mandate is what lets a delegate act for a party: who gave it, how it was
// signed and what it covers is in the record of the service.
type Mandate struct {
	ID     string    `json:"id"`
	Given  string    `json:"given"`            // how: "founder", "operator", "approval", "signature", "naming"
	At     time.Time `json:"at"`               // since when
	Record string    `json:"record,omitempty"` // id of the identification record that holds what was signed
}

// Identifier is a scheme and a value (EN 319 522-2 §5.2), such as
// {"BE:KBO", "0123456749"} or {"mailto", "an@example.be"}.
type Identifier struct {
	Scheme string `json:"scheme"`
	Value  string `json:"value"`
}

// Proof is how a party was identified. It never holds a national number.
type Proof struct {
	Given    string    `json:"given"`
	Family   string    `json:"family"`
	Method   string    `json:"method"`   // "itsme", "eid", "password+totp", "api-key"
	Provider string    `json:"provider"` // issuer, as configured
	Level    string    `json:"level"`    // LoA URI, e.g. http://eidas.europa.eu/LoA/high; empty when none is claimed
	At       time.Time `json:"at"`
	Record   string    `json:"record"` // id of the identification record kept for an auditor
}

// Part is one piece of the user content, bound by its digest.
type Part struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"`   // octets
	SHA256    string `json:"sha256"` // lower-case hex
}

// Reason says why. Code is a key of the reason register (reasons.json), which
// has its URI and its words in four languages; Text is detail in no language:
// a reply line of a mail server, a cause code of a partner.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// Detail is one fact for people to read. Key is a key of the translation files
// ("channel", "attempt", "address", "reply", "ip", "user_agent", "operator", …);
// Value is shown as it is.
type Detail struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
