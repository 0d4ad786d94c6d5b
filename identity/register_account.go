package identity

import (
	"context"
	"slices"
	"strings"
)

// everyAccount stands in the field accounts of an entry that concerns all.
const everyAccount = "*"

// EntriesFor lists what of a register concerns the actor's account, for its
// administrators, newest first: incidents and disclosures that name the account or
// all accounts, and what is written of hosting. Disclosures of which the law keeps
// us from telling are not among them. Who wrote, and to whom else it happened, is
// left out. Errors: ErrForbidden, ErrNotFound.
//
// GDPR art. 28(3)(h), 33(2) (R23)
func (s *Service) EntriesFor(ctx context.Context, by Actor, r Register) (mine []Entry, err error) {
	if err := s.administers(ctx, s.pool, by, by.Account); err != nil {
		return nil, err
	}
	if !slices.Contains([]Register{Hosting, Disclosures, Incidents}, r) {
		return nil, ErrNotFound
	}
	// Registers lie beyond the wall: that one is a sender's own is read in the entry.
	all, err := s.Entries(Beyond(ctx), System, r)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		named := strings.FieldsFunc(e.Fields["accounts"], func(c rune) bool { return c <= ' ' || c == ',' || c == ';' })
		concerned := r == Hosting && e.State == "active" || slices.Contains(named, everyAccount) || slices.Contains(named, by.Account)
		if !concerned || e.Fields["secret"] == "yes" {
			continue
		}
		delete(e.Fields, "accounts")
		delete(e.Fields, "decided_by")
		e.By, e.Name = "", ""
		mine = append(mine, e)
	}
	slices.SortFunc(mine, func(a, b Entry) int { return strings.Compare(b.ID, a.ID) })
	return mine, nil
}
