package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/bode-erds/bode/identity"
)

// DraftState says where a draft is, and so who acts next.
type DraftState string

const (
	DraftOpen      DraftState = "open"      // whoever goes on writing
	DraftWaiting   DraftState = "waiting"   // an identified colleague who may send: releases it or gives it back
	DraftScheduled DraftState = "scheduled" // the service, at SendAt
	DraftSending   DraftState = "sending"   // the service: it is being submitted, or was and only the row is left
)

// Bounds of drafts.
const (
	MaxDrafts    = 5000    // of an account, test ones included
	MaxDraft     = 4 << 20 // octets of what is kept of one
	MaxReason    = 1000    // characters
	MaxScheduled = 366 * 24 * time.Hour
	draftsKept   = 90 * 24 * time.Hour // without a change
)

// Why a draft came back; keys of the faces' words.
const (
	FaultGivenBack = "given_back"    // a colleague's Reason says why
	FaultMandate   = "no_mandate"    // who scheduled it may not send any more
	FaultContent   = "invalid"       // it has faults by now: a date that passed, an address
	FaultDocument  = "document_gone" // a document was used elsewhere or removed
	FaultPayment   = "credit"        // it could not be paid
	FaultSecond    = "second_person" // the account asks for a second person by now
	FaultSuspended = "suspended"
	FaultOther     = "other"
	FaultDailyCap  = "daily_cap" // it did not come back: it goes at SendAt, when the account may send again
)

// Draft is a message before it is one.
type Draft struct {
	ID      ID
	Account string
	Test    bool
	State   DraftState
	Author  Author
	Content DraftContent
	SendAt  time.Time // zero: when somebody says so
	Fault   string    // why it came back; empty: it did not
	Reason  string    // of FaultGivenBack, as a colleague wrote it
	By      identity.Actor
	// CreatedAt, ChangedAt: at ChangedAt plus 90 days it is removed, unless it is
	// scheduled.
	CreatedAt, ChangedAt, HandedAt time.Time

	version   int
	claimedAt time.Time
}

// Author is who wrote what a draft holds now.
type Author struct {
	Kind identity.ActorKind
	ID   string
	Name string
}

// DraftContent is what was typed, right or wrong. Form is what a page needs to go
// on exactly there; it is not looked at here.
type DraftContent struct {
	Submission Submission          `json:"submission"`
	Form       map[string][]string `json:"form,omitempty"`
}

// Removal is when d is removed if nobody touches it; zero for one that is
// scheduled or being sent.
func (d Draft) Removal() time.Time {
	if d.State == DraftScheduled || d.State == DraftSending {
		return time.Time{}
	}
	return d.ChangedAt.Add(draftsKept)
}

// Digest is of all that would be sent, and when: who releases a draft says with
// it what was looked at.
func (d Draft) Digest() string {
	b, err := json.Marshal(struct {
		ID, Account string
		Test        bool
		Submission  Submission
		SendAt      time.Time
	}{string(d.ID), d.Account, d.Test, d.Content.Submission, d.SendAt.UTC()})
	if err != nil {
		return "" // equals nothing: a digest that is asked for is never empty
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// once names the submission of d: whoever submits it, however often, submits one
// message.
func (d Draft) once() (Once, error) {
	b, err := json.Marshal(d.Content.Submission)
	if err != nil {
		return Once{}, err
	}
	sum := sha256.Sum256(b)
	return Once{Key: draftKey(d.ID), Digest: sum[:]}, nil
}

func draftKey(id ID) string { return "draft " + string(id) }

// Accounts knows accounts and their people: whom a draft is sent for, who may
// release it and whom to tell.
type Accounts interface {
	Profile(ctx context.Context, account string) (identity.AccountProfile, error)
	Colleague(ctx context.Context, account, person string) (identity.Colleague, error)
	Senders(ctx context.Context, account, class string) ([]identity.Colleague, error)
	StillSends(ctx context.Context, by identity.Actor) error
}

// accounts is who knows: Config.Identities, in every wiring that is not a test's.
func (s *Service) accounts() (Accounts, error) {
	a, ok := s.Identities.(Accounts)
	if !ok {
		return nil, fmt.Errorf("delivery: Config.Identities knows no accounts")
	}
	return a, nil
}

// checkDraft finds what may not even be kept: everything else may be wrong until
// it is sent.
func (c DraftContent) check() FieldErrors {
	var k checker
	if len(c.Submission.Documents) > MaxDocuments {
		k.fault("/documents", "too_many", "max", fmt.Sprint(MaxDocuments), "is", fmt.Sprint(len(c.Submission.Documents)))
	}
	for i, id := range c.Submission.Documents {
		if !isID(id) && i < MaxDocuments {
			k.fault(fmt.Sprintf("/documents/%d", i), "document_unknown")
		}
	}
	if n := len(c.Submission.Recipients); n > MaxRecipients {
		k.fault("/recipients", "too_many", "max", fmt.Sprint(MaxRecipients), "is", fmt.Sprint(n))
	}
	return k.faults
}
