package main

import (
	"context"

	"github.com/bode-erds/bode/identity"
)

// seedDesk fills the registers of a demonstration, so that their pages say
// something.
func (a *app) seedDesk(ctx context.Context) error {
	list, err := a.identity.Operators(ctx, identity.System)
	if err != nil || len(list) == 0 {
		return err
	}
	by := identity.Actor{Kind: identity.ActorPerson, Subject: list[0].Person}
	for _, x := range []struct {
		register identity.Register
		entry    identity.Entry
	}{
		{identity.Processors, identity.Entry{State: "active", Fields: map[string]string{"name": "Demo Print nv", "country": "BE",
			"task": "Prints and posts letters", "data": "Name and postal address of recipients, the letter", "from": "2026-11-01"}}},
		{identity.Hosting, identity.Entry{State: "active", Fields: map[string]string{"what": "Database and content, encrypted", "where": "This machine",
			"who": "The demonstration", "from": "2026-11-01"}}},
	} {
		if _, err := a.identity.WriteEntry(ctx, by, x.register, x.entry, 0, "demonstration"); err != nil {
			return err
		}
	}
	return nil
}
