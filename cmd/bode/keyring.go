package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/bode-erds/bode/delivery/vault"
)

// keyringCmd looks after the keys that wrap the keys of content.
type keyringCmd struct {
	List    keysListCmd    `cmd:"" help:"List the key-encryption keys, and how many rows name each."`
	Rewrap  keysRewrapCmd  `cmd:"" help:"Carry what a key wraps to that of this month, while the service runs; content is not rewritten."`
	Destroy keysDestroyCmd `cmd:"" help:"Destroy a key that no row names: what it ever wrapped cannot be read again, in no backup either."`
}

// ringDesk is a desk with the directory of the keys.
type ringDesk struct {
	desk
	Keys      string `help:"Directory of the key-encryption keys." type:"path" env:"BODE_KEYS" required:""`
	KeysToken string `help:"File that names the key of a device under which they lie, if they do." type:"path" env:"BODE_KEYS_TOKEN"`
}

// withKeys opens the keyring and the office.
func (d ringDesk) withKeys(ctx context.Context, log *slog.Logger, work func(*vault.Keyring, office) error) error {
	keys, err := openKeyring(d.Keys, d.KeysToken)
	if err != nil {
		return err
	}
	return d.at(ctx, log, func(o office) error { return work(keys, o) })
}

type keysListCmd struct{ ringDesk }

// Run lists keys that are there, and keys that only rows name.
func (c keysListCmd) Run(ctx context.Context, log *slog.Logger) error {
	return c.withKeys(ctx, log, func(keys *vault.Keyring, o office) error {
		ids, err := keys.IDs()
		if err != nil {
			return err
		}
		use, err := o.deliveries.KeyUse(ctx)
		if err != nil {
			return err
		}
		for id := range use {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "KEY\tROWS")
		for _, id := range ids {
			fmt.Fprintf(t, "%s\t%d\n", id, use[id])
		}
		return t.Flush()
	})
}

type keysRewrapCmd struct {
	ringDesk
	Key string `arg:"" name:"month" help:"The key: a month, 2026-11."`
	By  string `help:"Who decided." required:""`
}

var errKeyNotOld = errors.New("is the key of this month: nothing newer to carry to")

// Run carries until nothing is left to carry.
func (c keysRewrapCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	if c.Key >= time.Now().UTC().Format("2006-01") {
		return fmt.Errorf("key %s: %w", c.Key, errKeyNotOld)
	}
	return c.withKeys(ctx, log, func(keys *vault.Keyring, o office) error {
		var all int
		for {
			n, err := o.deliveries.RewrapKeys(ctx, keys, c.Key)
			if all += n; err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		log.InfoContext(ctx, "keys carried", "from", c.Key, "rows", all, "by", by.Subject)
		fmt.Fprintf(os.Stdout, "carried  %s  %d rows\n", c.Key, all)
		return nil
	})
}

type keysDestroyCmd struct {
	ringDesk
	Key    string `arg:"" name:"month" help:"The key: a month, 2026-11."`
	By     string `help:"Who decided." required:""`
	Second string `help:"Who else looked, somebody other than --by." required:""`
}

var errKeyNamed = errors.New("rows name it: carry them first, with bode keyring rewrap")

// Run destroys a key that nothing needs. Rows never come to name a key of a month
// that is over, so what was counted stays so.
func (c keysDestroyCmd) Run(ctx context.Context, log *slog.Logger) error {
	by, err := operator(c.By)
	if err != nil {
		return err
	}
	second, err := operator(c.Second)
	if err != nil {
		return err
	}
	if by.Subject == second.Subject {
		return fmt.Errorf("%w: --by and --second are the same person", errUsage)
	}
	return c.withKeys(ctx, log, func(keys *vault.Keyring, o office) error {
		use, err := o.deliveries.KeyUse(ctx)
		if err != nil {
			return err
		}
		if use[c.Key] > 0 {
			return fmt.Errorf("key %s: %d %w", c.Key, use[c.Key], errKeyNamed)
		}
		if err := keys.Destroy(c.Key); err != nil {
			return err
		}
		log.InfoContext(ctx, "key destroyed", "key", c.Key, "by", by.Subject, "second", second.Subject)
		fmt.Fprintf(os.Stdout, "destroyed  %s\n", c.Key)
		return nil
	})
}
