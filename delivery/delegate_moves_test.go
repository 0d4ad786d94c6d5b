package delivery_test

import (
	"slices"
	"strings"
	"time"

	"github.com/bode-erds/bode/delivery"
	"github.com/bode-erds/bode/identity"
)

// delegateVerbs are the rules about whoever acts for the recipient.
func delegateVerbs() []verb {
	who := delivery.Delegate{ID: "0193aa00-0000-7000-8000-00000000000e", Given: "Jo", Family: "Maes", Email: "jo@example.be", Mobile: "+32478000001",
		Language: "nl", NamedAt: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), Record: "r-1"}
	as := func(d delivery.Delivery, g delivery.Delegate, at time.Time) (delivery.Delivery, identity.Actor) {
		by := addressee(at)
		by.Given, by.Family, by.Record, by.Mandate = g.Given, g.Family, "r-2", g.ID
		d.Delegate = &g
		return d, by
	}
	list := []verb{
		{"NameDelegate", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.NameDelegate(addressee(at), who, at)
		}},
		{"NameDelegate (delegate)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			d, by := as(d, who, at)
			return d.NameDelegate(by, who, at)
		}},
		{"WithdrawDelegate", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			return d.WithdrawDelegate(addressee(at), who, at)
		}},
		{"Accept (another's delegate)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			_, by := as(d, who, at)
			d.Delegate = nil
			return d.Accept(by, at)
		}},
		{"Accept (withdrawn)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			g := who
			g.WithdrawnAt = at
			d, by := as(d, g, at)
			return d.Accept(by, at)
		}},
	}
	for name, rule := range map[string]func(delivery.Delivery, identity.Actor, time.Time) (delivery.Move, error){
		"Accept": delivery.Delivery.Accept, "Reject": delivery.Delivery.Reject, "Visit": delivery.Delivery.Visit, "HandOver": delivery.Delivery.HandOver,
		"Identify": func(d delivery.Delivery, by identity.Actor, at time.Time) (delivery.Move, error) {
			return d.Identify(by, identity.MatchResult{OK: true, Basis: identity.BasisName}, at)
		},
		"Access": func(d delivery.Delivery, by identity.Actor, at time.Time) (delivery.Move, error) {
			return d.Access(0, by, at)
		},
	} {
		list = append(list, verb{name + " (delegate)", func(d delivery.Delivery, at time.Time) (delivery.Move, error) {
			d, by := as(d, who, at)
			return rule(d, by, at)
		}})
	}
	slices.SortFunc(list, func(a, b verb) int { return strings.Compare(a.name, b.name) })
	return list
}
