package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/bode-erds/bode/identity"
)

// accountCmd opens accounts and makes their keys.
type accountCmd struct {
	Open openCmd `cmd:"" help:"Open an account with its first administrator; prints what the person needs to sign in, once."`
	Key  keyCmd  `cmd:"" help:"Make an API key of an account; prints it, once."`

	Daily dailyCmd `cmd:"" help:"Say how many deliveries an account may send in a day."`

	Recover recoverCmd `cmd:"" help:"Let a person who lost everything choose a new password, a day from now; takes two operators."`

	Authenticator authenticatorCmd `cmd:"" help:"Give a person a new authenticator; prints its secret, once, and ends the old one."`
}

type openCmd struct {
	desk
	Kind       string   `help:"private or company." enum:"private,company" required:""`
	Name       string   `help:"Legal name of the company."`
	Contact    string   `help:"E-mail address of the company, shown to correspondents."`
	Enterprise string   `name:"enterprise-number" help:"Enterprise number; a company in BE must have one."`
	VAT        string   `name:"vat-number" help:"VAT number of the company."`
	Country    string   `help:"ISO 3166-1 alpha-2." default:"BE"`
	Address    []string `help:"Lines of the postal address of a private account." sep:"none"`

	Given    string `help:"Given name of the first administrator." required:""`
	Family   string `help:"Family name." required:""`
	Login    string `help:"Sign-in name." required:""`
	Email    string `help:"E-mail address of the person." required:""`
	Mobile   string `help:"Mobile number, as +32470123456." required:""`
	Language string `help:"Language of the person." enum:"nl,fr,de,en" required:""`
	Password string `help:"File with the password, readable by its owner only; - reads standard input." required:""`

	ConsentText    string `help:"Name of the text that the person agreed to." default:"terms"`
	ConsentVersion string `help:"Version of that text." required:""`
	By             string `help:"Who opens the account, for the log." default:"operator"`
	Proven         bool   `help:"You have seen that the person reads the e-mail address and the number: both count as proven."`
}

// prove records the addresses of the first administrator as proven, where the
// operator says so.
func (c openCmd) prove(ctx context.Context, o office, person string) error {
	if !c.Proven {
		return nil
	}
	return errors.Join(o.identity.ProveContact(ctx, identity.System, person, "email", c.Email),
		o.identity.ProveContact(ctx, identity.System, person, "sms", c.Mobile))
}

// Run opens an account. It does nothing unless all of it is right; only the
// authenticator comes after, and can be made again by its own command.
func (c openCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.ConsentText) == "" || strings.TrimSpace(c.ConsentVersion) == "" {
		return fmt.Errorf("%w: --consent-text and --consent-version say what the person agreed to", errUsage)
	}
	password, err := readPassword(c.Password, os.Stdin)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		account, person, err := o.identity.CreateAccount(ctx,
			identity.NewAccount{Kind: identity.Kind(c.Kind), Name: c.Name, Email: c.Contact, EnterpriseNumber: c.Enterprise,
				VATNumber: c.VAT, Country: c.Country, Address: c.Address},
			identity.NewPerson{Given: c.Given, Family: c.Family, Login: c.Login, Email: c.Email, Mobile: c.Mobile,
				Language: c.Language, Password: password},
			identity.Consent{Text: c.ConsentText, Version: c.ConsentVersion, Language: c.Language})
		if err != nil {
			return asUsage(err)
		}
		log.InfoContext(ctx, "account opened", "account", account, "person", person, "kind", c.Kind, "by", by.Subject)
		if err := c.prove(ctx, o, person); err != nil {
			return fmt.Errorf("account %s is open, but the addresses of person %s are not proven: %w", account, person, err)
		}
		fmt.Fprintf(os.Stdout, "account        %s\nperson         %s\n", account, person)
		if err := o.printAuthenticator(ctx, person); err != nil {
			return fmt.Errorf("account %s is open, but person %s has no authenticator yet: %w", account, person, err)
		}
		return nil
	})
}

type authenticatorCmd struct {
	desk
	Person string `arg:"" help:"Id of the person."`
	By     string `help:"Who recognised the person." required:""`
	Second string `help:"Who else did." required:""`
}

// Run replaces the second factor of a person, whom two operators must have
// recognised: it is half of what signs in.
func (c authenticatorCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, second, err := twoOperators(c.By, c.Second)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		if err := o.printAuthenticator(ctx, c.Person); err != nil {
			return err
		}
		log.InfoContext(ctx, "authenticator replaced", "person", c.Person, "by", by.Subject, "second", second.Subject)
		return nil
	})
}

// printAuthenticator makes a second factor and shows it.
func (o office) printAuthenticator(ctx context.Context, person string) error {
	factor, recovery, err := o.authenticator(ctx, person)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "authenticator  %s\n               %s\n", factor.Secret, factor.URL)
	for _, code := range recovery {
		fmt.Fprintf(os.Stdout, "recovery       %s\n", code)
	}
	return nil
}

// asUsage marks what is wrong with an input as wrong use.
func asUsage(err error) error {
	if errors.Is(err, identity.ErrInvalid) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return err
}

// authenticator gives a person a second factor that is in force at once.
func (o office) authenticator(ctx context.Context, person string) (identity.Factor, []string, error) {
	factor, err := o.identity.EnrolFactor(ctx, identity.System, person, "Bode")
	if err != nil {
		return identity.Factor{}, nil, err
	}
	// A code is good once: confirm with the last one, so that the one of now
	// still signs in.
	code, err := totp.GenerateCode(factor.Secret, time.Now().Add(-30*time.Second))
	if err != nil {
		return identity.Factor{}, nil, err
	}
	recovery, err := o.identity.ConfirmFactor(ctx, identity.System, person, code)
	return factor, recovery, err
}

// maxPassword bounds what is read as a password, in octets.
const maxPassword = 1 << 10

// readPassword reads a password from a file that only its owner can read, or
// from in where path is "-". One line end at its end is no part of it.
func readPassword(path string, in io.Reader) (string, error) {
	if path != "-" {
		info, err := os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("--password: %w", err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			return "", fmt.Errorf("--password: %s can be read by others: chmod 600", path)
		}
		file, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("--password: %w", err)
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("--password: %w", err)
	}
	if len(b) > maxPassword {
		return "", errors.New("--password: is no password, but something long")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

type keyCmd struct {
	desk
	Account string   `arg:"" help:"Id of the account."`
	Mode    string   `help:"test, trial or live." enum:"test,trial,live" required:""`
	Name    string   `help:"What the key is for; evidence names it as who submitted." required:""`
	Scopes  []string `help:"What it may do: read, send, evidence, webhooks, admin." default:"read,send,evidence"`
	Days    int      `help:"How long it works." default:"365"`
	By      string   `help:"Who makes the key, for the log." default:"operator"`
}

// Run makes a key.
func (c keyCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	return c.at(ctx, log, func(o office) error {
		n := identity.NewKey{Mode: identity.Mode(c.Mode), Name: c.Name, Life: time.Duration(c.Days) * 24 * time.Hour}
		for _, s := range c.Scopes {
			n.Scopes = append(n.Scopes, identity.Scope(s))
		}
		secret, key, err := o.identity.MakeKey(ctx, by, c.Account, n)
		if err != nil {
			return asUsage(err)
		}
		log.InfoContext(ctx, "key made", "account", c.Account, "key", key.ID, "mode", c.Mode, "by", by.Subject)
		fmt.Fprintln(os.Stdout, secret)
		return nil
	})
}
