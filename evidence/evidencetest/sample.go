package evidencetest

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/bode-erds/bode/evidence"
)

// At is the time of the first sample event.
func At() time.Time { return time.Date(2026, 11, 20, 9, 30, 15, 123456000, time.UTC) }

// Issuer is a provider that claims nothing.
func Issuer() evidence.Issuer {
	return evidence.Issuer{
		Name: "Bode Test NV", Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0123456749"}, Country: "BE",
		PolicyOIDs: []string{"1.3.6.1.4.1.99999.2"}, ServiceName: "Bode", VerifyURL: "https://bode.example/verify",
	}
}

// Event is a complete event of that name, the first of its delivery. It passes
// every rule.
func Event(name evidence.Name) evidence.Event {
	digest := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	at := At()
	e := evidence.Event{
		ID: "0193aa00-0000-7000-8000-000000000001", Delivery: "0193aa00-0000-7000-8000-00000000000d", Seq: 1,
		Name: name, At: at, Message: "0193aa00-0000-7000-8000-00000000000a", Number: "2026-7K3M-9QXT",
		Reference: "dossier 12/345", Subject: "Opzegging huurovereenkomst", Submitted: at,
		Sender: evidence.Party{Kind: evidence.LegalPerson, Name: "Immo Janssens & Zonen BV",
			Identifier: evidence.Identifier{Scheme: "BE:KBO", Value: "0987654312"}, Email: "post@immo.example",
			Address: []string{"Kerkstraat 1", "2000 Antwerpen", "België"}},
		SentBy: &evidence.Party{Kind: evidence.NaturalPerson, Given: "Els", Family: "Janssens",
			Proof: &evidence.Proof{Given: "Els", Family: "Janssens", Method: "password+totp", Provider: "bode",
				Level: "http://eidas.europa.eu/LoA/substantial", At: at.Add(-time.Minute), Record: "s-1"}},
		Recipient: evidence.Party{Kind: evidence.NaturalPerson, Given: "An", Family: "Peeters",
			Email: "an@example.be", Mobile: "+32470000001", Address: []string{"Dorp 2", "9000 Gent", "België"}},
		Parts: []evidence.Part{
			{Name: "message.txt", MediaType: "text/plain", Size: 11, SHA256: digest("hello world")},
			{Name: "opzegging.pdf", MediaType: "application/pdf", Size: 8, SHA256: digest("%PDF-1.7")}},
		Details:  []evidence.Detail{{Key: "channel", Value: "email"}, {Key: "reply", Value: "250 2.0.0 Ok: queued"}},
		Language: "nl",
	}
	switch name {
	case evidence.SubmissionRejection, evidence.ConsignmentRejection, evidence.AcceptanceRejectionExpiry,
		evidence.RelayRejection, evidence.RelayFailure, evidence.NotificationForAcceptanceFailure,
		evidence.ContentConsignmentFailure, evidence.ConsignmentNotificationFailure, evidence.ContentHandoverFailure,
		evidence.RelayToNonERDSFailure, evidence.PostalItemReturned:
		e.Reasons = []evidence.Reason{{Code: "technical", Text: "550 5.1.1 <an@example.be>: unknown"}}
	}
	switch name {
	case evidence.RelayAcceptance:
		e.Reasons = []evidence.Reason{{Code: "relayed"}}
	case evidence.ContentAccessTracking:
		e.Parts = e.Parts[1:] // the one that was transferred
	}
	switch name {
	case evidence.ConsignmentAcceptance, evidence.ConsignmentRejection, evidence.ContentConsignment,
		evidence.ContentAccessTracking, evidence.ContentHandover, evidence.RecipientIdentification,
		evidence.DelegateNamed, evidence.DelegateWithdrawn:
		e.Recipient.Proof = &evidence.Proof{Given: "An Maria", Family: "Peeters", Method: "itsme",
			Provider: "https://idp.example", Level: "http://eidas.europa.eu/LoA/high", At: at.Add(-time.Second), Record: "r-1"}
	}
	switch name {
	case evidence.DelegateNamed, evidence.DelegateWithdrawn:
		e.ReceivedBy = &evidence.Party{Kind: evidence.NaturalPerson, Given: "Jo", Family: "Maes",
			Identifier: evidence.Identifier{Scheme: "bode:delegate", Value: "0193aa00-0000-7000-8000-00000000000e"},
			Mandate:    &evidence.Mandate{ID: "0193aa00-0000-7000-8000-00000000000e", Given: "naming", At: at, Record: "r-1"}}
	case evidence.RelayToNonERDS, evidence.RelayToNonERDSFailure:
		e.External = "bpost 3232 1234 5678"
	}
	return e
}

// Document is a complete document of an event of that name.
func Document(name evidence.Name) evidence.Document {
	d := evidence.Document{Event: Event(name), Issuer: Issuer()}
	for i := range d.Nonce {
		d.Nonce[i] = byte(i + 1)
	}
	return d
}

// History is a delivery from submission to handover, properly chained.
func History() []evidence.Event {
	names := []evidence.Name{evidence.SubmissionAcceptance, evidence.NotificationForAcceptance,
		evidence.ConsignmentAcceptance, evidence.ContentConsignment, evidence.ContentHandover}
	var events []evidence.Event
	prev := ""
	for i, name := range names {
		e := Event(name)
		e.ID = e.ID[:len(e.ID)-1] + string(rune('1'+i))
		e.Seq, e.Prev, e.At = i+1, prev, e.At.Add(time.Duration(i)*time.Hour)
		body, err := e.Encode()
		if err != nil {
			panic("evidencetest: " + err.Error())
		}
		prev = evidence.HashHex(body)
		events = append(events, e)
	}
	return events
}
