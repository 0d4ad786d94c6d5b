package delivery

import (
	"context"
	"fmt"
	"strings"

	"github.com/bode-erds/bode/identity"
)

// Trials knows to whom the trial keys of an account may send.
type Trials interface {
	// TrialAllows says of each address whether they may. Addresses are in lower
	// case, or E.164.
	TrialAllows(ctx context.Context, account string, addresses []string) (map[string]bool, error)
}

// admit decides whether a well-formed submission may be made today with what it
// is made with. back gives back what it takes of the day, for a submission that
// comes to nothing. Errors: FieldErrors for recipients of a trial, *DailyCap.
func (s *Service) admit(ctx context.Context, by Submitter, sub Submission) (back func(), err error) {
	mode := identity.Live
	switch {
	case by.Test:
		mode = identity.Test
	case by.By.Mode == identity.Trial:
		mode = identity.Trial
		if err := s.checkTrial(ctx, by.By.Account, sub); err != nil {
			return nil, err
		}
	}
	return s.takeDaily(ctx, by.By.Account, mode, len(sub.Recipients))
}

// checkTrial refuses everybody whom the account has not proven to know, and
// paper: no code proves a letter box.
func (s *Service) checkTrial(ctx context.Context, account string, sub Submission) error {
	var addresses []string
	for _, r := range sub.Recipients {
		addresses = append(addresses, strings.ToLower(r.Email), r.Mobile)
	}
	known := map[string]bool{}
	if s.Trials != nil {
		var err error
		if known, err = s.Trials.TrialAllows(ctx, account, addresses); err != nil {
			return err
		}
	}
	var faults FieldErrors
	for i, r := range sub.Recipients {
		if !known[strings.ToLower(r.Email)] {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/recipients/%d/email", i), Code: "trial_recipient"})
		}
		if !known[r.Mobile] {
			faults = append(faults, FieldError{Pointer: fmt.Sprintf("/recipients/%d/mobile", i), Code: "trial_recipient"})
		}
	}
	if sub.Policy.Fallback == FallbackPost {
		faults = append(faults, FieldError{Pointer: "/policy/fallback", Code: "trial_paper"})
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}
