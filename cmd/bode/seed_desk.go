package main

import (
	"context"

	"github.com/bode-erds/bode/identity"
)

// seedDesk fills the register of hosting of a demonstration, so that its page says
// something. Sub-processors come from demo_processors.json, as in any service.
func (a *app) seedDesk(ctx context.Context) error {
	list, err := a.identity.Operators(ctx, identity.System)
	if err != nil || len(list) == 0 {
		return err
	}
	by := identity.Actor{Kind: identity.ActorPerson, Subject: list[0].Person}
	_, err = a.identity.WriteEntry(ctx, by, identity.Hosting, identity.Entry{State: "active", Fields: map[string]string{
		"what": "Database and content, encrypted", "where": "This machine", "who": "The demonstration", "from": "2026-11-01"}}, 0, "demonstration")
	return err
}
