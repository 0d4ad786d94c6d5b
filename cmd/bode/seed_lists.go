package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// demoList has a row that cannot be sent, so that there is something to look at.
const demoList = `voornaam;naam;e-mail;gsm;straat;postcode;gemeente;bedrag
An;Janssens;an.janssens@example.be;+32470333333;Vlasmarkt 7;9000;Gent;812,50
Mehmet;Yilmaz;mehmet.yilmaz@example.be;+32470444444;Turnhoutsebaan 91;2140;Antwerpen;645,00
Chloé;Lambert;chloe.lambert@example.be;+32470555555;Rue Neuve 3;1000;Brussel;930,20
Jef;Wouters;geen adres;+32470666666;Dorp 1;2260;Westerlo;701,00
`

// seedLists leaves the company of a demonstration a template, a list that was
// checked, and a webhook at program, unless an earlier demonstration did so.
func (a *app) seedLists(ctx context.Context, s seeds, program string) error {
	key, err := a.identity.AuthenticateKey(ctx, s.LiveKey, "")
	if err != nil {
		return fmt.Errorf("seed lists: %w", err)
	}
	there, err := a.deliveries.Templates(ctx, key.Account, false, "", 1)
	if err != nil || len(there) > 0 {
		return err
	}
	people, err := a.identity.Senders(ctx, key.Account, "")
	if err != nil || len(people) == 0 {
		return fmt.Errorf("seed lists: %d people, %w", len(people), err)
	}
	p := people[0]
	by := identity.Actor{Kind: identity.ActorPerson, Subject: p.ID, Account: key.Account, Given: p.Given, Family: p.Family}
	t, _, err := a.deliveries.CreateTemplate(ctx, by, "Indexering huur", delivery.TemplateContent{Subject: "Indexering van de huur", Language: "nl", Reference: "INDEX-2027",
		Body: "Geachte ((voornaam)) ((naam)),\n\nvanaf 1 januari 2027 bedraagt uw huur ((bedrag)) euro per maand.\n\nImmo Zilverlinde bv", Policy: a.deliveries.DefaultPolicy()}, delivery.Once{})
	if err != nil {
		return fmt.Errorf("seed lists: %w", err)
	}
	b, err := a.deliveries.UploadBulk(ctx, by, delivery.NewBulk{Name: "huurders.csv", Template: t.ID}, strings.NewReader(demoList))
	if err != nil {
		return fmt.Errorf("seed lists: %w", err)
	}
	v, err := a.deliveries.BulkView(ctx, key.Account, b.ID, 0)
	if err != nil {
		return fmt.Errorf("seed lists: %w", err)
	}
	return errors.Join(a.deliveries.MapBulk(ctx, by, b.ID, v.Guess), a.seedHook(ctx, key.Account, program))
}

// seedHook tells a program of the company what happens, in live messages and in
// tests.
func (a *app) seedHook(ctx context.Context, account, program string) error {
	for _, test := range []bool{false, true} {
		w, _, _, err := a.deliveries.CreateWebhook(ctx, account, test, delivery.NewHook{URL: program, Description: "Huurbeheer"}, delivery.Once{})
		if err == nil {
			_, _, err = a.deliveries.PingWebhook(ctx, account, test, w.ID, delivery.Once{})
		}
		if err != nil {
			return fmt.Errorf("seed webhook: %w", err)
		}
	}
	return nil
}
