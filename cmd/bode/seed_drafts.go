package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// seedDrafts leaves a company a message that is half written and one that a
// program prepared and that waits for release.
func (a *app) seedDrafts(ctx context.Context, company string, program identity.Key) error {
	people, err := a.identity.Senders(ctx, company, "")
	if err != nil || len(people) == 0 {
		return fmt.Errorf("seed drafts: %d people, %w", len(people), err)
	}
	p := people[0]
	writer := identity.Actor{Kind: identity.ActorPerson, Subject: p.ID, Account: company, Given: p.Given, Family: p.Family}
	half := delivery.Submission{Subject: "Ingebrekestelling huur oktober", Language: "nl", Policy: a.deliveries.DefaultPolicy()}
	if _, _, err := a.deliveries.CreateDraft(ctx, writer, false, delivery.DraftContent{Submission: half}, delivery.Once{}); err != nil {
		return fmt.Errorf("seed drafts: %w", err)
	}
	whole := delivery.Submission{Subject: "Indexering van de huur", Body: "Geachte,\n\nvanaf 1 januari wordt uw huur geïndexeerd.\n\nImmo Zilverlinde bv",
		Reference: "HUUR-2026-0231", Language: "nl", Policy: a.deliveries.DefaultPolicy(),
		Recipients: []delivery.Recipient{{Given: "An", Family: "Janssens", Email: "an.janssens@example.be", Mobile: "+32470333333", Language: "nl",
			Address: &delivery.PostalAddress{Lines: []string{"Vlasmarkt 7"}, Postcode: "9000", City: "Gent", Country: "BE"}}}}
	by := program.Actor("127.0.0.1", "demo", time.Now())
	d, _, err := a.deliveries.CreateDraft(ctx, by, false, delivery.DraftContent{Submission: whole}, delivery.Once{})
	if err != nil {
		return fmt.Errorf("seed drafts: %w", err)
	}
	_, err = a.deliveries.SendDraft(ctx, by, d.ID, delivery.Sending{HandOver: true})
	return err
}
