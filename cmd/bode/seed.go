package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/delivery/portal"
	"github.com/bode-erds/bode/identity"
)

// seeds are the accounts of a demonstration and how to use them.
type seeds struct {
	TestKey string   `json:"test_key"`
	LiveKey string   `json:"live_key"`
	SignIns []signIn `json:"sign_ins"`
}

// seed opens a company and a private account, each with somebody who has been
// identified, has an authenticator, and is an operator too, unless an earlier demonstration in dir
// did so.
func seed(ctx context.Context, a *app, dir string) (s seeds, err error) {
	path := filepath.Join(dir, "seeds.json")
	if b, err := os.ReadFile(path); err == nil {
		return s, json.Unmarshal(b, &s)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	company, err := a.seedAccount(ctx, &s, "company sender",
		identity.NewAccount{Kind: identity.Company, Name: "Immo Zilverlinde bv", Email: "post@zilverlinde.example",
			EnterpriseNumber: "0403170701", VATNumber: "BE0403170701", Country: "BE"},
		identity.NewPerson{Given: "Lotte", Family: "Peeters", Login: "lotte", Email: "lotte@zilverlinde.example", Mobile: "+32470111111", Language: "nl"})
	if err != nil {
		return s, err
	}
	private, err := a.seedAccount(ctx, &s, "private sender",
		identity.NewAccount{Kind: identity.Private, Country: "BE", Address: []string{"Rue de la Loi 12", "1000 Bruxelles"}},
		identity.NewPerson{Given: "Karim", Family: "Benali", Login: "karim", Email: "karim@example.be", Mobile: "+32470222222", Language: "fr"})
	if err != nil {
		return s, err
	}
	if err := errors.Join(a.seedCredit(ctx, company, 1000_00), a.seedCredit(ctx, private, 100_00)); err != nil {
		return s, err
	}
	if err := a.seedDesk(ctx); err != nil {
		return s, err
	}
	if s.TestKey, _, err = a.identity.CreateKey(ctx, identity.System, company, identity.Test, "demo test key"); err != nil {
		return s, err
	}
	live, program, err := a.identity.CreateKey(ctx, identity.System, company, identity.Live, "demo live key")
	if err != nil {
		return s, err
	}
	if s.LiveKey, err = live, a.seedDrafts(ctx, company, program); err != nil {
		return s, err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, err
	}
	return s, os.WriteFile(path, b, 0o600)
}

// seedAccount opens one account with its first person.
func (a *app) seedAccount(ctx context.Context, s *seeds, role string, acc identity.NewAccount, p identity.NewPerson) (string, error) {
	p.Password = "demo " + rand.Text()[:16]
	account, person, err := a.identity.CreateAccount(ctx, acc, p, identity.Consent{Text: identity.TermsText, Version: portal.TermsVersion, Language: p.Language})
	if err != nil {
		return "", fmt.Errorf("seed %s: %w", role, err)
	}
	for kind, value := range map[string]string{"email": p.Email, "sms": p.Mobile} {
		if err := a.identity.ProveContact(ctx, identity.System, person, kind, value); err != nil {
			return "", err
		}
	}
	var proven identity.Identification
	err = pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) (err error) {
		proven, err = a.identity.SaveIdentification(ctx, tx, identity.Proof{Method: "itsme", Provider: "demo", Subject: "demo:" + p.Login,
			Given: p.Given, Family: p.Family, Level: identity.LevelHigh, At: time.Now()}, identity.Occasion{Purpose: identity.SenderProofing, Person: person})
		return err
	})
	if err != nil {
		return "", err
	}
	if err := a.identity.BindIdentification(ctx, identity.System, person, proven.Record); err != nil {
		return "", err
	}
	factor, err := a.identity.EnrolFactor(ctx, identity.System, person, "Bode demo")
	if err != nil {
		return "", err
	}
	// A code is good once: confirm with the last one, so that the one of now
	// still signs in.
	code, err := totp.GenerateCode(factor.Secret, time.Now().Add(-30*time.Second))
	if err != nil {
		return "", err
	}
	if _, err := a.identity.ConfirmFactor(ctx, identity.System, person, code); err != nil {
		return "", err
	}
	if err := a.identity.AddOperator(ctx, identity.System, person, "demonstration"); err != nil {
		return "", err
	}
	s.SignIns = append(s.SignIns, signIn{Role: role, Login: p.Login, Password: p.Password, TOTPSecret: factor.Secret})
	return account, nil
}

func totpNow(secret string) (string, error) { return totp.GenerateCode(secret, time.Now()) }
