package evidence

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// document turns what was read into the document it says to be.
func (x xmlEvidence) document() (Document, error) {
	d := Document{Event: Event{
		ID: fromURN(x.ID), Delivery: fromURN(x.Facts.Delivery), Name: NameOf(x.EventID), Message: fromURN(x.Message),
		Number: x.Facts.Number, Reference: x.Facts.Reference, Subject: x.Facts.Subject,
		External: x.External, Language: x.Facts.Language, Test: x.Facts.Claim == ClaimTest,
	}}
	e := &d.Event
	var errs [6]error
	e.At, errs[0] = parseTime(x.At)
	e.Submitted, errs[1] = parseTime(x.Submitted)
	d.Nonce, errs[2] = parseNonce(x.Facts.Nonce)
	e.Seq, e.Prev, d.Hash, errs[3] = parseLog(x.Log)
	errs[4] = x.parties(e)
	errs[5] = x.parts(e)
	for _, r := range x.Facts.Reasons {
		e.Reasons = append(e.Reasons, Reason(r))
	}
	for _, f := range x.Facts.Details {
		e.Details = append(e.Details, Detail(f))
	}
	d.Issuer = x.issuer()
	if d.Hash == "" {
		return Document{}, errors.New("names no hash of its event")
	}
	return d, errors.Join(errs[:]...)
}

// parseLog reads what transactionLog wrote.
func parseLog(s string) (seq int, prev, hash string, err error) {
	fields := strings.Split(s, ";")
	if len(fields) != 3 {
		return 0, "", "", errors.New("transaction log entry is malformed")
	}
	if _, err := fmt.Sscanf(fields[0], "seq=%d", &seq); err != nil {
		return 0, "", "", fmt.Errorf("transaction log entry: %w", err)
	}
	return seq, strings.TrimPrefix(fields[1], "prev=sha256:"), strings.TrimPrefix(fields[2], "hash=sha256:"), nil
}

func (x xmlEvidence) issuer() Issuer {
	i := Issuer{
		Identifier: Identifier{x.Facts.Issuer.Scheme, x.Facts.Issuer.Value}, Country: x.Facts.Issuer.Country,
		ServiceName: x.Facts.Service, VerifyURL: x.Facts.VerifyAt, Qualified: x.Facts.TrustedListEntry != "",
		TrustedListEntry: x.Facts.TrustedListEntry, QualifiedSeal: x.Facts.QualifiedSeal,
		QualifiedTimeStamp: x.Facts.QualifiedTimeStamp,
	}
	for _, a := range x.Issuer {
		if a.Name == legalName {
			i.Name = a.Value
		}
	}
	for _, p := range x.Policies {
		i.PolicyOIDs = append(i.PolicyOIDs, strings.TrimPrefix(p, "urn:oid:"))
	}
	return i
}

func (x xmlEvidence) parties(e *Event) error {
	for _, p := range x.Facts.Parties {
		party, err := p.party()
		if err != nil {
			return err
		}
		switch p.Role {
		case "sender":
			e.Sender = party
		case "sent_by":
			e.SentBy = &party
		case "recipient":
			e.Recipient = party
		case "received_by":
			e.ReceivedBy = &party
		default:
			return errors.New("party with an unknown role")
		}
	}
	return nil
}

func (p xmlParty) party() (Party, error) {
	d := p.Declared
	party := Party{Kind: p.Kind, Name: d.Name, Given: d.Given, Family: d.Family,
		Identifier: Identifier{d.Identifier.Scheme, d.Identifier.Value},
		Email:      d.Email, Mobile: d.Mobile, Address: d.Address}
	if r := p.Proof; r != nil {
		at, err := parseTime(r.At)
		if err != nil {
			return Party{}, err
		}
		party.Proof = &Proof{Given: r.Given, Family: r.Family, Method: r.Method, Provider: r.Provider,
			Level: r.Level, At: at, Record: r.Record}
	}
	if m := p.Mandate; m != nil {
		at, err := parseTime(m.At)
		if err != nil {
			return Party{}, err
		}
		party.Mandate = &Mandate{ID: m.ID, Given: m.Given, At: at, Record: m.Record}
	}
	return party, nil
}

func (x xmlEvidence) parts(e *Event) error {
	if len(x.Facts.Sizes) != len(x.Parts) {
		return errors.New("parts and sizes differ in number")
	}
	for i, p := range x.Parts {
		digest, err := base64.StdEncoding.Strict().DecodeString(p.Digest)
		if err != nil {
			return fmt.Errorf("digest of part %d: %w", i+1, err)
		}
		e.Parts = append(e.Parts, Part{Name: p.Name, MediaType: p.MediaType, Size: x.Facts.Sizes[i], SHA256: hex.EncodeToString(digest)})
	}
	return nil
}
